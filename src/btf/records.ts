/**
 * The type section as words: where each record starts, found by walking from one record to the next, never further than
 * somebody asked (struct btf_type of include/uapi/linux/btf.h).
 *
 * In a cold process the walk costs 75 ns a record until V8 has compiled it, and 3 ms for all of vmlinux; the types that a
 * tool reads are among the first ten thousand. To find a record by its name without walking, `Uint32Array.indexOf` looks
 * for the name's offset among all words (0.3 ms for vmlinux), and only a hit that can be a record is walked to.
 *
 * @example
 * const records = new TypeRecords(bytes, decodeHeader(bytes));
 * records.words[records.at(0) + 1];   // `info` of the first type
 *
 * @module
 */
import { infoKind, infoVlen, KIND_LAYOUT } from './constants.ts';
import { BtfError } from './error.ts';
import type { BtfHeader } from './header.ts';

/** Words of struct btf_type: name_off, info, size or type. */
export const RECORD_WORDS = 3;

export const HOST_IS_LITTLE_ENDIAN = /* @__PURE__ */ (() =>
  new Uint8Array(new Uint16Array([1]).buffer)[0] === 1)();

export class TypeRecords {
  /** The type section in the host's byte order: a view of the bytes, or a copy where a view is impossible. */
  readonly words: Uint32Array;
  readonly #start: number;
  readonly #steps: Uint16Array;
  readonly #offsets: Uint32Array;
  #known = 0;
  #next = 0;

  constructor(bytes: Uint8Array, header: BtfHeader) {
    this.words = wordsOf(bytes, header);
    this.#start = header.types.start;
    this.#steps = stepsOf(bytes, header);
    // Zeroed memory that is never written to costs no pages, so this is sized for the shortest records.
    this.#offsets = new Uint32Array(Math.ceil(this.words.length / RECORD_WORDS));
  }

  /** How many records there are. Walks all of them. */
  count(): number {
    this.#walk(Number.POSITIVE_INFINITY, this.words.length);
    return this.#known;
  }

  /** The words at which all records start. */
  starts(): Uint32Array {
    return this.#offsets.subarray(0, this.count());
  }

  /** Whether there is a record with this index, counted from 0. */
  has(index: number): boolean {
    if (!Number.isInteger(index) || index < 0) return false;
    if (index >= this.#known) this.#walk(index + 1, this.words.length);
    return index < this.#known;
  }

  /** The word at which a record that exists starts. */
  at(index: number): number {
    return this.#offsets[index]!;
  }

  /** The first byte of a word, for messages. */
  byteOffset(word: number): number {
    return this.#start + word * 4;
  }

  /**
   * The index of the next record from a word on that has this name offset and one of these kinds (a bit for each; -1 for
   * all); -1 when there is none.
   */
  findNamed(nameOffset: number, kinds: number, from: number): number {
    const { words } = this;
    for (let word = words.indexOf(nameOffset, from); word !== -1; ) {
      // Most words that happen to be equal are not followed by anything like an `info`.
      const kind = infoKind(words[word + 1] ?? 0);
      if (this.#steps[kind] !== 0 && (kinds === -1 || (kind < 32 && (kinds >>> kind) & 1))) {
        const index = this.#indexOf(word);
        if (index !== -1) return index;
      }
      word = words.indexOf(nameOffset, word + 1);
    }
    return -1;
  }

  /** The index of the record that starts at a word, or -1 if none starts there. */
  #indexOf(word: number): number {
    this.#walk(Number.POSITIVE_INFINITY, word + 1);
    let low = 0;
    let high = this.#known - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#offsets[middle]!;
      if (found === word) return middle;
      if (found < word) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** Goes on until so many records are known, or until a record at or after a word is reached. */
  #walk(count: number, word: number): void {
    const { words } = this;
    const steps = this.#steps;
    const offsets = this.#offsets;
    let known = this.#known;
    let next = this.#next;
    while (known < count && next < word) {
      // Past the end `info` is undefined, which is kind 0, which has no step.
      const info = words[next + 1]!;
      const step = steps[(info >>> 24) & 0x7f]!;
      const after = next + (step & 0xff) + (info & 0xff_ffff) * (step >>> 8);
      if (step === 0 || after > words.length) throw this.#malformed(known, next);
      offsets[known++] = next;
      next = after;
    }
    this.#known = known;
    this.#next = next;
  }

  #malformed(index: number, word: number): BtfError {
    const offset = this.byteOffset(word);
    const info = this.words[word + 1];
    if (info === undefined) {
      return new BtfError(`record ${index + 1} is cut off by the end of the type section`, offset);
    }
    const kind = infoKind(info);
    if (this.#steps[kind] === 0) {
      const why = kind === 0 ? 'kind 0 is no type' : `kind ${kind} has no known size`;
      return new BtfError(`record ${index + 1} cannot be read: ${why}`, offset);
    }
    return new BtfError(
      `record ${index + 1} (kind ${kind}) has ${infoVlen(info)} elements, more than the type section holds`,
      offset,
    );
  }
}

/** A view where alignment and byte order allow one; otherwise the section, and nothing else, is copied. */
const wordsOf = (bytes: Uint8Array, { types, littleEndian }: BtfHeader): Uint32Array => {
  const length = (types.end - types.start) / 4;
  const start = bytes.byteOffset + types.start;
  const foreign = littleEndian !== HOST_IS_LITTLE_ENDIAN;
  if (!foreign && start % 4 === 0) return new Uint32Array(bytes.buffer, start, length);

  const view = new DataView(bytes.buffer, start, length * 4);
  const words = new Uint32Array(length);
  for (let word = 0; word < length; word++) words[word] = view.getUint32(word * 4, littleEndian);
  return words;
};

/** For each kind: words of a record without elements, and words of an element << 8. 0 for a kind of unknown size. */
const stepsOf = (bytes: Uint8Array, { layout }: BtfHeader): Uint16Array => {
  const steps = new Uint16Array(128);
  const set = (kind: number, once: number, each: number): void => {
    if (once % 4 === 0 && each % 4 === 0) steps[kind] = RECORD_WORDS + once / 4 + ((each / 4) << 8);
  };
  for (let kind = 1; kind < KIND_LAYOUT.length; kind++) set(kind, ...KIND_LAYOUT[kind]!);
  // struct btf_layout: u8 info_sz, u8 elem_sz, u16 flags. What we know ourselves we do not ask.
  for (let kind = KIND_LAYOUT.length; kind < steps.length; kind++) {
    const at = layout.start + kind * 4;
    if (at + 4 <= layout.end) set(kind, bytes[at]!, bytes[at + 1]!);
  }
  return steps;
};
