/**
 * Classic traffic control: the clsact qdisc and BPF filters at it, through rtnetlink(7). Follows
 * include/uapi/linux/pkt_sched.h, pkt_cls.h, net/sched/cls_api.c and cls_bpf.c (Linux 6.18). Linux 4.5.
 *
 *     const made = addClsact(1);
 *     const filter = setFilter({ index: 1, direction: 'ingress', progFd, name: 'count' });
 *     deleteFilter(1, filter);
 *     if (made) deleteClsact(1);
 * @module
 */

import { SystemCallError } from './errors.ts';
import { NLM_F, type RouteRequest, routeRequest } from './netlink.ts';
import {
  decodeAttributes,
  nestedAttribute,
  textAttribute,
  textOf,
  u32Attribute,
  u32Of,
} from './netlink-message.ts';

const RTM_NEWQDISC = 36;
const RTM_DELQDISC = 37;
const RTM_GETQDISC = 38;
const RTM_NEWTFILTER = 44;
const RTM_DELTFILTER = 45;
const RTM_GETTFILTER = 46;

const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TCA_BPF_FD = 6;
const TCA_BPF_NAME = 7;
const TCA_BPF_FLAGS = 8;
const TCA_BPF_ID = 11;
const TCA_BPF_FLAG_ACT_DIRECT = 1;

/** The handle of the clsact qdisc, and what it hangs on. */
const CLSACT_HANDLE = 0xffff_0000;
const TC_H_CLSACT = 0xffff_fff1;
/** The two hooks of the qdisc. */
const PARENT = { ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const;
export type Direction = keyof typeof PARENT;

/** ETH_P_ALL in network order: every packet. */
const EVERY_PROTOCOL = 0x0300;

/** struct tcmsg */
const TCM = { ifindex: 4, handle: 8, parent: 12, info: 16, size: 20 } as const;

function header(index: number, parent: number, handle = 0, info = 0): Uint8Array {
  const bytes = new Uint8Array(TCM.size);
  const view = new DataView(bytes.buffer);
  view.setInt32(TCM.ifindex, index, true);
  view.setUint32(TCM.handle, handle, true);
  view.setUint32(TCM.parent, parent, true);
  view.setUint32(TCM.info, info, true);
  return bytes;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset);

const qdisc = (
  index: number,
  call: string,
  type: number,
  flags: number,
  attempt: string,
): RouteRequest => ({
  call,
  attempt: `${attempt} interface ${index}`,
  type,
  flags,
  header: header(index, TC_H_CLSACT, CLSACT_HANDLE),
  attributes: [textAttribute(TCA_KIND, 'clsact')],
});

/** Adds the clsact qdisc to an interface. False when it has it already. */
export function addClsact(index: number): boolean {
  try {
    const flags = NLM_F.CREATE | NLM_F.EXCL;
    routeRequest(qdisc(index, 'RTM_NEWQDISC', RTM_NEWQDISC, flags, 'add the clsact qdisc to'));
    return true;
  } catch (error) {
    if (!(error instanceof SystemCallError) || error.code !== 'EEXIST') throw error;
    // An ingress qdisc sits in the same place.
    if (hasClsact(index)) return false;
    throw error;
  }
}

/** Removes the qdisc with all filters at it. */
export function deleteClsact(index: number): void {
  routeRequest(qdisc(index, 'RTM_DELQDISC', RTM_DELQDISC, 0, 'remove the clsact qdisc from'));
}

/** Whether an interface has the clsact qdisc. */
export const hasClsact = (index: number): boolean =>
  routeRequest({
    call: 'RTM_GETQDISC',
    attempt: `list the qdiscs of interface ${index}`,
    type: RTM_GETQDISC,
    flags: NLM_F.DUMP,
    header: header(index, 0),
    attributes: [],
  }).some(
    ({ type, payload }) =>
      type === RTM_NEWQDISC &&
      viewOf(payload).getInt32(TCM.ifindex, true) === index &&
      textOf(decodeAttributes(payload, TCM.size).get(TCA_KIND)) === 'clsact',
  );

/** A filter at a hook. */
export interface Filter {
  readonly direction: Direction;
  /** Lower ones run first. */
  readonly priority: number;
  readonly handle: number;
  /** Of its program, for BPF filters. Linux 4.10. */
  readonly progId: number | undefined;
  /** What tc shows, for BPF filters. */
  readonly name: string | undefined;
}

export interface FilterOptions {
  readonly index: number;
  readonly direction: Direction;
  readonly progFd: number;
  /** What tc shows. */
  readonly name: string;
  /** From 1 to 65535; without it the kernel takes one before all others. */
  readonly priority?: number | undefined;
  /** Of the filter among those of its priority; without it the kernel takes a free one. */
  readonly handle?: number | undefined;
  /** Whether to put the program in place of the one that has this priority and handle. */
  readonly replace?: boolean | undefined;
}

/** Adds a filter whose program decides itself (direct action). Throws EEXIST for one that is there already. */
export function setFilter(options: FilterOptions): Filter {
  const { index, direction, progFd, name, priority = 0, handle = 0, replace } = options;
  const [echo] = routeRequest({
    call: 'RTM_NEWTFILTER',
    attempt: `attach the program to ${direction} of interface ${index} as a filter`,
    type: RTM_NEWTFILTER,
    flags: NLM_F.CREATE | NLM_F.ECHO | (replace ? NLM_F.REPLACE : NLM_F.EXCL),
    header: header(index, PARENT[direction], handle, (priority << 16) | EVERY_PROTOCOL),
    attributes: [
      textAttribute(TCA_KIND, 'bpf'),
      nestedAttribute(
        TCA_OPTIONS,
        u32Attribute(TCA_BPF_FD, progFd),
        textAttribute(TCA_BPF_NAME, name),
        u32Attribute(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT),
      ),
    ],
  }).filter(({ type }) => type === RTM_NEWTFILTER);
  if (!echo) throw new Error(`the kernel did not say which filter it made on interface ${index}`);
  return readFilter(echo.payload, direction);
}

/** Removes a filter. False when it, its qdisc or its interface is gone. */
export function deleteFilter(index: number, { direction, priority, handle }: Filter): boolean {
  try {
    routeRequest({
      call: 'RTM_DELTFILTER',
      attempt: `detach the filter from ${direction} of interface ${index}`,
      type: RTM_DELTFILTER,
      flags: 0,
      header: header(index, PARENT[direction], handle, (priority << 16) | EVERY_PROTOCOL),
      attributes: [textAttribute(TCA_KIND, 'bpf')],
    });
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && GONE.has(error.code)) return false;
    throw error;
  }
}

/** The qdisc is missing (EINVAL), the filter, or the interface. */
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'EINVAL', 'ENODEV']);

/**
 * All filters at one hook of an interface, of any kind. The kernel lists what keeps the rules of a priority as one of
 * them, with the handle 0.
 */
export const filtersOf = (index: number, direction: Direction): Filter[] =>
  routeRequest({
    call: 'RTM_GETTFILTER',
    attempt: `list the filters at ${direction} of interface ${index}`,
    type: RTM_GETTFILTER,
    flags: NLM_F.DUMP,
    header: header(index, PARENT[direction]),
    attributes: [],
  })
    .filter(({ type }) => type === RTM_NEWTFILTER)
    .map(({ payload }) => readFilter(payload, direction));

function readFilter(payload: Uint8Array, direction: Direction): Filter {
  const view = viewOf(payload);
  const options = decodeAttributes(payload, TCM.size).get(TCA_OPTIONS);
  const bpf = options && decodeAttributes(options);
  return {
    direction,
    priority: view.getUint32(TCM.info, true) >>> 16,
    handle: view.getUint32(TCM.handle, true),
    progId: bpf && u32Of(bpf.get(TCA_BPF_ID)),
    name: bpf && textOf(bpf.get(TCA_BPF_NAME)),
  };
}
