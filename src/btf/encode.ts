/**
 * Types as records of the type section: the reverse of decode.ts (include/uapi/linux/btf.h). Nothing is truncated: a
 * number that its field cannot hold is a BtfError that names the type.
 *
 * @module
 */
import { BTF_KIND, KIND_LAYOUT, LINKAGES } from './constants.ts';
import { BtfError } from './error.ts';
import { HOST_IS_LITTLE_ENDIAN } from './records.ts';
import type { BtfMember, BtfTypeInput } from './types.ts';

/** Older kernels have 16 bits for it. */
const MAX_ELEMENTS = 0xffff;

/** The type section for these types; `offsetOf` gives the offset of a string. */
export const encodeTypes = (
  types: readonly BtfTypeInput[],
  offsetOf: (text: string) => number,
  littleEndian: boolean,
): Uint8Array => wordsToBytes(encodeWords(types, offsetOf), littleEndian);

/** The same as words in the host's byte order. */
export const encodeWords = (
  types: readonly BtfTypeInput[],
  offsetOf: (text: string) => number,
): Uint32Array => {
  const words: number[] = [];
  for (const type of types) encodeRecord(words, type, offsetOf);
  return Uint32Array.from(words);
};

export const wordsToBytes = (words: Uint32Array, littleEndian: boolean): Uint8Array => {
  if (littleEndian === HOST_IS_LITTLE_ENDIAN) {
    return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  }
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < words.length; i++) view.setUint32(i * 4, words[i]!, littleEndian);
  return bytes;
};

const encodeRecord = (
  words: number[],
  type: BtfTypeInput,
  offsetOf: (text: string) => number,
): void => {
  const what = type.name === '' ? type.kind : `${type.kind} ${type.name}`;
  const u32 = (value: number, field: string): number => inRange(value, 0, 0xffff_ffff, field, what);
  const record = (vlen: number, sizeOrType: number, flag = false): void => {
    inRange(vlen, 0, MAX_ELEMENTS, 'number of elements', what);
    const kind = BTF_KIND[type.kind.toUpperCase() as keyof typeof BTF_KIND];
    const info = ((flag ? 0x8000_0000 : 0) + kind * 0x100_0000 + vlen) >>> 0;
    words.push(offsetOf(type.name), info, u32(sizeOrType, 'size or type'));
  };
  const name = (text: string): number => offsetOf(text);

  switch (type.kind) {
    case 'int': {
      inRange(type.bits, 1, Math.min(128, type.size * 8), 'number of bits', what);
      inRange(type.offset, 0, 255, 'bit offset', what);
      inRange(type.encoding, 0, 15, 'encoding', what);
      record(0, type.size);
      words.push((type.encoding << 24) | (type.offset << 16) | type.bits);
      return;
    }
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
      record(0, type.type);
      return;
    case 'type_tag':
      record(0, type.type, type.attribute);
      return;
    case 'array':
      record(0, 0);
      words.push(
        u32(type.type, 'type'),
        u32(type.indexType, 'index type'),
        u32(type.nelems, 'length'),
      );
      return;
    case 'struct':
    case 'union': {
      const flag = type.members.some(({ bitSize }) => bitSize > 0);
      record(type.members.length, type.size, flag);
      for (const member of type.members) {
        words.push(
          name(member.name),
          u32(member.type, 'member type'),
          memberOffset(member, flag, what),
        );
      }
      return;
    }
    case 'enum':
      record(type.values.length, type.size, type.signed);
      for (const { name: text, value } of type.values) {
        const least = type.signed ? -0x8000_0000 : 0;
        const most = type.signed ? 0x7fff_ffff : 0xffff_ffff;
        words.push(name(text), inRange(value, least, most, `value ${text}`, what) >>> 0);
      }
      return;
    case 'enum64':
      record(type.values.length, type.size, type.signed);
      for (const { name: text, value } of type.values) {
        const kept = type.signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
        if (kept !== value) throw new BtfError(`${what}: value ${text} does not fit: ${value}`);
        const bits = BigInt.asUintN(64, value);
        words.push(name(text), Number(bits & 0xffff_ffffn), Number(bits >> 32n));
      }
      return;
    case 'fwd':
      record(0, 0, type.fwdKind === 'union');
      return;
    case 'func':
      record(LINKAGES.indexOf(type.linkage), type.type);
      return;
    case 'func_proto':
      record(type.params.length, type.returnType);
      for (const param of type.params) words.push(name(param.name), u32(param.type, 'type'));
      return;
    case 'var':
      record(0, type.type);
      words.push(LINKAGES.indexOf(type.linkage));
      return;
    case 'datasec':
      record(type.variables.length, type.size);
      for (const { type: id, offset, size } of type.variables) {
        words.push(u32(id, 'variable'), u32(offset, 'offset'), u32(size, 'size'));
      }
      return;
    case 'float':
      record(0, type.size);
      return;
    case 'decl_tag':
      record(0, type.type, type.attribute);
      words.push(inRange(type.componentIndex, -1, MAX_ELEMENTS, 'component index', what) >>> 0);
  }
};

/** With kind_flag 24 bits of offset and 8 of size, without it 32 bits of offset. */
const memberOffset = (member: BtfMember, flag: boolean, what: string): number => {
  const field = `bit offset of ${member.name === '' ? 'a member' : member.name}`;
  const offset = inRange(member.bitOffset, 0, flag ? 0xff_ffff : 0xffff_ffff, field, what);
  return (inRange(member.bitSize, 0, 255, 'bit size', what) * 0x100_0000 + offset) >>> 0;
};

const inRange = (
  value: number,
  least: number,
  most: number,
  field: string,
  what: string,
): number => {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new BtfError(
    `${what}: ${field} is a whole number from ${least} to ${most}, found ${value}`,
  );
};

/** The layout section for the kinds of this library, as 7.1 writes it: u8 info_sz, u8 elem_sz, u16 flags for each. */
export const encodeLayout = (): Uint8Array =>
  new Uint8Array(KIND_LAYOUT.flatMap(([once, each]) => [once, each, 0, 0]));
