/**
 * @module
 * Programs of routes: each comes with a route of its own, whose packets it sees (net/core/lwt_bpf.c, Linux 4.10;
 * net/ipv6/seg6_local.c, 4.18). The kernel has no links for them: a route stays when the process ends without `close()`.
 */
import {
  addRoute,
  deleteRoute,
  duplicateFd,
  FileDescriptor,
  type RouteOptions,
} from '../syscall/index.ts';
import { Attachment, required } from './attachment.ts';
import type { Link } from './link.ts';
import { interfaceOf } from './network-interface.ts';
import type { AttachContext } from './perf-link.ts';
import type { Program } from './program.ts';

export interface RoutePlace {
  /** The packets that take the route, by where they go: `10.1.0.0/16`, `fd00::1/128`. */
  readonly route: string;
  /** The network interface of the route, by name or index, in the network namespace of this process. */
  readonly interface: string | number;
  /** The next hop of the route, where it has one. */
  readonly via?: string | undefined;
  /** That the packets are for this machine, as those to its own addresses. */
  readonly local?: boolean | undefined;
}

const EXAMPLE = "{ route: '10.1.0.0/16', interface: 'eth0' }";

/** lwt_in, lwt_out, lwt_xmit, lwt_seg6local. */
export const attachRoute = (
  program: Program,
  _context: AttachContext,
  { route, interface: at, via, local }: RoutePlace,
): Link => {
  const { section, type } = program.spec.hook;
  const place = { ...networkOf(section, required(program, route, EXAMPLE)), local };
  const { index, name } = interfaceOf(required(program, at, EXAMPLE));
  const hook = `${section} on the route ${route} through ${name}`;
  const gateway = via === undefined ? undefined : addressOf(section, via, place.family);
  const put = (next: Program, replace: boolean): Held => {
    const held = new FileDescriptor(duplicateFd(next.fd), `program of ${hook}`);
    try {
      const options: RouteOptions = {
        ...place,
        index,
        gateway,
        at: type.slice('lwt_'.length) as RouteOptions['at'],
        progFd: held.fd,
        name: `${next.name}:[${next.info().id}]`,
      };
      addRoute({ ...options, replace });
      return { held, options };
    } catch (error) {
      held.close();
      throw error;
    }
  };
  let current = put(program, false);
  return new Attachment({
    hook,
    how: 'netlink',
    replace: (next) => {
      const { held } = current;
      current = put(next, true);
      held.close();
    },
    detach: () => {
      try {
        deleteRoute(current.options);
      } finally {
        current.held.close();
      }
    },
  });
};

/** A route, and its program, by which the kernel knows it again: the owner of the program may close it before. */
interface Held {
  readonly held: FileDescriptor;
  readonly options: RouteOptions;
}

const AF_INET = 2;
const AF_INET6 = 10;

const networkOf = (
  section: string,
  route: string,
): Pick<RouteOptions, 'family' | 'prefix' | 'length'> => {
  const [address = '', bits = ''] = route.split('/');
  const family = net().isIPv6(address) ? AF_INET6 : AF_INET;
  const prefix = addressOf(section, address, family);
  const length = bits === '' ? prefix.length * 8 : Number(bits);
  if (/^\d*$/.test(bits) && length <= prefix.length * 8) return { family, prefix, length };
  throw new TypeError(
    `${section}: a route to a network, as 10.1.0.0/16 or fd00::1/128, got ${JSON.stringify(route)}`,
  );
};

/** Loaded when it is needed: an import would make every tool 3 ms slower to start. */
const net = () => process.getBuiltinModule('node:net');

const addressOf = (section: string, address: string, family: number): Uint8Array => {
  if (family === AF_INET && net().isIPv4(address))
    return Uint8Array.from(address.split('.'), Number);
  if (family === AF_INET6 && net().isIPv6(address) && !address.includes('%')) return words(address);
  throw new TypeError(
    `${section}: an address of IPv${family === AF_INET ? 4 : 6}, got ${JSON.stringify(address)}`,
  );
};

/** The bytes of an IPv6 address, which a URL has without IPv4 in it. */
const words = (address: string): Uint8Array => {
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [before, after] = [head, tail].map((part) => part.split(':').filter((each) => each !== ''));
  const zeros = Array<string>(8 - before!.length - after!.length).fill('0');
  return Uint8Array.from(
    [...before!, ...zeros, ...after!].flatMap((word) => {
      const value = Number.parseInt(word, 16);
      return [value >> 8, value & 0xff];
    }),
  );
};
