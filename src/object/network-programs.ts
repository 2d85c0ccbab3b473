/**
 * @module
 * Programs of networking and of cgroups. Where they are attached is said when they are: `attach({ interface: 'eth0' })`.
 * @example
 * xdp([mov(r0, XDP_ACTION.XDP_PASS), exit()]);
 * cgroup('connect4', [mov(r0, 1), exit()]);
 */
import { type Code, callSite, type Site } from '../asm/index.ts';
import { program } from './make-program.ts';
import type { ProgramSpec } from './program-spec.ts';
import type { Hook, HookType } from './sections.ts';

/** Results of XDP programs (enum xdp_action). */
export const XDP_ACTION = {
  XDP_ABORTED: 0,
  XDP_DROP: 1,
  XDP_PASS: 2,
  XDP_TX: 3,
  XDP_REDIRECT: 4,
} as const;

/** Results of TCX and netkit programs (enum tcx_action_base); as TC_ACT_* of classifiers. */
export const TCX_ACTION = {
  TCX_NEXT: -1,
  TCX_PASS: 0,
  TCX_DROP: 2,
  TCX_REDIRECT: 7,
} as const;

type Placed = Exclude<HookType, 'tracepoint' | 'tracepoint.s'>;

const placed = (type: Placed, body: Code, site: Site): ProgramSpec => {
  const hook: Hook = { type, section: type, name: '' };
  return program(hook, body, site);
};

/** As `xdp`, for packets that may be in several fragments, as those over one page are. Linux 5.18. */
export const xdpFragments = (body: Code): ProgramSpec =>
  placed('xdp.frags', body, callSite(xdpFragments));

/**
 * A program in the value of a map, for packets that an XDP program redirects there: `devmap` on their way out (Linux
 * 5.8), `cpumap` on the other CPU (5.9). r1 is an `XdpContext`.
 */
export const xdpRedirected = (map: 'devmap' | 'cpumap', body: Code): ProgramSpec =>
  placed(`xdp/${map}`, body, callSite(xdpRedirected));

/**
 * A program of a route, for the packets that take it; r1 is a `SocketBuffer`. The result is of `LWT_ACTION`. `in` and
 * `out` may look, `xmit` may also change and redirect (Linux 4.10); `seg6local` is the end of an IPv6 segment (4.18).
 * It is attached with its route: `attach({ route: '10.1.0.0/16', interface: 'eth0' })`.
 */
export const lwt = (at: 'in' | 'out' | 'xmit' | 'seg6local', body: Code): ProgramSpec =>
  placed(`lwt_${at}`, body, callSite(lwt));

/** Results of programs of routes (enum bpf_ret_code). */
export const LWT_ACTION = {
  BPF_OK: 0,
  BPF_DROP: 2,
  BPF_REDIRECT: 7,
  BPF_LWT_REROUTE: 128,
} as const;

/** A program of traffic control, by a link that orders it among others; r1 is a `SocketBuffer`. Linux 6.6. */
export const tcx = (direction: 'ingress' | 'egress', body: Code): ProgramSpec =>
  placed(`tcx/${direction}`, body, callSite(tcx));

/** A program at a netkit interface, for what one side of the pair sends; r1 is a `SocketBuffer`. Linux 6.7. */
export const netkit = (side: 'primary' | 'peer', body: Code): ProgramSpec =>
  placed(`netkit/${side}`, body, callSite(netkit));

/** A program that takes packets apart before they are hashed; r1 is a `SocketBuffer`. Linux 4.20. */
export const flowDissector = (body: Code): ProgramSpec =>
  placed('flow_dissector', body, callSite(flowDissector));

/** A program that chooses the socket for a new connection or a datagram; r1 is a `SocketLookup`. Linux 5.9. */
export const skLookup = (body: Code): ProgramSpec => placed('sk_lookup', body, callSite(skLookup));

/** A program at a hook of netfilter; r1 is a `NetfilterContext`. The result is 1 to accept, 0 to drop. Linux 6.4. */
export const netfilter = (body: Code): ProgramSpec =>
  placed('netfilter', body, callSite(netfilter));

/** A program that TCP sockets of a cgroup tell what happens to them; r1 is a `SocketEvent`. Linux 4.13. */
export const sockops = (body: Code): ProgramSpec => placed('sockops', body, callSite(sockops));

/** A program for what sockets of a map receive; r1 is a `SocketBuffer`. Linux 4.14, `verdict` 5.13. */
export const skSkb = (
  what: 'stream_parser' | 'stream_verdict' | 'verdict',
  body: Code,
): ProgramSpec => placed(`sk_skb/${what}`, body, callSite(skSkb));

/** A program for what sockets of a map send; r1 is a `SocketMessage`. Linux 4.17. */
export const skMsg = (body: Code): ProgramSpec => placed('sk_msg', body, callSite(skMsg));

/** A program that chooses among the sockets that share a port; r1 is a `ReuseportContext`. Linux 4.19. */
export const skReuseport = (body: Code): ProgramSpec =>
  placed('sk_reuseport', body, callSite(skReuseport));

/** As `skReuseport`, also for the connections of a socket that is closed: `migrating_sk` is not NULL then. Linux 5.14. */
export const skReuseportMigrate = (body: Code): ProgramSpec =>
  placed('sk_reuseport/migrate', body, callSite(skReuseportMigrate));

/** A filter of packets of a cgroup's sockets; r1 is a `SocketBuffer`. The result is 1 to pass, 0 to drop. Linux 4.10. */
export const cgroupSkb = (direction: 'ingress' | 'egress', body: Code): ProgramSpec =>
  placed(`cgroup_skb/${direction}`, body, callSite(cgroupSkb));

type CgroupNameOf<T> = T extends `cgroup/${infer Name}` ? Name : never;

/** The hooks of cgroups by their names, as `connect4` or `sysctl`; for packets `cgroupSkb`. */
export type CgroupHook = Exclude<CgroupNameOf<HookType>, 'skb'>;

/**
 * A program at a hook of a cgroup. r1 is a `Socket` for `sock_create`, `sock_release` and `post_bind`; a
 * `SocketAddress` for `bind`, `connect`, `sendmsg`, `recvmsg`, `getpeername` and `getsockname`; a `SysctlContext`, a
 * `SocketOptionContext`, a `DeviceContext`. The result is 1 to go on, 0 to refuse with EPERM.
 */
export const cgroup = (hook: CgroupHook, body: Code): ProgramSpec =>
  placed(`cgroup/${hook}`, body, callSite(cgroup));
