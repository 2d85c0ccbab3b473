/**
 * @module
 * trace-usdt: a static probe (USDT) of a program, with its arguments. What BCC has as `trace 'u:LIB:PROBE'` and tplist.
 *
 * The sizes and signs of arguments are known from the file; which of them are addresses of strings is not.
 */
import {
  add,
  array,
  bytes,
  type Code,
  call,
  chars,
  eventBuffer,
  exit,
  fillEvent,
  firstOf,
  helper,
  i32,
  jne,
  label,
  load,
  MiB,
  mov,
  NotFoundError,
  object,
  percpuArray,
  RequirementError,
  r0,
  r1,
  r3,
  r6,
  r7,
  rsh,
  store,
  struct,
  u32,
  u64,
  usdt,
  usdtArgument,
  usdtMaps,
  userReadString,
  type Value,
  w0,
} from '../index.ts';
import type { StaticArgument, StaticProbe, System } from './system.ts';
import {
  type Column,
  defaults,
  type GivenValues,
  jsonTime,
  type Listing,
  timeColumn,
  tool,
  type Values,
} from './tool.ts';

/** As many arguments as a probe can have for programs. */
const MOST_ARGUMENTS = 12;
/** As many bytes of a string as are shown, and one that tells whether it goes on. */
const STRING_MAX = 256;
const STRING_ROOM = STRING_MAX + 8;

/** What user space receives for each time that the probe is passed: with so many arguments, and strings among them. */
const usdtEvent = (count: number, strings: number) =>
  struct('usdt_event', {
    /** Extended to 64 bits. */
    args: array(u64, Math.max(1, count)),
    /** By argument: 0, for a string its bytes with the NUL; or why it could not be read: a negative error number. */
    results: array(i32, Math.max(1, count)),
    pid: u32,
    tid: u32,
    comm: chars(16),
    strings: bytes(Math.max(1, strings) * STRING_ROOM),
  });
type UsdtEvent = Value<ReturnType<typeof usdtEvent>>;

const options = {
  pid: {
    type: 'pid',
    short: 'p',
    placeholder: 'PID',
    help: 'only this process, and the files that it has',
  },
  list: {
    type: 'boolean',
    short: 'l',
    help: 'list the probes of the process, or of the file in place of PROBE',
  },
  strings: {
    type: 'text',
    short: 's',
    placeholder: 'LIST',
    help: 'the arguments that are addresses of strings, counted from 0, as 0,2',
  },
  hex: { type: 'boolean', short: 'x', help: 'show numbers in hexadecimal' },
  timestamp: { type: 'boolean', short: 'T', help: 'show the time' },
  probe: {
    type: 'text',
    placeholder: 'PROBE',
    help: 'PROVIDER:NAME with -p, else FILE:PROVIDER:NAME',
  },
} as const;
type Options = Values<typeof options>;

/** The probe that is meant. */
interface Found {
  readonly found: StaticProbe;
}

/** The parts of `FILE:PROVIDER:NAME`, whose file may be left out; nothing for what is no probe. */
const partsOf = (probe = '') => {
  const [, file, provider, name] = /^(?:(.+):)?([^:]+):([^:]+)$/.exec(probe) ?? [];
  return { file, provider, name };
};

const find = ({ pid, probe = '', strings }: Options, system: System): Found => {
  const { file, provider, name } = partsOf(probe);
  const all = probesOf(file, pid, system);
  const found = all.find((each) => each.provider === provider && each.name === name);
  if (!found) {
    const names = [...new Set(all.map((each) => `${each.provider}:${each.name}`))].join(', ');
    throw new NotFoundError(
      `${file ?? `process ${pid}`} has no static probe ${provider}:${name}; it has ${names || 'none'}`,
    );
  }
  const count = found.args?.length;
  if (count === undefined)
    throw new RequirementError(`programs cannot read the arguments of ${probe}: ${found.text}`);
  const beyond = positionsOf(strings).find((position) => position >= count);
  if (beyond === undefined) return { found };
  throw new NotFoundError(`${probe} has ${count} arguments, from 0 on: there is no ${beyond}`);
};

const probesOf = (
  file: string | undefined,
  pid: number | undefined,
  system: System,
): readonly StaticProbe[] => {
  const files = file !== undefined ? [file] : pid !== undefined ? system.mappedFiles(pid) : [];
  return files.flatMap((each) => system.staticProbes(each, pid));
};

/** The numbers in `0,2`. */
const positionsOf = (list: string | undefined): readonly number[] =>
  list === undefined ? [] : [...new Set(list.split(',').map(Number))];

const conflict = ({ strings }: Options): string | undefined =>
  strings === undefined || /^\d{1,3}(,\d{1,3})*$/.test(strings)
    ? undefined
    : `--strings takes numbers of arguments, as 0,2, got ${JSON.stringify(strings)}`;

const missing = ({ probe, pid, list }: Options): string | undefined => {
  if (list)
    return probe === undefined && pid === undefined
      ? 'say whose probes to list: trace-usdt -l FILE, or trace-usdt -l -p PID'
      : undefined;
  const { file, name } = partsOf(probe);
  if (name !== undefined && (file !== undefined || pid !== undefined)) return undefined;
  return 'say which probe: trace-usdt FILE:PROVIDER:NAME, or trace-usdt -p PID PROVIDER:NAME; -l lists them';
};

/** The object for these options. Without what was found, it shows as many arguments as there can be. */
const traceUsdtObject = (given: GivenValues<typeof options> & Partial<Found> = {}) => {
  const { probe = '', strings, buffer } = defaults(options, given);
  const { found } = given;
  const count = found?.args?.length ?? MOST_ARGUMENTS;
  const positions = positionsOf(strings);
  const Event = usdtEvent(count, positions.length);
  const events = eventBuffer(Event, { size: buffer ?? MiB });
  const scratch = percpuArray(Event, { maxEntries: 1 });
  const maps = usdtMaps({ places: Math.max(256, found?.places ?? 0) });
  const argument = usdtArgument(maps);
  const event = Event.at(r7);
  const at = Event.members.at(-1)!.offset;

  const readArgument = (position: number): Code => {
    const string = positions.indexOf(position);
    const done = label('done');
    return [
      call(argument, r6, position, event.args.at(position)),
      string >= 0 && [
        jne(w0, 0, done),
        load(r3, event.args.at(position)),
        mov(r1, r7),
        add(r1, at + string * STRING_ROOM),
        userReadString(r1, r3, STRING_ROOM),
        done,
      ],
      store(event.results.at(position), w0),
    ];
  };
  const place = found ? `${found.file}:${found.provider}:${found.name}` : probe;
  return object({
    license: 'Dual MIT/GPL',
    maps: { events, scratch, ...maps },
    programs: {
      passed: firstOf(
        usdt(place.split(':').length > 2 ? place : '', [
          mov(r6, r1), // r6 = the context
          fillEvent(r7, r6, events, scratch, () => [
            call(helper.get_current_pid_tgid),
            store(event.tid, w0),
            rsh(r0, 32),
            store(event.pid, w0),
            call(helper.get_current_comm, event.comm, 16),
            Array.from({ length: count }, (_, position) => readArgument(position)),
          ]),
          mov(r0, 0),
          exit(),
        ]),
      ),
    },
  });
};

/** An argument: a string or a number; undefined where it could not be read. */
const argumentIn = (
  event: UsdtEvent,
  position: number,
  { signed }: StaticArgument,
  options: Options,
): bigint | { readonly text: string; readonly cut: boolean } | undefined => {
  const result = event.results[position]!;
  if (result < 0) return undefined;
  const string = positionsOf(options.strings).indexOf(position);
  const value = event.args[position]!;
  if (string < 0) return signed ? BigInt.asIntN(64, value) : value;
  const start = string * STRING_ROOM;
  const size = Math.min(result - 1, STRING_MAX);
  const text = new TextDecoder().decode(event.strings.subarray(start, start + size));
  return { text, cut: result - 1 > STRING_MAX };
};

type Shown = ReturnType<typeof argumentIn>;

const isCut = (value: Shown): boolean => typeof value === 'object' && value.cut;

const shown = (value: Shown, { size }: StaticArgument, hex: boolean) => {
  if (value === undefined) return '?';
  if (typeof value !== 'bigint') return JSON.stringify(value.text) + (value.cut ? '...' : '');
  return hex ? `0x${BigInt.asUintN(8 * size, value).toString(16)}` : String(value);
};

/** Numbers of 64 bits are strings, which lose nothing. */
const inJson = (value: Shown, { size }: StaticArgument) => {
  if (value === undefined) return null;
  if (typeof value !== 'bigint') return value.text;
  return size < 8 ? Number(value) : value;
};

const listing = (
  { list, probe, pid }: Options,
  system: System,
): Listing<StaticProbe> | undefined => {
  if (!list) return undefined;
  const argumentsOf = ({ args, text }: StaticProbe) =>
    args?.map(({ size, signed }) => `${signed ? 'i' : 'u'}${8 * size}`) ?? text;
  return {
    rows: probesOf(probe, pid, system),
    columns: [
      { title: 'PROBE', width: 40, text: ({ provider, name }) => `${provider}:${name}` },
      { title: 'PLACES', width: 6, align: 'right', text: ({ places }) => String(places) },
      { title: 'ARGUMENTS', width: 30, text: (each) => [argumentsOf(each)].flat().join(' ') },
      { title: 'FILE', text: ({ file }) => file },
    ],
    json: (each) => ({
      file: each.file,
      provider: each.provider,
      name: each.name,
      places: each.places,
      args: each.args?.map(({ size, signed }) => ({ size, signed })) ?? null,
    }),
  };
};

export const traceUsdt = tool({
  name: 'trace-usdt',
  summary: 'a static probe (USDT) of a program, with its arguments',
  description: [
    'Programs and libraries that were built with sys/sdt.h have static probes: -l lists them, with the sizes of their',
    'arguments (i32 has a sign, u64 has none). An argument that cannot be read is shown as ?, and a string that goes on',
    'is marked with ..., in JSON by its number in argsCut. Kernels before 5.15 need -p.',
  ].join('\n'),
  examples: [
    ['trace-usdt -l libc.so.6', 'the probes of the C library'],
    ['trace-usdt -l -p 181', 'those of all files that process 181 has'],
    ['trace-usdt libc.so.6:libc:setjmp', 'wherever it is passed'],
    ['trace-usdt -p 181 -s 1 app:request', 'in process 181; argument 1 is a string'],
  ],
  options,
  positionals: ['probe'],
  conflict,
  missing,
  listing,
  find,
  object: traceUsdtObject,
  attach: ({ pid }) => ({ passed: { pid } }),
  output: {
    kind: 'events',
    buffer: 'events',
    columns: (options: Options & Found): readonly Column<UsdtEvent>[] => [
      ...(options.timestamp ? [timeColumn<UsdtEvent>()] : []),
      { title: 'PID', width: 7, text: ({ pid }) => String(pid) },
      { title: 'TID', width: 7, text: ({ tid }) => String(tid) },
      { title: 'COMM', width: 15, text: ({ comm }) => comm },
      {
        title: 'PROBE',
        width: Math.max(16, options.found.name.length),
        text: () => options.found.name,
      },
      {
        title: 'ARGUMENTS',
        text: (event) =>
          (options.found.args ?? [])
            .map((each, index) => shown(argumentIn(event, index, each, options), each, options.hex))
            .join(' '),
      },
    ],
    json: (event: UsdtEvent, options: Options & Found, moment) => ({
      ...(options.timestamp ? { time: jsonTime(moment) } : {}),
      pid: event.pid,
      tid: event.tid,
      comm: event.comm,
      provider: options.found.provider,
      probe: options.found.name,
      args: (options.found.args ?? []).map((each, index) =>
        inJson(argumentIn(event, index, each, options), each),
      ),
      argsCut: (options.found.args ?? []).flatMap((each, index) =>
        isCut(argumentIn(event, index, each, options)) ? [index] : [],
      ),
    }),
  },
});
