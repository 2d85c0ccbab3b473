/**
 * The .BTF.ext section of an ELF file, read and written: a header, then for func info, line info and CO-RE relocations a
 * record size and a list for each ELF section (struct btf_ext_header, Documentation/bpf/btf.rst 4.2).
 *
 * @example
 * for (const { section, records } of decodeBtfExt(bytes).coreRelos) console.log(btf.string(section), records);
 *
 * @module
 */
import { BTF_MAGIC, BTF_VERSION } from './constants.ts';
import { BtfError } from './error.ts';
import {
  type CoreRelo,
  coreRelo,
  type FuncInfo,
  funcInfo,
  type LineInfo,
  lineInfo,
  type RecordCodec,
} from './ext.ts';

/** The records of one ELF section, whose name is a string offset. */
export interface ExtRecords<T> {
  readonly section: number;
  readonly records: readonly T[];
}

export interface BtfExt {
  readonly funcInfos: readonly ExtRecords<FuncInfo>[];
  readonly lineInfos: readonly ExtRecords<LineInfo>[];
  /** Empty in files from before CO-RE, whose header is shorter. */
  readonly coreRelos: readonly ExtRecords<CoreRelo>[];
}

const HEADER_LENGTH = 32;
const HEADER_LENGTH_WITHOUT_CORE = 24;

export const decodeBtfExt = (bytes: Uint8Array): BtfExt => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian = bytes.length >= 2 && view.getUint16(0, true) === BTF_MAGIC;
  if (bytes.length < HEADER_LENGTH_WITHOUT_CORE) {
    throw new BtfError(`.BTF.ext has a header of ${HEADER_LENGTH_WITHOUT_CORE} bytes`, 0);
  }
  if (!littleEndian && view.getUint16(0, false) !== BTF_MAGIC) {
    throw new BtfError('this is not .BTF.ext: expected the magic number eb9f', 0);
  }
  if (view.getUint8(2) !== BTF_VERSION) throw new BtfError('unknown version of .BTF.ext', 2);
  const length = view.getUint32(4, littleEndian);
  if (length < HEADER_LENGTH_WITHOUT_CORE || length > bytes.length) {
    throw new BtfError(`the header says it is ${length} bytes long, of ${bytes.length}`, 4);
  }

  const list = <T>(at: number, { decode, size }: RecordCodec<T>): ExtRecords<T>[] => {
    if (at + 8 > length) return [];
    const end = length + view.getUint32(at, littleEndian) + view.getUint32(at + 4, littleEndian);
    let position = length + view.getUint32(at, littleEndian);
    if (end > bytes.length) throw new BtfError('records lie after the end of .BTF.ext', at);
    if (position === end) return [];
    const u32 = (): number => {
      if (position + 4 > end) throw new BtfError('a list of records is cut off', position);
      position += 4;
      return view.getUint32(position - 4, littleEndian);
    };
    const recordSize = u32();
    if (recordSize < size || recordSize % 4 !== 0) {
      throw new BtfError(`expected records of ${size} bytes, found ${recordSize}`, position - 4);
    }
    const result: ExtRecords<T>[] = [];
    while (position < end) {
      const section = u32();
      const count = u32();
      const after = position + count * recordSize;
      if (after > end) throw new BtfError(`${count} records do not fit`, position - 4);
      const records = decode(bytes.subarray(position, after), littleEndian, recordSize);
      result.push({ section, records });
      position = after;
    }
    return result;
  };
  return {
    funcInfos: list(8, funcInfo),
    lineInfos: list(16, lineInfo),
    coreRelos: list(24, coreRelo),
  };
};

export const encodeBtfExt = (ext: BtfExt, littleEndian = true): Uint8Array => {
  const list = <T>(
    entries: readonly ExtRecords<T>[],
    { encode, size }: RecordCodec<T>,
  ): Uint8Array => {
    const used = entries.filter(({ records }) => records.length > 0);
    // libbpf ignores the whole section if a list has a record size and no records.
    if (used.length === 0) return new Uint8Array();
    const length = used.reduce((sum, { records }) => sum + 8 + records.length * size, 4);
    const bytes = new Uint8Array(length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, size, littleEndian);
    let position = 4;
    for (const { section, records } of used) {
      view.setUint32(position, section, littleEndian);
      view.setUint32(position + 4, records.length, littleEndian);
      bytes.set(encode(records, littleEndian), position + 8);
      position += 8 + records.length * size;
    }
    return bytes;
  };
  const lists = [
    list(ext.funcInfos, funcInfo),
    list(ext.lineInfos, lineInfo),
    list(ext.coreRelos, coreRelo),
  ];
  const bytes = new Uint8Array(lists.reduce((sum, { length }) => sum + length, HEADER_LENGTH));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, BTF_MAGIC, littleEndian);
  view.setUint8(2, BTF_VERSION);
  view.setUint32(4, HEADER_LENGTH, littleEndian);
  let offset = 0;
  lists.forEach((bytesOfList, i) => {
    view.setUint32(8 + i * 8, offset, littleEndian);
    view.setUint32(12 + i * 8, bytesOfList.length, littleEndian);
    bytes.set(bytesOfList, HEADER_LENGTH + offset);
    offset += bytesOfList.length;
  });
  return bytes;
};
