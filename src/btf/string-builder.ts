/**
 * A string section under construction: each string once, in the order of first use. Strings come as text, or as bytes
 * of another table without ever becoming text.
 *
 * @module
 */
import { BtfError } from './error.ts';
import type { StringTable } from './strings.ts';

const encoder = /* @__PURE__ */ new TextEncoder();

export class StringTableBuilder {
  readonly #first: number;
  /** What was added as text: found without encoding it again. */
  readonly #offsets = new Map<string, number>([['', 0]]);
  #bytes = new Uint8Array(256);
  #length = 0;
  /** Open addressing: where a string starts in `#bytes`, + 1. */
  #slots = new Uint32Array(64);
  #count = 0;

  /** `first` is the length of the base's strings, 0 without a base. */
  constructor(first: number) {
    this.#first = first;
    // The empty string is in the base, if there is one. It never gets here again.
    if (first === 0) this.#length = 1;
  }

  /** A table that begins as another: its strings keep their offsets. */
  static from({ bytes, first }: StringTable): StringTableBuilder {
    const builder = new StringTableBuilder(first);
    builder.#bytes = bytes.slice();
    builder.#length = bytes.length;
    // The empty string at the start of a table without a base is known.
    for (let start = first === 0 ? 1 : 0; start < bytes.length; ) {
      const end = bytes.indexOf(0, start);
      builder.#remember(start, end);
      start = end + 1;
    }
    return builder;
  }

  /** The offset of a string, which is added if it is new. */
  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    if (text.includes('\0'))
      throw new BtfError(`a string ends at NUL, found ${JSON.stringify(text)}`);
    const bytes = encoder.encode(text);
    const offset = this.#intern(bytes, 0, bytes.length);
    this.#offsets.set(text, offset);
    return offset;
  }

  /** The offset here of a string of another table; `at` is the byte that holds its offset there, for the message. */
  copy(strings: StringTable, offset: number, at?: number): number {
    if (offset === 0) return 0;
    const { bytes, first } = strings.tableOf(offset, at);
    const start = offset - first;
    let end = start;
    // A table ends with NUL.
    while (bytes[end] !== 0) end++;
    return end === start ? 0 : this.#intern(bytes, start, end);
  }

  /** copy() for who copies most of a table: a string is looked up once. */
  copier(strings: StringTable): (offset: number, at?: number) => number {
    const known = new Uint32Array(strings.end);
    return (offset, at) => {
      const found = known[offset] || this.copy(strings, offset, at);
      if (found !== 0) known[offset] = found;
      return found;
    };
  }

  /** A table that can grow without this one. */
  clone(): StringTableBuilder {
    const copy = new StringTableBuilder(this.#first);
    copy.#bytes = this.#bytes.slice();
    copy.#length = this.#length;
    copy.#slots = this.#slots.slice();
    copy.#count = this.#count;
    for (const [text, offset] of this.#offsets) copy.#offsets.set(text, offset);
    return copy;
  }

  encode(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Makes a string that is in the bytes one that is found. */
  #remember(start: number, end: number): void {
    if (this.#count * 2 >= this.#slots.length) this.#rehash();
    const mask = this.#slots.length - 1;
    let slot = hashOf(this.#bytes, start, end) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = start + 1;
    this.#count++;
  }

  #intern(source: Uint8Array, start: number, end: number): number {
    if (this.#count * 2 >= this.#slots.length) this.#rehash();
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hashOf(source, start, end) & mask;
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const known = slots[slot]! - 1;
      if (this.#isAt(known, source, start, end)) return this.#first + known;
    }
    const offset = this.#append(source, start, end);
    slots[slot] = offset + 1;
    this.#count++;
    return this.#first + offset;
  }

  #isAt(offset: number, source: Uint8Array, start: number, end: number): boolean {
    const bytes = this.#bytes;
    let at = offset;
    for (let i = start; i < end; i++) if (bytes[at++] !== source[i]) return false;
    return bytes[at] === 0;
  }

  #append(source: Uint8Array, start: number, end: number): number {
    const offset = this.#length;
    const after = offset + end - start + 1;
    if (after > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(after, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    // Names are short: a loop is faster than subarray() and set().
    const bytes = this.#bytes;
    let at = offset;
    for (let i = start; i < end; i++) bytes[at++] = source[i]!;
    this.#length = after;
    return offset;
  }

  #rehash(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 4);
    const mask = this.#slots.length - 1;
    for (const link of old) {
      if (link === 0) continue;
      const start = link - 1;
      let slot = hashOf(this.#bytes, start, this.#bytes.indexOf(0, start)) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = link;
    }
  }
}

/** FNV-1a, with the high bits brought down. */
const hashOf = (bytes: Uint8Array, start: number, end: number): number => {
  let hash = 0x811c9dc5 | 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash ^ (hash >>> 15);
};
