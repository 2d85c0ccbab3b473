/**
 * Sockets, as far as programs are attached to them: socket(2), sendto(2), recvfrom(2), setsockopt(2).
 *
 *     setSocketProgram(fd, SOCKET_OPTION.SO_ATTACH_BPF, progFd);
 * @module
 */

import { ERRNO } from './errno.ts';
import { SystemCallError } from './errors.ts';
import { systemCall } from './libc.ts';
import { DATA_OFFSET, keepAlive, putU32, release, scratch } from './scratch.ts';

const SOL_SOCKET = 1;

/** Options of sockets about programs (include/uapi/asm-generic/socket.h). */
export const SOCKET_OPTION = {
  SO_DETACH_BPF: 27,
  SO_ATTACH_BPF: 50,
  SO_ATTACH_REUSEPORT_EBPF: 52,
  SO_DETACH_REUSEPORT_BPF: 68,
} as const;
export type SocketOption = keyof typeof SOCKET_OPTION;

/** setsockopt(2) with a number: the descriptor of a program, or 0 where the option takes none. */
export function setSocketOption(fd: number, option: SocketOption, value: number): void {
  const result = setOption(fd, SOL_SOCKET, SOCKET_OPTION[option], value);
  if (result >= 0) return;
  throw new SystemCallError({
    call: 'setsockopt',
    attempt: `set ${option} of the socket with descriptor ${fd}`,
    errno: -result,
  });
}

/** As {@link setSocketOption} for any level; the result is 0 or the negative error number. */
export function setOption(fd: number, level: number, option: number, value: number): number {
  putU32(DATA_OFFSET, value);
  return systemCall('setsockopt', fd, level, option, scratch().address + DATA_OFFSET, 4);
}

const SOCK_CLOEXEC = 0o2000000;

/** socket(2), to be closed on exec. */
export function openSocket(family: number, type: number, protocol: number): number {
  const result = systemCall('socket', family, type | SOCK_CLOEXEC, protocol);
  if (result >= 0) return result;
  throw new SystemCallError({
    call: 'socket',
    attempt: `open a socket (family ${family}, type ${type}, protocol ${protocol})`,
    errno: -result,
  });
}

/** sendto(2) to an address in the kernel's form, all bytes at once. */
export function sendTo(fd: number, bytes: Uint8Array, address: Uint8Array): void {
  const result = uninterrupted(() =>
    systemCall(
      'sendto',
      fd,
      keepAlive(bytes),
      bytes.byteLength,
      0,
      keepAlive(address),
      address.byteLength,
    ),
  );
  if (result >= 0) return;
  throw new SystemCallError({
    call: 'sendto',
    attempt: `send ${bytes.byteLength} bytes`,
    errno: -result,
  });
}

const MSG_PEEK = 0x02;
const MSG_TRUNC = 0x20;

/** recv(2): waits for the next datagram and returns it whole. */
export function receive(fd: number): Uint8Array {
  const call = (bytes: Uint8Array, flags: number): number => {
    const result = uninterrupted(() =>
      systemCall('recvfrom', fd, keepAlive(bytes), bytes.byteLength, flags),
    );
    if (result >= 0) return result;
    throw new SystemCallError({ call: 'recvfrom', attempt: 'receive an answer', errno: -result });
  };
  const bytes = new Uint8Array(call(new Uint8Array(1), MSG_PEEK | MSG_TRUNC));
  return bytes.subarray(0, call(bytes, 0));
}

function uninterrupted(call: () => number): number {
  for (;;) {
    const result = call();
    release();
    if (result !== -ERRNO.EINTR[0]) return result;
  }
}
