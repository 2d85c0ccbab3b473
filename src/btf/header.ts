/**
 * The header of BTF, read and written: struct btf_header of include/uapi/linux/btf.h. 24 bytes until Linux 7.0; 32 since,
 * with a layout section that tells the size of every kind, so that a reader can skip what it does not know.
 *
 * @example
 * const { types, strings } = decodeHeader(bytes);   // { start, end } in bytes
 *
 * @module
 */
import { BTF_MAGIC, BTF_VERSION } from './constants.ts';
import { BtfError } from './error.ts';

/** Of kernels before 7.1. */
export const HEADER_LENGTH = 24;
const HEADER_LENGTH_WITH_LAYOUT = 32;

/** A section, in bytes from the start of the BTF. */
export interface Section {
  readonly start: number;
  readonly end: number;
}

export interface BtfHeader {
  readonly littleEndian: boolean;
  readonly length: number;
  readonly types: Section;
  readonly strings: Section;
  /** Empty in BTF older than 7.1. */
  readonly layout: Section;
}

/** Reads the header and checks that its sections lie inside the bytes. A longer header than we know is no error. */
export const decodeHeader = (bytes: Uint8Array): BtfHeader => {
  if (bytes.length < HEADER_LENGTH) {
    throw new BtfError(
      `BTF starts with a header of ${HEADER_LENGTH} bytes, found ${bytes.length}`,
      0,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian = view.getUint16(0, true) === BTF_MAGIC;
  if (!littleEndian && view.getUint16(0, false) !== BTF_MAGIC) {
    const found = view.getUint16(0, true).toString(16).padStart(4, '0');
    throw new BtfError(`this is not BTF: expected the magic number eb9f, found ${found}`, 0);
  }
  if (view.getUint8(2) !== BTF_VERSION) {
    throw new BtfError(`expected BTF version ${BTF_VERSION}, found ${view.getUint8(2)}`, 2);
  }
  const length = view.getUint32(4, littleEndian);
  if (length < HEADER_LENGTH || length > bytes.length) {
    throw new BtfError(`the header says it is ${length} bytes long, of ${bytes.length}`, 4);
  }

  const section = (name: string, at: number): Section => {
    // Sums of two u32 are exact as doubles: nothing wraps.
    const start = length + view.getUint32(at, littleEndian);
    const end = start + view.getUint32(at + 4, littleEndian);
    if (end > bytes.length) {
      throw new BtfError(`the ${name} section ends at ${end}, after the end (${bytes.length})`, at);
    }
    return { start, end };
  };
  const types = section('type', 8);
  if ((types.start - length) % 4 !== 0 || (types.end - types.start) % 4 !== 0) {
    throw new BtfError('the type section does not consist of whole 4-byte words', 8);
  }
  const strings = section('string', 16);
  const layout =
    length >= HEADER_LENGTH_WITH_LAYOUT ? section('layout', 24) : { start: length, end: length };
  return { littleEndian, length, types, strings, layout };
};

/** Puts header and sections together: types, then the layout (if there is one), then strings. */
export const encodeHeader = (
  types: Uint8Array,
  strings: Uint8Array,
  layout: Uint8Array,
  littleEndian: boolean,
): Uint8Array => {
  const length = layout.length > 0 ? HEADER_LENGTH_WITH_LAYOUT : HEADER_LENGTH;
  const bytes = new Uint8Array(length + types.length + layout.length + strings.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, BTF_MAGIC, littleEndian);
  view.setUint8(2, BTF_VERSION);
  view.setUint32(4, length, littleEndian);
  view.setUint32(8, 0, littleEndian);
  view.setUint32(12, types.length, littleEndian);
  view.setUint32(16, types.length + layout.length, littleEndian);
  view.setUint32(20, strings.length, littleEndian);
  if (layout.length > 0) {
    view.setUint32(24, types.length, littleEndian);
    view.setUint32(28, layout.length, littleEndian);
  }
  bytes.set(types, length);
  bytes.set(layout, length + types.length);
  bytes.set(strings, length + types.length + layout.length);
  return bytes;
};
