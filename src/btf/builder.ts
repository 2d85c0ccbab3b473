/**
 * Builds BTF: types are added and get ids in order, as the kernel wants them (Documentation/bpf/btf.rst). Names are
 * checked, strings are stored once, and what is the same by structure (pointers, modifiers, arrays, prototypes) is
 * stored once as well. Structs, enums, functions and variables never are: each is its own.
 *
 * @example
 * const builder = new BtfBuilder();
 * const int = builder.int('int', 4, 'signed');
 * builder.struct('pair', 8, [{ name: 'a', type: int, bitOffset: 0 }, { name: 'b', type: int, bitOffset: 32 }]);
 * const bytes = builder.encode({ without: ['float', 'enum64'] });
 *
 * @module
 */
import { Btf } from './btf.ts';
import { BTF_INT } from './constants.ts';
import { type BtfFeature, downgrade } from './downgrade.ts';
import { encodeLayout, encodeTypes } from './encode.ts';
import { BtfError } from './error.ts';
import { encodeHeader } from './header.ts';
import { checkNames } from './name-rules.ts';
import { referencesOf } from './references.ts';
import { StringTableBuilder } from './string-builder.ts';
import type { BtfLinkage, BtfMember, BtfTypeInput } from './types.ts';

export interface EncodeOptions {
  readonly littleEndian?: boolean | undefined;
  /** What the kernel that will read it does not know. */
  readonly without?: readonly BtfFeature[] | undefined;
  /** Write the header and layout section of 7.1. */
  readonly layout?: boolean | undefined;
}

/** A member as it is given: bitSize only for bitfields. */
export interface MemberInput {
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  readonly bitSize?: number | undefined;
}

type ReferenceKind = 'ptr' | 'typedef' | 'volatile' | 'const' | 'restrict' | 'type_tag';

const ENCODINGS = { unsigned: 0, signed: BTF_INT.SIGNED, char: BTF_INT.CHAR, bool: BTF_INT.BOOL };

/** The kinds of which two with the same content are the same. */
const SHARED: ReadonlySet<string> = new Set<BtfTypeInput['kind']>([
  'int',
  'ptr',
  'array',
  'fwd',
  'typedef',
  'volatile',
  'const',
  'restrict',
  'func_proto',
  'float',
  'type_tag',
]);

interface BuilderOptions {
  readonly base?: Btf | undefined;
  /** @internal */
  readonly strings?: StringTableBuilder | undefined;
}

/** BTF under construction. */
export class BtfBuilder {
  readonly #base: Btf | undefined;
  readonly #firstId: number;
  readonly #types: (BtfTypeInput | undefined)[] = [];
  readonly #shared = new Map<string, number>();
  readonly #strings: StringTableBuilder;

  /** With a base the ids and strings continue those of the base: split BTF. */
  constructor(options: BuilderOptions = {}) {
    this.#base = options.base;
    this.#firstId = (options.base?.typeCount ?? 0) + 1;
    this.#strings = options.strings ?? new StringTableBuilder(options.base?.stringsEnd ?? 0);
  }

  /** A builder that begins with types from elsewhere: ids from 1 on in their order, names as they are, good or bad. */
  static of(types: readonly BtfTypeInput[]): BtfBuilder {
    const builder = new BtfBuilder();
    for (const type of types) builder.#push(type);
    return builder;
  }

  /** A builder that continues BTF: ids and string offsets stay, and names are as they are, good or bad. */
  static from(btf: Btf): BtfBuilder {
    const builder = new BtfBuilder({ base: btf.base, strings: btf.stringBuilder() });
    for (const type of btf.all()) builder.#push(type);
    return builder;
  }

  /** The number of types, those of the base included. */
  get typeCount(): number {
    return this.#firstId - 1 + this.#types.length;
  }

  /** The offset of a string: of a file name or a source line for line info, of an access for a relocation. */
  string(text: string): number {
    return this.#strings.add(text);
  }

  /** Adds any type. Returns its id, or that of an equal one for kinds that are shared. */
  add(type: BtfTypeInput): number {
    checkNames(type);
    if (!SHARED.has(type.kind)) return this.#push(type);
    const key = JSON.stringify(Object.entries(type).sort(([a], [b]) => (a < b ? -1 : 1)));
    const id = this.#shared.get(key) ?? this.#push(type);
    this.#shared.set(key, id);
    return id;
  }

  /** An id for a type that is defined later, because others refer to it before. */
  reserve(): number {
    this.#types.push(undefined);
    return this.typeCount;
  }

  /** Defines what an id from reserve() stands for. */
  define(id: number, type: BtfTypeInput): number {
    const index = id - this.#firstId;
    if (index < 0 || index >= this.#types.length || this.#types[index] !== undefined) {
      throw new BtfError(`id ${id} was not reserved, or is defined already`);
    }
    checkNames(type);
    this.#intern(type);
    this.#types[index] = type;
    return id;
  }

  int(name: string, size: number, encoding: keyof typeof ENCODINGS = 'unsigned'): number {
    const bits = size * 8;
    return this.add({ kind: 'int', name, size, encoding: ENCODINGS[encoding], bits, offset: 0 });
  }

  float(name: string, size: number): number {
    return this.add({ kind: 'float', name, size });
  }

  ptr(type: number): number {
    return this.#reference('ptr', type);
  }

  const(type: number): number {
    return this.#reference('const', type);
  }

  volatile(type: number): number {
    return this.#reference('volatile', type);
  }

  restrict(type: number): number {
    return this.#reference('restrict', type);
  }

  typedef(name: string, type: number): number {
    return this.#reference('typedef', type, name);
  }

  typeTag(name: string, type: number): number {
    return this.#reference('type_tag', type, name);
  }

  /** The index type is what clang writes, unless one is given. */
  array(type: number, nelems: number, indexType = this.int('__ARRAY_SIZE_TYPE__', 4)): number {
    return this.add({ kind: 'array', name: '', type, indexType, nelems });
  }

  struct(name: string, size: number, members: readonly MemberInput[]): number {
    return this.add({ kind: 'struct', name, size, members: members.map(withBitSize) });
  }

  union(name: string, size: number, members: readonly MemberInput[]): number {
    return this.add({ kind: 'union', name, size, members: members.map(withBitSize) });
  }

  /** Signed if a value is negative. */
  enum(name: string, values: Readonly<Record<string, number>>, size = 4): number {
    const list = Object.entries(values).map(([name, value]) => ({ name, value }));
    const signed = list.some(({ value }) => value < 0);
    return this.add({ kind: 'enum', name, size, signed, values: list });
  }

  /** Signed if a value is negative. */
  enum64(name: string, values: Readonly<Record<string, bigint>>, size = 8): number {
    const list = Object.entries(values).map(([name, value]) => ({ name, value }));
    const signed = list.some(({ value }) => value < 0n);
    return this.add({ kind: 'enum64', name, size, signed, values: list });
  }

  fwd(name: string, fwdKind: 'struct' | 'union' = 'struct'): number {
    return this.add({ kind: 'fwd', name, fwdKind });
  }

  func(name: string, proto: number, linkage: BtfLinkage = 'static'): number {
    return this.add({ kind: 'func', name, type: proto, linkage });
  }

  funcProto(
    returnType: number,
    params: readonly { readonly name: string; readonly type: number }[] = [],
  ): number {
    return this.add({ kind: 'func_proto', name: '', returnType, params });
  }

  var(name: string, type: number, linkage: BtfLinkage = 'global'): number {
    return this.add({ kind: 'var', name, type, linkage });
  }

  datasec(
    name: string,
    size: number,
    variables: readonly { readonly type: number; readonly offset: number; readonly size: number }[],
  ): number {
    return this.add({ kind: 'datasec', name, size, variables });
  }

  declTag(name: string, type: number, componentIndex = -1): number {
    return this.add({ kind: 'decl_tag', name, type, componentIndex });
  }

  /** The types so far, in order. Throws if one is reserved and not defined, or refers to one that does not exist. */
  types(): readonly BtfTypeInput[] {
    return this.#types.map((type, index) => {
      const id = this.#firstId + index;
      if (type === undefined) throw new BtfError(`type ${id} was reserved and is not defined`);
      for (const reference of referencesOf(type)) {
        if (reference <= this.typeCount) continue;
        const what = `${type.kind} ${type.name}`.trimEnd();
        throw new BtfError(`${what} refers to type ${reference}, and there are ${this.typeCount}`);
      }
      return type;
    });
  }

  /** The bytes, as BPF_BTF_LOAD takes them. String offsets stay what string() returned. */
  encode({ littleEndian = true, without = [], layout = false }: EncodeOptions = {}): Uint8Array {
    const types = downgrade(this.types(), without, this.#firstId);
    // Downgrading makes names that are of no use to the next encode().
    const strings = this.#strings.clone();
    const section = encodeTypes(types, (text) => strings.add(text), littleEndian);
    const withLayout = layout && !without.includes('layout');
    const layoutSection = withLayout ? encodeLayout() : new Uint8Array();
    return encodeHeader(section, strings.encode(), layoutSection, littleEndian);
  }

  /** What was built, to read. */
  build(options: EncodeOptions & { readonly label?: string | undefined } = {}): Btf {
    return new Btf(this.encode(options), { base: this.#base, label: options.label });
  }

  #reference(kind: ReferenceKind, type: number, name = ''): number {
    return this.add({ kind, name, type });
  }

  #push(type: BtfTypeInput): number {
    this.#intern(type);
    this.#types.push(type);
    return this.typeCount;
  }

  /** Strings get their offsets in the order of the types. */
  #intern(type: BtfTypeInput): void {
    encodeTypes([type], (text) => this.#strings.add(text), true);
  }
}

const withBitSize = ({ name, type, bitOffset, bitSize = 0 }: MemberInput): BtfMember => ({
  name,
  type,
  bitOffset,
  bitSize,
});
