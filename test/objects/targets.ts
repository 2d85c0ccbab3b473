/**
 * Types of kernels that never were, for CO-RE: those of this kernel, or of an object, changed throughout. Each change is
 * one that kernels make between releases, made to every type that it can be made to.
 *
 * @example
 * writeFileSync(file, changed(new Btf(readFileSync('/sys/kernel/btf/vmlinux')), CHANGES['mirrored']!));
 * judge.judge(objectFile('core-fields'), { btf: file });
 */
import { encodeTypes } from '../../src/btf/encode.ts';
import { encodeHeader } from '../../src/btf/header.ts';
import {
  BTF_INT,
  type Btf,
  type BtfComposite,
  type BtfMember,
  type BtfType,
  type BtfTypeInput,
} from '../../src/btf/index.ts';
import { StringTableBuilder } from '../../src/btf/string-builder.ts';

/** Puts a type at the end. Returns its id. */
export type Add = (type: BtfTypeInput) => number;

/** What becomes of a type. */
export type Change = (type: BtfType, btf: Btf, add: Add) => BtfTypeInput | BtfType;

/** The types of this kernel are changed often. */
const decoded = new WeakMap<Btf, ReturnType<Btf['all']>>();

/** The types after a change to each. */
export const changed = (btf: Btf, change: Change): Uint8Array => {
  const types = decoded.get(btf) ?? btf.all();
  decoded.set(btf, types);
  const added: BtfTypeInput[] = [];
  const add = (type: BtfTypeInput): number => btf.typeCount + added.push(type);
  const all = types.map((type) => change(type, btf, add) as BtfTypeInput);
  const strings = new StringTableBuilder(0);
  const section = encodeTypes([...all, ...added], (text) => strings.add(text), true);
  return encodeHeader(section, strings.encode(), new Uint8Array(), true);
};

/** Several changes to the same types, one after another. */
export const all =
  (...changes: readonly Change[]): Change =>
  (type, btf, add) => {
    const { id } = type;
    let result: ReturnType<Change> = type;
    for (const change of changes)
      result = change(Object.assign({ id }, result) as BtfType, btf, add);
    return result;
  };

type OfKind<K, T = BtfType> = T extends { readonly kind: infer Kinds }
  ? K extends Kinds
    ? T & { readonly kind: K }
    : never
  : never;

/** A change to all types of one kind. */
export const ofKind =
  <K extends BtfType['kind']>(
    kind: K,
    change: (type: OfKind<K>, btf: Btf, add: Add) => BtfTypeInput | BtfType,
  ): Change =>
  (type, btf, add) =>
    type.kind === kind ? change(type as OfKind<K>, btf, add) : type;

/** A change to structs and unions with a name. */
const composites =
  (change: (type: BtfComposite, btf: Btf, add: Add) => BtfTypeInput): Change =>
  (type, btf, add) =>
    (type.kind === 'struct' || type.kind === 'union') && type.name !== ''
      ? change(type, btf, add)
      : type;

/** A change to each member of structs and unions, those without a name included. */
const members =
  (change: (member: BtfMember, owner: BtfComposite, btf: Btf) => BtfMember): Change =>
  (type, btf) =>
    type.kind === 'struct' || type.kind === 'union'
      ? { ...type, members: type.members.map((member) => change(member, type, btf)) }
      : type;

const bitsOf = (btf: Btf, { bitSize, type }: BtfMember): number =>
  bitSize > 0 ? bitSize : btf.sizeOf(type) * 8;

/** Where the last member was is now the first. */
const mirrored = members((member, { size }, btf) => ({
  ...member,
  bitOffset: Math.max(0, size * 8 - member.bitOffset - bitsOf(btf, member)),
}));

/** All members within a struct in a union, neither of which has a name. */
const wrapped = composites((type, _btf, add) => {
  const { size } = type;
  const inner = add({ kind: 'struct', name: '', size, members: type.members });
  const one = (id: number): BtfMember[] => [{ name: '', type: id, bitOffset: 0, bitSize: 0 }];
  const outer = add({ kind: 'union', name: '', size, members: one(inner) });
  return { ...type, members: one(outer) };
});

/** Half of what has a name, and always the same half. */
export const isOdd = (name: string): boolean =>
  name !== '' && [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 2 === 1;

const halved: Change = (type) => {
  switch (type.kind) {
    case 'struct':
    case 'union':
      return { ...type, members: type.members.filter(({ name }) => !isOdd(name)) };
    case 'enum':
      return { ...type, values: type.values.filter(({ name }) => !isOdd(name)) };
    case 'enum64':
      return { ...type, values: type.values.filter(({ name }) => !isOdd(name)) };
    case 'typedef':
      return isOdd(type.name) ? { ...type, name: `${type.name}_gone` } : type;
    default:
      return type;
  }
};

/** The other half in a flavour of its own. */
const split: Change = composites((type, _btf, add) => {
  const part = (odd: boolean) => type.members.filter(({ name }) => isOdd(name) === odd);
  add({ ...type, name: `${type.name}___odd`, members: part(true) });
  return { ...type, members: part(false) };
});

/** A second type of the same name, or of a flavour of it. */
const doubled =
  (flavour: string, change: Change): Change =>
  (type, btf, add) => {
    const { kind, name } = type;
    if (name !== '' && /^(struct|union|enum|enum64|typedef)$/.test(kind))
      add({ ...change(type, btf, add), name: name + flavour } as BtfTypeInput);
    return type;
  };

/** What BTF calls the integers whose size tells libbpf that of a pointer. */
const isLong = (name: string): boolean => /\blong\b/.test(name) && !/long long/.test(name);

/** Integers of one byte have two, those of four have eight, and the other way round. */
const OTHER_SIZE: Readonly<Record<number, number>> = { 1: 2, 2: 1, 4: 8, 8: 4 };

const resized: Change = (type) => {
  const size = type.kind === 'int' ? OTHER_SIZE[type.size] : undefined;
  if (type.kind !== 'int' || size === undefined || isLong(type.name)) return type;
  return { ...type, size, bits: size * 8 };
};

const resigned = ofKind('int', (type) => ({ ...type, encoding: type.encoding ^ BTF_INT.SIGNED }));

/** Integers get bitfields of one bit less; bitfields become integers. */
const bitfields = members((member, { members }, btf) => {
  const { bitOffset, bitSize, type } = member;
  const resolved = btf.resolve(type);
  if (bitSize > 0) {
    const unit = btf.sizeOf(type) * 8;
    return { ...member, bitSize: 0, bitOffset: Math.floor(bitOffset / unit) * unit };
  }
  const fits = resolved.kind === 'int' && resolved.size <= 8;
  // With bitfields among them, offsets of members have 24 bits.
  const near = members.every((each) => each.bitOffset < 1 << 24);
  return fits && near ? { ...member, bitSize: resolved.size * 8 - 1 } : member;
});

const renumbered: Change = (type) => {
  const values = <T>(
    list: readonly { readonly name: string; readonly value: T }[],
    other: (value: T) => T,
  ) =>
    list.map(({ name, value }, i) => ({
      name: i % 2 === 0 ? `${name}___now` : name,
      value: other(value),
    }));
  switch (type.kind) {
    case 'enum':
      return {
        ...type,
        signed: true,
        values: values(type.values, (value) => -(value & 0x7fff_ffff) - 1),
      };
    case 'enum64':
      return {
        ...type,
        signed: false,
        values: values(type.values, (value) => BigInt.asUintN(64, value + (1n << 63n))),
      };
    default:
      return type;
  }
};

const widened = ofKind('enum', ({ name, values }) => {
  const wide = values.map((each, i) => ({
    name: each.name,
    value: BigInt.asIntN(64, BigInt(each.value) * (i % 2 === 0 ? 1n : 0x1_0000_0001n)),
  }));
  const signed = wide.some(({ value }) => value < 0n);
  return { kind: 'enum64', name, size: 8, signed, values: wide };
});

/** Structs that are unions now, and the other way round; what is looked up as a struct is not there any more. */
const otherComposites: Change = (type) => {
  if (type.kind === 'struct' && isOdd(type.name)) return { ...type, kind: 'union' };
  if (type.kind === 'union') return { ...type, kind: 'struct' };
  return type;
};

/** Typedefs that are pointers now, structs that are only declared, integers in the place of floats. */
const otherFields = all(
  ofKind('typedef', (type, _btf, add) =>
    isOdd(type.name) ? { ...type, type: add({ kind: 'ptr', name: '', type: 0 }) } : type,
  ),
  ofKind('struct', (type) =>
    isOdd(type.name) ? { kind: 'fwd', name: type.name, fwdKind: 'struct' } : type,
  ),
  ofKind('float', ({ name, size }) => ({
    ...{ kind: 'int', name, size },
    ...{ bits: size * 8, offset: 0, encoding: 0 },
  })),
);

const arrays = (length: (nelems: number) => number): Change =>
  ofKind('array', (type) => ({ ...type, nelems: length(type.nelems) }));

/** Each struct shares its name with a function. */
const functions = composites((type, _btf, add) => {
  const proto = add({ kind: 'func_proto', name: '', returnType: 0, params: [] });
  add({ kind: 'func', name: type.name, type: proto, linkage: 'static' });
  return type;
});

/** `long` has four bytes, and so do pointers. */
const narrow = ofKind('int', (type) => (isLong(type.name) ? { ...type, size: 4, bits: 32 } : type));

/** The header of each record of a tracepoint in so many bytes, and what comes after it where C puts it then. */
const header = (bytes: number): Change =>
  ofKind('struct', (type, btf) => {
    if (type.name === 'trace_entry') return { ...type, size: bytes };
    const [first, ...rest] = type.members;
    const isRecord = first !== undefined && btf.resolve(first.type).name === 'trace_entry';
    if (!isRecord) return type;
    let end = bytes;
    const placed = rest.map((member): BtfMember => {
      const align = btf.alignOf(member.type);
      const offset = Math.ceil(end / align) * align;
      end = offset + btf.sizeOf(member.type);
      return { ...member, bitOffset: offset * 8 };
    });
    return { ...type, size: Math.ceil(end / 8) * 8, members: [first, ...placed] };
  });

export const same: Change = (type) => type;

/** The changes, by what a kernel is then. */
export const CHANGES: Readonly<Record<string, Change>> = {
  'a header of 12 bytes in the records of tracepoints, as RHEL has': header(12),
  'a header of 16 bytes in the records of tracepoints': header(16),
  'members in the reverse order': mirrored,
  'members within anonymous structs and unions': wrapped,
  'half of all members, enumerators and typedefs': halved,
  'structs split into flavours': split,
  'flavours that agree': doubled('___too', same),
  'types of the same name that agree': doubled('', same),
  'flavours that disagree': doubled('___too', all(mirrored, resized, renumbered)),
  'flavours of which some lack something': doubled('___too', halved),
  'integers of other sizes': resized,
  'integers of the other sign': resigned,
  'bitfields for integers and integers for bitfields': bitfields,
  'other numbers and names of enumerators': renumbered,
  'enumerators of 64 bits': widened,
  'unions for structs and structs for unions': otherComposites,
  'fields of other kinds': otherFields,
  'longer arrays': arrays((nelems) => nelems * 2),
  'shorter arrays': arrays((nelems) => nelems >> 1),
  'functions that are called as structs are': functions,
  'pointers of 4 bytes': narrow,
};

/** Several changes at once, for the objects of which there are many. */
export const MIXTURES: Readonly<Record<string, Change>> = {
  'longer records of tracepoints, members in the reverse order, other enumerators': all(
    header(12),
    mirrored,
    renumbered,
  ),
  'integers of other sizes, structs split into flavours': all(resized, split),
  'half of all members, what is left within anonymous structs': all(halved, wrapped),
};
