/**
 * The commands of bpf(2) for many elements of a map at once: 170 ns per element, where a walk from key to
 * key costs 2000. Hash tables and arrays have them since Linux 5.6, per-CPU ones since 5.14 and later.
 *
 * Follows generic_map_*_batch in kernel/bpf/syscall.c and __htab_map_lookup_and_delete_batch in hashtab.c.
 * @module
 */

import { bpf, bpfError } from './bpf.ts';
import { BPF_CMD, MAP_BATCH_ATTR } from './bpf-attr.ts';
import { ERRNO } from './errno.ts';
import { clearAttr, putPointer, putU32, putU64, u32At } from './scratch.ts';

export interface BatchRead {
  /** Where the last batch ended: its `next`; `undefined` to begin. */
  readonly from?: Uint8Array | undefined;
  /** Filled with where this batch ends; as long as a key, and at least 4 bytes. */
  readonly next: Uint8Array;
  /** Room for `count` keys. */
  readonly keys: Uint8Array;
  /** Room for `count` values; see map.ts for the size of a per-CPU value. */
  readonly values: Uint8Array;
  readonly count: number;
  readonly elemFlags?: number | undefined;
}

export interface BatchResult {
  /** How many elements were read. */
  readonly count: number;
  /** Nothing comes after them. */
  readonly done: boolean;
}

/**
 * BPF_MAP_LOOKUP_BATCH. A hash table yields whole buckets: ENOSPC says that one has more elements than
 * `count`; nothing is lost by trying again with more room.
 */
export function mapLookupBatch(fd: number, batch: BatchRead): BatchResult {
  return readBatch(BPF_CMD.BPF_MAP_LOOKUP_BATCH, 'look up a batch in the map', fd, batch);
}

/** BPF_MAP_LOOKUP_AND_DELETE_BATCH: as {@link mapLookupBatch}, and takes the elements out. */
export function mapLookupAndDeleteBatch(fd: number, batch: BatchRead): BatchResult {
  return readBatch(
    BPF_CMD.BPF_MAP_LOOKUP_AND_DELETE_BATCH,
    'take a batch out of the map',
    fd,
    batch,
  );
}

/** BPF_MAP_UPDATE_BATCH. If it fails in the middle, the error's `count` says how many were stored. */
export function mapUpdateBatch(
  fd: number,
  keys: Uint8Array,
  values: Uint8Array,
  count: number,
  elemFlags = 0,
): void {
  writeBatch(fd, keys, values, count, elemFlags);
  const result = bpf(BPF_CMD.BPF_MAP_UPDATE_BATCH, MAP_BATCH_ATTR.size);
  if (result >= 0) return;
  throw batchError(BPF_CMD.BPF_MAP_UPDATE_BATCH, result, 'update a batch of the map', count);
}

/**
 * BPF_MAP_DELETE_BATCH: how many were deleted. Fewer than `count` when a key was not there: it is the one
 * at that index, and those after it were not tried.
 */
export function mapDeleteBatch(fd: number, keys: Uint8Array, count: number): number {
  writeBatch(fd, keys, undefined, count, 0);
  const result = bpf(BPF_CMD.BPF_MAP_DELETE_BATCH, MAP_BATCH_ATTR.size);
  if (result >= 0 || result === -ERRNO.ENOENT[0]) return u32At(MAP_BATCH_ATTR.count);
  throw batchError(BPF_CMD.BPF_MAP_DELETE_BATCH, result, 'delete a batch of the map', count);
}

function readBatch(
  command: number,
  attempt: string,
  fd: number,
  { from, next, keys, values, count, elemFlags = 0 }: BatchRead,
): BatchResult {
  writeBatch(fd, keys, values, count, elemFlags);
  putPointer(MAP_BATCH_ATTR.in_batch, from);
  putPointer(MAP_BATCH_ATTR.out_batch, next);
  const result = bpf(command, MAP_BATCH_ATTR.size);
  if (result >= 0) return { count: u32At(MAP_BATCH_ATTR.count), done: false };
  // The end of the map, usually together with its last elements.
  if (result === -ERRNO.ENOENT[0]) return { count: u32At(MAP_BATCH_ATTR.count), done: true };
  throw batchError(command, result, attempt, count);
}

function writeBatch(
  fd: number,
  keys: Uint8Array,
  values: Uint8Array | undefined,
  count: number,
  elemFlags: number,
): void {
  clearAttr(MAP_BATCH_ATTR.size);
  putPointer(MAP_BATCH_ATTR.keys, keys);
  putPointer(MAP_BATCH_ATTR.values, values);
  putU32(MAP_BATCH_ATTR.count, count);
  putU32(MAP_BATCH_ATTR.map_fd, fd);
  putU64(MAP_BATCH_ATTR.elem_flags, elemFlags);
}

function batchError(command: number, result: number, attempt: string, asked: number) {
  // Calls that fail before the first element leave the number that was asked for.
  const processed = u32At(MAP_BATCH_ATTR.count);
  return bpfError(command, result, attempt, { count: processed === asked ? 0 : processed });
}
