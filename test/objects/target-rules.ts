/**
 * Kernels for the programs of core-rules and core-v4: the types of the programs themselves, changed for the sake of one
 * rule of CO-RE each.
 */
import { BTF_INT, type Btf, type BtfMember, type BtfTypeInput } from '../../src/btf/index.ts';
import { type Add, all, type Change, isOdd, ofKind, same } from './targets.ts';

/** A change to the struct with this name. */
const struct = (
  name: string,
  change: (members: readonly BtfMember[], add: Add, btf: Btf) => readonly BtfMember[],
) =>
  ofKind('struct', (type, btf, add) =>
    type.name === name ? { ...type, members: change(type.members, add, btf) } : type,
  );

type MemberChange = (member: BtfMember, btf: Btf, add: Add) => Partial<BtfMember>;

/** A change to the members of a struct, or to some of them by name. */
const fields = (
  owner: string,
  changes: Readonly<Record<string, MemberChange>> | MemberChange,
): Change =>
  struct(owner, (members, add, btf) =>
    members.map((member) => {
      const change = typeof changes === 'function' ? changes : changes[member.name];
      return change ? { ...member, ...change(member, btf, add) } : member;
    }),
  );

/** A field becomes one of this type. */
const into =
  (type: BtfTypeInput): MemberChange =>
  (_member, _btf, add) => ({ type: add(type) });

/** Every field of rule_fields becomes one of this type. */
const allInto = (type: BtfTypeInput): Change => fields('rule_fields', into(type));

const int = (size: number, encoding = 0, offset = 0): BtfTypeInput => ({
  kind: 'int',
  name: `int${size * 8}_${encoding}_${offset}`,
  size,
  bits: size * 8 - offset,
  offset,
  encoding,
});
const pointer = (type: number): BtfTypeInput => ({ kind: 'ptr', name: '', type });
const array = (type: number, nelems: number): BtfTypeInput => ({
  kind: 'array',
  name: '',
  type,
  indexType: 1,
  nelems,
});
const other = { name: 'other', members: [] } as const;

const decorated: MemberChange = (member, _btf, add) => {
  let { type } = member;
  for (const kind of ['const', 'volatile', 'restrict'] as const)
    type = add({ kind, name: '', type });
  for (const kind of ['typedef', 'type_tag'] as const)
    type = add({ kind, name: 'decorated', type });
  return { type };
};

/** An array of another length. */
const ofLength =
  (nelems: number): MemberChange =>
  ({ type }, btf, add) => {
    const before = btf.type(type);
    return before.kind === 'array' ? { type: add({ ...before, nelems }) } : {};
  };

/** All members so many anonymous structs deep, each 8 bytes into the next where there are few. */
const nested = (depth: number): Change =>
  struct('rule_fields', (members, add) => {
    const bitOffset = depth < 64 ? 64 : 0;
    let result = members;
    for (let i = 0; i < depth; i++) {
      const type = add({ kind: 'struct', name: '', size: 512, members: result });
      result = [{ name: '', type, bitOffset, bitSize: 0 }];
    }
    return result;
  });

const renamed =
  (names: Readonly<Record<string, string>>): Change =>
  (type) =>
    Object.hasOwn(names, type.name) ? ({ ...type, name: names[type.name] } as BtfTypeInput) : type;

/** A change to the typedefs of the program, whose types have others in their place. */
const typedefs = (change: (add: Add) => number): Change =>
  ofKind('typedef', (type, _btf, add) =>
    type.name.startsWith('rule_') ? { ...type, type: change(add) } : type,
  );

const anyIntegers = Object.fromEntries(
  [1, 2, 4, 8, 16].flatMap((size) =>
    (
      [
        ['no sign', 0],
        ['a sign', BTF_INT.SIGNED],
        ['truth values', BTF_INT.BOOL],
      ] as const
    ).map(([what, encoding]) => [
      `integers of ${size} bytes with ${what} for all fields`,
      all(allInto(int(size, encoding)), fields('rule_signs', into(int(size, encoding)))),
    ]),
  ),
);

export const RULES: Readonly<Record<string, Change>> = {
  'the types of the program itself': same,

  // Whether a field can stand for another, and what a load of it becomes.
  'fields further away than a load reaches': fields('rule_fields', ({ bitOffset }) => ({
    bitOffset: bitOffset + 32760 * 8,
  })),
  'fields with typedefs and qualifiers': all(
    fields('rule_fields', decorated),
    fields('rule_bits', decorated),
    fields('rule_signs', decorated),
  ),
  ...anyIntegers,
  'pointers for all fields': allInto(pointer(0)),
  'structs for all fields': allInto({ kind: 'struct', size: 8, ...other }),
  'unions for all fields': allInto({ kind: 'union', size: 4, ...other }),
  'declared structs for all fields': allInto({ kind: 'fwd', name: 'other', fwdKind: 'struct' }),
  'fields that have no type': fields('rule_fields', () => ({ type: 0 })),
  'floats for all fields': allInto({ kind: 'float', name: 'float', size: 4 }),
  'enums of another name for all fields': allInto({
    kind: 'enum',
    name: 'other',
    size: 4,
    signed: false,
    values: [],
  }),
  'enums of 64 bits and no name for all fields': allInto({
    kind: 'enum64',
    name: '',
    size: 8,
    signed: true,
    values: [],
  }),
  'arrays for all fields': fields('rule_fields', ({ type }, _btf, add) => ({
    type: add(array(type, 3)),
  })),
  'integers as old compilers had them for bitfields': allInto(int(4, 0, 3)),
  'elements of other sizes': fields('rule_fields', {
    comm: into(array(1, 4)),
    matrix: into(array(1, 4)),
  }),
  'an array without a length in the middle': fields('rule_fields', { comm: ofLength(0) }),
  'an array with a length at the end': fields('rule_fields', { tail: ofLength(5) }),
  'a field of the same name that does not fit, before one that does': struct(
    'rule_fields',
    (members, add) => {
      const type = add({ kind: 'func_proto', name: '', returnType: 0, params: [] });
      return [
        ...members.filter(({ name }) => isOdd(name)).map((member) => ({ ...member, type })),
        ...members,
      ];
    },
  ),
  'fields in twenty anonymous structs': nested(20),
  'fields in seventy anonymous structs': nested(70),
  'bitfields far apart': fields('rule_bits', ({ bitOffset }) => ({ bitOffset: bitOffset * 7 + 3 })),
  'bitfields that no load holds': fields('rule_bits', {
    wide: () => ({ bitOffset: 30, bitSize: 63 }),
  }),
  'bitfields in larger integers': fields('rule_bits', into(int(8))),
  'bitfields in smaller integers': fields('rule_bits', into(int(1))),

  // Which types are candidates.
  'flavours of flavours': all(
    renamed({ rule_colour: 'rule_colour___one___two' }),
    ofKind('struct', (type, _btf, add) => {
      if (type.name === 'rule_fields') add({ ...type, name: 'rule_fields___one___two' });
      return type;
    }),
  ),
  'names that only look like flavours': renamed({
    rule_fields: 'rule_fields____one',
    rule_inner: 'rule_inner___',
    rule_number: 'rule_number__x',
  }),
  'structs in the place of unions of the same name': ofKind('union', (type, _btf, add) => {
    if (type.name !== '') add({ ...type, kind: 'struct' });
    return type;
  }),
  'structs under the names of typedefs': ofKind('typedef', ({ name }) => ({
    kind: 'struct',
    name,
    size: 3,
    members: [],
  })),
  'typedefs of the same name that differ': ofKind('typedef', (type, _btf, add) => {
    if (type.name.startsWith('rule_')) add({ ...type, type: add(int(2)) });
    return type;
  }),
  'integers for enums': ofKind('enum', ({ name }) => ({ ...int(4), name })),
  'none of the types': (type) =>
    type.name === '' ? type : ({ ...type, name: `un${type.name}` } as BtfTypeInput),

  // Whether types are alike.
  'typedefs of structs': typedefs((add) => add({ kind: 'struct', size: 3, ...other })),
  'typedefs of pointers': typedefs((add) => add(pointer(1))),
  'functions with other parameters': ofKind('func_proto', ({ params, ...type }) => ({
    ...type,
    params: params.length === 2 ? params.toReversed() : [...params, ...params],
  })),
  'functions that return something else': ofKind('func_proto', (type) => ({
    ...type,
    returnType: type.returnType === 0 ? 1 : 0,
  })),
  'functions with constant parameters': ofKind('func_proto', ({ params, ...type }, _btf, add) => ({
    ...type,
    params: params.map(({ name, type }) => ({
      name,
      type: add({ kind: 'const', name: '', type }),
    })),
  })),
  'pointers to other things': ofKind('ptr', (type, _btf, add) => ({
    ...type,
    type: add({ kind: 'struct', size: 0, ...other }),
  })),
  'pointers to void': ofKind('ptr', (type) => ({ ...type, type: 0 })),
  'pointers to pointers': ofKind('ptr', (type, _btf, add) => ({
    ...type,
    type: add(pointer(type.type)),
  })),
  'pointers to what is only declared': ofKind('ptr', (type, btf, add) => {
    const { kind, name } = btf.resolve(type.type);
    const isComposite = kind === 'struct' || kind === 'union';
    return isComposite ? { ...type, type: add({ kind: 'fwd', name, fwdKind: kind }) } : type;
  }),
  'definitions for what was only declared': ofKind('fwd', ({ name }) => ({
    kind: 'struct',
    name,
    size: 4,
    members: [],
  })),
  'members in another order': ofKind('struct', (type) => ({
    ...type,
    members: type.members.toReversed(),
  })),
  'members of other types': fields('rule_inner', () => ({ type: 1 })),

  // Enumerators.
  'more enumerators in another order': all(
    ofKind('enum', (type) => ({
      ...type,
      values: [{ name: 'RULE_NEW', value: 77 }, ...type.values.toReversed()],
    })),
    ofKind('enum64', (type) => ({
      ...type,
      values: [{ name: 'RULE_NEW', value: 77n }, ...type.values.toReversed()],
    })),
  ),
  'enumerators without and with another flavour': ofKind('enum', (type) => ({
    ...type,
    values: type.values.map(({ name, value }) => ({
      name: name.includes('___') ? name.split('___')[0]! : `${name}___new`,
      value,
    })),
  })),
  'two flavours of each enumerator': ofKind('enum', (type) => ({
    ...type,
    values: type.values.flatMap(({ name, value }) => [
      { name: `${name}___a`, value: value + 5 },
      { name: `${name}___b`, value },
    ]),
  })),
  'enums of one byte': ofKind('enum', (type) => ({ ...type, size: 1 })),
  'enums of the other sign': ofKind('enum', ({ signed, values, ...type }) => ({
    ...type,
    signed: !signed,
    values: values.map(({ name, value }) => ({ name, value: signed ? value >>> 0 : value | 0 })),
  })),
};
