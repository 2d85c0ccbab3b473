/**
 * Network interfaces, and XDP programs on them without links: RTM_GETLINK and RTM_SETLINK of rtnetlink(7). Follows
 * include/uapi/linux/if_link.h and net/core/rtnetlink.c (Linux 6.18).
 *
 *     interfaceInfo('lo'); // { index: 1, name: 'lo', xdp: {} }
 * @module
 */

import { SystemCallError } from './errors.ts';
import { routeRequest } from './netlink.ts';
import {
  decodeAttributes,
  nestedAttribute,
  textAttribute,
  textOf,
  u32Attribute,
  u32Of,
} from './netlink-message.ts';

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;

const IFLA_IFNAME = 3;
const IFLA_EXT_MASK = 29;
const RTEXT_FILTER_SKIP_STATS = 8;
const IFLA_XDP = 43;
const IFLA_XDP_FD = 1;
const IFLA_XDP_FLAGS = 3;
const IFLA_XDP_PROG_ID = { driver: 5, generic: 6, offload: 7 } as const;

/** The longest name of an interface: IFNAMSIZ without its terminator. */
const MAX_INTERFACE_NAME = 15;

/** Flags of attaching XDP programs, also of BPF_LINK_CREATE. */
// biome-ignore format: rows as in the kernel's header
export const XDP_FLAG = {
  XDP_FLAGS_UPDATE_IF_NOEXIST: 1 << 0,
  XDP_FLAGS_SKB_MODE: 1 << 1,
  XDP_FLAGS_DRV_MODE: 1 << 2,
  XDP_FLAGS_HW_MODE: 1 << 3,
} as const;

/** struct ifinfomsg */
export function interfaceHeader(index: number, flags = 0, change = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return bytes;
}

export interface InterfaceInfo {
  readonly index: number;
  readonly name: string;
  /** The ids of the XDP programs, by mode: in the driver, in the network stack, on the card. */
  readonly xdp: {
    readonly driver?: number;
    readonly generic?: number;
    readonly offload?: number;
  };
}

/** An interface of this network namespace, by name or index; undefined when there is none. */
export function interfaceInfo(nameOrIndex: string | number): InterfaceInfo | undefined {
  const byName = typeof nameOrIndex === 'string';
  if (byName ? !isName(nameOrIndex) : !(nameOrIndex > 0)) return undefined;
  try {
    const [message] = routeRequest({
      call: 'RTM_GETLINK',
      attempt: `look up the network interface ${nameOrIndex}`,
      type: RTM_GETLINK,
      flags: 0,
      header: interfaceHeader(byName ? 0 : nameOrIndex),
      attributes: [
        u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS),
        ...(byName ? [textAttribute(IFLA_IFNAME, nameOrIndex)] : []),
      ],
    }).filter(({ type }) => type === RTM_NEWLINK);
    return message && readInterface(message.payload);
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'ENODEV') return undefined;
    throw error;
  }
}

const isName = (name: string): boolean =>
  name !== '' &&
  !name.includes('\0') &&
  new TextEncoder().encode(name).length <= MAX_INTERFACE_NAME;

function readInterface(payload: Uint8Array): InterfaceInfo {
  const attributes = decodeAttributes(payload, 16);
  const xdp = decodeAttributes(attributes.get(IFLA_XDP) ?? new Uint8Array());
  const programs = Object.entries(IFLA_XDP_PROG_ID)
    .map(([mode, type]) => [mode, u32Of(xdp.get(type))] as const)
    .filter(([, id]) => id !== undefined);
  return {
    index: new DataView(payload.buffer, payload.byteOffset).getInt32(4, true),
    name: textOf(attributes.get(IFLA_IFNAME)) ?? '',
    xdp: Object.fromEntries(programs),
  };
}

export interface XdpSetOptions {
  readonly index: number;
  /** The descriptor of the program; -1 for none. */
  readonly progFd: number;
  /** Bits of {@link XDP_FLAG}. */
  readonly flags: number;
}

/** Sets the XDP program of an interface (IFLA_XDP). Linux 4.8. */
export function xdpSet({ index, progFd, flags }: XdpSetOptions): void {
  routeRequest({
    call: 'RTM_SETLINK',
    attempt: `${progFd < 0 ? 'detach the XDP program from' : 'attach the XDP program to'} interface ${index}`,
    type: RTM_SETLINK,
    flags: 0,
    header: interfaceHeader(index),
    attributes: [
      nestedAttribute(
        IFLA_XDP,
        u32Attribute(IFLA_XDP_FD, progFd),
        u32Attribute(IFLA_XDP_FLAGS, flags),
      ),
    ],
  });
}
