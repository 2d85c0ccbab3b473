/**
 * @module
 * Programs of networking and of cgroups: they are attached with a place, `attach({ interface: 'eth0' })`, since their
 * section names say what they do and not where.
 */
import type { HookType } from '../object/index.ts';
import type { Way } from './attach.ts';
import { attachCgroup, type CgroupOptions } from './attach-cgroup.ts';
import { attachNetfilter, type NetfilterOptions } from './attach-netfilter.ts';
import { attachNetns, type NetnsOptions } from './attach-netns.ts';
import { attachRoute, type RoutePlace } from './attach-route.ts';
import {
  attachSocket,
  attachSocketMap,
  type SocketMapOptions,
  type SocketOptions,
} from './attach-sockets.ts';
import { attachNetkit, attachTc, type NetkitOptions, type TcOptions } from './attach-tc.ts';
import { attachXdp, type XdpOptions } from './attach-xdp.ts';

/** Where to attach a program, by the kind of its hook. */
export type PlaceOptions =
  | XdpOptions
  | TcOptions
  | NetkitOptions
  | CgroupOptions
  | NetnsOptions
  | NetfilterOptions
  | RoutePlace
  | SocketOptions
  | SocketMapOptions;

const whole = (): boolean => false;
const ORDER = ['before', 'after', 'revision'] as const;

const XDP: Way = {
  attach: attachXdp,
  takes: ['interface', 'mode', 'through', 'replace'],
  whole,
};
const TC: Way = {
  attach: attachTc,
  takes: ['interface', 'direction', 'through', 'priority', 'handle', ...ORDER],
  whole,
};
const NETKIT: Way = { attach: attachNetkit, takes: ['interface', ...ORDER], whole };
const CGROUP: Way = {
  attach: attachCgroup,
  takes: ['cgroup', 'direction', 'sharing', ...ORDER],
  whole,
};
const NETNS: Way = { attach: attachNetns, takes: ['netns'], whole };
const NETFILTER: Way = { attach: attachNetfilter, takes: ['netfilter'], whole };
const ROUTE: Way = { attach: attachRoute, takes: ['route', 'interface', 'via', 'local'], whole };
const SOCKET: Way = { attach: attachSocket, takes: ['socket', 'reuseport'], whole };
const SOCKET_MAP: Way = { attach: attachSocketMap, takes: ['map'], whole };

/** How programs that need a place are attached, by their hooks. */
export const PLACED: Readonly<Partial<Record<HookType, Way>>> = {
  xdp: XDP,
  'xdp.frags': XDP,
  tc: TC,
  'tc/ingress': TC,
  'tc/egress': TC,
  'tcx/ingress': TC,
  'tcx/egress': TC,
  'netkit/primary': NETKIT,
  'netkit/peer': NETKIT,
  flow_dissector: NETNS,
  sk_lookup: NETNS,
  netfilter: NETFILTER,
  lwt_in: ROUTE,
  lwt_out: ROUTE,
  lwt_xmit: ROUTE,
  lwt_seg6local: ROUTE,
  socket: SOCKET,
  sk_reuseport: SOCKET,
  'sk_reuseport/migrate': SOCKET,
  'sk_skb/stream_parser': SOCKET_MAP,
  'sk_skb/stream_verdict': SOCKET_MAP,
  'sk_skb/verdict': SOCKET_MAP,
  sk_msg: SOCKET_MAP,
  sockops: CGROUP,
  lsm_cgroup: CGROUP,
  'cgroup_skb/ingress': CGROUP,
  'cgroup_skb/egress': CGROUP,
  'cgroup/skb': CGROUP,
  'cgroup/sock_create': CGROUP,
  'cgroup/sock_release': CGROUP,
  'cgroup/sock': CGROUP,
  'cgroup/post_bind4': CGROUP,
  'cgroup/post_bind6': CGROUP,
  'cgroup/bind4': CGROUP,
  'cgroup/bind6': CGROUP,
  'cgroup/connect4': CGROUP,
  'cgroup/connect6': CGROUP,
  'cgroup/connect_unix': CGROUP,
  'cgroup/sendmsg4': CGROUP,
  'cgroup/sendmsg6': CGROUP,
  'cgroup/sendmsg_unix': CGROUP,
  'cgroup/recvmsg4': CGROUP,
  'cgroup/recvmsg6': CGROUP,
  'cgroup/recvmsg_unix': CGROUP,
  'cgroup/getpeername4': CGROUP,
  'cgroup/getpeername6': CGROUP,
  'cgroup/getpeername_unix': CGROUP,
  'cgroup/getsockname4': CGROUP,
  'cgroup/getsockname6': CGROUP,
  'cgroup/getsockname_unix': CGROUP,
  'cgroup/sysctl': CGROUP,
  'cgroup/getsockopt': CGROUP,
  'cgroup/setsockopt': CGROUP,
  'cgroup/dev': CGROUP,
};

const IN_A_MAP = 'they run for the entries of a map: put its descriptor into the value';
const NEEDS_KIND = 'its section must say what it does, as sk_skb/stream_verdict';

/** What to do about programs that need another program to attach them. */
export const ELSEWHERE: Readonly<Partial<Record<HookType, string>>> = {
  'xdp/devmap': IN_A_MAP,
  'xdp.frags/devmap': IN_A_MAP,
  'xdp/cpumap': IN_A_MAP,
  'xdp.frags/cpumap': IN_A_MAP,
  action: "they are actions of filters: tc filter add ... action bpf, or write it as 'tc'",
  sk_skb: NEEDS_KIND,
  lirc_mode2: 'they belong to infrared receivers, which beespoke does not attach to',
};
