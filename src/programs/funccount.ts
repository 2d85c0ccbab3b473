/**
 * @module
 * funccount: how often functions are called, of the kernel or of user programs, and how often tracepoints and static
 * probes are passed. After BCC's funccount.
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
  NotFoundError,
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
import type { NamePattern, System } from './system.ts';
import {
  type Attachment,
  defaults,
  type GivenValues,
  jsonTime,
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
  regexp: {
    type: 'boolean',
    short: 'r',
    help: 'PATTERN is a regular expression, of how names begin',
  },
  pattern: {
    type: 'text',
    placeholder: 'PATTERN',
    help: 'vfs_* of the kernel, c:mem* or FILE:mem* of a file, t:sched:* tracepoints, u:FILE:* static probes',
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
  /** Of what is in a file: bytes from its start. */
  readonly offset?: number | undefined;
  readonly referenceCounter?: number | undefined;
}

/** What a pattern is about. */
interface Pattern {
  readonly kind: 'kernel' | 'file' | 'tracepoint' | 'static';
  readonly names: string;
  /** '' where there is none to be. */
  readonly file: string;
}

/**
 * `vfs_*` or `p::vfs_*`, `FILE:mem*` or `p:FILE:mem*`, `t:sched:*`, `u:FILE:NAME` or `u:FILE:PROVIDER:NAME`. BCC's
 * shorthand for the C library is `c`.
 */
const parsePattern = ({ pattern = '', regexp }: Pick<Options, 'pattern' | 'regexp'>): Pattern => {
  const [, type = 'p', rest = ''] = /^(?:([ptu]):)?(.*)$/s.exec(pattern) ?? [];
  if (type === 't') return { kind: 'tracepoint', names: rest, file: '' };
  // A path may have colons in it, as far as the names have none.
  const colon = type === 'u' || regexp ? rest.search(/(?<!\(\?):/) : rest.lastIndexOf(':');
  const [file, names] = [rest.slice(0, Math.max(0, colon)), rest.slice(colon + 1)];
  const isOfKernel = type === 'p' && (colon < 0 || pattern.startsWith('p::'));
  if (isOfKernel) return { kind: 'kernel', names, file: '' };
  const kind = type === 'u' ? 'static' : 'file';
  return { kind, names, file: file === 'c' ? 'libc.so.6' : file };
};

const namePattern = (names: string, regexp: boolean): NamePattern =>
  regexp ? new RegExp(`^(?:${names})`) : names;

/** As many as the original. Each takes a program and a probe, and some time to be removed. */
const MOST_PROGRAMS = 1000;

const find = (options: Options, system: System): Found => {
  const { pattern } = options;
  const { kind, ...wanted } = parsePattern(options);
  const places = placesOf(kind, wanted, options, system);
  if (places.length === 0) throw new NotFoundError(`no ${NOUNS[kind]} fits ${pattern}`);
  const multi =
    (kind === 'kernel' && system.hasHook('kprobe.multi/vfs_read')) ||
    (isInFile(kind) && system.hasHook('uprobe.multi/libc.so.6:malloc'));
  if (multi || places.length <= MOST_PROGRAMS) return { found: { places, multi } };
  throw new RequirementError(
    `${places.length} ${NOUNS[kind]}s fit ${pattern}, and without multi-probes (Linux 5.18 for the kernel, 6.6 for files) there can be ${MOST_PROGRAMS}`,
  );
};

const NOUNS = {
  kernel: 'function',
  file: 'function',
  tracepoint: 'tracepoint',
  static: 'static probe',
} as const;

/** What a pattern of the kind is like. */
const EXAMPLES = {
  kernel: 'vfs_*',
  file: 'c:mem*',
  tracepoint: 't:sched:*',
  static: 'u:libstdc++.so.6:*',
} as const;

const isInFile = (kind: Pattern['kind']): boolean => kind === 'file' || kind === 'static';

const placesOf = (
  kind: Pattern['kind'],
  { names, file }: Omit<Pattern, 'kind'>,
  { pid, regexp }: Options,
  system: System,
): readonly Place[] => {
  const wanted = namePattern(names, regexp);
  switch (kind) {
    case 'kernel':
      return system.kernelFunctions(wanted).map((name) => ({ name }));
    case 'tracepoint':
      return system.tracepoints(wanted).map((name) => ({ name }));
    case 'file':
      return system.functions(file, wanted, pid);
    case 'static':
      return system.staticPlaces(file, wanted, pid);
  }
};

/** The object for these options. Without what was found, it counts in one sum whatever fits the pattern. */
const funccountObject = (given: GivenValues<typeof options> & Partial<Found> = {}) => {
  const { pid, cpu, pattern = 'vfs_*', regexp } = defaults(options, given);
  const { found } = given;
  const wanted = parsePattern({ pattern, regexp });
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
      case 'static':
        return uprobe('', body);
      case 'tracepoint':
        return tracepoint(name.replace(':', '/'), body);
    }
  };
  // Sections have no regular expressions.
  const together =
    wanted.kind === 'kernel'
      ? kprobeMulti(regexp ? '' : wanted.names, byCookie)
      : uprobeMulti(regexp ? '' : `${wanted.file}:${wanted.names}`, byCookie);
  const isAlone = wanted.kind === 'tracepoint' || (found && !found.multi);
  const programs: Record<string, ProgramEntry> = isAlone
    ? Object.fromEntries(places.map(({ name }, index) => [`count${index}`, alone(index, name)]))
    : // Without what was found it is to be looked at, also where there are no multi-probes.
      { count: firstOf(together, ...(found ? [] : [uprobe('', byNumber(0))])) };
  return object({ license: 'Dual MIT/GPL', maps: { counts }, programs });
};

/** Where each program is, in the words of `Program.attach()`. */
const attach = ({ found: { places, multi }, ...options }: Options & Found) => {
  const { kind, file: path } = parsePattern(options);
  const { pid } = options;
  const cookies = places.map((_, index) => index);
  if (multi && kind === 'kernel')
    return { count: { functions: places.map(({ name }) => name), cookies } };
  if (!isInFile(kind)) return {};
  if (multi) {
    const offsets = places.map(({ offset }) => offset!);
    const counters = places.map(({ referenceCounter = 0 }) => referenceCounter);
    const referenceCounters = counters.some((each) => each > 0) ? counters : undefined;
    return { count: { path, offsets, referenceCounters, cookies, pid } };
  }
  return Object.fromEntries(
    places.map(({ offset, referenceCounter }, index): [string, Attachment] => [
      `count${index}`,
      { path, offset, referenceCounter, pid },
    ]),
  );
};

type Entries = readonly (readonly [index: number, counts: readonly bigint[]])[];

interface Row {
  readonly name: string;
  readonly count: number;
}

/** What was called, the rarest first, as the original has it: so the most frequent is above the prompt. */
const rowsOf = (entries: Entries, { found: { places } }: Found): readonly Row[] => {
  // A static probe can be in several places, and functions of a file can share a name.
  const sums = new Map<string, bigint>();
  for (const [index, counts] of entries) {
    const { name } = places[index]!;
    sums.set(
      name,
      counts.reduce((sum, each) => sum + each, sums.get(name) ?? 0n),
    );
  }
  return [...sums]
    .map(([name, count]) => ({ name, count: Number(count) }))
    .filter(({ count }) => count > 0)
    .toSorted((a, b) => a.count - b.count || (a.name < b.name ? -1 : 1));
};

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
    'A pattern has * for any characters and ? for one; with -r it is a regular expression that the beginning of a name is',
    'to fit. A file is a path, a command or a library (c is libc.so.6). Static probes (USDT) are PROVIDER:NAME, and the',
    'pattern can be of the name alone. Names that several functions of the kernel share are left out: the kernel does not',
    'say which is meant. So are functions of files that begin with a locked instruction, where there can be no probe.',
  ].join('\n'),
  examples: [
    ["funccount 'vfs_*'", 'functions of the kernel, until Ctrl-C'],
    ["funccount -i 1 -d 5 'tcp_s*'", 'five summaries, one a second'],
    ["funccount -p 181 'c:mem*'", 'of the C library, in process 181'],
    ["funccount -r 'c:f(open|close)$'", 'those that a regular expression fits'],
    ["funccount 't:sched:*'", 'tracepoints'],
    ["funccount 'u:libstdc++.so.6:*'", 'static probes of a library'],
  ],
  options,
  positionals: ['pattern'],
  conflict: (given) => {
    const { names } = parsePattern(given);
    try {
      if (given.regexp) new RegExp(names);
      return undefined;
    } catch (error) {
      const why = /[^:/]*$/
        .exec((error as Error).message)![0]
        .trim()
        .toLowerCase();
      return `--regexp: ${JSON.stringify(names)} is no regular expression: ${why}`;
    }
  },
  missing: (given) => {
    const { kind, names, file } = parsePattern(given);
    return names === '' || (isInFile(kind) && file === '')
      ? `say what to count: funccount '${EXAMPLES[kind]}'`
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
      `Tracing ${new Set(found.places.map(({ name }) => name)).size} functions for "${pattern}"... Hit Ctrl-C to end.`,
    seconds: ({ interval }: Options) => interval,
    count: () => undefined,
    text: textLines,
    json: (entries: Entries, options: Options & Found, moment) =>
      rowsOf(entries, options).map(({ name, count }) => ({ time: jsonTime(moment), name, count })),
  },
});
