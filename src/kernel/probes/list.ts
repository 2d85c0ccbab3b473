/**
 * @module
 * The places that programs can be attached to: what the kernel has, and what a file has.
 * @example
 * const { probes, missing } = listProbes({ pattern: 'tracepoint:sched:*' });
 * for (const { section } of probes) console.log(section);   // tracepoint/sched/sched_kthread_stop ...
 */
import { RequirementError } from '../../object/index.ts';
import type { ExecutableOptions } from '../executable.ts';
import { staticProbes, uprobes } from './files.ts';
import { kprobes, trampolines } from './functions.ts';
import { iterators, securityHooks } from './hooks.ts';
import { nameTest, type ProbePattern, parseProbePattern } from './pattern.ts';
import { perfEvents } from './perf-events.ts';
import type { Probe, ProbeKind, Spelling } from './probe.ts';
import { KERNEL, type ProbeSources } from './sources.ts';
import { tracepoints, typedTracepoints } from './tracepoints.ts';
import { ProbeTypes } from './types.ts';
import type { Wanted } from './wanted.ts';

export interface ListProbesOptions extends ExecutableOptions {
  /**
   * A kind and a name with `*` and `?`, as `fentry/vfs_*` or `tracepoint:sched:*`; a name alone, of any kind; a file, or
   * a name in it, as `uprobe:/bin/bash:*readline*`. Without one: everything that the kernel has.
   */
  readonly pattern?: string | undefined;
  /** Where the kernel's probes are read: the running kernel. */
  readonly sources?: ProbeSources | undefined;
}

export interface ProbeList {
  /** By kind, then by name. */
  readonly probes: readonly Probe[];
  /** What could not be listed, and why: a sentence each. */
  readonly missing: readonly string[];
  /** What is listed and may not be so, and why. */
  readonly doubts: readonly string[];
}

/** Finds probes. Throws a RequirementError when nothing of what was asked can be listed, or there is no such file. */
export const listProbes = ({
  pattern,
  sources: given = KERNEL,
  ...options
}: ListProbesOptions = {}): ProbeList => {
  // The kernel takes long to list them.
  const sources = { ...given, traceable: once(given.traceable) };
  const parsed = parseProbePattern(pattern);
  const types = new ProbeTypes(sources);
  const missing = new Reasons();
  const doubts = new Reasons();
  const accepts = nameTest(parsed.name);
  const probes = parsed.spellings.flatMap((spelling) => {
    const { kind, hook } = spelling;
    const miss = (why: string) => missing.add(kind, why);
    const doubt = (why: string) => doubts.add(kind, why);
    const wanted = { types, hook, accepts, miss, doubt };
    return gather(spelling, parsed, wanted, sources, options).sort(bySection);
  });
  if (parsed.spellings.every(({ kind }) => missing.has(kind)))
    throw new RequirementError(missing.sentences.join('\n'));
  return { probes, missing: missing.sentences, doubts: doubts.sentences };
};

/** One cause has many effects: without types there is neither fentry nor tp_btf. */
class Reasons {
  readonly #kinds = new Map<string, Set<ProbeKind>>();

  add(kind: ProbeKind, why: string): void {
    this.#kinds.set(why, (this.#kinds.get(why) ?? new Set()).add(kind));
  }

  has(kind: ProbeKind): boolean {
    return [...this.#kinds.values()].some((kinds) => kinds.has(kind));
  }

  get sentences(): readonly string[] {
    return [...this.#kinds].map(([why, kinds]) => `${[...kinds].join(', ')}: ${why}`);
  }
}

/** Reads, or fails, when it is first asked; and then always with the same. */
const once = <T>(read: () => T): (() => T) => {
  let answer: (() => T) | undefined;
  return () => {
    answer ??= settled(read);
    return answer();
  };
};

const settled = <T>(read: () => T): (() => T) => {
  try {
    const value = read();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
};

const bySection = (a: Probe, b: Probe): number =>
  a.section < b.section ? -1 : a.section > b.section ? 1 : 0;

const gather = (
  { kind, hook, counts }: Spelling,
  { name }: ProbePattern,
  wanted: Wanted,
  sources: ProbeSources,
  options: ExecutableOptions,
): Probe[] => {
  switch (kind) {
    case 'kprobe':
      return kprobes(sources, wanted);
    case 'fentry':
      return trampolines(sources, wanted);
    case 'tracepoint':
      return tracepoints(sources, wanted);
    case 'raw_tp':
    case 'tp_btf':
      return typedTracepoints(kind, sources, wanted);
    case 'iter':
      return iterators(wanted);
    case 'lsm':
      return securityHooks(sources, wanted);
    case 'perf_event':
      return perfEvents(sources, wanted, counts);
    case 'uprobe':
    case 'usdt':
      if (!sources.hasUprobes()) wanted.doubt(NO_UPROBES);
      return (kind === 'uprobe' ? uprobes : staticProbes)(hook, name, options);
  }
};

const NO_UPROBES =
  'nothing can be attached there: this kernel has no uprobes (CONFIG_UPROBE_EVENTS), or sysfs is not mounted on /sys';
