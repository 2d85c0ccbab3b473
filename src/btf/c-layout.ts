/**
 * What a C compiler has to be told so that a struct gets the layout that its BTF has: where padding must be spelled out,
 * and whether the struct is packed. BTF has offsets and sizes, but neither `packed` nor `aligned`. Compilers place fields
 * as the System V psABI says ("Data Representation", "Bit-Fields").
 *
 * @example
 * new CLayouts(btf).of(task);   // { packed: false, align: 8, parts: [{ name: 'thread_info', ... }, ...] }
 *
 * @module
 */
import type { Btf } from './btf.ts';
import { BtfError } from './error.ts';
import type { BtfComposite, BtfMember, BtfType } from './types.ts';

/** Bits that no member has, and that a compiler would not leave free by itself. */
export interface CGap {
  readonly kind: 'gap';
  readonly bitOffset: number;
  readonly bits: number;
}

export interface CLayout {
  readonly packed: boolean;
  /** The alignment, in bytes, of the type as it is printed. */
  readonly align: number;
  /** What stands between the braces, in order. */
  readonly parts: readonly (BtfMember | CGap)[];
  /** Members that no C puts where the BTF has them: on top of others, or inside a byte. */
  readonly misplaced: ReadonlySet<BtfMember>;
}

/** Structs in structs; each level takes room on the stack. */
const MAX_NESTING = 64;

const alignUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** The layouts of the structs and unions of one BTF. */
export class CLayouts {
  readonly #btf: Btf;
  readonly #known = new Map<number, CLayout>();
  #depth = 0;

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  /** The layout of a struct or union. */
  of(composite: BtfComposite): CLayout {
    const known = this.#known.get(composite.id);
    if (known !== undefined) return known;
    if (++this.#depth > MAX_NESTING) {
      throw new BtfError(`type ${composite.id} is nested more than ${MAX_NESTING} deep`);
    }
    const layout =
      composite.kind === 'union' ? this.#unionLayout(composite) : this.#structLayout(composite);
    this.#depth--;
    this.#known.set(composite.id, layout);
    return layout;
  }

  /** The alignment that a compiler gives to a type as it is printed. */
  #alignOf(id: number): number {
    const type = elementOf(this.#btf, id);
    switch (type.kind) {
      case 'struct':
      case 'union':
        return this.of(type).align;
      case 'ptr':
        return this.#btf.pointerSize;
      case 'int':
      case 'float':
        // __int128 and long double. BTF of 32-bit machines has none.
        if (type.size === 16) return 16;
        return Math.max(1, Math.min(this.#btf.pointerSize, type.size));
      case 'enum':
      case 'enum64':
        return Math.min(this.#btf.pointerSize, type.size);
      default:
        // Not a type that a member can have: sizeOf says so.
        return 1;
    }
  }

  #structLayout(struct: BtfComposite): CLayout {
    const aligns = struct.members.map(({ type }) => this.#alignOf(type));
    const natural = aligns.reduce((most, align) => Math.max(most, align), 1);
    const packed =
      struct.size % natural !== 0 ||
      struct.members.some((member, index) => !this.#isNatural(member, aligns[index]!));
    const align = packed ? 1 : natural;
    const parts: (BtfMember | CGap)[] = [];
    let end = 0;
    const gapTo = (bitOffset: number): void => {
      if (bitOffset > end) parts.push({ kind: 'gap', bitOffset: end, bits: bitOffset - end });
    };
    const misplaced = new Set<BtfMember>();
    struct.members.forEach((member, index) => {
      const { type, bitOffset, bitSize } = member;
      const bits = bitSize || 8 * this.#btf.sizeOf(type);
      const place = (from: number): number =>
        bitSize > 0 && (packed || !this.#straddles(type, from, bits))
          ? from
          : alignUp(from, 8 * (packed ? 1 : aligns[index]!));
      if (place(end) !== bitOffset) {
        gapTo(bitOffset);
        if (place(Math.max(end, bitOffset)) !== bitOffset) misplaced.add(member);
      }
      parts.push(member);
      end = Math.max(end, bitOffset + bits);
    });
    if (alignUp(end, 8 * align) !== 8 * struct.size) gapTo(8 * struct.size);
    return { packed, align, parts, misplaced };
  }

  #unionLayout(union: BtfComposite): CLayout {
    let natural = 1;
    let bytes = 0;
    for (const { type, bitSize } of union.members) {
      natural = Math.max(natural, this.#alignOf(type));
      bytes = Math.max(bytes, bitSize === 0 ? this.#btf.sizeOf(type) : Math.ceil(bitSize / 8));
    }
    const packed = union.size % natural !== 0;
    const align = packed ? 1 : natural;
    const gap = { kind: 'gap', bitOffset: 0, bits: 8 * union.size } as const;
    const short = alignUp(bytes, align) < union.size;
    const misplaced = new Set(union.members.filter(({ bitOffset }) => bitOffset !== 0));
    return { packed, align, parts: short ? [...union.members, gap] : union.members, misplaced };
  }

  /** Whether a member is where a compiler can place it without being told to pack. */
  #isNatural({ type, bitOffset, bitSize }: BtfMember, align: number): boolean {
    return bitSize === 0
      ? bitOffset % (8 * align) === 0
      : !this.#straddles(type, bitOffset, bitSize);
  }

  /** Whether a bitfield would lie in two storage units of its type. */
  #straddles(type: number, bitOffset: number, bits: number): boolean {
    const unit = 8 * Math.max(1, this.#btf.sizeOf(type));
    return Math.floor(bitOffset / unit) !== Math.floor((bitOffset + bits - 1) / unit);
  }
}

/** The type without names, qualifiers and dimensions. */
const elementOf = (btf: Btf, id: number): BtfType => {
  let type = btf.resolve(id);
  for (let depth = 0; type.kind === 'array'; depth++) {
    if (depth > MAX_NESTING) throw new BtfError(`type ${id} has too many dimensions`);
    type = btf.resolve(type.type);
  }
  return type;
};
