/**
 * BPF_OBJ_GET_INFO_BY_FD for links: which program is attached where.
 * Follows `struct bpf_link_info` in include/uapi/linux/bpf.h and the fill_link_info functions of
 * kernel/bpf/syscall.c (Linux 6.18).
 * @module
 */

import { infoU32, infoU64, pointTo, readInfo, setInfoU32 } from './info.ts';
import { LINK_INFO } from './info-fields.ts';
import { cString } from './scratch.ts';
import { BPF_LINK_TYPE } from './types.ts';

/** What a link of each type says; `kind` names the type, in the kernel's words. */
export type LinkTarget =
  | { readonly kind: 'raw_tracepoint'; readonly name: string; readonly cookie: bigint }
  | {
      readonly kind: 'tracing';
      readonly attachType: number;
      /** The program that is traced or extended, or the BTF object of the kernel or a module. */
      readonly targetObjId: number;
      readonly targetBtfId: number;
      readonly cookie: bigint;
    }
  | { readonly kind: 'cgroup'; readonly cgroupId: bigint; readonly attachType: number }
  | { readonly kind: 'iter'; readonly name: string; readonly mapId: number }
  | { readonly kind: 'netns'; readonly inode: number; readonly attachType: number }
  | { readonly kind: 'xdp'; readonly ifindex: number }
  | { readonly kind: 'struct_ops'; readonly mapId: number }
  | {
      readonly kind: 'netfilter';
      readonly family: number;
      readonly hook: number;
      readonly priority: number;
      readonly flags: number;
    }
  | {
      readonly kind: 'kprobe_multi';
      readonly count: number;
      readonly flags: number;
      readonly missed: bigint;
      /** Of the functions; 0 where the kernel hides addresses. */
      readonly addresses: readonly bigint[];
      /** One for each function, all 0 where none were given. */
      readonly cookies: readonly bigint[];
    }
  | {
      readonly kind: 'uprobe_multi';
      readonly path: string;
      readonly count: number;
      readonly flags: number;
      readonly pid: number;
      /** Bytes into the file. */
      readonly offsets: readonly bigint[];
      readonly cookies: readonly bigint[];
    }
  | {
      readonly kind: 'uprobe';
      readonly name: string;
      readonly offset: number;
      readonly isReturn: boolean;
      readonly cookie: bigint;
    }
  | {
      readonly kind: 'kprobe';
      readonly name: string;
      readonly offset: number;
      readonly isReturn: boolean;
      readonly address: bigint;
      readonly missed: bigint;
      readonly cookie: bigint;
    }
  | { readonly kind: 'tracepoint'; readonly name: string; readonly cookie: bigint }
  | {
      readonly kind: 'event';
      readonly type: number;
      readonly config: bigint;
      readonly cookie: bigint;
    }
  | { readonly kind: 'tcx' | 'netkit'; readonly ifindex: number; readonly attachType: number }
  | { readonly kind: 'sockmap'; readonly mapId: number; readonly attachType: number };

export interface LinkInfo {
  /** One of {@link BPF_LINK_TYPE}. */
  readonly type: number;
  readonly id: number;
  readonly progId: number;
  /** Where it is attached; `undefined` for a type that beespoke or the kernel cannot describe. */
  readonly target: LinkTarget | undefined;
}

export function linkInfo(fd: number): LinkInfo {
  const filled = readInfo(fd, LINK_INFO.size, 'link');
  const type = infoU32(LINK_INFO.type);
  const link = { type, id: infoU32(LINK_INFO.id), progId: infoU32(LINK_INFO.prog_id) };
  const multi = MULTI[type];
  if (multi) return { ...link, target: multiTarget(fd, multi, filled) };
  const name = readName(fd, type);
  return { ...link, target: linkTarget(type, name) };
}

/** Where the links to many places have what they say of each. */
const MULTI: Readonly<
  Record<number, typeof LINK_INFO.kprobe_multi | typeof LINK_INFO.uprobe_multi>
> = {
  [BPF_LINK_TYPE.BPF_LINK_TYPE_KPROBE_MULTI]: LINK_INFO.kprobe_multi,
  [BPF_LINK_TYPE.BPF_LINK_TYPE_UPROBE_MULTI]: LINK_INFO.uprobe_multi,
};

/** Asks again, now with room for all places. Kernels before 6.6 and 6.8 do not tell of them: there are none then. */
function multiTarget(
  fd: number,
  at: typeof LINK_INFO.kprobe_multi | typeof LINK_INFO.uprobe_multi,
  filled: number,
): LinkTarget {
  // What it does not know it refuses to be asked.
  const isTold = filled >= ('path' in at ? LINK_INFO.size : at.cookies + 8);
  const count = infoU32(at.count);
  const places = new BigUint64Array(isTold ? count : 0);
  const cookies = new BigUint64Array(places.length);
  const path = new Uint8Array(4096); // PATH_MAX
  readInfo(fd, LINK_INFO.size, 'link', () => {
    if (places.length > 0) {
      setInfoU32(at.count, count);
      pointTo('addrs' in at ? at.addrs : at.offsets, new Uint8Array(places.buffer));
      pointTo(at.cookies, new Uint8Array(cookies.buffer));
    }
    if (!('path' in at) || !isTold) return;
    pointTo(at.path, path);
    setInfoU32(at.path_size, path.length);
  });
  const flags = infoU32(at.flags);
  if (!('path' in at)) {
    const missed = infoU64(at.missed);
    return {
      kind: 'kprobe_multi',
      count,
      flags,
      missed,
      addresses: [...places],
      cookies: [...cookies],
    };
  }
  return {
    kind: 'uprobe_multi',
    path: cString(path),
    count,
    flags,
    pid: infoU32(at.pid),
    offsets: [...places],
    cookies: [...cookies],
  };
}

/** For types with a name, asks again, now with room for it: its place depends on the type. */
function readName(fd: number, type: number): string {
  const place = namePlace(type);
  if (!place) return '';
  const name = new Uint8Array(4096); // PATH_MAX
  readInfo(fd, LINK_INFO.size, 'link', () => {
    pointTo(place.pointer, name);
    setInfoU32(place.length, name.length);
  });
  return cString(name);
}

function namePlace(type: number): { pointer: number; length: number } | undefined {
  switch (type) {
    case BPF_LINK_TYPE.BPF_LINK_TYPE_RAW_TRACEPOINT:
    case BPF_LINK_TYPE.BPF_LINK_TYPE_ITER:
      return { pointer: LINK_INFO.iter.target_name, length: LINK_INFO.iter.target_name_len };
    case BPF_LINK_TYPE.BPF_LINK_TYPE_PERF_EVENT: {
      // A plain event has no name, its `config` is where the pointer of the others is. Kernels before 6.6
      // say nothing.
      const kind = infoU32(LINK_INFO.perf_event.type);
      if (kind === PERF_EVENT_UNSPEC || kind === PERF_EVENT_EVENT) return undefined;
      const { tp_name, name_len } = LINK_INFO.perf_event.tracepoint;
      return { pointer: tp_name, length: name_len };
    }
    default:
      return undefined;
  }
}

/** enum bpf_perf_event_type */
const PERF_EVENT_UNSPEC = 0;
const PERF_EVENT_UPROBE = 1;
const PERF_EVENT_URETPROBE = 2;
const PERF_EVENT_KPROBE = 3;
const PERF_EVENT_KRETPROBE = 4;
const PERF_EVENT_TRACEPOINT = 5;
const PERF_EVENT_EVENT = 6;

function linkTarget(type: number, name: string): LinkTarget | undefined {
  switch (type) {
    case BPF_LINK_TYPE.BPF_LINK_TYPE_RAW_TRACEPOINT:
      return { kind: 'raw_tracepoint', name, cookie: infoU64(LINK_INFO.raw_tracepoint.cookie) };
    case BPF_LINK_TYPE.BPF_LINK_TYPE_TRACING: {
      const at = LINK_INFO.tracing;
      return {
        kind: 'tracing',
        attachType: infoU32(at.attach_type),
        targetObjId: infoU32(at.target_obj_id),
        targetBtfId: infoU32(at.target_btf_id),
        cookie: infoU64(at.cookie),
      };
    }
    case BPF_LINK_TYPE.BPF_LINK_TYPE_CGROUP: {
      const at = LINK_INFO.cgroup;
      return {
        kind: 'cgroup',
        cgroupId: infoU64(at.cgroup_id),
        attachType: infoU32(at.attach_type),
      };
    }
    case BPF_LINK_TYPE.BPF_LINK_TYPE_ITER:
      return { kind: 'iter', name, mapId: infoU32(LINK_INFO.iter.map.map_id) };
    case BPF_LINK_TYPE.BPF_LINK_TYPE_NETNS: {
      const at = LINK_INFO.netns;
      return { kind: 'netns', inode: infoU32(at.netns_ino), attachType: infoU32(at.attach_type) };
    }
    case BPF_LINK_TYPE.BPF_LINK_TYPE_XDP:
      return { kind: 'xdp', ifindex: infoU32(LINK_INFO.xdp.ifindex) };
    case BPF_LINK_TYPE.BPF_LINK_TYPE_PERF_EVENT:
      return perfEventTarget(name);
    case BPF_LINK_TYPE.BPF_LINK_TYPE_STRUCT_OPS:
      return { kind: 'struct_ops', mapId: infoU32(LINK_INFO.struct_ops.map_id) };
    case BPF_LINK_TYPE.BPF_LINK_TYPE_NETFILTER: {
      const at = LINK_INFO.netfilter;
      return {
        kind: 'netfilter',
        family: infoU32(at.pf),
        hook: infoU32(at.hooknum),
        priority: infoU32(at.priority) | 0,
        flags: infoU32(at.flags),
      };
    }
    case BPF_LINK_TYPE.BPF_LINK_TYPE_TCX:
    case BPF_LINK_TYPE.BPF_LINK_TYPE_NETKIT: {
      const at = LINK_INFO.tcx;
      const kind = type === BPF_LINK_TYPE.BPF_LINK_TYPE_TCX ? 'tcx' : 'netkit';
      return { kind, ifindex: infoU32(at.ifindex), attachType: infoU32(at.attach_type) };
    }
    case BPF_LINK_TYPE.BPF_LINK_TYPE_SOCKMAP: {
      const at = LINK_INFO.sockmap;
      return { kind: 'sockmap', mapId: infoU32(at.map_id), attachType: infoU32(at.attach_type) };
    }
    default:
      return undefined;
  }
}

function perfEventTarget(name: string): LinkTarget | undefined {
  const { type, uprobe, kprobe, tracepoint, event } = LINK_INFO.perf_event;
  const kind = infoU32(type);
  switch (kind) {
    case PERF_EVENT_UPROBE:
    case PERF_EVENT_URETPROBE:
      return {
        kind: 'uprobe',
        name,
        offset: infoU32(uprobe.offset),
        isReturn: kind === PERF_EVENT_URETPROBE,
        cookie: infoU64(uprobe.cookie),
      };
    case PERF_EVENT_KPROBE:
    case PERF_EVENT_KRETPROBE:
      return {
        kind: 'kprobe',
        name,
        offset: infoU32(kprobe.offset),
        isReturn: kind === PERF_EVENT_KRETPROBE,
        address: infoU64(kprobe.addr),
        missed: infoU64(kprobe.missed),
        cookie: infoU64(kprobe.cookie),
      };
    case PERF_EVENT_TRACEPOINT:
      return { kind: 'tracepoint', name, cookie: infoU64(tracepoint.cookie) };
    case PERF_EVENT_EVENT:
      return {
        kind: 'event',
        type: infoU32(event.type),
        config: infoU64(event.config),
        cookie: infoU64(event.cookie),
      };
    default:
      return undefined;
  }
}
