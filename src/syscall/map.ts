/**
 * The commands of bpf(2) for maps: create, and one element at a time (batches are in map-batch.ts).
 *
 * A key has the map's key size and a value its value size, rounded up to 8 bytes and repeated for each
 * possible CPU in a per-CPU map: the kernel copies that many, whatever the length of the arrays passed.
 * Keys of length 0 stand for none (queues, stacks, bloom filters).
 *
 *     const fd = mapCreate({ type: BPF_MAP_TYPE.BPF_MAP_TYPE_HASH, keySize: 4, valueSize: 8, maxEntries: 64 });
 *     mapUpdate(fd, key, value);
 *     mapLookup(fd, key, value); // true, and value is filled
 * @module
 */

import { bpf, bpfError, bpfOrThrow } from './bpf.ts';
import { BPF_CMD, MAP_CREATE_ATTR, MAP_ELEM_ATTR } from './bpf-attr.ts';
import { needsOfMap } from './capability-needs.ts';
import { ERRNO } from './errno.ts';
import {
  clearAttr,
  DATA_OFFSET,
  MAX_PLACED,
  placeBytes,
  placeOutput,
  putFour,
  putName,
  putU32,
  putU64,
  takeBytes,
} from './scratch.ts';
import { withToken } from './token.ts';
import { BPF_ELEM_FLAG, BPF_MAP_TYPE, typeName } from './types.ts';

export interface MapCreateOptions {
  /** One of {@link BPF_MAP_TYPE}. */
  readonly type: number;
  readonly keySize?: number;
  readonly valueSize?: number;
  readonly maxEntries?: number;
  /** BPF_F_* for BPF_MAP_CREATE. */
  readonly flags?: number | undefined;
  readonly innerMapFd?: number | undefined;
  readonly numaNode?: number | undefined;
  /** At most 15 letters, digits, `_` and `.`. */
  readonly name?: string | undefined;
  readonly btfFd?: number | undefined;
  readonly btfKeyTypeId?: number | undefined;
  readonly btfValueTypeId?: number | undefined;
  readonly btfVmlinuxValueTypeId?: number | undefined;
  /** The BTF object of a module that btfVmlinuxValueTypeId is in (with BPF_F_VTYPE_BTF_OBJ_FD). */
  readonly valueTypeBtfObjFd?: number | undefined;
  /** Hash functions of a bloom filter; address of an arena. */
  readonly extra?: bigint | number | undefined;
  /** From {@link tokenCreate}, to create it with rights that a token gives. */
  readonly tokenFd?: number | undefined;
}

/** BPF_MAP_CREATE: the descriptor of a new map. */
export function mapCreate(options: MapCreateOptions): number {
  const { type, name = '', flags = 0, tokenFd } = options;
  clearAttr(MAP_CREATE_ATTR.size);
  putU32(MAP_CREATE_ATTR.map_type, type);
  putU32(MAP_CREATE_ATTR.key_size, options.keySize ?? 0);
  putU32(MAP_CREATE_ATTR.value_size, options.valueSize ?? 0);
  putU32(MAP_CREATE_ATTR.max_entries, options.maxEntries ?? 0);
  putU32(MAP_CREATE_ATTR.map_flags, withToken(flags, tokenFd));
  putU32(MAP_CREATE_ATTR.inner_map_fd, options.innerMapFd ?? 0);
  putU32(MAP_CREATE_ATTR.numa_node, options.numaNode ?? 0);
  putName(MAP_CREATE_ATTR.map_name, name);
  putU32(MAP_CREATE_ATTR.btf_fd, options.btfFd ?? 0);
  putU32(MAP_CREATE_ATTR.btf_key_type_id, options.btfKeyTypeId ?? 0);
  putU32(MAP_CREATE_ATTR.btf_value_type_id, options.btfValueTypeId ?? 0);
  putU32(MAP_CREATE_ATTR.btf_vmlinux_value_type_id, options.btfVmlinuxValueTypeId ?? 0);
  putU64(MAP_CREATE_ATTR.map_extra, options.extra ?? 0);
  putU32(MAP_CREATE_ATTR.value_type_btf_obj_fd, options.valueTypeBtfObjFd ?? 0);
  putU32(MAP_CREATE_ATTR.map_token_fd, tokenFd ?? 0);
  const result = bpf(BPF_CMD.BPF_MAP_CREATE, MAP_CREATE_ATTR.size);
  if (result >= 0) return result;
  const attempt = `create the ${typeName(BPF_MAP_TYPE, type)} map ${name && `'${name}'`}`.trimEnd();
  throw bpfError(BPF_CMD.BPF_MAP_CREATE, result, attempt, { needs: needsOfMap(type) });
}

/** BPF_MAP_LOOKUP_ELEM: fills `value`; false if the map does not have the key. */
export function mapLookup(fd: number, key: Uint8Array, value: Uint8Array, flags = 0): boolean {
  return fetchElement(
    BPF_CMD.BPF_MAP_LOOKUP_ELEM,
    'look up a key in the map',
    fd,
    key,
    value,
    flags,
  );
}

/** BPF_MAP_LOOKUP_AND_DELETE_ELEM: as {@link mapLookup}, and takes the element out. */
export function mapLookupAndDelete(
  fd: number,
  key: Uint8Array,
  value: Uint8Array,
  flags = 0,
): boolean {
  return fetchElement(
    BPF_CMD.BPF_MAP_LOOKUP_AND_DELETE_ELEM,
    'take an element out of the map',
    fd,
    key,
    value,
    flags,
  );
}

/**
 * BPF_MAP_GET_NEXT_KEY: fills `next` with the key after `key`, with the first for `undefined` or for a key
 * that is not there (any more); false after the last.
 */
export function mapNextKey(fd: number, key: Uint8Array | undefined, next: Uint8Array): boolean {
  return fetchElement(
    BPF_CMD.BPF_MAP_GET_NEXT_KEY,
    'find the next key of the map',
    fd,
    key,
    next,
    0,
  );
}

/**
 * BPF_MAP_UPDATE_ELEM. False when the flags kept it from storing: BPF_NOEXIST and the key is there, or
 * BPF_EXIST and it is not.
 */
export function mapUpdate(
  fd: number,
  key: Uint8Array,
  value: Uint8Array,
  flags: number = BPF_ELEM_FLAG.BPF_ANY,
): boolean {
  const at = valueOffset(key);
  putFour(fd, placeBytes(DATA_OFFSET, key), placeBytes(at, value), flags);
  const result = bpf(BPF_CMD.BPF_MAP_UPDATE_ELEM, MAP_ELEM_ATTR.size);
  if (result >= 0) return true;
  if ((flags & BPF_ELEM_FLAG.BPF_NOEXIST) !== 0 && result === -ERRNO.EEXIST[0]) return false;
  if ((flags & BPF_ELEM_FLAG.BPF_EXIST) !== 0 && result === -ERRNO.ENOENT[0]) return false;
  throw bpfError(BPF_CMD.BPF_MAP_UPDATE_ELEM, result, 'update an element of the map');
}

/** BPF_MAP_DELETE_ELEM: false if the map does not have the key. */
export function mapDelete(fd: number, key: Uint8Array): boolean {
  putFour(fd, placeBytes(DATA_OFFSET, key), 0, 0);
  const result = bpf(BPF_CMD.BPF_MAP_DELETE_ELEM, MAP_ELEM_ATTR.size);
  if (result >= 0) return true;
  if (result === -ERRNO.ENOENT[0]) return false;
  throw bpfError(BPF_CMD.BPF_MAP_DELETE_ELEM, result, 'delete an element of the map');
}

/** BPF_MAP_FREEZE: user space can write to the map no more. */
export function mapFreeze(fd: number): void {
  putFour(fd, 0, 0, 0);
  bpfOrThrow(BPF_CMD.BPF_MAP_FREEZE, MAP_ELEM_ATTR.size, 'freeze the map');
}

/** The commands that are given a key and fill in another array. */
function fetchElement(
  command: number,
  attempt: string,
  fd: number,
  key: Uint8Array | undefined,
  output: Uint8Array,
  flags: number,
): boolean {
  const at = valueOffset(key);
  putFour(fd, key ? placeBytes(DATA_OFFSET, key) : 0, placeOutput(at, output), flags);
  const result = bpf(command, MAP_ELEM_ATTR.size);
  if (result >= 0) {
    takeBytes(at, output);
    return true;
  }
  if (result === -ERRNO.ENOENT[0]) return false;
  throw bpfError(command, result, attempt);
}

/** Behind the key, aligned. */
const valueOffset = (key: Uint8Array | undefined): number =>
  key && key.length <= MAX_PLACED ? DATA_OFFSET + ((key.length + 7) & ~7) : DATA_OFFSET;
