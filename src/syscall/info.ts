/**
 * BPF_OBJ_GET_INFO_BY_FD: what the kernel says about a program, a map or a BTF object. Links, which differ
 * by type, are in link-info.ts.
 *
 * An older kernel fills a shorter struct and says how long; what it does not know is `undefined` here.
 *
 *     progInfo(fd).recursionMisses; // 166n, or undefined before Linux 5.12
 * @module
 */

import { bpfOrThrow } from './bpf.ts';
import { BPF_CMD, INFO_ATTR } from './bpf-attr.ts';
import { BTF_INFO, MAP_INFO, PROG_INFO } from './info-fields.ts';
import { isAtLeast } from './kernel-version.ts';
import {
  clearAttr,
  cString,
  DATA_OFFSET,
  keepAlive,
  putU32,
  putU64,
  scratch,
  textAt,
  u32At,
  u64At,
} from './scratch.ts';

/** The info struct lies in the scratch memory from here on. */
const at = (field: number): number => DATA_OFFSET + field;

/** Asks for the info struct, which `prepare` may fill with pointers first. Returns how much was filled. */
export function readInfo(fd: number, size: number, what: string, prepare?: () => void): number {
  scratch().bytes.fill(0, DATA_OFFSET, DATA_OFFSET + size);
  prepare?.();
  clearAttr(INFO_ATTR.size);
  putU32(INFO_ATTR.bpf_fd, fd);
  putU32(INFO_ATTR.info_len, size);
  putU64(INFO_ATTR.info, scratch().address + DATA_OFFSET);
  bpfOrThrow(BPF_CMD.BPF_OBJ_GET_INFO_BY_FD, INFO_ATTR.size, `ask the kernel about the ${what}`);
  return u32At(INFO_ATTR.info_len);
}

/** Points a member of the info struct to a buffer that the kernel shall fill. */
export function pointTo(field: number, buffer: Uint8Array): void {
  putU64(at(field), keepAlive(buffer));
}

export const infoU32 = (field: number): number => u32At(at(field));
export const infoU64 = (field: number): bigint => u64At(at(field));
export const setInfoU32 = (field: number, value: number): void => putU32(at(field), value);

// ----------
// Programs
// ----------

export interface ProgInfo {
  readonly type: number;
  readonly id: number;
  readonly name: string;
  /** The hash of the instructions, 16 hexadecimal digits. */
  readonly tag: string;
  readonly gplCompatible: boolean;
  /** Bytes of machine code; 0 if the program is interpreted, or for who may not know. */
  readonly jitedLength: number;
  /** Bytes of instructions after verification and rewriting. */
  readonly xlatedLength: number;
  /** When it was loaded, in nanoseconds since boot. */
  readonly loadTime: bigint;
  readonly createdByUid: number;
  readonly mapIds: readonly number[];
  readonly ifindex: number;
  /** 0 without BTF. */
  readonly btfId: number;
  /** Counted while someone has asked for it: see `enableStats`. */
  readonly runTimeNs: bigint | undefined;
  readonly runCount: bigint | undefined;
  /** How often it was skipped because a program was running on that CPU; since Linux 5.12. */
  readonly recursionMisses: bigint | undefined;
  /** Instructions that the verifier walked through; since Linux 5.16. */
  readonly verifiedInsns: number | undefined;
  readonly attachBtfObjId: number | undefined;
  readonly attachBtfId: number | undefined;
}

export function progInfo(fd: number): ProgInfo {
  const filled = readInfo(fd, PROG_INFO.size, 'program');
  const { bytes } = scratch();
  const tag = bytes.subarray(at(PROG_INFO.tag), at(PROG_INFO.tag) + 8);
  const u32 = (field: number) => (field + 4 <= filled ? infoU32(field) : undefined);
  const u64 = (field: number) => (field + 8 <= filled ? infoU64(field) : undefined);
  const info = {
    type: infoU32(PROG_INFO.type),
    id: infoU32(PROG_INFO.id),
    name: textAt(at(PROG_INFO.name), 16),
    tag: Array.from(tag, (byte) => byte.toString(16).padStart(2, '0')).join(''),
    gplCompatible: (infoU32(PROG_INFO.gpl_compatible) & 1) === 1,
    jitedLength: infoU32(PROG_INFO.jited_prog_len),
    xlatedLength: infoU32(PROG_INFO.xlated_prog_len),
    loadTime: infoU64(PROG_INFO.load_time),
    createdByUid: infoU32(PROG_INFO.created_by_uid),
    ifindex: infoU32(PROG_INFO.ifindex),
    btfId: infoU32(PROG_INFO.btf_id),
    runTimeNs: u64(PROG_INFO.run_time_ns),
    runCount: u64(PROG_INFO.run_cnt),
    recursionMisses: u64(PROG_INFO.recursion_misses),
    verifiedInsns: u32(PROG_INFO.verified_insns),
    attachBtfObjId: u32(PROG_INFO.attach_btf_obj_id),
    attachBtfId: u32(PROG_INFO.attach_btf_id),
  };
  const maps = infoU32(PROG_INFO.nr_map_ids) > 0 ? progRecords(fd, 'mapIds').bytes : undefined;
  const mapIds = maps ? [...new Uint32Array(maps.buffer, 0, maps.byteLength >>> 2)] : [];
  return { ...info, mapIds };
}

/** The arrays that hang off bpf_prog_info: where their pointer, count and record size are. */
// biome-ignore format: one row per array
const PROG_ARRAYS = {
  /** The instructions after verification, 8 bytes each. */
  xlated:        { pointer: PROG_INFO.xlated_prog_insns, count: PROG_INFO.xlated_prog_len,    size: 1 },
  /** The machine code of all functions, one after the other. */
  jited:         { pointer: PROG_INFO.jited_prog_insns,  count: PROG_INFO.jited_prog_len,     size: 1 },
  mapIds:        { pointer: PROG_INFO.map_ids,           count: PROG_INFO.nr_map_ids,         size: 4 },
  jitedSymbols:  { pointer: PROG_INFO.jited_ksyms,       count: PROG_INFO.nr_jited_ksyms,     size: 8 },
  jitedLengths:  { pointer: PROG_INFO.jited_func_lens,   count: PROG_INFO.nr_jited_func_lens, size: 4 },
  funcInfo:      { pointer: PROG_INFO.func_info,         count: PROG_INFO.nr_func_info,       size: undefined, sizeAt: PROG_INFO.func_info_rec_size },
  lineInfo:      { pointer: PROG_INFO.line_info,         count: PROG_INFO.nr_line_info,       size: undefined, sizeAt: PROG_INFO.line_info_rec_size },
  jitedLineInfo: { pointer: PROG_INFO.jited_line_info,   count: PROG_INFO.nr_jited_line_info, size: undefined, sizeAt: PROG_INFO.jited_line_info_rec_size },
  tags:          { pointer: PROG_INFO.prog_tags,         count: PROG_INFO.nr_prog_tags,       size: 8 },
} as const;
export type ProgArray = keyof typeof PROG_ARRAYS;

/**
 * One of the arrays of a program: its instructions, its lines. Empty where the program has none, or where
 * this process may not see it (kernel.kptr_restrict, CAP_BPF).
 */
export function progRecords(
  fd: number,
  which: ProgArray,
): { readonly bytes: Uint8Array; readonly recordSize: number } {
  const array = PROG_ARRAYS[which];
  readInfo(fd, PROG_INFO.size, 'program');
  const recordSize = array.size ?? infoU32(array.sizeAt);
  const count = infoU32(array.count);
  if (count === 0 || recordSize === 0) return { bytes: new Uint8Array(0), recordSize };
  const bytes = new Uint8Array(count * recordSize);
  readInfo(fd, PROG_INFO.size, 'program', () => {
    setInfoU32(array.count, count);
    if (array.size === undefined) setInfoU32(array.sizeAt, recordSize);
    pointTo(array.pointer, bytes);
  });
  // The kernel zeroes the pointer of what it keeps to itself.
  const shown = infoU64(array.pointer) !== 0n ? Math.min(infoU32(array.count), count) : 0;
  return { bytes: bytes.subarray(0, shown * recordSize), recordSize };
}

/** The instructions of a program after verification and rewriting: 8 bytes each. */
export function progXlated(fd: number): Uint8Array {
  return progRecords(fd, 'xlated').bytes;
}

// ----------
// Maps
// ----------

export interface MapInfo {
  readonly type: number;
  readonly id: number;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly ifindex: number;
  /** 0 without BTF, as the two ids in it. */
  readonly btfId: number;
  readonly btfKeyTypeId: number;
  readonly btfValueTypeId: number;
  readonly btfVmlinuxValueTypeId: number;
  /** Since Linux 5.16. */
  readonly extra: bigint | undefined;
}

export function mapInfo(fd: number): MapInfo {
  const filled = readInfo(fd, MAP_INFO.size, 'map');
  return {
    type: infoU32(MAP_INFO.type),
    id: infoU32(MAP_INFO.id),
    name: textAt(at(MAP_INFO.name), 16),
    keySize: infoU32(MAP_INFO.key_size),
    valueSize: infoU32(MAP_INFO.value_size),
    maxEntries: infoU32(MAP_INFO.max_entries),
    flags: infoU32(MAP_INFO.map_flags),
    ifindex: infoU32(MAP_INFO.ifindex),
    btfId: infoU32(MAP_INFO.btf_id),
    btfKeyTypeId: infoU32(MAP_INFO.btf_key_type_id),
    btfValueTypeId: infoU32(MAP_INFO.btf_value_type_id),
    btfVmlinuxValueTypeId: infoU32(MAP_INFO.btf_vmlinux_value_type_id),
    extra: MAP_INFO.map_extra + 8 <= filled ? infoU64(MAP_INFO.map_extra) : undefined,
  };
}

// ----------
// BTF
// ----------

export interface BtfInfo {
  readonly id: number;
  /** Bytes of BTF. */
  readonly size: number;
  /** `vmlinux` or the name of a module for the kernel's own; '' otherwise and before Linux 5.11. */
  readonly name: string;
  readonly kernel: boolean;
}

export function btfInfo(fd: number): BtfInfo {
  const name = new Uint8Array(64); // MODULE_NAME_LEN is 56
  readInfo(fd, BTF_INFO.size, 'BTF object', () => {
    // Older kernels refuse what they do not know.
    if (!isAtLeast('5.11')) return;
    pointTo(BTF_INFO.name, name);
    setInfoU32(BTF_INFO.name_len, name.length);
  });
  return {
    id: infoU32(BTF_INFO.id),
    size: infoU32(BTF_INFO.btf_size),
    name: cString(name),
    kernel: infoU32(BTF_INFO.kernel_btf) !== 0,
  };
}

/** The BTF itself, as it was loaded. */
export function btfData(fd: number): Uint8Array {
  const bytes = new Uint8Array(btfInfo(fd).size);
  readInfo(fd, BTF_INFO.size, 'BTF object', () => {
    pointTo(BTF_INFO.btf, bytes);
    setInfoU32(BTF_INFO.btf_size, bytes.length);
  });
  return bytes;
}
