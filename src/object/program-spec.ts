/**
 * @module
 * Programs as data, each for a hook.
 */
import { AssemblerError, type Code, callSite, type Site, type Subprogram } from '../asm/index.ts';
import { program } from './make-program.ts';
import type { Hook } from './sections.ts';

/** One program. */
export interface ProgramSpec {
  readonly kind: 'program';
  readonly hook: Hook;
  readonly body: Code;
  /** The subprograms that it may call, found in its body. */
  readonly subprograms: readonly Subprogram[];
  readonly site?: Site | undefined;
  /** False for one that is loaded only when it is asked for: `?` before a section's name. */
  readonly autoload?: boolean | undefined;
  /** Its function in the BTF of the file that it was read from. */
  readonly typeId?: number | undefined;
}

/** Programs that do the same at different hooks: the first that the kernel can run is loaded. */
export interface FirstOf {
  readonly kind: 'first-of';
  readonly programs: readonly ProgramSpec[];
}

/** A program whose hook may be missing: then it is left out, and the object is loaded without it. */
export interface Optional {
  readonly kind: 'optional';
  readonly program: ProgramSpec | FirstOf;
  /** Hooks under their section names: where the kernel has one of them, the program is not needed and left out. */
  readonly unless?: readonly string[] | undefined;
}

export type ProgramEntry = ProgramSpec | FirstOf | Optional;

const NAME = /^[A-Za-z0-9_]+$/;
const CATEGORY = /^[A-Za-z0-9_-]+$/;

/**
 * A program at a tracepoint, `category/name`. Its context is the tracepoint's record: `tracepointFields`, or
 * `SyscallEnter` and `SyscallExit` for system calls. Linux 4.7.
 *
 * While another tracepoint, kprobe or perf program runs on the same CPU, the kernel skips it; `tpBtf` and
 * `rawTracepoint` are not skipped.
 */
export const tracepoint = (hook: string, body: Code): ProgramSpec => {
  const site = callSite(tracepoint);
  const [category = '', name = '', ...rest] = hook.split('/');
  if (!CATEGORY.test(category) || !NAME.test(name) || rest.length > 0) {
    throw new AssemblerError(
      `tracepoint: 'category/name' as in sched/sched_switch, got ${JSON.stringify(hook)}`,
      site,
    );
  }
  return program({ type: 'tracepoint', section: `tracepoint/${hook}`, category, name }, body, site);
};

const raw = (
  type: 'raw_tp' | 'raw_tp.w' | 'tp_btf',
  name: string,
  body: Code,
  site: Site,
): ProgramSpec => {
  if (!NAME.test(name)) {
    throw new AssemblerError(
      `${type}: a tracepoint's name without its category, as sched_switch, got ${JSON.stringify(name)}`,
      site,
    );
  }
  return program({ type, section: `${type}/${name}`, name }, body, site);
};

/** A program at a raw tracepoint: the arguments of the tracepoint, as `hookArguments`. Linux 4.17. */
export const rawTracepoint = (name: string, body: Code): ProgramSpec =>
  raw('raw_tp', name, body, callSite(rawTracepoint));

/** As `rawTracepoint`, at one of the few tracepoints whose first argument programs may write to. Linux 5.2. */
export const rawTracepointWritable = (name: string, body: Code): ProgramSpec =>
  raw('raw_tp.w', name, body, callSite(rawTracepointWritable));

/** As `rawTracepoint`, with arguments whose pointers the verifier knows and plain loads may follow. Linux 5.5. */
export const tpBtf = (name: string, body: Code): ProgramSpec =>
  raw('tp_btf', name, body, callSite(tpBtf));

/** A filter of packets at a socket; r1 is a `__sk_buff`. */
export const socketFilter = (body: Code): ProgramSpec =>
  program({ type: 'socket', section: 'socket', name: '' }, body, callSite(socketFilter));

/** A classifier of traffic control; r1 is a `__sk_buff`. */
export const tc = (body: Code): ProgramSpec =>
  program({ type: 'tc', section: 'tc', name: '' }, body, callSite(tc));

/** A program at the driver's receive path; r1 is an `xdp_md`. */
export const xdp = (body: Code): ProgramSpec =>
  program({ type: 'xdp', section: 'xdp', name: '' }, body, callSite(xdp));

/** The first of these programs that the kernel can run. */
export const firstOf = (...programs: readonly ProgramSpec[]): FirstOf => {
  if (programs.length === 0)
    throw new AssemblerError('firstOf: at least one program', callSite(firstOf));
  return { kind: 'first-of', programs };
};

/**
 * A program that is left out where the kernel does not have its hook, or where it has one of the hooks in `unless`:
 * what goes with a fallback is needed with it alone.
 * @example
 * optional(tracepoint('syscalls/sys_enter_unlink', [...]), { unless: ['fentry/do_unlinkat', 'kprobe/do_unlinkat'] })
 */
export const optional = (
  program: ProgramSpec | FirstOf,
  { unless }: Pick<Optional, 'unless'> = {},
): Optional => ({ kind: 'optional', program, ...(unless && { unless }) });

/** The variants of an entry, best first. */
export const variantsOf = (entry: ProgramEntry): readonly ProgramSpec[] => {
  if (entry.kind === 'program') return [entry];
  return entry.kind === 'first-of' ? entry.programs : variantsOf(entry.program);
};
