/**
 * What a relocation accesses: the string "0:1:2" of clang as a path of named members and array elements, with its bit
 * offset (libbpf's bpf_core_parse_spec and bpf_core_format_spec, tools/lib/bpf/relo_core.c, 6.18).
 *
 * @example
 * const access = parseAccess(btf, { kind: 'field_byte_offset', typeId: 7, access: '0:1:2' });
 * describeAccess(access);   // 'struct task_struct.comm[2] (0:1:2 @ offset 3010)'
 *
 * @module
 */
import type { Btf } from '../btf.ts';
import { BtfError } from '../error.ts';
import type { BtfArray, BtfEnum, BtfEnum64 } from '../types.ts';
import { MAX_ACCESSORS } from './budget.ts';
import { CORE_KIND_LABELS, type CoreKind, isEnumKind, isTypeKind } from './kinds.ts';

/** A relocation as a program states it: a type of its own BTF and what of it. */
export interface CoreRelocation {
  readonly kind: CoreKind;
  readonly typeId: number;
  /** Indices of members and elements, the first for the type as an element of an array: "0:1:2". */
  readonly access: string;
}

/** A step that means something: a named member of `typeId`, or an element of type `typeId`. */
export interface CoreAccessor {
  readonly typeId: number;
  readonly index: number;
  /** undefined for an element. */
  readonly name: string | undefined;
}

/** An access in one BTF. */
export interface CoreAccess {
  readonly btf: Btf;
  readonly kind: CoreKind;
  readonly typeId: number;
  /** All indices, those through anonymous members included. */
  readonly raw: readonly number[];
  readonly accessors: readonly CoreAccessor[];
  readonly bitOffset: number;
}

/** Reads the access of a relocation in the BTF of the program. Throws BtfError if it does not fit its type. */
export const parseAccess = (btf: Btf, relocation: CoreRelocation): CoreAccess => {
  const { kind, typeId, access } = relocation;
  if (isTypeKind(kind)) {
    if (access !== '0') throw malformed(btf, relocation, 'the access of a whole type is "0"');
    return { btf, kind, typeId, raw: [], accessors: [], bitOffset: 0 };
  }

  const raw = parseIndices(access);
  if (raw === undefined) throw malformed(btf, relocation, 'expected an access like "0:1:2"');
  if (raw.length > MAX_ACCESSORS) {
    throw malformed(btf, relocation, `more than ${MAX_ACCESSORS} indices`);
  }
  const first = raw[0]!;
  const root = btf.resolve(typeId);

  if (isEnumKind(kind)) {
    if (root.kind !== 'enum' && root.kind !== 'enum64') {
      throw malformed(btf, relocation, 'this is no enum');
    }
    const name = root.values[first]?.name;
    if (raw.length > 1 || name === undefined) {
      throw malformed(btf, relocation, 'expected the index of one value');
    }
    const accessors = [{ typeId: root.id, index: first, name }];
    return { btf, kind, typeId, raw, accessors, bitOffset: 0 };
  }

  const accessors: CoreAccessor[] = [{ typeId: root.id, index: first, name: undefined }];
  let bitOffset = first === 0 ? 0 : first * btf.sizeOf(root.id) * 8;
  let type = root;
  for (let i = 1; i < raw.length; i++) {
    const index = raw[i]!;
    if (type.kind === 'struct' || type.kind === 'union') {
      const member = type.members[index];
      if (member === undefined) throw malformed(btf, relocation, `there is no member ${index}`);
      bitOffset += member.bitOffset;
      if (member.name !== '') accessors.push({ typeId: type.id, index, name: member.name });
      type = btf.resolve(member.type);
    } else if (type.kind === 'array') {
      if (index >= type.nelems && !isFlexible(btf, accessors.at(-1), type)) {
        throw malformed(btf, relocation, `there is no element ${index}`);
      }
      type = btf.resolve(type.type);
      accessors.push({ typeId: type.id, index, name: undefined });
      bitOffset += index * btf.sizeOf(type.id) * 8;
    } else {
      const what = `${type.kind} ${type.name}`;
      throw malformed(btf, relocation, `${what} has neither members nor elements`);
    }
  }
  return { btf, kind, typeId, raw, accessors, bitOffset: checkedOffset(bitOffset) };
};

const malformed = (btf: Btf, { kind, typeId, access }: CoreRelocation, why: string): BtfError => {
  const { kind: typeKind, name } = btf.type(typeId);
  return new BtfError(
    `<${CORE_KIND_LABELS[kind]}> [${typeId}] ${typeKind} ${name || '<anon>'} + ${access}: ${why}`,
  );
};

const COLON = 58;
const DIGIT_0 = 48;
const MAX_INDEX = 999_999_999;

/** "0:1:2" as [0, 1, 2]; undefined if it is something else. By hand: split() and a pattern take a microsecond. */
const parseIndices = (access: string): number[] | undefined => {
  const indices: number[] = [];
  let index = -1;
  for (let i = 0; i < access.length; i++) {
    const code = access.charCodeAt(i);
    const digit = code - DIGIT_0;
    if (digit >= 0 && digit <= 9) {
      index = Math.max(index, 0) * 10 + digit;
      if (index > MAX_INDEX) return undefined;
    } else {
      if (code !== COLON || index < 0) return undefined;
      indices.push(index);
      index = -1;
    }
  }
  if (index < 0) return undefined;
  indices.push(index);
  return indices;
};

/** An array without a length, as the last member of its struct: any index is in it. */
export const isFlexible = (
  btf: Btf,
  before: CoreAccessor | undefined,
  array: BtfArray,
): boolean => {
  if (before?.name === undefined || array.nelems > 0) return false;
  const type = btf.type(before.typeId);
  const composite = type.kind === 'struct' || type.kind === 'union';
  return composite && before.index === type.members.length - 1;
};

/** libbpf has 32 bits for it, and lets it wrap. */
export const checkedOffset = (bitOffset: number): number => {
  if (bitOffset <= 0xffff_ffff) return bitOffset;
  throw new BtfError(`a field cannot be ${bitOffset} bits into a type`);
};

/** `.comm[2]` */
export const describePath = (accessors: readonly CoreAccessor[]): string =>
  accessors
    .map(({ name, index }, i) => {
      if (name !== undefined) return `.${name}`;
      return i > 0 || index > 0 ? `[${index}]` : '';
    })
    .join('');

/** `struct task_struct.comm[2] (0:1:2 @ offset 3010)`, `enum pid_type::PIDTYPE_TGID = 1` or `struct task_struct`. */
export const describeAccess = ({
  btf,
  kind,
  typeId,
  raw,
  accessors,
  bitOffset,
}: CoreAccess): string => {
  const { kind: typeKind, name } = btf.type(typeId);
  const root = `${typeKind} ${name || '<anon>'}`;
  if (isTypeKind(kind)) return root;
  if (isEnumKind(kind)) {
    const type = btf.resolve(typeId) as BtfEnum | BtfEnum64;
    const value = type.values[raw[0]!];
    return value === undefined ? root : `${root}::${value.name} = ${value.value}`;
  }
  const bits = bitOffset % 8 === 0 ? '' : `.${bitOffset % 8}`;
  return `${root}${describePath(accessors)} (${raw.join(':')} @ offset ${Math.floor(bitOffset / 8)}${bits})`;
};

/** The same as libbpf's log has it: `<byte_off> [7] struct task_struct.pid (0:1 @ offset 2336)`. */
export const formatAccess = (access: CoreAccess): string =>
  `<${CORE_KIND_LABELS[access.kind]}> [${access.typeId}] ${describeAccess(access)}`;
