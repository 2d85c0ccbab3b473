/**
 * What differs from one machine to another: the numbers of the system calls.
 * Follows arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h (Linux 6.18).
 *
 *     syscallNumbers('linux', 'arm64').bpf; // 280
 * @module
 */

import { UnsupportedError } from './errors.ts';

export interface SyscallNumbers {
  readonly read: number;
  readonly close: number;
  readonly mmap: number;
  readonly munmap: number;
  readonly ioctl: number;
  readonly epoll_ctl: number;
  readonly openat: number;
  readonly epoll_create1: number;
  readonly perf_event_open: number;
  readonly prlimit64: number;
  readonly bpf: number;
  readonly membarrier: number;
  readonly socket: number;
  readonly sendto: number;
  readonly recvfrom: number;
  readonly setsockopt: number;
  readonly fcntl: number;
  readonly rt_sigprocmask: number;
}

// biome-ignore format: one row per machine
const NUMBERS: Readonly<Record<string, SyscallNumbers>> = {
  x64:   { read: 0,  close: 3,  mmap: 9,   munmap: 11,  ioctl: 16, epoll_ctl: 233, openat: 257, epoll_create1: 291, perf_event_open: 298, prlimit64: 302, bpf: 321, membarrier: 324, socket: 41,  sendto: 44,  recvfrom: 45,  setsockopt: 54,  fcntl: 72, rt_sigprocmask: 14 },
  arm64: { read: 63, close: 57, mmap: 222, munmap: 215, ioctl: 29, epoll_ctl: 21,  openat: 56,  epoll_create1: 20,  perf_event_open: 241, prlimit64: 261, bpf: 280, membarrier: 283, socket: 198, sendto: 206, recvfrom: 207, setsockopt: 208, fcntl: 25, rt_sigprocmask: 135 },
};

/** The numbers for this machine; throws {@link UnsupportedError} where beespoke cannot load programs. */
export function syscallNumbers(
  platform: string = process.platform,
  arch: string = process.arch,
): SyscallNumbers {
  const numbers = platform === 'linux' ? NUMBERS[arch] : undefined;
  if (numbers) return numbers;
  throw new UnsupportedError(
    `beespoke loads programs on Linux (x86-64 or arm64); this is ${platform}/${arch}`,
  );
}
