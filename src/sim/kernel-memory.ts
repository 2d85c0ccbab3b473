/**
 * @module
 * Objects of the kernel as a test describes them: laid out by BTF, in memory that programs can read. Objects may point
 * to each other, in circles too: the same JavaScript object is one kernel object.
 * @example
 * kernel.place('task_struct', { tgid: 7, comm: 'bash', real_parent: { tgid: 1 } }); // its address
 */
import type { Btf, BtfComposite, BtfMember, BtfType } from '../btf/index.ts';
import { type Memory, pointerTo } from './memory.ts';

/** The fields of a kernel object: numbers, strings, lists, other objects, and objects that pointers lead to. */
export interface Mock {
  readonly [field: string]: MockValue;
}
export type MockValue =
  | number
  | bigint
  | boolean
  | string
  | Uint8Array
  | null
  | undefined
  | Mock
  | readonly MockValue[];

export class KernelMemory {
  readonly #memory: Memory;
  readonly #types: { readonly btf: Btf };
  readonly #whole: boolean;
  readonly #placed = new WeakMap<object, number>();

  /** @param whole whether the types have all fields: else those that it lacks are left out, since no program asks for them. */
  constructor(memory: Memory, types: { readonly btf: Btf }, whole: boolean) {
    this.#memory = memory;
    this.#types = types;
    this.#whole = whole;
  }

  /** What objects are laid out by. */
  get #btf(): Btf {
    return this.#types.btf;
  }

  /** The address of an object of a struct that BTF has. */
  place(struct: string, mock: Mock): number {
    const id = this.#btf.findByName(struct, 'struct') ?? this.#btf.findByName(struct, 'union') ?? 0;
    return this.placeType(id, mock, struct);
  }

  /** `place`, without the fields of `defaults` that the struct does not have and the test has not given. */
  placeKnown(struct: string, defaults: Mock, given: Mock): number {
    const id = this.#btf.findByName(struct, 'struct');
    const type = id === undefined ? undefined : this.#btf.type(id);
    const fields = Object.entries(defaults).filter(
      ([name]) => type?.kind === 'struct' && (name in given ? type : this.#find(type, name)),
    );
    const address = this.place(struct, Object.fromEntries(fields));
    this.#placed.set(given, address);
    return address;
  }

  /** The address of what a type describes. What BTF does not know has an address, and nothing to read. */
  placeType(id: number, mock: object, name = this.#btf.resolve(id).name || 'object'): number {
    const known = this.#placed.get(mock);
    if (known !== undefined) return known;
    const type = this.#btf.resolve(id);
    const size = type.kind === 'void' || type.kind === 'fwd' ? 0 : this.#btf.sizeOf(id);
    const region = this.#memory.allocate({ kind: 'kernel', name, size });
    const address = pointerTo(region);
    this.#placed.set(mock, address);
    if (size > 0) this.#write(type, region.base, mock as MockValue, name);
    return address;
  }

  /** The address of bytes, or of a string with its NUL. */
  placeBytes(content: string | Uint8Array, name = 'text'): number {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(`${content}\0`) : content;
    const region = this.#memory.allocate({ kind: 'kernel', name, size: bytes.length });
    this.#memory.of(region).set(bytes);
    return pointerTo(region);
  }

  #write(type: BtfType, at: number, value: MockValue, what: string): void {
    if (value === undefined) return;
    switch (type.kind) {
      case 'struct':
      case 'union':
        this.#writeFields(type, at, value, what);
        break;
      case 'array':
        this.#writeElements(type, at, value, what);
        break;
      case 'ptr':
        this.#writeWord(at, 8, this.pointerFor(type.type, value, what));
        break;
      case 'int':
      case 'enum':
      case 'enum64':
        this.#writeWord(at, type.size, numberOf(value, what));
        break;
      default:
        throw new TypeError(`${what}: a ${type.kind} cannot be given a value`);
    }
  }

  /** What a pointer to a type holds for a value: the address of a mock, or the number itself. */
  pointerFor(type: number, value: MockValue, what: string): bigint {
    if (value === null || value === undefined) return 0n;
    if (typeof value === 'string' || value instanceof Uint8Array)
      return BigInt(this.placeBytes(value, what));
    if (typeof value === 'object') {
      if (!this.#placed.has(value) && this.#btf.resolve(type).kind === 'void')
        throw new TypeError(
          `${what} points to no type that is known: give an address, as kernel.place('task_struct', { ... }) returns it`,
        );
      return BigInt(this.placeType(type, value));
    }
    return numberOf(value, what);
  }

  #writeFields(type: BtfComposite, at: number, value: MockValue, what: string): void {
    if (typeof value !== 'object' || value === null)
      throw new TypeError(`${what}: expected an object of fields, got ${String(value)}`);
    for (const [name, field] of Object.entries(value)) {
      const found = this.#find(type, name);
      if (!found && !this.#whole) continue;
      if (!found) {
        const names = type.members.map((member) => member.name).filter((each) => each !== '');
        throw new TypeError(`${what} has no field ${name}: ${names.slice(0, 20).join(', ')}`);
      }
      const { member, bits } = found;
      const place = `${what}.${name}`;
      if (member.bitSize > 0)
        this.#writeBits(at, bits, member.bitSize, numberOf(field as MockValue, place));
      else this.#write(this.#btf.resolve(member.type), at + bits / 8, field as MockValue, place);
    }
  }

  /** A field, also of anonymous structs, and its place in bits. */
  #find(
    type: BtfComposite,
    name: string,
  ): { readonly member: BtfMember; readonly bits: number } | undefined {
    for (const member of type.members) {
      if (member.name === name) return { member, bits: member.bitOffset };
      const inner = member.name === '' ? this.#btf.resolve(member.type) : undefined;
      if (inner?.kind !== 'struct' && inner?.kind !== 'union') continue;
      const found = this.#find(inner, name);
      if (found) return { member: found.member, bits: found.bits + member.bitOffset };
    }
    return undefined;
  }

  #writeElements(
    type: Extract<BtfType, { kind: 'array' }>,
    at: number,
    value: MockValue,
    what: string,
  ): void {
    const size = this.#btf.sizeOf(type.type);
    const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
    if (bytes instanceof Uint8Array) {
      if (bytes.length > size * type.nelems)
        throw new RangeError(`${what}: it has ${size * type.nelems} bytes, got ${bytes.length}`);
      this.#memory.bytes.set(bytes, at);
      return;
    }
    if (!Array.isArray(bytes)) throw new TypeError(`${what}: expected a list`);
    // A list of no length at the end of a struct would lie behind it.
    if (bytes.length > type.nelems)
      throw new RangeError(`${what}: it has ${type.nelems} elements, got ${bytes.length}`);
    const element = this.#btf.resolve(type.type);
    (bytes as readonly MockValue[]).forEach((each, index) => {
      this.#write(element, at + index * size, each, `${what}[${index}]`);
    });
  }

  #writeWord(at: number, size: number, value: bigint): void {
    for (let index = 0; index < size; index++)
      this.#memory.bytes[at + index] = Number((value >> BigInt(8 * index)) & 0xffn);
  }

  #writeBits(at: number, bits: number, width: number, value: bigint): void {
    for (let bit = 0; bit < width; bit++) {
      const place = bits + bit;
      const byte = at + (place >> 3);
      const mask = 1 << (place & 7);
      const old = this.#memory.bytes[byte]!;
      this.#memory.bytes[byte] = (value >> BigInt(bit)) & 1n ? old | mask : old & ~mask;
    }
  }
}

const numberOf = (value: MockValue, what: string): bigint => {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  throw new TypeError(`${what}: expected a whole number, got ${String(value)}`);
};
