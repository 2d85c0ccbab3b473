/**
 * The records that go with a program's BTF: which function an instruction belongs to, which source line, and what CO-RE
 * has to adjust. bpf(2) PROG_LOAD takes arrays of them with insn_off counted in instructions; in the .BTF.ext section of
 * an ELF file it is counted in bytes (struct bpf_func_info, bpf_line_info and bpf_core_relo of include/uapi/linux/bpf.h).
 *
 * @example
 * lineInfo.encode([{ insnOffset: 0, fileNameOffset: 1, lineOffset: 9, line: 12, column: 3 }]);   // 16 bytes
 *
 * @module
 */
import { BtfError } from './error.ts';

export interface FuncInfo {
  readonly insnOffset: number;
  /** The func. */
  readonly typeId: number;
}

export interface LineInfo {
  readonly insnOffset: number;
  /** String offsets: of the file's name, of the text of the line. */
  readonly fileNameOffset: number;
  readonly lineOffset: number;
  readonly line: number;
  readonly column: number;
}

export interface CoreRelo {
  readonly insnOffset: number;
  readonly typeId: number;
  /** String offset of the access, "0:1:2". */
  readonly accessOffset: number;
  /** The number of a CO-RE kind: an index of CORE_KINDS. */
  readonly kind: number;
}

/** Both directions of one kind of record. */
export interface RecordCodec<T> {
  readonly size: number;
  encode(records: readonly T[], littleEndian?: boolean): Uint8Array;
  /** Records may be longer than we know (`recordSize`); the rest of each is skipped. */
  decode(bytes: Uint8Array, littleEndian?: boolean, recordSize?: number): T[];
}

const codec = <T>(
  words: number,
  toWords: (record: T) => readonly number[],
  fromWords: (word: (index: number) => number) => T,
): RecordCodec<T> => ({
  size: words * 4,
  encode(records, littleEndian = true) {
    const bytes = new Uint8Array(records.length * words * 4);
    const view = new DataView(bytes.buffer);
    records.flatMap(toWords).forEach((word, i) => {
      if (!Number.isInteger(word) || word < 0 || word > 0xffff_ffff) {
        throw new BtfError(`a field of record ${Math.floor(i / words)} does not fit: ${word}`);
      }
      view.setUint32(i * 4, word, littleEndian);
    });
    return bytes;
  },
  decode(bytes, littleEndian = true, recordSize = words * 4) {
    if (recordSize < words * 4 || recordSize % 4 !== 0 || bytes.length % recordSize !== 0) {
      throw new BtfError(
        `expected records of ${words * 4} bytes, found ${bytes.length} bytes in records of ${recordSize}`,
      );
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: bytes.length / recordSize }, (_, record) =>
      fromWords((index) => view.getUint32(record * recordSize + index * 4, littleEndian)),
    );
  },
});

/** struct bpf_func_info, 8 bytes. */
export const funcInfo: RecordCodec<FuncInfo> = /* @__PURE__ */ codec(
  2,
  ({ insnOffset, typeId }) => [insnOffset, typeId],
  (word) => ({ insnOffset: word(0), typeId: word(1) }),
);

/** The largest line and column that a line info holds: 22 and 10 bits. */
export const MAX_LINE = 0x3f_ffff;
export const MAX_COLUMN = 0x3ff;

/** struct bpf_line_info, 16 bytes. A line or column that is too large becomes the largest: it only informs. */
export const lineInfo: RecordCodec<LineInfo> = /* @__PURE__ */ codec(
  4,
  ({ insnOffset, fileNameOffset, lineOffset, line, column }) => [
    insnOffset,
    fileNameOffset,
    lineOffset,
    Math.min(line, MAX_LINE) * 1024 + Math.min(column, MAX_COLUMN),
  ],
  (word) => ({
    insnOffset: word(0),
    fileNameOffset: word(1),
    lineOffset: word(2),
    line: word(3) >>> 10,
    column: word(3) & MAX_COLUMN,
  }),
);

/** struct bpf_core_relo, 16 bytes. */
export const coreRelo: RecordCodec<CoreRelo> = /* @__PURE__ */ codec(
  4,
  ({ insnOffset, typeId, accessOffset, kind }) => [insnOffset, typeId, accessOffset, kind],
  (word) => ({ insnOffset: word(0), typeId: word(1), accessOffset: word(2), kind: word(3) }),
);
