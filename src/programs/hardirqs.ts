/**
 * @module
 * hardirqs: how often each hard interrupt comes, and how long its handler takes. After libbpf-tools' and BCC's
 * hardirqs.
 *
 * Linux runs handlers with interrupts off, so that one follows the other on a CPU. Where a driver breaks that rule,
 * the handler that was interrupted is left out: nothing is ever taken for the time of another. Sums are per CPU, so
 * that no two handlers write to one, and belong to a turn: while user space reads those of one, programs fill the other.
 */
import {
  add,
  array,
  bytes,
  type Code,
  call,
  clear,
  dataLoc,
  div,
  either,
  exit,
  firstOf,
  globals,
  helper,
  hookArguments,
  i32,
  ja,
  jeq,
  jge,
  jne,
  kernelStruct,
  label,
  lea,
  load,
  lsh,
  mov,
  object,
  percpuArray,
  percpuHash,
  pointer,
  r0,
  r1,
  r3,
  r6,
  r7,
  r8,
  r9,
  rawTracepoint,
  readDataLoc,
  readString,
  stack,
  store,
  struct,
  sub,
  tpBtf,
  tracepoint,
  tracepointFields,
  typeExists,
  u32,
  u64,
  update,
  type Value,
  w0,
  w1,
} from '../index.ts';
import { cgroupOption, oneCgroup, unlessInCgroup } from './common.ts';
import { countedSlots, log2, log2Histogram } from './histogram.ts';
import { defaults, type GivenValues, jsonTime, type Moment, tool, type Values } from './tool.ts';

const NAME_SIZE = 32;
const SLOTS = 20;

/** What is summed up for: an interrupt, as its driver named it, in a turn. */
const Key = struct('irq_key', { name: bytes(NAME_SIZE), turn: u32 });
type Key = Value<typeof Key>;
/** Which of two turns programs write to. */
const Turn = struct('turn', { turn: u32 });

/** A CPU's sums. Slot i counts the times t with floor(log2(t)) = i; the last one has all that are longer. */
const time = { totalNs: u64.number, maxNs: u64.number };
const Slots = struct('irq_slots', { ...time, slots: array(u64.number, SLOTS) });
/** Where nothing is to be distributed, one slot counts all. */
const one = { slots: array(u64.number, 1) };
const Time = struct('irq_time', { ...time, ...one });
const Count = struct('irq_count', one);
type Sums = Partial<Value<typeof Time>> & Pick<Value<typeof Slots>, 'slots'>;

// What is read of the kernel's structs. CO-RE finds the offsets.
const Action = kernelStruct('irqaction', { name: pointer() });

/** The arguments of both tracepoints, and the fields of the first one's record: the second one's has no name. */
const Arguments = hookArguments({ irq: i32, action: pointer(Action) });
const Entry = tracepointFields({ name: dataLoc });

const options = {
  perCpu: { type: 'boolean', short: 'C', help: 'each CPU apart' },
  cpu: { type: 'cpu', short: 's', help: 'only on this CPU' },
  distributed: { type: 'boolean', short: 'd', help: 'show distributions as histograms' },
  events: {
    type: 'boolean',
    short: 'e',
    help: "count only, measure no time: what -C is in BCC's hardirqs",
  },
  cgroup: cgroupOption,
  timestamp: { type: 'boolean', short: 'T', help: 'show the time' },
  nanoseconds: { type: 'boolean', short: 'N', help: 'show nanoseconds' },
  interval: {
    type: 'number',
    placeholder: 'INTERVAL',
    min: 1,
    help: 'seconds between summaries; without it there is one, at the end',
  },
  count: { type: 'number', placeholder: 'COUNT', min: 1, help: 'end after so many summaries' },
} as const;
type Options = Values<typeof options>;

/** The object for these options: nothing in it that they do not need. */
const hardirqsObject = (given: GivenValues<typeof options> = {}) => {
  const { cpu, distributed, events, cgroup, nanoseconds } = defaults(options, given);
  const Sums = (events ? Count : distributed ? Slots : Time) as typeof Slots;
  const sums = percpuHash(Key, Sums, { maxEntries: 512 });
  const nothing = globals(Sums, { readonly: true }); // the sums that a name begins with
  const turns = globals(Turn);
  const start = percpuArray(u64, { maxEntries: 1 }); // when the handler that runs on this CPU began; 0 for none
  const names = percpuArray(bytes(NAME_SIZE), { maxEntries: 1 }); // its name, for the record of its end
  const cgroups = oneCgroup();
  const index = stack(u32);
  const now = stack(u64);
  const key = stack(Key);
  const out = label('out');
  const again = label('again');
  const known = label('known');
  const longest = label('longest');

  const filters: Code = [
    cpu !== undefined && [call(helper.get_smp_processor_id), jne(w0, cpu, out)],
    cgroup !== undefined && unlessInCgroup(cgroups, out),
  ];
  /** Adds one interrupt to the sums of the name in `key`. r7 = its time, r9 = the bytes to its slot. */
  const addUp: Code = [
    lea(r1, turns),
    load(w1, Turn.at(r1).turn),
    store(key.turn, w1),
    mov(r8, 0), // r8 = whether the name is new
    again,
    call(helper.map_lookup_elem, sums, key),
    jne(r0, 0, known),
    jne(r8, 0, out), // it was refused
    lea(r3, nothing),
    update(sums, key, r3), // a full map is counted
    mov(r8, 1),
    ja(again),

    known,
    !events && [
      load(r1, Sums.at(r0).totalNs),
      add(r1, r7),
      store(Sums.at(r0).totalNs, r1),
      load(r1, Sums.at(r0).maxNs),
      jge(r1, r7, longest),
      store(Sums.at(r0).maxNs, r7),
      longest,
    ],
    distributed && add(r0, r9),
    load(r1, Sums.at(r0).slots[0]),
    add(r1, 1),
    store(Sums.at(r0).slots[0], r1),
  ];
  const end: Code = [out, mov(r0, 0), exit()];
  const begin: Code = [
    call(helper.ktime_get_ns),
    store(now, r0),
    store(index, 0),
    call(helper.map_update_elem, start, index, now, 0),
  ];
  /** `name` puts the name into the key. */
  const finish = (name: Code): Code => [
    call(helper.ktime_get_ns), // before our own work
    mov(r7, r0),
    store(index, 0),
    call(helper.map_lookup_elem, start, index),
    jeq(r0, 0, out),
    load(r8, u64.at(r0)),
    jeq(r8, 0, out), // it began before we did, or was interrupted, or is filtered out
    store(u64.at(r0), 0),
    sub(r7, r8), // r7 = how long it took
    distributed && [
      mov(r1, r7),
      !nanoseconds && div(r1, 1000),
      log2(r9, r1, SLOTS - 1),
      lsh(r9, 3), // r9 = the bytes to its slot
    ],
    name,
    addUp,
    end,
  ];

  const nameOfArguments: Code = [clear(key.name), readString(key.name, Action.at(r6).name)];
  const nameOfRecord: Code = [clear(key.name), readDataLoc(key.name, Entry.at(r6).name)];
  const withArguments = {
    entry: events
      ? [load(r6, Arguments.at(r1).action), filters, nameOfArguments, addUp, end]
      : // The program of the end needs the type: without it, both are those with records.
        [filters, either(typeExists(Action), begin), end],
    exit: [load(r6, Arguments.at(r1).action), finish(nameOfArguments)],
  };
  const withRecord = {
    entry: events
      ? [mov(r6, r1), filters, nameOfRecord, addUp, end]
      : [
          mov(r6, r1),
          filters,
          nameOfRecord,
          store(index, 0),
          call(helper.map_update_elem, names, index, key.name, 0),
          begin,
          end,
        ],
    exit: finish([
      call(helper.map_lookup_elem, names, index),
      jeq(r0, 0, out),
      call(helper.probe_read_kernel, key.name, NAME_SIZE, r0),
    ]),
  };
  const at = (which: 'entry' | 'exit') =>
    firstOf(
      tpBtf(`irq_handler_${which}`, withArguments[which]),
      rawTracepoint(`irq_handler_${which}`, withArguments[which]),
      tracepoint(`irq/irq_handler_${which}`, withRecord[which]),
    );
  return object({
    license: 'Dual MIT/GPL',
    maps: {
      sums,
      nothing,
      turns,
      ...(events ? undefined : { start, names }),
      ...(cgroup === undefined ? undefined : { cgroups }),
    },
    programs: { entry: at('entry'), ...(events ? undefined : { exit: at('exit') }) },
  });
};

/** What is shown of an interrupt, of all CPUs or of one. */
interface Row extends Required<Sums> {
  readonly name: string;
  readonly cpu: number;
  readonly count: number;
}
type Entries = readonly (readonly [Key, readonly Sums[]])[];

/** The interrupts that came, the most expensive first. */
const rowsOf = (entries: Entries, { perCpu }: Options): readonly Row[] =>
  entries
    .flatMap(([key, values]) => {
      const name = textOf(key.name);
      const rows = values.map(({ totalNs = 0, maxNs = 0, slots }, cpu): Row => {
        const count = slots.reduce((sum, each) => sum + each);
        return { name, cpu, count, totalNs, maxNs, slots };
      });
      const seen = rows.filter((row) => row.count > 0);
      return perCpu || seen.length === 0 ? seen : seen.reduce(together);
    })
    .toSorted((a, b) => b.totalNs - a.totalNs || b.count - a.count || (a.name < b.name ? -1 : 1));

const together = (a: Row, b: Row): Row => ({
  ...a,
  count: a.count + b.count,
  totalNs: a.totalNs + b.totalNs,
  maxNs: Math.max(a.maxNs, b.maxNs),
  slots: a.slots.map((n, index) => n + b.slots[index]!),
});

const textOf = (name: Uint8Array): string =>
  new TextDecoder().decode(name.subarray(0, name.indexOf(0)));

const unitOf = ({ nanoseconds }: Options): string => (nanoseconds ? 'nsecs' : 'usecs');

/** The lines of a summary, as the originals have them. */
const textLines = (entries: Entries, options: Options, { time }: Moment): readonly string[] => {
  const { perCpu, distributed, events, nanoseconds, timestamp } = options;
  const unit = unitOf(options);
  const inUnit = (ns: number) => String(nanoseconds ? ns : Math.floor(ns / 1000));
  const rows = rowsOf(entries, options);
  const head = ['', ...(timestamp ? [time] : [])];
  if (distributed) {
    const lines = rows.flatMap(({ name, cpu, slots }) => [
      `${perCpu ? `cpu = ${cpu} ` : ''}hardirq = ${name}`,
      ...log2Histogram(slots, unit),
    ]);
    return [...head, ...lines];
  }
  const line = (name: string, count: string, total: string, max: string, cpu: string) =>
    [
      name.padEnd(events ? 26 : 33),
      count.padStart(11),
      ...(events ? [] : [total.padStart(11), max.padStart(9)]),
      ...(perCpu ? [cpu.padStart(3)] : []),
    ].join(' ');
  return [
    ...head,
    line('HARDIRQ', 'TOTAL_count', `TOTAL_${unit}`, `MAX_${unit}`, 'CPU'),
    ...rows.map(({ name, count, totalNs, maxNs, cpu }) =>
      line(name, String(count), inUnit(totalNs), inUnit(maxNs), String(cpu)),
    ),
  ];
};

/** One object for each interrupt; times are in nanoseconds, whatever the unit of the table. */
const jsonObjects = (entries: Entries, options: Options, moment: Moment) =>
  rowsOf(entries, options).map(({ name, cpu, count, totalNs, maxNs, slots }) => ({
    time: jsonTime(moment),
    name,
    ...(options.perCpu ? { cpu } : {}),
    count,
    ...(options.events ? {} : { totalNs, maxNs }),
    ...(options.distributed ? { unit: unitOf(options), histogram: countedSlots(slots) } : {}),
  }));

export const hardirqs = tool({
  name: 'hardirqs',
  summary: 'hard interrupts: how often each comes, and how long its handler takes',
  description: [
    'Handlers that share a name are summed up under it. The last line of a histogram has all times that are longer, too.',
    "The time is the handler's own: not that of the CPU to get there, nor of softirqs or threads that it wakes.",
  ].join('\n'),
  examples: [
    ['hardirqs', 'a summary when Ctrl-C ends it'],
    ['hardirqs -d', 'how the times are distributed'],
    ['hardirqs 1 10', 'ten summaries, one a second'],
    ['hardirqs -e 1', 'how many, each second'],
    ['hardirqs -NT 1', 'each second, in nanoseconds, with the time'],
  ],
  options,
  positionals: ['interval', 'count'],
  cgroups: 'cgroups',
  conflict: ({ events, distributed }) =>
    events && distributed
      ? '--events measures no time that --distributed could show; give one of them'
      : undefined,
  object: hardirqsObject,
  output: {
    kind: 'interval',
    map: 'sums',
    turns: 'turns',
    banner: ({ events }) =>
      `Tracing hard irq ${events ? 'events' : 'event time'}... Hit Ctrl-C to end.`,
    seconds: ({ interval }: Options) => interval,
    count: ({ count }: Options) => count,
    text: textLines,
    json: jsonObjects,
  },
});
