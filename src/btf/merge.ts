/**
 * Several BTFs in one: types are appended as they are, with ids and strings renumbered (libbpf's btf__add_btf). What is
 * the same in two of them is there twice afterwards: deduplicate.ts sees to that.
 *
 * @example
 * const { bytes, ids } = merge([new Btf(first), new Btf(second)]);
 * ids[1][7];   // the id of what was type 7 in the second
 *
 * @module
 */
import { Btf } from './btf.ts';
import { encodeWords, wordsToBytes } from './encode.ts';
import { BtfError } from './error.ts';
import { encodeHeader } from './header.ts';
import type { BtfMapping } from './mapping.ts';
import { rewriteRecord } from './record-fields.ts';
import { StringTableBuilder } from './string-builder.ts';
import type { BtfTypeInput } from './types.ts';

export interface AppendOptions {
  /**
   * Asked for each type, in order, before any is appended. A number leaves the type out, and is the id of what stands for
   * it in the result already, or 0: for a section that a linker lays out itself.
   */
  readonly instead?: ((id: number) => number | undefined) | undefined;
}

/** All types of several BTFs in one, in order. Split BTF comes after its base. */
export const merge = (
  inputs: readonly Btf[],
): { readonly bytes: Uint8Array; readonly ids: readonly Uint32Array[] } => {
  const merger = new BtfMerger();
  const ids = inputs.map((btf) => merger.append(btf).ids);
  return { bytes: merger.encode(), ids };
};

/** BTF put together from others. */
export class BtfMerger {
  readonly #strings = new StringTableBuilder(0);
  readonly #mappings = new Map<Btf, BtfMapping>();
  #words = new Uint32Array(256);
  #length = 0;
  /** Where each record starts. */
  readonly #starts: number[] = [];
  #littleEndian: boolean | undefined;

  get typeCount(): number {
    return this.#starts.length;
  }

  /** Appends all types, or those that the options leave. Throws BtfError for what cannot be renumbered. */
  append(btf: Btf, { instead }: AppendOptions = {}): BtfMapping {
    const { records, strings } = btf.sections;
    const starts = records.starts();
    const baseIds = this.#idsOfBase(btf);
    const ids = new Uint32Array(btf.firstId + starts.length);
    ids.set(baseIds);
    let next = this.typeCount;
    const kept: number[] = [];
    for (let index = 0; index < starts.length; index++) {
      const id = btf.firstId + index;
      const other = instead?.(id);
      if (other === undefined) kept.push(index);
      else if (!(other >= 0 && other <= this.typeCount)) {
        throw new BtfError(`type ${other} shall stand for type ${id}, and is not in the result`);
      }
      ids[id] = other ?? ++next;
    }

    /** How many words further a record was in its own BTF. */
    let shift = 0;
    const byteOffset = (word: number): number => records.byteOffset(word + shift);
    const idOf = (id: number, word: number): number => {
      if (id < ids.length) return ids[id]!;
      throw new BtfError(`there is no type ${id} in ${btf.label}`, byteOffset(word));
    };
    const string = this.#strings.copier(strings);
    const stringOf = (offset: number, word: number): number => string(offset, byteOffset(word));
    for (const index of kept) {
      const from = starts[index]!;
      const to = this.#push(records.words, from, starts[index + 1] ?? records.words.length);
      shift = from - to;
      rewriteRecord(this.#words, to, idOf, stringOf);
    }
    this.#littleEndian ??= btf.littleEndian;
    const mapping = { ids, string };
    this.#mappings.set(btf, mapping);
    return mapping;
  }

  /** Adds a type whose references are ids of the result. Its names are not checked. */
  add(type: BtfTypeInput): number {
    const words = encodeWords([type], (text) => this.#strings.add(text));
    this.#push(words, 0, words.length);
    return this.typeCount;
  }

  /** The offset of a string in the result. */
  string(text: string): number {
    return this.#strings.add(text);
  }

  /** The bytes; in the byte order of the first BTF unless told otherwise. */
  encode(littleEndian = this.#littleEndian ?? true): Uint8Array {
    const types = wordsToBytes(this.#words.subarray(0, this.#length), littleEndian);
    return encodeHeader(types, this.#strings.encode(), new Uint8Array(), littleEndian);
  }

  /** What was put together, to read. */
  build(label?: string): Btf {
    return new Btf(this.encode(), { label });
  }

  #idsOfBase({ base, label }: Btf): Uint32Array {
    if (base === undefined) return new Uint32Array(1);
    const mapping = this.#mappings.get(base);
    if (mapping !== undefined) return mapping.ids;
    throw new BtfError(`${label} continues ${base.label}, which has to be appended before it`);
  }

  /** Appends a record, and returns the word at which it starts. */
  #push(source: Uint32Array, from: number, end: number): number {
    const at = this.#length;
    const after = at + end - from;
    if (after > this.#words.length) {
      const larger = new Uint32Array(Math.max(after, this.#words.length * 2));
      larger.set(this.#words);
      this.#words = larger;
    }
    // Records are short: a loop is faster than subarray() and set().
    const words = this.#words;
    for (let word = from; word < end; word++) words[at + word - from] = source[word]!;
    this.#length = after;
    this.#starts.push(at);
    return at;
  }
}
