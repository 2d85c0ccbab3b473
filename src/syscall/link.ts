/**
 * The commands of bpf(2) that attach programs. A link lives until its last descriptor is closed, unless it
 * is pinned.
 *
 *     linkCreate({ progFd, target: perfFd, attachType: BPF_PERF_EVENT, extra: { kind: 'perf_event', cookie: 7n } });
 * @module
 */

import { bpf, bpfError, bpfOrThrow } from './bpf.ts';
import {
  BPF_CMD,
  ITER_CREATE_ATTR,
  LINK_CREATE_ATTR,
  LINK_DETACH_ATTR,
  LINK_UPDATE_ATTR,
  RAW_TRACEPOINT_ATTR,
} from './bpf-attr.ts';
import { clearAttr, keepAlive, putPointer, putText, putU32, putU64 } from './scratch.ts';

/** What a kind of link has of its own: the members of the union in `link_create`. */
export type LinkExtra =
  | { readonly kind: 'perf_event'; readonly cookie?: bigint | number | undefined }
  | {
      readonly kind: 'tracing';
      readonly targetBtfId?: number | undefined;
      readonly cookie?: bigint | number | undefined;
    }
  /** union bpf_iter_link_info, as bytes. */
  | { readonly kind: 'iter'; readonly info: Uint8Array }
  /** Functions by name (C strings are made of them) or by address. */
  | {
      readonly kind: 'kprobe_multi';
      readonly flags?: number | undefined;
      readonly symbols?: readonly string[] | undefined;
      readonly addresses?: BigUint64Array | undefined;
      readonly cookies?: BigUint64Array | undefined;
    }
  | {
      readonly kind: 'uprobe_multi';
      readonly path: string;
      readonly offsets: BigUint64Array;
      readonly refCtrOffsets?: BigUint64Array | undefined;
      readonly cookies?: BigUint64Array | undefined;
      readonly flags?: number | undefined;
      readonly pid?: number | undefined;
    }
  /** Functions by their ids in the kernel's BTF. */
  | {
      readonly kind: 'tracing_multi';
      readonly ids: Uint32Array;
      readonly cookies?: BigUint64Array | undefined;
    }
  | {
      readonly kind: 'netfilter';
      readonly family: number;
      readonly hook: number;
      readonly priority: number;
      readonly flags?: number | undefined;
    }
  /** Where among the others; `relative` is a descriptor, or an id with BPF_F_ID. */
  | {
      readonly kind: 'tcx' | 'netkit' | 'cgroup';
      readonly relative?: number | undefined;
      readonly expectedRevision?: bigint | number | undefined;
    };

export interface LinkCreateOptions {
  /** The program, or a struct_ops map. */
  readonly progFd: number;
  /** The perf event, cgroup or network namespace; the index of a network interface; 0 for none. */
  readonly target?: number | undefined;
  readonly attachType: number;
  readonly flags?: number | undefined;
  readonly extra?: LinkExtra | undefined;
  /** For errors: completes "cannot ...". */
  readonly attempt?: string | undefined;
}

/** BPF_LINK_CREATE: the descriptor of a new link. */
export function linkCreate({
  progFd,
  target = 0,
  attachType,
  flags = 0,
  extra,
  attempt = 'attach the program',
}: LinkCreateOptions) {
  clearAttr(LINK_CREATE_ATTR.size);
  putU32(LINK_CREATE_ATTR.prog_fd, progFd);
  putU32(LINK_CREATE_ATTR.target_fd, target);
  putU32(LINK_CREATE_ATTR.attach_type, attachType);
  putU32(LINK_CREATE_ATTR.flags, flags);
  if (extra) putExtra(extra);
  return bpfOrThrow(BPF_CMD.BPF_LINK_CREATE, LINK_CREATE_ATTR.size, attempt, {
    needs: ['CAP_BPF', TRACING.has(attachType) ? 'CAP_PERFMON' : 'CAP_NET_ADMIN'],
  });
}

/** Of `enum bpf_attach_type`: BPF_TRACE_RAW_TP to BPF_TRACE_ITER, perf events, multi-probes, sessions. */
const TRACING: ReadonlySet<number> = /* @__PURE__ */ new Set([
  23, 24, 25, 26, 27, 28, 41, 42, 48, 56, 57, 58, 59, 60, 61,
]);

function putExtra(extra: LinkExtra): void {
  switch (extra.kind) {
    case 'perf_event':
      putU64(LINK_CREATE_ATTR.perf_event.bpf_cookie, extra.cookie ?? 0);
      break;
    case 'tracing':
      putU32(LINK_CREATE_ATTR.tracing.target_btf_id, extra.targetBtfId ?? 0);
      putU64(LINK_CREATE_ATTR.tracing.cookie, extra.cookie ?? 0);
      break;
    case 'iter':
      putPointer(LINK_CREATE_ATTR.iter_info, extra.info);
      putU32(LINK_CREATE_ATTR.iter_info_len, extra.info.byteLength);
      break;
    case 'kprobe_multi': {
      const at = LINK_CREATE_ATTR.kprobe_multi;
      const { symbols, addresses, cookies } = extra;
      putU32(at.flags, extra.flags ?? 0);
      putU32(at.cnt, symbols?.length ?? addresses?.length ?? 0);
      putPointer(at.syms, symbols && textPointers(symbols));
      putPointer(at.addrs, addresses);
      putPointer(at.cookies, cookies);
      break;
    }
    case 'uprobe_multi': {
      const at = LINK_CREATE_ATTR.uprobe_multi;
      putText(at.path, extra.path);
      putPointer(at.offsets, extra.offsets);
      putPointer(at.ref_ctr_offsets, extra.refCtrOffsets);
      putPointer(at.cookies, extra.cookies);
      putU32(at.cnt, extra.offsets.length);
      putU32(at.flags, extra.flags ?? 0);
      putU32(at.pid, extra.pid ?? 0);
      break;
    }
    case 'tracing_multi': {
      const at = LINK_CREATE_ATTR.tracing_multi;
      putPointer(at.ids, extra.ids);
      putPointer(at.cookies, extra.cookies);
      putU32(at.cnt, extra.ids.length);
      break;
    }
    case 'netfilter': {
      const at = LINK_CREATE_ATTR.netfilter;
      putU32(at.pf, extra.family);
      putU32(at.hooknum, extra.hook);
      putU32(at.priority, extra.priority);
      putU32(at.flags, extra.flags ?? 0);
      break;
    }
    default: {
      const at = LINK_CREATE_ATTR.tcx; // netkit and cgroup have the same members in the same places
      putU32(at.relative_fd, extra.relative ?? 0);
      putU64(at.expected_revision, extra.expectedRevision ?? 0);
    }
  }
}

/** An array of pointers to C strings, which lie in one buffer. */
function textPointers(texts: readonly string[]): BigUint64Array {
  const encoded = new TextEncoder().encode(`${texts.join('\0')}\0`);
  const base = BigInt(keepAlive(encoded));
  const pointers = new BigUint64Array(texts.length);
  let offset = 0;
  for (let i = 0; i < texts.length; i++) {
    pointers[i] = base + BigInt(offset);
    offset = encoded.indexOf(0, offset) + 1;
  }
  return pointers;
}

/**
 * BPF_RAW_TRACEPOINT_OPEN: attaches to a raw tracepoint by its name; to what a tracing program was loaded
 * for without one.
 */
export function rawTracepointOpen(
  progFd: number,
  name?: string,
  cookie: bigint | number = 0,
): number {
  clearAttr(RAW_TRACEPOINT_ATTR.size);
  putText(RAW_TRACEPOINT_ATTR.name, name);
  putU32(RAW_TRACEPOINT_ATTR.prog_fd, progFd);
  putU64(RAW_TRACEPOINT_ATTR.cookie, cookie);
  const result = bpf(BPF_CMD.BPF_RAW_TRACEPOINT_OPEN, RAW_TRACEPOINT_ATTR.size);
  if (result >= 0) return result;
  const attempt = name ? `attach to the raw tracepoint '${name}'` : 'attach the tracing program';
  throw bpfError(BPF_CMD.BPF_RAW_TRACEPOINT_OPEN, result, attempt, {
    needs: ['CAP_BPF', 'CAP_PERFMON'],
  });
}

/** BPF_LINK_UPDATE: puts another program into a link, only in place of `oldProgFd` if that is given. */
export function linkUpdate(linkFd: number, newProgFd: number, oldProgFd?: number): void {
  clearAttr(LINK_UPDATE_ATTR.size);
  putU32(LINK_UPDATE_ATTR.link_fd, linkFd);
  putU32(LINK_UPDATE_ATTR.new_prog_fd, newProgFd);
  putU32(LINK_UPDATE_ATTR.flags, oldProgFd === undefined ? 0 : BPF_F_REPLACE);
  putU32(LINK_UPDATE_ATTR.old_prog_fd, oldProgFd ?? 0);
  bpfOrThrow(BPF_CMD.BPF_LINK_UPDATE, LINK_UPDATE_ATTR.size, 'replace the program of the link');
}

const BPF_F_REPLACE = 4;

/** BPF_LINK_DETACH: detaches although others may hold the link. Only some types of link can. */
export function linkDetach(linkFd: number): void {
  clearAttr(LINK_DETACH_ATTR.size);
  putU32(LINK_DETACH_ATTR.link_fd, linkFd);
  bpfOrThrow(BPF_CMD.BPF_LINK_DETACH, LINK_DETACH_ATTR.size, 'detach the link');
}

/** BPF_ITER_CREATE: the descriptor of a file whose content an iterator program writes. */
export function iterCreate(linkFd: number): number {
  clearAttr(ITER_CREATE_ATTR.size);
  putU32(ITER_CREATE_ATTR.link_fd, linkFd);
  return bpfOrThrow(BPF_CMD.BPF_ITER_CREATE, ITER_CREATE_ATTR.size, 'open the iterator');
}
