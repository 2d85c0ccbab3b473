/**
 * @module
 * Programs at functions of the kernel and of user programs, at perf events, and over the kernel's tables.
 * `hookArguments` describes their arguments, by name where the kernel's BTF has names, else in order: `arg0`, `arg1`...
 * and `retval` always are what they say.
 * @example
 * const Unlink = hookArguments({ dfd: i32, name: pointer(Filename) });
 * firstOf(
 *   fentry('do_unlinkat', [mov(r6, r1), read(r7, Unlink.at(r6).name.name), ...]),
 *   kprobe('do_unlinkat', [mov(r6, r1), read(r7, Unlink.at(r6).name.name), ...]),
 * )
 */
import { AssemblerError, type Code, callSite, type Site } from '../asm/index.ts';
import { program } from './make-program.ts';
import type { ProgramSpec } from './program-spec.ts';
import { HOOKS, type Hook, parseSection } from './sections.ts';

type NamedType = Exclude<Hook['type'], 'tracepoint' | 'tracepoint.s'>;

interface Form {
  readonly pattern: RegExp;
  /** What the name should be. */
  readonly expected: string;
}

const FUNCTION: Form = { pattern: /^[A-Za-z0-9_.$]+$/, expected: 'a function, as vfs_read' };
const PLACE: Form = {
  pattern: /^[A-Za-z0-9_.$]+(\+(0x[0-9a-fA-F]+|\d+))?$/,
  expected: 'a function and bytes into it, as vfs_read or vfs_read+0x4',
};
const PATTERN: Form = {
  pattern: /^[A-Za-z0-9_.$*?]*$/,
  expected: "a pattern of functions, as vfs_*; or '' to say so when it is attached",
};
const SYSTEM_CALL: Form = { pattern: /^\w+$/, expected: 'a system call, as openat' };
const USER_PLACE: Form = {
  pattern: /^$|^.+:[^:+]+(\+(0x[0-9a-fA-F]+|\d+))?$/,
  expected: "a file and a function of it, as libc.so.6:malloc; or '' to say so when it is attached",
};
const USER_PATTERN: Form = {
  pattern: /^$|^.+:[^:]+$/,
  expected:
    "a file and a pattern of functions, as libc.so.6:mem*; or '' to say so when it is attached",
};
const USER_PROBE: Form = {
  pattern: /^$|^.+:[^:]+:[^:]+$/,
  expected: "a file, a provider and a probe, as libc.so.6:libc:setjmp; or ''",
};
const MEMBER: Form = { pattern: /^\w+$/, expected: 'a function of the struct, as enqueue' };
const ITERATOR: Form = { pattern: /^\w+$/, expected: 'what it iterates, as task or bpf_map' };

const at = (type: NamedType, form: Form, name: string, body: Code, site: Site): ProgramSpec => {
  if (!form.pattern.test(name))
    throw new AssemblerError(`${type}: ${form.expected}, got ${JSON.stringify(name)}`, site);
  return program({ type, section: name === '' ? type : `${type}/${name}`, name }, body, site);
};

// ----------
// Functions of the kernel
// ----------

/**
 * A program at the entry of a kernel function, or `+OFFSET` bytes into it: at nearly any instruction of the kernel.
 * The arguments are in registers. Needs CONFIG_KPROBES.
 *
 * While another tracepoint, kprobe or perf program runs on the same CPU, the kernel skips it; `fentry` is not skipped.
 */
export const kprobe = (name: string, body: Code): ProgramSpec =>
  at('kprobe', PLACE, name, body, callSite(kprobe));

/** A program at the return of a kernel function: `retval` of `hookArguments` is what it returned. */
export const kretprobe = (name: string, body: Code): ProgramSpec =>
  at('kretprobe', FUNCTION, name, body, callSite(kretprobe));

/** A program at the entry of all kernel functions whose names fit a pattern with `*` and `?`. Linux 5.18. */
export const kprobeMulti = (pattern: string, body: Code): ProgramSpec =>
  at('kprobe.multi', PATTERN, pattern, body, callSite(kprobeMulti));

/** A program at the return of all kernel functions whose names fit a pattern. Linux 5.18. */
export const kretprobeMulti = (pattern: string, body: Code): ProgramSpec =>
  at('kretprobe.multi', PATTERN, pattern, body, callSite(kretprobeMulti));

/**
 * A program at the entry and the return of all kernel functions whose names fit a pattern: at the entry a result but 0
 * leaves the return out. Linux 6.10.
 */
export const kprobeSession = (pattern: string, body: Code): ProgramSpec =>
  at('kprobe.session', PATTERN, pattern, body, callSite(kprobeSession));

/** A program at the entry of a system call, as `openat`, whatever its function is called on this architecture. */
export const ksyscall = (name: string, body: Code): ProgramSpec =>
  at('ksyscall', SYSTEM_CALL, name, body, callSite(ksyscall));

/** A program at the return of a system call. */
export const kretsyscall = (name: string, body: Code): ProgramSpec =>
  at('kretsyscall', SYSTEM_CALL, name, body, callSite(kretsyscall));

/**
 * A program at the entry of a kernel function, with arguments whose pointers the verifier knows and plain loads may
 * follow. Linux 5.5; arm64 6.0.
 */
export const fentry = (name: string, body: Code): ProgramSpec =>
  at('fentry', FUNCTION, name, body, callSite(fentry));

/** A program at the return of a kernel function: its arguments, and `retval`. Linux 5.5; arm64 6.0. */
export const fexit = (name: string, body: Code): ProgramSpec =>
  at('fexit', FUNCTION, name, body, callSite(fexit));

/** A program at the entry and at the return of a kernel function: its arguments, and `retval`, 0 at the entry. Linux 7.0. */
export const fsession = (name: string, body: Code): ProgramSpec =>
  at('fsession', FUNCTION, name, body, callSite(fsession));

/**
 * A program at the entry of all kernel functions whose names fit a pattern with `*` and `?`, as fast as `fentry`. The
 * functions differ, so that arguments are had from `helper.get_func_arg`. Linux 7.2.
 */
export const fentryMulti = (pattern: string, body: Code): ProgramSpec =>
  at('fentry.multi', PATTERN, pattern, body, callSite(fentryMulti));

/** At the return of all kernel functions whose names fit a pattern: `helper.get_func_ret` has the result. Linux 7.2. */
export const fexitMulti = (pattern: string, body: Code): ProgramSpec =>
  at('fexit.multi', PATTERN, pattern, body, callSite(fexitMulti));

/** At the entry and the return of all kernel functions whose names fit a pattern. Linux 7.2. */
export const fsessionMulti = (pattern: string, body: Code): ProgramSpec =>
  at('fsession.multi', PATTERN, pattern, body, callSite(fsessionMulti));

/** A program that decides in place of a kernel function that allows it: what it returns but 0 is the result. Linux 5.7. */
export const fmodRet = (name: string, body: Code): ProgramSpec =>
  at('fmod_ret', FUNCTION, name, body, callSite(fmodRet));

/** A program of the security module, as `file_open`: a negative result forbids. Linux 5.7, with `bpf` in lsm=. */
export const lsm = (name: string, body: Code): ProgramSpec =>
  at('lsm', FUNCTION, name, body, callSite(lsm));

/** As `lsm`, for the processes or sockets of a cgroup: the result is 1 to go on, 0 to refuse with EPERM. Linux 6.0. */
export const lsmCgroup = (name: string, body: Code): ProgramSpec =>
  at('lsm_cgroup', FUNCTION, name, body, callSite(lsmCgroup));

// ----------
// Functions of user programs
// ----------

/**
 * A program at the entry of a function of an executable or library, `FILE:FUNCTION` or `FILE:FUNCTION+OFFSET`. The
 * arguments are in registers: `hookArguments` in their order.
 */
export const uprobe = (place: string, body: Code): ProgramSpec =>
  at('uprobe', USER_PLACE, place, body, callSite(uprobe));

/** A program at the return of a function of an executable or library: `retval` of `hookArguments`. */
export const uretprobe = (place: string, body: Code): ProgramSpec =>
  at('uretprobe', USER_PLACE, place, body, callSite(uretprobe));

/** A program at the entry of all functions of a file whose names fit a pattern with `*` and `?`. Linux 6.6. */
export const uprobeMulti = (place: string, body: Code): ProgramSpec =>
  at('uprobe.multi', USER_PATTERN, place, body, callSite(uprobeMulti));

/** A program at the return of all functions of a file whose names fit a pattern. Linux 6.6. */
export const uretprobeMulti = (place: string, body: Code): ProgramSpec =>
  at('uretprobe.multi', USER_PATTERN, place, body, callSite(uretprobeMulti));

/**
 * A program at the entry and the return of all functions of a file whose names fit a pattern: at the entry a result but
 * 0 leaves the return out. Linux 6.13.
 */
export const uprobeSession = (place: string, body: Code): ProgramSpec =>
  at('uprobe.session', USER_PATTERN, place, body, callSite(uprobeSession));

/** A program at a static probe of an executable or library, `FILE:PROVIDER:NAME`. */
export const usdt = (place: string, body: Code): ProgramSpec =>
  at('usdt', USER_PROBE, place, body, callSite(usdt));

// ----------
// Others
// ----------

/** A program that a perf event runs, such as a clock: which one is said when it is attached. r1 is a `bpf_perf_event_data`. */
export const perfEvent = (body: Code): ProgramSpec =>
  program({ type: 'perf_event', section: 'perf_event', name: '' }, body, callSite(perfEvent));

/**
 * A program that runs for each of the kernel's tasks, maps, sockets... when its link is opened and read. Its context
 * has `meta` and what it iterates: `hookArguments({ meta: ..., task: ... })`. Linux 5.8.
 */
export const iter = (name: string, body: Code): ProgramSpec =>
  at('iter', ITERATOR, name, body, callSite(iter));

/**
 * A program in place of a global function (`fn(..., { global: true })`) of another program that is loaded: its arguments
 * are in r1 to r5, its result is in r0. `loadObject(spec, { targets: { NAME: { program } } })` says of which one. Linux
 * 5.6.
 */
export const freplace = (name: string, arity: number, body: Code): ProgramSpec => {
  const site = callSite(freplace);
  if (!/^\w+$/.test(name) || !(arity >= 0 && arity <= 5))
    throw new AssemblerError(
      `freplace: a function and the number of its arguments, 0 to 5, got ${JSON.stringify(name)} and ${arity}`,
      site,
    );
  return program({ type: 'freplace', section: `freplace/${name}`, name }, body, site, arity);
};

/**
 * A function of a struct of the kernel's, which a `structOps` map refers to by the program's name: `name` is that of the
 * member, for people. Its arguments are `hookArguments` in their order, and plain loads may follow their pointers. Linux
 * 5.6.
 */
export const structOp = (name: string, body: Code): ProgramSpec =>
  at('struct_ops', MEMBER, name, body, callSite(structOp));

/**
 * The same program where it may sleep: it may read memory of the user that is not there yet, and take the kernel
 * functions that wait. For the functions and structs that allow it, iterators, LSM and uprobes. Linux 5.10, iterators
 * 5.18, uprobes 6.0, others later.
 * @example
 * sleepable(lsm('file_open', [...])) // lsm.s/file_open
 */
export const sleepable = (program: ProgramSpec): ProgramSpec => {
  const { type, section } = program.hook;
  const hook = parseSection(section.replace(type, `${type}.s`));
  if (hook && HOOKS[hook.type].sleepable) return { ...program, hook };
  throw new AssemblerError(`sleepable: ${type} programs never sleep`, callSite(sleepable));
};

/** A program that user space calls with `testRun`, and that may call bpf(2) itself. Linux 5.14. */
export const syscall = (body: Code): ProgramSpec =>
  program({ type: 'syscall', section: 'syscall', name: '' }, body, callSite(syscall));
