/**
 * @module
 * The contexts of system call tracepoints. BPF programs get a record of the kernel's own struct, not the one that the
 * `format` file describes, and the header before it differs between kernels (RHEL's is longer): CO-RE finds the fields.
 * @example
 * mov(r6, r1),
 * load(r1, SyscallEnter.at(r6).args[1]),   // the second argument
 */
import { type ArrayOf, array, i32, i64, kernelStruct, type Struct, u64 } from '../layout/index.ts';

/** The context of `syscalls/sys_enter_*`: `args` as the registers held them (kernel/trace/trace.h). */
export const SyscallEnter: Struct<{ nr: typeof i32; args: ArrayOf<typeof u64, 6> }, 'core'> =
  /* @__PURE__ */ kernelStruct('syscall_trace_enter', { nr: i32, args: array(u64, 6) });

/** The context of `syscalls/sys_exit_*`: `ret` is the result, or a negative error number. */
export const SyscallExit: Struct<{ nr: typeof i32; ret: typeof i64 }, 'core'> =
  /* @__PURE__ */ kernelStruct('syscall_trace_exit', { nr: i32, ret: i64 });
