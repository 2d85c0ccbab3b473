/**
 * Routes whose packets go through BPF programs: RTM_NEWROUTE and RTM_DELROUTE of rtnetlink(7) with an encapsulation.
 * Follows include/uapi/linux/rtnetlink.h, lwtunnel.h, seg6_local.h, and net/core/lwt_bpf.c (Linux 6.18).
 *
 *     const route = { family: 2, prefix: Uint8Array.of(10, 1, 0, 0), length: 16, index: 2, at: 'out', progFd, name: 'count' };
 *     addRoute(route);
 *     deleteRoute(route);
 * @module
 */

import { SystemCallError } from './errors.ts';
import { NLM_F, routeRequest } from './netlink.ts';
import { type Attribute, nestedAttribute, textAttribute, u32Attribute } from './netlink-message.ts';

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_ENCAP_TYPE = 21;
const RTA_ENCAP = 22;

const LWTUNNEL_ENCAP_BPF = 6;
const LWTUNNEL_ENCAP_SEG6_LOCAL = 7;
/** LWT_BPF_IN and its kin: each holds a program. */
const LWT_BPF = { in: 1, out: 2, xmit: 3 } as const;
const SEG6_LOCAL_ACTION = 1;
const SEG6_LOCAL_BPF = 8;
const SEG6_LOCAL_ACTION_END_BPF = 15;
/** LWT_BPF_PROG_* and SEG6_LOCAL_BPF_PROG_* alike. */
const PROG_FD = 1;
const PROG_NAME = 2;

const RT_TABLE = { main: 254, local: 255 } as const;
const RTPROT_STATIC = 4;
const RT_SCOPE = { universe: 0, link: 253, host: 254 } as const;
const RTN = { unicast: 1, local: 2 } as const;

export interface RouteOptions {
  /** AF_INET (2) or AF_INET6 (10). */
  readonly family: number;
  /** The address of the network, 4 or 16 bytes, and how many of its bits count. */
  readonly prefix: Uint8Array;
  readonly length: number;
  /** The index of the network interface. */
  readonly index: number;
  /** The address of the next hop. */
  readonly gateway?: Uint8Array | undefined;
  /** Whether its packets are for this machine. */
  readonly local?: boolean | undefined;
  /** Where on the route the program runs. */
  readonly at: keyof typeof LWT_BPF | 'seg6local';
  readonly progFd: number;
  /** What ip(8) shows. */
  readonly name: string;
  /** Whether to take the place of the route that is there. */
  readonly replace?: boolean | undefined;
}

/** Adds a route with its program. Throws EEXIST where one with this prefix is there, unless it is to be replaced. */
export function addRoute(route: RouteOptions): void {
  const flags = NLM_F.CREATE | (route.replace ? NLM_F.REPLACE : NLM_F.EXCL);
  request('RTM_NEWROUTE', 'add', RTM_NEWROUTE, flags, route);
}

/** Removes it. False when it is gone, with its interface perhaps. */
export function deleteRoute(route: RouteOptions): boolean {
  try {
    request('RTM_DELROUTE', 'remove', RTM_DELROUTE, 0, route);
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && /^(ESRCH|ENODEV)$/.test(error.code)) return false;
    throw error;
  }
}

function request(
  call: string,
  verb: string,
  type: number,
  flags: number,
  { family, prefix, length, index, gateway, local = false, at, progFd, name }: RouteOptions,
): void {
  const table = local ? RT_TABLE.local : RT_TABLE.main;
  const scope = local ? RT_SCOPE.host : gateway ? RT_SCOPE.universe : RT_SCOPE.link;
  const kind = local ? RTN.local : RTN.unicast;
  routeRequest({
    call,
    attempt: `${verb} the route through interface ${index}`,
    type,
    flags,
    // struct rtmsg
    header: Uint8Array.of(family, length, 0, 0, table, RTPROT_STATIC, scope, kind, 0, 0, 0, 0),
    attributes: [
      { type: RTA_DST, bytes: prefix },
      u32Attribute(RTA_OIF, index),
      ...(gateway ? [{ type: RTA_GATEWAY, bytes: gateway }] : []),
      ...encapsulation(at, [u32Attribute(PROG_FD, progFd), textAttribute(PROG_NAME, name)]),
    ],
  });
}

/** What has the packets go through the program. IPv4 finds the route to remove by it as well, IPv6 by the rest alone. */
const encapsulation = (at: RouteOptions['at'], program: readonly Attribute[]): Attribute[] =>
  at === 'seg6local'
    ? [
        { type: RTA_ENCAP_TYPE, bytes: Uint8Array.of(LWTUNNEL_ENCAP_SEG6_LOCAL, 0) },
        nestedAttribute(
          RTA_ENCAP,
          u32Attribute(SEG6_LOCAL_ACTION, SEG6_LOCAL_ACTION_END_BPF),
          nestedAttribute(SEG6_LOCAL_BPF, ...program),
        ),
      ]
    : [
        { type: RTA_ENCAP_TYPE, bytes: Uint8Array.of(LWTUNNEL_ENCAP_BPF, 0) },
        nestedAttribute(RTA_ENCAP, nestedAttribute(LWT_BPF[at], ...program)),
      ];
