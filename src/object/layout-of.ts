/**
 * @module
 * From a type in BTF to a layout: how the maps, globals and events of a file are encoded and decoded.
 *
 *     layoutOf(btf, btf.findByName('event', 'struct')!); // struct('event', { pid: u32, comm: chars(16) })
 *
 * Typedefs and qualifiers fall away, and members of anonymous structs and unions become members of what holds them. What
 * layouts do not have (floating point, integers of 16 bytes, bitfields across their unit) is bytes.
 */
import { BTF_INT, type Btf, type BtfComposite, BtfError, type BtfType } from '../btf/index.ts';
import {
  array,
  bitfield,
  bool,
  bytes,
  char,
  chars,
  enumeration,
  i8,
  i16,
  i32,
  i64,
  type Layout,
  type Member,
  placedStruct,
  pointer,
  type Scalar,
  u8,
  u16,
  u32,
  u64,
  type Width,
} from '../layout/index.ts';

interface Known {
  readonly layouts: Map<number, Layout>;
  /** What is being made, the innermost last. */
  readonly open: Set<number>;
}

const known = /* @__PURE__ */ new WeakMap<Btf, Known>();

/** The layout of a type. Throws a BtfError for one that has no size, or that holds itself. */
export const layoutOf = (btf: Btf, id: number): Layout => {
  const { layouts, open } = known.get(btf) ?? { layouts: new Map(), open: new Set() };
  known.set(btf, { layouts, open });
  const type = btf.resolve(id);
  const before = layouts.get(type.id);
  if (before) return before;
  const what = `${type.kind} ${type.name || 'without a name'}`;
  const size = btf.sizeOf(type.id);
  if (size > LARGEST) throw new BtfError(`${what} has ${size} bytes, too many`);
  if (open.has(type.id)) throw new BtfError(`${what} holds itself`);
  if (open.size > DEEPEST) throw new BtfError(`${what} is nested too deeply`);
  open.add(type.id);
  try {
    const layout = make(btf, type, size);
    layouts.set(type.id, layout);
    return layout;
  } finally {
    open.delete(type.id);
  }
};

/** Far beyond the types of the kernel. */
const DEEPEST = 128;

/** What a layout can have, and more than any map takes. */
const LARGEST = 2 ** 31;

const make = (btf: Btf, type: BtfType, size: number): Layout => {
  switch (type.kind) {
    case 'int':
      return integer(type.name, size, type.encoding) ?? raw(size);
    case 'enum':
      return enumerated(type) ?? sized(size, type.signed) ?? raw(size);
    case 'enum64':
      return sized(size, type.signed) ?? raw(size);
    case 'ptr':
      return pointer();
    case 'array': {
      const element = layoutOf(btf, type.type);
      // As many as the file says of nothing at all.
      if (element.size === 0) return raw(0);
      return element === char && type.nelems > 0 ? chars(type.nelems) : array(element, type.nelems);
    }
    case 'struct':
    case 'union':
      return placedStruct(type.name || 'anonymous', membersOf(btf, type), {
        size,
        align: 1,
        union: type.kind === 'union',
      });
    case 'datasec':
      return placedStruct(
        'globals',
        type.variables.map(({ type: id, offset }) => {
          const { name } = btf.type(id);
          if (offset + layoutOf(btf, id).size > type.size)
            throw new BtfError(`${name} does not lie in the ${type.size} bytes of ${type.name}`);
          return { name, layout: layoutOf(btf, id), offset, bitOffset: offset * 8 };
        }),
        { size: type.size, align: 8, union: false },
      );
    case 'var':
      return layoutOf(btf, type.type);
    default:
      return raw(size);
  }
};

const raw = (size: number): Layout => (size > 0 ? bytes(size) : array(u8, 0));

const integer = (name: string, size: number, encoding: number): Layout | undefined => {
  if (size === 1) {
    if ((encoding & BTF_INT.BOOL) !== 0) return bool;
    if (name === 'char' || (encoding & BTF_INT.CHAR) !== 0) return char;
  }
  return sized(size, (encoding & BTF_INT.SIGNED) !== 0);
};

const SIGNED: Readonly<Record<number, Layout>> = { 1: i8, 2: i16, 4: i32, 8: i64 };
const UNSIGNED: Readonly<Record<number, Layout>> = { 1: u8, 2: u16, 4: u32, 8: u64 };
const sized = (size: number, signed: boolean): Layout | undefined =>
  (signed ? SIGNED : UNSIGNED)[size];

const IDENTIFIER = /^[A-Za-z_]\w*$/;

/** Layouts know enumerations of int size that have a name. */
const enumerated = ({ name, size, values }: Extract<BtfType, { kind: 'enum' }>) => {
  if (size !== 4 || values.length === 0) return undefined;
  if (![name, ...values.map((each) => each.name)].every((each) => IDENTIFIER.test(each)))
    return undefined;
  return enumeration(name, Object.fromEntries(values.map((each) => [each.name, each.value])));
};

const membersOf = (btf: Btf, { members, size }: BtfComposite): Member[] =>
  members.flatMap(({ name, type, bitOffset, bitSize }): Member[] => {
    const layout = layoutOf(btf, type);
    if (bitSize > 0 ? bitOffset + bitSize > size * 8 : bitOffset + layout.size * 8 > size * 8)
      throw new BtfError(`member ${name} does not lie in the ${size} bytes of its struct`);
    if (bitSize > 0) return bits(name, layout, bitOffset, bitSize, size);
    const offset = bitOffset / 8;
    if (!Number.isInteger(offset))
      throw new BtfError(`member ${name} is no bitfield and starts at bit ${bitOffset}`);
    if (name !== '') return [{ name, layout, offset, bitOffset }];
    if (layout.kind !== 'struct') return [];
    return layout.members.map((member) => ({
      ...member,
      offset: member.offset + offset,
      bitOffset: member.bitOffset + bitOffset,
    }));
  });

/** A bitfield in the unit of its type that holds all of it; padding has no name. */
const bits = (
  name: string,
  layout: Layout,
  bitOffset: number,
  width: number,
  size: number,
): Member[] => {
  if (name === '') return [];
  const type = layout.kind === 'enum' ? sized(layout.size, layout.signed)! : layout;
  const offset = Math.floor(bitOffset / (type.size * 8)) * type.size;
  const whole = bitOffset + width <= (offset + type.size) * 8 && offset + type.size <= size;
  if (type.kind === 'scalar' && whole && width <= (type === bool ? 1 : type.size * 8))
    return [{ name, layout: bitfield(type as Scalar<unknown, Width>, width), offset, bitOffset }];
  const first = Math.floor(bitOffset / 8);
  const end = Math.ceil((bitOffset + width) / 8);
  return [{ name, layout: bytes(end - first), offset: first, bitOffset: first * 8 }];
};
