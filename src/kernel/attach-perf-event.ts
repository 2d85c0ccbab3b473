/**
 * @module
 * Programs at perf events: clocks that sample what a CPU or a process does, software and hardware counters
 * (perf_event_open(2)). They have no hook of their own: the event is given when they are attached.
 * @example
 * program.attach({ event: 'cpu-clock', frequency: 99 });                  // all CPUs
 * program.attach({ event: 'page-faults', period: 1, pid: child.pid });    // one process
 */
import { RequirementError } from '../object/index.ts';
import { onlineCpus, PERF_COUNT_SW, PERF_TYPE, SystemCallError } from '../syscall/index.ts';
import { assembled } from './closable.ts';
import { Link } from './link.ts';
import { type AttachContext, attachToEvent, type CookieOptions } from './perf-link.ts';
import type { Program } from './program.ts';

// biome-ignore-start format: rows as in the kernel's header
/** Software events under the names that perf has for them (enum perf_sw_ids). */
export const SOFTWARE = {
  'cpu-clock': PERF_COUNT_SW.PERF_COUNT_SW_CPU_CLOCK,
  'task-clock': PERF_COUNT_SW.PERF_COUNT_SW_TASK_CLOCK,
  'page-faults': PERF_COUNT_SW.PERF_COUNT_SW_PAGE_FAULTS,
  'context-switches': PERF_COUNT_SW.PERF_COUNT_SW_CONTEXT_SWITCHES,
  'cpu-migrations': PERF_COUNT_SW.PERF_COUNT_SW_CPU_MIGRATIONS,
  'minor-faults': PERF_COUNT_SW.PERF_COUNT_SW_PAGE_FAULTS_MIN,
  'major-faults': PERF_COUNT_SW.PERF_COUNT_SW_PAGE_FAULTS_MAJ,
  'alignment-faults': PERF_COUNT_SW.PERF_COUNT_SW_ALIGNMENT_FAULTS,
  'emulation-faults': PERF_COUNT_SW.PERF_COUNT_SW_EMULATION_FAULTS,
  dummy: PERF_COUNT_SW.PERF_COUNT_SW_DUMMY,
  'bpf-output': PERF_COUNT_SW.PERF_COUNT_SW_BPF_OUTPUT,
  'cgroup-switches': PERF_COUNT_SW.PERF_COUNT_SW_CGROUP_SWITCHES,
} as const;

/** Events that processors count (enum perf_hw_id). */
export const HARDWARE = {
  'cpu-cycles': 0,
  instructions: 1,
  'cache-references': 2,
  'cache-misses': 3,
  'branch-instructions': 4,
  'branch-misses': 5,
  'bus-cycles': 6,
  'stalled-cycles-frontend': 7,
  'stalled-cycles-backend': 8,
  'ref-cycles': 9,
} as const;
// biome-ignore-end format: rows as in the kernel's header

/** An event by its name, or by the numbers that the kernel has for it: `{ type: 4, config: 0x1b7 }` for a raw one. */
export type PerfEventName =
  | keyof typeof SOFTWARE
  | keyof typeof HARDWARE
  | { readonly type: number; readonly config: bigint | number; readonly config1?: bigint | number };

export interface PerfEventAttachOptions extends CookieOptions {
  /** What is counted. */
  readonly event?: PerfEventName | undefined;
  /** Run once for so many events; of the clocks, for so many nanoseconds. */
  readonly period?: number | undefined;
  /** Run so often a second. */
  readonly frequency?: number | undefined;
  /** Only what this process does; else every process. */
  readonly pid?: number | undefined;
  /** Only on this CPU; else on all. */
  readonly cpu?: number | undefined;
}

/** perf_event. */
export const attachPerfEvent = (
  program: Program,
  context: AttachContext,
  options: PerfEventAttachOptions,
): Link => {
  const { event, period, frequency, pid, cpu } = options;
  const { section } = program.spec.hook;
  if (event === undefined || (period === undefined) === (frequency === undefined))
    throw new RequirementError(
      `${program.name}: ${section} programs are attached with an event, and a period or a frequency: { event: 'cpu-clock', frequency: 99 }`,
    );
  const rate = frequency === undefined ? { samplePeriod: period } : { sampleFrequency: frequency };
  const counted = { ...numbersOf(event), ...rate };
  const hook = typeof event === 'string' ? `${section} ${event}` : section;
  const attachOn = (on: { readonly pid: number; readonly cpu: number }): Link =>
    attachToEvent(program, hook, { ...counted, ...on }, context, options);
  try {
    if (pid !== undefined) return attachOn({ pid, cpu: cpu ?? -1 });
    if (cpu !== undefined) return attachOn({ pid: -1, cpu });
    return assembled((own) => {
      const links = onlineCpus().map((each) => own(attachOn({ pid: -1, cpu: each })));
      return links.length === 1 ? links[0]! : new Link(hook, 'links', links);
    });
  } catch (error) {
    throw explained(event, error);
  }
};

const numbersOf = (event: PerfEventName) => {
  if (typeof event !== 'string') return event;
  if (Object.hasOwn(SOFTWARE, event))
    return {
      type: PERF_TYPE.PERF_TYPE_SOFTWARE,
      config: SOFTWARE[event as keyof typeof SOFTWARE],
    };
  if (Object.hasOwn(HARDWARE, event))
    return {
      type: PERF_TYPE.PERF_TYPE_HARDWARE,
      config: HARDWARE[event as keyof typeof HARDWARE],
    };
  const names = [...Object.keys(SOFTWARE), ...Object.keys(HARDWARE)].join(', ');
  throw new TypeError(`there is no event ${JSON.stringify(event)}: ${names}`);
};

const explained = (event: PerfEventName, error: unknown): unknown => {
  if (!(error instanceof SystemCallError) || error.call !== 'perf_event_open') return error;
  const name = typeof event === 'string' ? event : `type ${event.type}, config ${event.config}`;
  const why = REASONS[error.code];
  return why === undefined
    ? error
    : new RequirementError(`cannot count ${name}: ${error.code}, ${why}`, { cause: error });
};

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'this processor, or the virtual machine that it is, does not have the event',
  EOPNOTSUPP: 'this processor, or the virtual machine that it is, does not interrupt for it',
  ENODEV: 'there is no such processor or event',
  ESRCH: 'there is no such process',
  EINVAL:
    'the rate may be higher than kernel.perf_event_max_sample_rate, or the event is not one of this kernel',
};
