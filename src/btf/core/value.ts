/**
 * What a relocation comes to for an access: an offset, a size, a shift, a sign, a value (libbpf's
 * bpf_core_calc_field_relo, _type_relo and _enumval_relo, tools/lib/bpf/relo_core.c, 6.18).
 *
 * @module
 */
import type { Btf } from '../btf.ts';
import { BTF_INT } from '../constants.ts';
import { BtfError } from '../error.ts';
import type { BtfComposite, BtfEnum, BtfEnum64, BtfType } from '../types.ts';
import { type CoreAccess, formatAccess } from './access.ts';
import { type CoreFieldKind, type CoreKind, isEnumKind, isFieldKind } from './kinds.ts';

/** Where a member is and how to read it: load `byteSize` bytes at `byteOffset`, shift left, then right. */
export interface CoreField {
  readonly bitOffset: number;
  readonly bitSize: number;
  readonly byteOffset: number;
  readonly byteSize: number;
  readonly isBitfield: boolean;
  readonly signed: boolean;
  readonly leftShift: number;
  readonly rightShift: number;
}

/** A value as libbpf computes it: 64 bits without a sign. */
export interface CoreValue {
  readonly value: bigint;
  /** For a byte offset that is no bitfield's: what is there, as loads and stores see it. */
  readonly memory?: { readonly size: number; readonly type: BtfType };
  /** Whether the instruction must hold this value when it is the local one. */
  readonly validate: boolean;
}

/**
 * The value of an access; `undefined` asks for the value of what is not there. undefined is returned when the
 * instruction has to be made invalid.
 */
export const calculate = (
  kind: CoreKind,
  access: CoreAccess | undefined,
): CoreValue | undefined => {
  if (kind === 'field_exists' || kind === 'enumval_exists') {
    return { value: access === undefined ? 0n : 1n, validate: true };
  }
  if (isFieldKind(kind)) return access && fieldValue(kind, access);
  if (isEnumKind(kind)) return access && { value: enumValue(access), validate: true };
  if (access === undefined) return { value: 0n, validate: true };
  switch (kind) {
    case 'type_size':
      return { value: BigInt(access.btf.sizeOf(access.typeId)), validate: true };
    case 'type_exists':
    case 'type_matches':
      return { value: 1n, validate: true };
    default:
      // Ids change when objects are linked.
      return { value: BigInt(access.typeId), validate: false };
  }
};

const fieldValue = (kind: CoreFieldKind, access: CoreAccess): CoreValue => {
  const { btf } = access;
  const last = access.accessors.at(-1)!;
  if (last.name === undefined) {
    if (kind === 'field_byte_offset') {
      return {
        value: BigInt(Math.floor(access.bitOffset / 8)),
        memory: { size: elementSize(btf, last.typeId), type: btf.type(last.typeId) },
        validate: true,
      };
    }
    if (kind === 'field_byte_size') {
      return { value: BigInt(btf.sizeOf(last.typeId)), validate: true };
    }
    throw new BtfError(
      `${formatAccess(access)}: an array element has an offset and a size, no more`,
    );
  }

  const field = fieldOf(access);
  // The compiler may place a bitfield's load differently, and be right.
  const validate = !field.isBitfield;
  switch (kind) {
    case 'field_byte_offset': {
      const value = BigInt(field.byteOffset);
      if (field.isBitfield) return { value, validate };
      const type = btf.resolve(memberOf(access).type);
      return { value, memory: { size: elementSize(btf, type.id), type }, validate };
    }
    case 'field_byte_size':
      return { value: BigInt(field.byteSize), validate };
    case 'field_signed':
      return { value: field.signed ? 1n : 0n, validate: true };
    case 'field_lshift_u64':
      return { value: BigInt.asUintN(64, BigInt(field.leftShift)), validate };
    default:
      return { value: BigInt.asUintN(64, BigInt(field.rightShift)), validate: true };
  }
};

const memberOf = (access: CoreAccess) => {
  const { typeId, index } = access.accessors.at(-1)!;
  return (access.btf.type(typeId) as BtfComposite).members[index]!;
};

/** How to read the member at the end of an access. A bitfield: with the smallest load of a power of two that holds it. */
export const fieldOf = (access: CoreAccess): CoreField => {
  const { btf, bitOffset } = access;
  const member = memberOf(access);
  const type = btf.resolve(member.type);
  const isBitfield = member.bitSize > 0;
  const bitSize = isBitfield ? member.bitSize : btf.sizeOf(type.id) * 8;
  const [byteOffset, byteSize] = isBitfield
    ? loadOf(access, bitOffset, bitSize, btf.sizeOf(type.id))
    : [Math.floor(bitOffset / 8), bitSize / 8];
  const within = bitOffset - byteOffset * 8;
  return {
    bitOffset,
    bitSize,
    byteOffset,
    byteSize,
    isBitfield,
    signed: isSigned(type),
    leftShift: btf.littleEndian ? 64 - (within + bitSize) : (8 - byteSize) * 8 + within,
    rightShift: 64 - bitSize,
  };
};

const loadOf = (
  access: CoreAccess,
  bitOffset: number,
  bitSize: number,
  typeSize: number,
): [byteOffset: number, byteSize: number] => {
  for (let size = typeSize; size >= 1 && size <= 8; size *= 2) {
    const offset = Math.floor(bitOffset / 8 / size) * size;
    if (bitOffset + bitSize - offset * 8 <= size * 8) return [offset, size];
  }
  throw new BtfError(`${formatAccess(access)}: no load of at most 8 bytes holds this bitfield`);
};

const isSigned = (type: BtfType): boolean =>
  type.kind === 'enum' || type.kind === 'enum64'
    ? type.signed
    : type.kind === 'int' && (type.encoding & BTF_INT.SIGNED) !== 0;

/** A load of an array reads an element, of the innermost array. */
const elementSize = (btf: Btf, id: number): number => {
  let type = btf.resolve(id);
  for (let depth = 0; type.kind === 'array' && depth < 32; depth++) type = btf.resolve(type.type);
  return btf.sizeOf(type.id);
};

/** The bits of an enum are those of an s32, as libbpf has it, whatever its sign. */
const enumValue = (access: CoreAccess): bigint => {
  const { typeId, index } = access.accessors[0]!;
  const type = access.btf.type(typeId) as BtfEnum | BtfEnum64;
  const { value } = type.values[index]!;
  return BigInt.asUintN(64, typeof value === 'number' ? BigInt(value | 0) : value);
};
