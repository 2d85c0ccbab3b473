/**
 * Files by descriptor, without node:fs: its reads throw for EAGAIN, and in a worker thread it warns of
 * descriptors that it has not opened itself.
 * @module
 */

import { ERRNO } from './errno.ts';
import { SystemCallError } from './errors.ts';
import { systemCall } from './libc.ts';
import { keepAlive, release } from './scratch.ts';

/** Flags of open(2), the same on x86-64 and arm64. */
export const OPEN_FLAG = {
  O_RDONLY: 0o0,
  O_WRONLY: 0o1,
  O_RDWR: 0o2,
  O_NONBLOCK: 0o4000,
  O_CLOEXEC: 0o2000000,
} as const;

const AT_FDCWD = -100;

/** Opens a file, to be closed on exec. */
export function openFile(path: string, flags: number = OPEN_FLAG.O_RDONLY): number {
  const address = keepAlive(new TextEncoder().encode(`${path}\0`));
  const result = systemCall('openat', AT_FDCWD, address, flags | OPEN_FLAG.O_CLOEXEC);
  release();
  if (result >= 0) return result;
  throw new SystemCallError({ call: 'open', attempt: `open ${path}`, errno: -result });
}

/** Reads what is there: how many bytes, 0 at the end, `undefined` when one would have to wait (EAGAIN). */
export function readFd(fd: number, bytes: Uint8Array): number | undefined {
  let result: number;
  do {
    result = systemCall('read', fd, keepAlive(bytes), bytes.byteLength);
    release();
  } while (result === -ERRNO.EINTR[0]);
  if (result >= 0) return result;
  if (result === -ERRNO.EAGAIN[0]) return undefined;
  throw new SystemCallError({ call: 'read', attempt: `read descriptor ${fd}`, errno: -result });
}

const F_DUPFD_CLOEXEC = 1030;

/** A second descriptor of the same, to be closed on exec. */
export function duplicateFd(fd: number): number {
  const result = systemCall('fcntl', fd, F_DUPFD_CLOEXEC, 0);
  if (result >= 0) return result;
  const attempt = `duplicate descriptor ${fd}`;
  throw new SystemCallError({ call: 'fcntl', attempt, errno: -result });
}

/** Closes a descriptor. */
export function closeFd(fd: number): void {
  const result = systemCall('close', fd);
  // EINTR and the like come after the number is free; only EBADF says that someone's count is wrong.
  if (result !== -ERRNO.EBADF[0]) return;
  throw new SystemCallError({ call: 'close', attempt: `close descriptor ${fd}`, errno: -result });
}
