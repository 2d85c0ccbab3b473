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
import { BTF_KIND, infoKind, KIND_TAGS, LONGS, MAX_RESOLVE_DEPTH } from './constants.ts';
import { decodeRecord } from './decode.ts';
import { encodeWords, wordsToBytes } from './encode.ts';
import { BtfError } from './error.ts';
import { decodeHeader, encodeHeader, HEADER_LENGTH } from './header.ts';
import { hasIrregularInts, normaliseBitfields } from './legacy.ts';
import { Names } from './names.ts';
import { TypeRecords } from './records.ts';
import { alignOf, resolve, sizeOf } from './size.ts';
import { StringTableBuilder } from './string-builder.ts';
import { StringTable } from './strings.ts';
import type { BtfInt, BtfKind, BtfType, BtfTypeInput, BtfUnknown, BtfVoid } from './types.ts';

export interface BtfOptions {
  /** What split BTF continues: vmlinux, for a module. */
  readonly base?: Btf | undefined;
  /** What messages call it: 'vmlinux', a module, a file. */
  readonly label?: string | undefined;
  /** BTF does not say how large a pointer is. Without this: as large as `long`, or 8. */
  readonly pointerSize?: 4 | 8 | undefined;
}

const VOID: BtfVoid = { id: 0, kind: 'void', name: '' };

/** The types of a kernel, a module or an object file. */
export class Btf {
  readonly base: Btf | undefined;
  readonly label: string;
  readonly littleEndian: boolean;
  /** What it is read from. */
  readonly bytes: Uint8Array;
  /** Whether it has the header of 7.1, which older kernels refuse. */
  readonly hasLayout: boolean;
  readonly #records: TypeRecords;
  readonly #strings: StringTable;
  readonly #names: Names;
  readonly #types: (BtfType | undefined)[] = [];
  #firstId: number | undefined;
  #pointerSize: 4 | 8 | undefined;
  #irregularInts: boolean | undefined;

  /** Throws BtfError when the header is not that of BTF; what comes after it is checked when it is read. */
  constructor(bytes: Uint8Array | ArrayBuffer, options: BtfOptions = {}) {
    // A view of the same bytes even of a Buffer, whose own subarray() and indexOf() are slower.
    const data = ArrayBuffer.isView(bytes)
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : new Uint8Array(bytes);
    const header = decodeHeader(data);
    this.bytes = data;
    this.hasLayout = header.length > HEADER_LENGTH;
    this.base = options.base;
    this.label = options.label ?? 'the BTF';
    this.#pointerSize = options.pointerSize;
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

  /** The size of a pointer, as libbpf guesses it (determine_ptr_size). */
  get pointerSize(): 4 | 8 {
    this.#pointerSize ??= this.base?.pointerSize ?? this.#sizeOfLong() ?? 8;
    return this.#pointerSize;
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
    const known = this.#types[id];
    if (known !== undefined) return known;
    if (this.base !== undefined && id < this.firstId) return this.base.type(id);
    let type = this.typeAsWritten(id);
    if ((type.kind === 'struct' || type.kind === 'union') && this.#hasIrregularInts()) {
      type = normaliseBitfields(type, (member) => this.#intBehind(member));
    }
    this.#types[id] = type;
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

  /** The types of one kind, in order, those of the base left out. None is decoded. */
  idsOf(kind: BtfKind): readonly number[] {
    const { words } = this.#records;
    const wanted = (KIND_TAGS as readonly string[]).indexOf(kind);
    const ids: number[] = [];
    this.#records.starts().forEach((at, index) => {
      if (infoKind(words[at + 1]!) === wanted) ids.push(this.firstId + index);
    });
    return ids;
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

  /** The offset of a string that is there whole, not as the end of another. */
  findString(text: string): number | undefined {
    if (text === '') return 0;
    const found = this.#strings.find(text);
    return found < 0 ? undefined : this.#strings.first + found;
  }

  /** @internal The strings, to be continued. */
  stringBuilder(): StringTableBuilder {
    return StringTableBuilder.from(this.#strings);
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

  /** The same BTF with some types replaced by others that take as many bytes, and more types at its end. */
  with(replaced: ReadonlyMap<number, BtfTypeInput>, added: readonly BtfTypeInput[] = []): Btf {
    const strings = new Appended(this.#strings);
    const offsetOf = (text: string): number => strings.offsetOf(text);
    const more = encodeWords(added, offsetOf);
    const { length } = this.#records.words;
    const words = new Uint32Array(length + more.length);
    words.set(this.#records.words);
    words.set(more, length);
    for (const [id, type] of replaced) {
      const record = encodeWords([type], offsetOf);
      const start = this.#records.has(id - this.firstId) ? this.#records.at(id - this.firstId) : -1;
      const end = this.#records.has(id - this.firstId + 1)
        ? this.#records.at(id - this.firstId + 1)
        : length;
      if (start < 0 || end - start !== record.length)
        throw new BtfError(`type ${id} cannot be replaced by a ${type.kind} of another length`);
      words.set(record, start);
    }
    const section = wordsToBytes(words, this.littleEndian);
    const bytes = encodeHeader(section, strings.encode(), new Uint8Array(), this.littleEndian);
    const { base, label } = this;
    return new Btf(bytes, { base, label, pointerSize: this.#pointerSize });
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

  /** The int that a type is underneath. Nothing else is decoded: a struct may hold the one that asks, or itself. */
  #intBehind(id: number, depth = 0): BtfInt | undefined {
    if (this.base !== undefined && id < this.firstId) return this.base.#intBehind(id, depth);
    const index = id - this.firstId;
    if (!this.#records.has(index) || depth > MAX_RESOLVE_DEPTH) return undefined;
    const at = this.#records.at(index);
    switch (infoKind(this.#records.words[at + 1]!)) {
      case BTF_KIND.INT:
        return this.type(id) as BtfInt;
      case BTF_KIND.TYPEDEF:
      case BTF_KIND.VOLATILE:
      case BTF_KIND.CONST:
      case BTF_KIND.RESTRICT:
      case BTF_KIND.TYPE_TAG:
        return this.#intBehind(this.#records.words[at + 2]!, depth + 1);
      default:
        return undefined;
    }
  }

  /** Of the first `long`, which is among the first types of a kernel. None is decoded. */
  #sizeOfLong(): 4 | 8 | undefined {
    const { words } = this.#records;
    for (let index = 0; this.#records.has(index); index++) {
      const at = this.#records.at(index);
      const size = words[at + 2];
      if (infoKind(words[at + 1]!) !== BTF_KIND.INT || (size !== 4 && size !== 8)) continue;
      if (LONGS.has(this.#strings.get(words[at]!, this.#records.byteOffset(at)))) return size;
    }
    return undefined;
  }

  #hasIrregularInts(): boolean {
    for (let btf: Btf | undefined = this; btf !== undefined; btf = btf.base) {
      btf.#irregularInts ??= hasIrregularInts(btf.#records);
      if (btf.#irregularInts) return true;
    }
    return false;
  }
}

/** The strings of a table, and others behind them. */
class Appended {
  readonly #table: StringTable;
  readonly #more: StringTableBuilder;

  constructor(table: StringTable) {
    this.#table = table;
    this.#more = new StringTableBuilder(table.end);
  }

  offsetOf(text: string): number {
    if (text === '') return 0;
    const known = this.#table.find(text);
    return known < 0 ? this.#more.add(text) : this.#table.first + known;
  }

  encode(): Uint8Array {
    const more = this.#more.encode();
    const bytes = new Uint8Array(this.#table.bytes.length + more.length);
    bytes.set(this.#table.bytes);
    bytes.set(more, this.#table.bytes.length);
    return bytes;
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
