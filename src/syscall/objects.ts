/**
 * The commands of bpf(2) that find objects: by id, by path in a BPF file system, and by a descriptor of
 * another process.
 *
 *     for (const id of ids('prog')) { const fd = fdById('prog', id); ... }
 * @module
 */

import { bpf, bpfError, bpfOrThrow } from './bpf.ts';
import { BPF_CMD, GET_ID_ATTR, OBJ_ATTR, TASK_FD_QUERY_ATTR } from './bpf-attr.ts';
import { ERRNO } from './errno.ts';
import { clearAttr, cString, putPointer, putText, putU32, u32At, u64At } from './scratch.ts';

export type ObjectKind = 'prog' | 'map' | 'btf' | 'link';

const NEXT_ID = {
  prog: BPF_CMD.BPF_PROG_GET_NEXT_ID,
  map: BPF_CMD.BPF_MAP_GET_NEXT_ID,
  btf: BPF_CMD.BPF_BTF_GET_NEXT_ID,
  link: BPF_CMD.BPF_LINK_GET_NEXT_ID,
} as const;

const FD_BY_ID = {
  prog: BPF_CMD.BPF_PROG_GET_FD_BY_ID,
  map: BPF_CMD.BPF_MAP_GET_FD_BY_ID,
  btf: BPF_CMD.BPF_BTF_GET_FD_BY_ID,
  link: BPF_CMD.BPF_LINK_GET_FD_BY_ID,
} as const;

const NAMES = { prog: 'program', map: 'map', btf: 'BTF object', link: 'link' } as const;

/** BPF_*_GET_NEXT_ID: the smallest id that is greater; `undefined` after the last. */
export function nextId(kind: ObjectKind, id: number): number | undefined {
  clearAttr(GET_ID_ATTR.size);
  putU32(GET_ID_ATTR.start_id, id);
  const result = bpf(NEXT_ID[kind], GET_ID_ATTR.size);
  if (result >= 0) return u32At(GET_ID_ATTR.next_id);
  if (result === -ERRNO.ENOENT[0]) return undefined;
  throw bpfError(NEXT_ID[kind], result, `list the ${NAMES[kind]}s`, { needs: ['CAP_SYS_ADMIN'] });
}

/** All ids, in ascending order, as of the moment each is reached. */
export function* ids(kind: ObjectKind): Generator<number, void, undefined> {
  for (let id = nextId(kind, 0); id !== undefined; id = nextId(kind, id)) yield id;
}

/** BPF_*_GET_FD_BY_ID: a descriptor; `undefined` if it has ended. */
export function fdById(kind: ObjectKind, id: number): number | undefined {
  clearAttr(GET_ID_ATTR.size);
  putU32(GET_ID_ATTR.prog_id, id);
  const result = bpf(FD_BY_ID[kind], GET_ID_ATTR.size);
  if (result >= 0) return result;
  if (result === -ERRNO.ENOENT[0]) return undefined;
  throw bpfError(FD_BY_ID[kind], result, `open the ${NAMES[kind]} ${id}`, {
    needs: ['CAP_SYS_ADMIN'],
  });
}

/** BPF_OBJ_PIN: keeps an object alive under a path in a BPF file system. */
export function objPin(fd: number, path: string): void {
  clearAttr(OBJ_ATTR.size);
  putText(OBJ_ATTR.pathname, path);
  putU32(OBJ_ATTR.bpf_fd, fd);
  bpfOrThrow(BPF_CMD.BPF_OBJ_PIN, OBJ_ATTR.size, `pin to ${path}`);
}

/** BPF_OBJ_GET: opens what is pinned there; `flags` can be BPF_F_RDONLY (8) or BPF_F_WRONLY (16). */
export function objGet(path: string, flags = 0): number {
  clearAttr(OBJ_ATTR.size);
  putText(OBJ_ATTR.pathname, path);
  putU32(OBJ_ATTR.file_flags, flags);
  return bpfOrThrow(BPF_CMD.BPF_OBJ_GET, OBJ_ATTR.size, `open what is pinned at ${path}`);
}

/** enum bpf_task_fd_type, in its order. */
const FD_TYPES = [
  'raw_tracepoint',
  'tracepoint',
  'kprobe',
  'kretprobe',
  'uprobe',
  'uretprobe',
] as const;

export interface TaskFd {
  readonly progId: number;
  readonly type: (typeof FD_TYPES)[number] | undefined;
  /** The tracepoint, the function or the file. */
  readonly name: string;
  readonly offset: bigint;
  readonly address: bigint;
}

/** BPF_TASK_FD_QUERY: which program a perf event or raw tracepoint of a process runs; else `undefined`. */
export function taskFdQuery(pid: number, fd: number): TaskFd | undefined {
  const name = new Uint8Array(4096);
  clearAttr(TASK_FD_QUERY_ATTR.size);
  putU32(TASK_FD_QUERY_ATTR.pid, pid);
  putU32(TASK_FD_QUERY_ATTR.fd, fd);
  putU32(TASK_FD_QUERY_ATTR.buf_len, name.length);
  putPointer(TASK_FD_QUERY_ATTR.buf, name);
  const result = bpf(BPF_CMD.BPF_TASK_FD_QUERY, TASK_FD_QUERY_ATTR.size);
  if (result === -ERRNO.ENOTSUPP[0] || result === -ERRNO.ENOENT[0]) return undefined;
  if (result < 0) {
    throw bpfError(
      BPF_CMD.BPF_TASK_FD_QUERY,
      result,
      `ask for descriptor ${fd} of process ${pid}`,
      {
        needs: ['CAP_SYS_ADMIN'],
      },
    );
  }
  return {
    progId: u32At(TASK_FD_QUERY_ATTR.prog_id),
    type: FD_TYPES[u32At(TASK_FD_QUERY_ATTR.fd_type)],
    name: cString(name),
    offset: u64At(TASK_FD_QUERY_ATTR.probe_offset),
    address: u64At(TASK_FD_QUERY_ATTR.probe_addr),
  };
}
