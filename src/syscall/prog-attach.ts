/**
 * Attaching without a link, as kernels before BPF links did and as some hooks still need, and asking what is
 * attached. What is attached so stays when its process ends. Follows kernel/bpf/syscall.c, cgroup.c and mprog.c
 * (Linux 6.18).
 *
 *     progAttach({ target: cgroupFd, progFd, attachType: 8, flags: ATTACH_FLAG.BPF_F_ALLOW_MULTI });
 *     progQuery({ target: cgroupFd, attachType: 8 }).programs; // [{ id: 17, ... }]
 *     progDetach({ target: cgroupFd, progFd, attachType: 8 });
 * @module
 */

import { bpf, bpfError, bpfOrThrow } from './bpf.ts';
import { BPF_CMD, PROG_ATTACH_ATTR, PROG_QUERY_ATTR } from './bpf-attr.ts';
import { ERRNO } from './errno.ts';
import { clearAttr, putPointer, putU32, u32At, u64At } from './scratch.ts';

/** Flags of BPF_PROG_ATTACH and, from BPF_F_REPLACE on, of BPF_LINK_CREATE. */
// biome-ignore format: rows as in the kernel's header
export const ATTACH_FLAG = {
  BPF_F_ALLOW_OVERRIDE: 1 << 0,
  BPF_F_ALLOW_MULTI: 1 << 1,
  BPF_F_REPLACE: 1 << 2,
  BPF_F_BEFORE: 1 << 3,
  BPF_F_AFTER: 1 << 4,
  BPF_F_ID: 1 << 5,
  BPF_F_PREORDER: 1 << 6,
  BPF_F_LINK: 1 << 13,
} as const;

export interface ProgAttachOptions {
  /** A descriptor of a cgroup or map, the index of a network interface; 0 for this network namespace. */
  readonly target: number;
  readonly progFd: number;
  readonly attachType: number;
  readonly flags?: number | undefined;
  /** The program to replace, with BPF_F_REPLACE. */
  readonly replaceProgFd?: number | undefined;
  /** For errors: completes "cannot ...". */
  readonly attempt?: string | undefined;
}

/** BPF_PROG_ATTACH. */
export function progAttach(options: ProgAttachOptions): void {
  putAttach(options);
  const { attempt = 'attach the program' } = options;
  bpfOrThrow(BPF_CMD.BPF_PROG_ATTACH, PROG_ATTACH_ATTR.size, attempt, {
    needs: ['CAP_BPF', 'CAP_NET_ADMIN'],
  });
}

/** BPF_PROG_DETACH. False when the program is not attached there. */
export function progDetach(options: ProgAttachOptions): boolean {
  putAttach(options);
  const result = bpf(BPF_CMD.BPF_PROG_DETACH, PROG_ATTACH_ATTR.size);
  if (result >= 0) return true;
  if (result === -ERRNO.ENOENT[0]) return false;
  throw bpfError(BPF_CMD.BPF_PROG_DETACH, result, 'detach the program', {
    needs: ['CAP_BPF', 'CAP_NET_ADMIN'],
  });
}

function putAttach({ target, progFd, attachType, flags, replaceProgFd }: ProgAttachOptions): void {
  clearAttr(PROG_ATTACH_ATTR.size);
  putU32(PROG_ATTACH_ATTR.target_fd, target);
  putU32(PROG_ATTACH_ATTR.attach_bpf_fd, progFd);
  putU32(PROG_ATTACH_ATTR.attach_type, attachType);
  putU32(PROG_ATTACH_ATTR.attach_flags, flags ?? 0);
  putU32(PROG_ATTACH_ATTR.replace_bpf_fd, replaceProgFd ?? 0);
}

export interface ProgQueryOptions {
  /** As for {@link progAttach}; a descriptor of a network namespace, too. */
  readonly target: number;
  readonly attachType: number;
  /** For cgroups: also what is attached to those above it and runs here. */
  readonly effective?: boolean | undefined;
}

/** One program at a hook. */
export interface AttachedProgram {
  readonly id: number;
  /** Its link, for TCX and netkit; undefined without one, and where the kernel does not say. */
  readonly linkId: number | undefined;
}

export interface ProgQuery {
  /** In the order in which they run. */
  readonly programs: readonly AttachedProgram[];
  /** Bits of {@link ATTACH_FLAG}, of a cgroup. */
  readonly flags: number;
  /** Counts the changes, for TCX, netkit and, since Linux 6.17, cgroups; 0 elsewhere. */
  readonly revision: bigint;
}

const BPF_F_QUERY_EFFECTIVE = 1;
const FIRST_ROOM = 64;

/** BPF_PROG_QUERY: the programs at a hook. Linux 4.15. */
export function progQuery(options: ProgQueryOptions): ProgQuery {
  let withLinks = true;
  for (let room = FIRST_ROOM; ; ) {
    const programs = new Uint32Array(room);
    const links = new Uint32Array(room);
    clearAttr(PROG_QUERY_ATTR.size);
    putU32(PROG_QUERY_ATTR.target_fd, options.target);
    putU32(PROG_QUERY_ATTR.attach_type, options.attachType);
    putU32(PROG_QUERY_ATTR.query_flags, options.effective ? BPF_F_QUERY_EFFECTIVE : 0);
    putPointer(PROG_QUERY_ATTR.prog_ids, programs);
    putU32(PROG_QUERY_ATTR.prog_cnt, room);
    if (withLinks) putPointer(PROG_QUERY_ATTR.link_ids, links);
    const result = bpf(BPF_CMD.BPF_PROG_QUERY, PROG_QUERY_ATTR.size);
    const count = u32At(PROG_QUERY_ATTR.prog_cnt);
    if (result === -ERRNO.ENOSPC[0] && count > room) {
      room = count;
    } else if (withLinks && UNKNOWN_FIELD.includes(-result)) {
      // Before Linux 6.6 the attribute ended before the links.
      withLinks = false;
    } else if (result < 0) {
      throw bpfError(BPF_CMD.BPF_PROG_QUERY, result, 'ask what is attached', {
        needs: ['CAP_NET_ADMIN'],
      });
    } else {
      return {
        programs: Array.from(programs.subarray(0, Math.min(count, room)), (id, i) => ({
          id,
          linkId: links[i] || undefined,
        })),
        flags: u32At(PROG_QUERY_ATTR.attach_flags),
        revision: u64At(PROG_QUERY_ATTR.revision),
      };
    }
  }
}

const UNKNOWN_FIELD: readonly number[] = [ERRNO.EINVAL[0], ERRNO.E2BIG[0]];
