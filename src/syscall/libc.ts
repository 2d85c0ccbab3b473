/**
 * libc through koffi, from the first system call on: the only file that calls native code.
 *
 * Two declarations of libc's `syscall(2)` serve every call: with the six integers that a system call can
 * have, and with the three of bpf(2), since koffi takes 8 ns for each that is declared. It is variadic in
 * C, but on x86-64 and arm64 variadic integers travel in the same registers as fixed ones, however many
 * there are, and koffi calls a fixed declaration 90 ns faster (reference/node.md, A).
 * @module
 */

import { type Koffi, loadKoffi } from './koffi.ts';
import { type SyscallNumbers, syscallNumbers } from './machine.ts';

type ThreeArguments = (number: number, a: number, b: number, c: number) => number;
type SixArguments = (
  number: number,
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
  f: number,
) => number;

interface Libc {
  readonly koffi: Koffi;
  readonly numbers: SyscallNumbers;
  readonly syscall: SixArguments;
  readonly syscall3: ThreeArguments;
  readonly errno: () => number;
  readonly pageSize: number;
}

let loaded: Libc | undefined;

const libc = (): Libc => (loaded ??= load());

function load(): Libc {
  const numbers = syscallNumbers();
  const koffi = loadKoffi();
  // The handle of the process itself needs no file name, so that glibc and musl are treated alike.
  const library = koffi.load(null);
  const getpagesize = library.func('getpagesize', 'int', []) as () => number;
  return {
    koffi,
    numbers,
    syscall: library.func('syscall', 'int64_t', Array(7).fill('int64_t')) as SixArguments,
    syscall3: library.func('syscall', 'int64_t', Array(4).fill('int64_t')) as ThreeArguments,
    errno: koffi.errno,
    pageSize: getpagesize(),
  };
}

/** Makes a system call. The result is what it returned, or the negative error number. */
export function systemCall(
  name: keyof SyscallNumbers,
  a = 0,
  b = 0,
  c = 0,
  d = 0,
  e = 0,
  f = 0,
): number {
  const { syscall, numbers, errno } = libc();
  const result = syscall(numbers[name], a, b, c, d, e, f);
  // koffi does not save errno: it must be read before anything else can run.
  if (result === -1) return -errno();
  return result;
}

/** As {@link systemCall}, for bpf(2): the call that is made a million times a second. */
export function bpfCall(command: number, attr: number, size: number): number {
  const { syscall3, numbers, errno } = libc();
  const result = syscall3(numbers.bpf, command, attr, size);
  if (result === -1) return -errno();
  return result;
}

/**
 * The address of a buffer's first byte, 0 for none or for an empty one.
 * It is good while the caller keeps the buffer alive: see `keepAlive` in scratch.ts.
 */
export function addressOf(buffer: ArrayBuffer | ArrayBufferView | undefined): number {
  if (buffer === undefined || buffer.byteLength === 0) return 0;
  return Number(libc().koffi.address(buffer));
}

/** Memory at an address as an ArrayBuffer, without copying. Reading it after munmap kills the process. */
export function viewOf(address: number, length: number): ArrayBuffer {
  return libc().koffi.view(address, length);
}

export interface PollHandle {
  start(callback: (status: number) => void): void;
  stop(): void;
  ref(): void;
  unref(): void;
  close(): void;
}

/** libuv's poll handle for a descriptor. It aborts the process when epoll refuses the descriptor. */
export function openPollHandle(fd: number, callback: (status: number) => void): PollHandle {
  // koffi's index.d.ts names one parameter, the code passes (status, events).
  const { poll } = libc().koffi.node as unknown as {
    poll(fd: number, callback: (status: number) => void): PollHandle;
  };
  return poll(fd, callback);
}

/** The size of a memory page: 4096 on x86-64; 4096, 16384 or 65536 on arm64. */
export function pageSize(): number {
  return libc().pageSize;
}

/** True once koffi is loaded; for the test that importing this room costs nothing. */
export function isLibcLoaded(): boolean {
  return loaded !== undefined;
}
