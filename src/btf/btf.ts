/**
 * BTF, the kernel's type information, read lazily from bytes that may be a mapped file (Documentation/bpf/btf.rst).
 * Opening reads the header. A type is decoded, once, when it is asked for.
 *
 * @example
 * const btf = new Btf(readFileSync('/sys/kernel/btf/vmlinux'));
 * const id = btf.findByName('task_struct', 'struct')!;
 * const task = btf.type(id);   // { kind: 'struct', size: 9792, members: [...] }
 *
 * @module
 */
import { KIND_TAGS } from './constants.ts';
import { decodeRecord } from './decode.ts';
import { BtfError } from './error.ts';
import { decodeHeader } from './header.ts';
import { hasIrregularInts, normaliseBitfields } from './legacy.ts';
import { Names } from './names.ts';
import { TypeRecords } from './records.ts';
import { alignOf, resolve, sizeOf } from './size.ts';
import { StringTable } from './strings.ts';
import type { BtfKind, BtfType, BtfUnknown, BtfVoid } from './types.ts';

export interface BtfOptions {
  /** What split BTF continues: vmlinux, for a module. */
  readonly base?: Btf | undefined;
  /** What messages call it: 'vmlinux', a module, a file. */
  readonly label?: string | undefined;
  /** BTF does not say how large a pointer is. BPF and the kernels that Node runs on: 8. */
  readonly pointerSize?: 4 | 8 | undefined;
}

const VOID: BtfVoid = { id: 0, kind: 'void', name: '' };

/** The types of a kernel, a module or an object file. */
export class Btf {
  readonly base: Btf | undefined;
  readonly label: string;
  readonly pointerSize: 4 | 8;
  readonly littleEndian: boolean;
  readonly #records: TypeRecords;
  readonly #strings: StringTable;
  readonly #names: Names;
  readonly #types = new Map<number, BtfType>();
  #firstId: number | undefined;
  #irregularInts: boolean | undefined;

  /** Throws BtfError when the header is not that of BTF; what comes after it is checked when it is read. */
  constructor(bytes: Uint8Array | ArrayBuffer, options: BtfOptions = {}) {
    // A view of the same bytes even of a Buffer, whose own subarray() and indexOf() are slower.
    const data = ArrayBuffer.isView(bytes)
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : new Uint8Array(bytes);
    const header = decodeHeader(data);
    this.base = options.base;
    this.label = options.label ?? 'the BTF';
    this.pointerSize = options.pointerSize ?? options.base?.pointerSize ?? 8;
    this.littleEndian = header.littleEndian;
    const baseStrings = options.base === undefined ? undefined : options.base.#strings;
    this.#strings = new StringTable(data, header.strings, baseStrings);
    this.#records = new TypeRecords(data, header);
    this.#names = new Names(this.#records, this.#strings);
  }

  /** The id of the first type that is not in the base: 1 without one. */
  get firstId(): number {
    this.#firstId ??= this.base === undefined ? 1 : this.base.typeCount + 1;
    return this.#firstId;
  }

  /** How many types there are, those of the base included. Their ids are 1 to this. */
  get typeCount(): number {
    return this.firstId - 1 + this.#records.count();
  }

  /** Whether there is a type with this id (0, void, included). */
  has(id: number): boolean {
    if (id === 0) return true;
    if (id < this.firstId) return this.base?.has(id) ?? false;
    return this.#records.has(id - this.firstId);
  }

  /** The type with this id. Throws BtfError when there is none or it is malformed. */
  type(id: number): BtfType {
    if (id === 0) return VOID;
    const known = this.#types.get(id);
    if (known !== undefined) return known;
    if (this.base !== undefined && id < this.firstId) return this.base.type(id);
    let type = this.typeAsWritten(id);
    if ((type.kind === 'struct' || type.kind === 'union') && this.#hasIrregularInts()) {
      type = normaliseBitfields(type, (member) => this.resolve(member));
    }
    this.#types.set(id, type);
    return type;
  }

  /** The type with this id, with the bitfields of old compilers left as they are, and not remembered. */
  typeAsWritten(id: number): BtfType {
    if (id === 0) return VOID;
    if (this.base !== undefined && id < this.firstId) return this.base.typeAsWritten(id);
    const index = id - this.firstId;
    if (!Number.isInteger(id) || !this.#records.has(index)) {
      throw new BtfError(`there is no type ${id} in ${this.label}, which has ${this.typeCount}`);
    }
    return decodeRecord(this.#records, this.#strings, index, id);
  }

  /** All types as they are written, those of the base left out. Throws BtfError for a kind that is not known. */
  all(): readonly Exclude<BtfType, BtfVoid | BtfUnknown>[] {
    return Array.from({ length: this.typeCount - this.firstId + 1 }, (_, index) => {
      const type = this.typeAsWritten(this.firstId + index);
      if (type.kind !== 'unknown' && type.kind !== 'void') return type;
      throw new BtfError(`type ${type.id} of ${this.label} is of a kind that is not known`);
    });
  }

  /** The name of a type, '' when it has none. */
  name(id: number): string {
    if (id === 0) return '';
    if (this.base !== undefined && id < this.firstId) return this.base.name(id);
    if (!this.#records.has(id - this.firstId)) return this.typeAsWritten(id).name;
    const word = this.#records.at(id - this.firstId);
    return this.#strings.get(this.#records.words[word]!, this.#records.byteOffset(word));
  }

  /** The string at an offset of the string section, as line info and relocations refer to it. */
  string(offset: number): string {
    return this.#strings.get(offset);
  }

  /** The offset after the last string: that of the first string of split BTF on top of this. */
  get stringsEnd(): number {
    return this.#strings.end;
  }

  /**
   * The first type with this name, and of this kind if one is given; of the base before our own.
   *
   * @example
   * btf.findByName('pid_t', 'typedef');   // 41, or undefined
   */
  findByName(name: string, kind?: BtfKind): number | undefined {
    const inBase = this.base?.findByName(name, kind);
    if (inBase !== undefined) return inBase;
    const index = this.#names.find(name, kind === undefined ? -1 : kindBits([kind]));
    return index === -1 ? undefined : index + this.firstId;
  }

  /**
   * The types whose name is this one or a flavour of it (`name___flavour`), in order: the candidates of a CO-RE
   * relocation. Those of the base are not among them.
   *
   * @example
   * btf.candidates('nf_conn', ['struct']);   // nf_conn and nf_conn___init
   */
  candidates(essentialName: string, kinds?: readonly BtfKind[]): readonly number[] {
    return this.#names
      .candidates(essentialName, kinds === undefined ? -1 : kindBits(kinds))
      .map((index) => index + this.firstId);
  }

  /** Makes the index of all names now. It is made by itself after some searches. */
  index(): void {
    this.#names.index();
  }

  /** The type without typedefs, const, volatile, restrict and type tags. */
  resolve(id: number): BtfType {
    return resolve(this, id);
  }

  /** The size of a type in bytes. */
  sizeOf(id: number): number {
    return sizeOf(this, id);
  }

  /** The alignment of a type in bytes. */
  alignOf(id: number): number {
    return alignOf(this, id);
  }

  /**
   * The records and strings themselves, without those of the base: for what works on whole sections.
   *
   * @internal
   */
  get sections(): { readonly records: TypeRecords; readonly strings: StringTable } {
    return { records: this.#records, strings: this.#strings };
  }

  #hasIrregularInts(): boolean {
    for (let btf: Btf | undefined = this; btf !== undefined; btf = btf.base) {
      btf.#irregularInts ??= hasIrregularInts(btf.#records);
      if (btf.#irregularInts) return true;
    }
    return false;
  }
}

/** A bit for each kind; none for kinds that have no number here. */
const kindBits = (kinds: readonly BtfKind[]): number => {
  const tags: readonly string[] = KIND_TAGS;
  return kinds.reduce(
    (bits, kind) => (tags.includes(kind) ? bits | (1 << tags.indexOf(kind)) : bits),
    0,
  );
};
