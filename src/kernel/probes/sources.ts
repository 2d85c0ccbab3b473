/**
 * @module
 * What is read to know a kernel's probes. Everything is read when it is first asked for; what cannot be read throws a
 * RequirementError that says why.
 */
import type { Btf } from '../../btf/index.ts';
import { type Architecture, RequirementError, type TracepointField } from '../../object/index.ts';
import { closeFd, isAtLeast, perfEventOpen, SystemCallError } from '../../syscall/index.ts';
import { configuration } from '../configuration.ts';
import { kallsyms } from '../kallsyms.ts';
import { kernelBtf, moduleBtfs } from '../kernel-btf.ts';
import { kprobeBlacklist } from '../kprobe-blacklist.ts';
import { probePmu } from '../probe-pmu.ts';
import { securityModules } from '../security-modules.ts';
import { type KernelFunction, readTraceable } from '../traceable.ts';
import { availableEvents, tracepointFormat } from '../tracefs.ts';

export interface ProbeSources {
  readonly architecture: Architecture;
  /** undefined where the kernel has no types. */
  btf(): Btf | undefined;
  /** The types of its modules, each labelled with its name. */
  modules(): readonly Btf[];
  /** `sched:sched_switch`. */
  events(): readonly string[];
  fields(category: string, name: string): readonly TracepointField[] | undefined;
  /** The functions that can be traced (available_filter_functions). */
  traceable(): readonly KernelFunction[];
  /** All functions (kallsyms). */
  functions(): readonly KernelFunction[];
  /** Those that kprobes must not be set at; undefined where that cannot be read. */
  blacklist(): ReadonlySet<string> | undefined;
  hasKprobes(): boolean;
  hasUprobes(): boolean;
  /** Whether the kernel is at least of a version, as `6.12`. */
  isAtLeast(version: string): boolean;
  /** A line of the kernel's configuration. */
  configuration(name: string): string | undefined;
  /** The security modules that run; undefined where that cannot be read. */
  securityModules(): readonly string[] | undefined;
  /** Whether an event can be counted here. */
  hasPerfEvent(type: number, config: number): boolean;
}

/** The running kernel. */
export const KERNEL: ProbeSources = {
  architecture: process.arch === 'arm64' ? 'arm64' : 'x86-64',
  btf: kernelBtf,
  modules: moduleBtfs,
  events: availableEvents,
  fields: tracepointFormat,
  traceable: readTraceable,
  functions: () => parseFunctions(kallsyms()),
  blacklist: kprobeBlacklist,
  hasKprobes: () => probePmu('kprobe') !== undefined,
  hasUprobes: () => probePmu('uprobe') !== undefined,
  isAtLeast,
  configuration,
  securityModules,
  hasPerfEvent: (type, config) => {
    try {
      // Of this process alone, and never started.
      closeFd(
        perfEventOpen({ type, config, samplePeriod: 1 << 30, pid: 0, cpu: -1, disabled: true }),
      );
      return true;
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      return error.code === 'EACCES' || error.code === 'EPERM';
    }
  },
};

/** Symbols that are code and no functions: the room before them, calls that are patched, what BPF itself loads. */
const NO_FUNCTION = /^(__pfx_|__cfi_|__SC[TK]__)/;
const NO_MODULE = /^(bpf|__builtin__)/;

/** The functions of kallsyms. */
export const parseFunctions = (text: string): readonly KernelFunction[] =>
  [...text.matchAll(/^\S+ [tTwW] (\S+)(?:\t\[(\S+)\])?$/gm)]
    .map(([, name, module]) => ({ name: name!, module }))
    .filter(({ name, module = '' }) => !NO_FUNCTION.test(name) && !NO_MODULE.test(module));

/** What `read` returns; undefined where it is missing, of which `tell` hears in one sentence. */
export const readOr = <T>(
  read: () => T,
  tell: (error: RequirementError) => void,
): T | undefined => {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RequirementError)) throw error;
    tell(error);
    return undefined;
  }
};
