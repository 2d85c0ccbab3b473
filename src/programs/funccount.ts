/**
 * @module
 * funccount: how often functions are called, of the kernel or of user programs, and how often tracepoints are passed.
 * After BCC's funccount.
 *
 * One program is at all functions where the kernel has multi-probes, and knows by the cookie of its place which one it
 * counts. Elsewhere each function has a program of its own. Counts only grow, so that none is lost between reading and
 * setting to zero, as happens to the original.
 */
import {
  atomicAdd,
  type Code,
  call,
  exit,
  firstOf,
  helper,
  jeq,
  jne,
  kprobe,
  kprobeMulti,
  label,
  mov,
  object,
  type ProgramEntry,
  percpuArray,
  RequirementError,
  r0,
  r1,
  r6,
  rsh,
  stack,
  store,
  tracepoint,
  u32,
  u64,
  uprobe,
  uprobeMulti,
  w0,
} from '../index.ts';
import type { System } from './system.ts';
import {
  type Attachment,
  defaults,
  type GivenValues,
  type Moment,
  tool,
  type Values,
} from './tool.ts';

const options = {
  pid: { type: 'pid', short: 'p', placeholder: 'PID', help: 'only in this process' },
  cpu: { type: 'cpu', short: 'c', placeholder: 'CPU', help: 'only on this CPU' },
  interval: {
    type: 'number',
    short: 'i',
    placeholder: 'SECONDS',
    min: 1,
    help: 'seconds between summaries; without it there is one, at the end',
  },
  duration: {
    type: 'number',
    short: 'd',
    placeholder: 'SECONDS',
    min: 1,
    help: 'end after so many seconds',
  },
  timestamp: { type: 'boolean', short: 'T', help: 'show the time' },
  pattern: {
    type: 'text',
    placeholder: 'PATTERN',
    help: 'functions of the kernel as vfs_*, of a file as libc.so.6:mem*, tracepoints as t:sched:sched_*',
  },
} as const;
type Options = Values<typeof options>;

interface Found {
  readonly found: {
    /** What fits the pattern, in the order of their counters. */
    readonly places: readonly Place[];
    /** Whether one program is at all of them. */
    readonly multi: boolean;
  };
}
interface Place {
  readonly name: string;
  /** Of functions of a file: bytes from its start. */
  readonly offset?: number | undefined;
}

/** What a pattern is about. BCC's shorthand for the C library is `c`. */
interface Pattern {
  readonly kind: 'kernel' | 'file' | 'tracepoint';
  readonly names: string;
  readonly file: string;
}

const parsePattern = (text: string): Pattern => {
  if (text.startsWith('t:')) return { kind: 'tracepoint', names: text.slice(2), file: '' };
  const colon = text.lastIndexOf(':');
  if (colon < 0) return { kind: 'kernel', names: text, file: '' };
  const file = text.slice(0, colon);
  return { kind: 'file', names: text.slice(colon + 1), file: file === 'c' ? 'libc.so.6' : file };
};

/** As many as the original. Each takes a program and a probe, and some time to be removed. */
const MOST_PROGRAMS = 1000;

const find = ({ pattern = '', pid }: Options, system: System): Found => {
  const wanted = parsePattern(pattern);
  const places = placesOf(wanted, system, pid);
  if (places.length === 0) throw new RequirementError(`no ${NOUNS[wanted.kind]} fits ${pattern}`);
  const multi =
    (wanted.kind === 'kernel' && system.hasHook('kprobe.multi/vfs_read')) ||
    (wanted.kind === 'file' && system.hasHook('uprobe.multi/libc.so.6:malloc'));
  if (multi || places.length <= MOST_PROGRAMS) return { found: { places, multi } };
  throw new RequirementError(
    `${places.length} ${NOUNS[wanted.kind]}s fit ${pattern}, and without multi-probes (Linux 5.18 for the kernel, 6.6 for files) there can be ${MOST_PROGRAMS}`,
  );
};

const NOUNS = { kernel: 'function', file: 'function', tracepoint: 'tracepoint' } as const;

const placesOf = (wanted: Pattern, system: System, pid: number | undefined): readonly Place[] => {
  switch (wanted.kind) {
    case 'kernel':
      return system.kernelFunctions(wanted.names).map((name) => ({ name }));
    case 'tracepoint':
      return system.tracepoints(wanted.names).map((name) => ({ name }));
    case 'file':
      return system.functions(wanted.file, wanted.names, pid);
  }
};

/** The object for these options. Without what was found, it counts in one sum whatever fits the pattern. */
const funccountObject = (given: GivenValues<typeof options> & Partial<Found> = {}) => {
  const { pid, cpu, pattern = 'vfs_*' } = defaults(options, given);
  const { found } = given;
  const wanted = parsePattern(pattern);
  const places = found?.places ?? [{ name: wanted.names }];
  const counts = percpuArray(u64, { maxEntries: places.length });

  /** Counts under the index that `which` puts into its slot. */
  const count = (which: (index: ReturnType<typeof stack<typeof u32>>) => Code): Code => {
    const index = stack(u32);
    const out = label('out');
    return [
      mov(r6, r1), // r6 = the context
      pid !== undefined && [call(helper.get_current_pid_tgid), rsh(r0, 32), jne(r0, pid, out)],
      cpu !== undefined && [call(helper.get_smp_processor_id), jne(w0, cpu, out)],
      which(index),
      call(helper.map_lookup_elem, counts, index),
      jeq(r0, 0, out),
      mov(r1, 1),
      atomicAdd(u64.at(r0), r1), // at functions of user space, others may run here before it ends
      out,
      mov(r0, 0),
      exit(),
    ];
  };
  const byCookie = count((index) => [call(helper.get_attach_cookie, r6), store(index, w0)]);
  const byNumber = (number: number) => count((index) => store(index, number));

  const alone = (number: number, name: string): ProgramEntry => {
    const body = byNumber(number);
    switch (wanted.kind) {
      case 'kernel':
        return kprobe(name, body);
      case 'file':
        return uprobe('', body);
      case 'tracepoint':
        return tracepoint(name.replace(':', '/'), body);
    }
  };
  const together =
    wanted.kind === 'kernel'
      ? kprobeMulti(wanted.names, byCookie)
      : uprobeMulti(`${wanted.file}:${wanted.names}`, byCookie);
  const isAlone = wanted.kind === 'tracepoint' || (found && !found.multi);
  const programs: Record<string, ProgramEntry> = isAlone
    ? Object.fromEntries(places.map(({ name }, index) => [`count${index}`, alone(index, name)]))
    : // Without what was found it is to be looked at, also where there are no multi-probes.
      { count: firstOf(together, ...(found ? [] : [uprobe('', byNumber(0))])) };
  return object({ license: 'Dual MIT/GPL', maps: { counts }, programs });
};

/** Where each program is, in the words of `Program.attach()`. */
const attach = ({ pattern = '', pid, found: { places, multi } }: Options & Found) => {
  const wanted = parsePattern(pattern);
  const cookies = places.map((_, index) => index);
  if (multi && wanted.kind === 'kernel')
    return { count: { functions: places.map(({ name }) => name), cookies } };
  if (wanted.kind !== 'file') return {};
  const { file: path } = wanted;
  const offsets = places.map(({ offset }) => offset!);
  if (multi) return { count: { path, offsets, cookies, pid } };
  return Object.fromEntries(
    offsets.map((offset, index): [string, Attachment] => [`count${index}`, { path, offset, pid }]),
  );
};

type Entries = readonly (readonly [index: number, counts: readonly bigint[]])[];

interface Row {
  readonly name: string;
  readonly count: number;
}

/** What was called, the rarest first, as the original has it: so the most frequent is above the prompt. */
const rowsOf = (entries: Entries, { found: { places } }: Found): readonly Row[] =>
  entries
    .map(([index, counts]) => ({
      name: places[index]!.name,
      count: Number(counts.reduce((sum, each) => sum + each, 0n)),
    }))
    .filter(({ count }) => count > 0)
    .toSorted((a, b) => a.count - b.count || (a.name < b.name ? -1 : 1));

const textLines = (
  entries: Entries,
  options: Options & Found,
  { time }: Moment,
): readonly string[] => [
  '',
  ...(options.timestamp ? [time] : []),
  line('FUNC', 'COUNT'),
  ...rowsOf(entries, options).map(({ name, count }) => line(name, String(count))),
];

const line = (name: string, count: string): string => `${name.padEnd(36)} ${count.padStart(8)}`;

export const funccount = tool({
  name: 'funccount',
  summary: 'how often functions are called, of the kernel or of a program',
  description: [
    'A pattern has * for any characters and ? for one. A file is a path, a command or a library (c is libc.so.6). Names',
    'that several functions of the kernel share are left out: the kernel does not say which is meant. So are functions',
    'of files that begin with a locked instruction, where there can be no probe.',
  ].join('\n'),
  examples: [
    ["funccount 'vfs_*'", 'functions of the kernel, until Ctrl-C'],
    ["funccount -i 1 -d 5 'tcp_s*'", 'five summaries, one a second'],
    ["funccount -p 181 'c:mem*'", 'of the C library, in process 181'],
    ["funccount 't:sched:*'", 'tracepoints'],
  ],
  options,
  positionals: ['pattern'],
  missing: ({ pattern = '' }) => {
    const { kind, names, file } = parsePattern(pattern);
    return names === '' || (kind === 'file' && file === '')
      ? "say what to count: funccount 'vfs_*'"
      : undefined;
  },
  find,
  object: funccountObject,
  attach,
  output: {
    kind: 'interval',
    map: 'counts',
    gained: (now: readonly bigint[], before: readonly bigint[] | undefined) =>
      now.map((count, cpu) => count - (before?.[cpu] ?? 0n)),
    banner: ({ found, pattern }: Options & Found) =>
      `Tracing ${found.places.length} functions for "${pattern}"... Hit Ctrl-C to end.`,
    seconds: ({ interval }: Options) => interval,
    count: () => undefined,
    text: textLines,
    json: (entries: Entries, options: Options & Found) =>
      rowsOf(entries, options).map(({ name, count }) => ({ name, count })),
  },
});
