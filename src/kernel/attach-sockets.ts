/**
 * @module
 * Programs at sockets: filters and choices among sockets of one port by setsockopt(2) (socket(7)), parsers and verdicts
 * at maps of sockets by links (Linux 6.10) or BPF_PROG_ATTACH (4.14). Follows net/core/sock.c and sock_map.c.
 */
import { readlinkSync } from 'node:fs';
import { HOOKS, RequirementError } from '../object/index.ts';
import { duplicateFd, FileDescriptor, linkCreate, setSocketOption } from '../syscall/index.ts';
import { attachDirectly } from './attach-directly.ts';
import { Attachment, linkUnless, required } from './attachment.ts';
import { Link } from './link.ts';
import type { AttachContext } from './perf-link.ts';
import type { Program } from './program.ts';

export interface SocketOptions {
  /** The descriptor of a socket, which stays the caller's. */
  readonly socket: number;
  /** For `socket` programs: choose among the sockets that share the port, by index, and do not filter packets. */
  readonly reuseport?: boolean | undefined;
}

/** socket, sk_reuseport and sk_reuseport/migrate. */
export const attachSocket = (
  program: Program,
  _context: AttachContext,
  options: SocketOptions,
): Link => {
  const { section, type } = program.spec.hook;
  const fd = required(program, options.socket, '{ socket: FD }');
  const socket = socketOf(fd);
  if (!socket)
    throw new RequirementError(`${program.name}: descriptor ${fd} of this process is not a socket`);
  const reuseport = type !== 'socket' || options.reuseport === true;
  const attach = (next: Program): void =>
    setSocketOption(fd, reuseport ? 'SO_ATTACH_REUSEPORT_EBPF' : 'SO_ATTACH_BPF', next.fd);
  attach(program);
  // Once the socket is closed, its number may be another's.
  const isOpen = (): boolean => socketOf(fd) === socket;
  return new Attachment({
    hook: `${section} on ${socket}`,
    how: 'socket',
    replace: (next) => {
      if (!isOpen()) throw new Error(`${socket} is closed`);
      attach(next);
    },
    detach: () => {
      // Taking it off is of Linux 5.3 for reuseport.
      if (isOpen()) setSocketOption(fd, reuseport ? 'SO_DETACH_REUSEPORT_BPF' : 'SO_DETACH_BPF', 0);
    },
  });
};

/** `socket:[17]`: its number is never another socket's while it is open. */
const socketOf = (fd: number): string | undefined => {
  try {
    const target = readlinkSync(`/proc/self/fd/${fd}`);
    return target.startsWith('socket:') ? target : undefined;
  } catch {
    return undefined;
  }
};

export interface SocketMapOptions {
  /** A sockmap or sockhash: the program runs for all sockets in it. */
  readonly map: { readonly fd: number };
}

/** sk_skb/stream_parser, sk_skb/stream_verdict, sk_skb/verdict and sk_msg. */
export const attachSocketMap = (
  program: Program,
  context: AttachContext,
  options: SocketMapOptions,
): Link => {
  const { section, type } = program.spec.hook;
  const map = required(program, options.map, '{ map }');
  const attachType = HOOKS[type].attach;
  const fd = linkUnless(context, 'sockmapLink', () =>
    linkCreate({ progFd: program.fd, target: map.fd, attachType, attempt: `attach ${section}` }),
  );
  if (fd !== undefined)
    return new Link(section, 'link', [new FileDescriptor(fd, `link ${section}`)]);
  return attachDirectly(program, {
    hook: section,
    attachType,
    target: new FileDescriptor(duplicateFd(map.fd), `map of ${section}`),
    feature: 'sockmapLink',
  });
};
