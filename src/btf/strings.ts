/**
 * The string section: names are bytes that end in NUL, told apart by their offset. They stay bytes until somebody wants
 * one as a string. Split BTF continues the offsets of its base.
 *
 * @example
 * strings.get(strings.find('task_struct', 0));   // 'task_struct'
 *
 * @module
 */
import { BtfError } from './error.ts';
import type { Section } from './header.ts';

/** Finds bytes in bytes: the offset at or after `from`, or -1. */
type Search = (needle: Uint8Array, from: number) => number;

const decoder = /* @__PURE__ */ new TextDecoder();
const encoder = /* @__PURE__ */ new TextEncoder();

/** No name of a kernel is longer by much (KSYM_NAME_LEN is 512), and hardly any as long. */
const LONG = 256;
/**
 * All long strings together may take this many bytes, and this many more for each byte of the section: strings can share
 * their ends, and a hostile file lets ten thousand of them share a megabyte.
 */
const LONG_ALLOWED = 1 << 20;
const LONG_PER_BYTE = 4;

export class StringTable {
  readonly bytes: Uint8Array;
  readonly base: StringTable | undefined;
  /** The offset of the first string here: 0, or the length of the base. */
  readonly first: number;
  readonly view: DataView;
  #search: Search | undefined;
  /** Long strings by where they start, decoded once. */
  readonly #long = new Map<number, string>();
  #longBytes = 0;

  constructor(bytes: Uint8Array, { start, end }: Section, base?: StringTable) {
    this.bytes = bytes.subarray(start, end);
    this.base = base;
    this.first = base === undefined ? 0 : base.end;
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    if (base === undefined && this.bytes[0] !== 0) {
      throw new BtfError('the string section must start with the empty string', start);
    }
    if (this.bytes.length > 0 && this.bytes.at(-1) !== 0) {
      throw new BtfError('the last string has no end', end - 1);
    }
  }

  /** The offset after the last string. */
  get end(): number {
    return this.first + this.bytes.length;
  }

  /** The string at an offset; `at` is the byte that holds the offset, for the message. */
  get(offset: number, at?: number): string {
    if (offset === 0) return '';
    const table = this.tableOf(offset, at);
    const start = offset - table.first;
    const long = table.#long.get(start);
    if (long !== undefined) return long;
    const bytes = table.bytes.subarray(start, table.bytes.indexOf(0, start));
    if (bytes.length > LONG) return table.#addLong(start, bytes, at);
    for (let i = 0; i < bytes.length; i++) if (bytes[i]! >= 0x80) return decoder.decode(bytes);
    return String.fromCharCode.apply(null, bytes as unknown as number[]);
  }

  /** Whether the string at an offset is this one. */
  equals(offset: number, name: Uint8Array): boolean {
    const { bytes, first } = this.tableOf(offset);
    const start = offset - first;
    for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false;
    return bytes[start + name.length] === 0;
  }

  /** The offset of the next string from an offset on that starts with these characters, of this table; or -1. */
  findPrefix(prefix: string, from: number): number {
    const found = this.#find(encoder.encode(`\0${prefix}`), from - 1);
    return found === -1 ? -1 : found + 1;
  }

  /** The offset of a string of this table, or -1. */
  find(name: string): number {
    return this.findPrefix(`${name}\0`, 1);
  }

  /** Whether any string of this table ends with these characters (and could share its bytes with such a string). */
  hasEnding(ending: string): boolean {
    return this.#find(encoder.encode(`${ending}\0`), 0) !== -1;
  }

  /** The offsets of all strings of this table that contain these characters. */
  containing(text: string): number[] {
    const needle = encoder.encode(text);
    const offsets: number[] = [];
    for (let at = this.#find(needle, 0); at !== -1; ) {
      offsets.push(this.first + this.bytes.lastIndexOf(0, at) + 1);
      at = this.#find(needle, this.bytes.indexOf(0, at));
    }
    return offsets;
  }

  /** The table that has this offset: this one, or a base. */
  tableOf(offset: number, at?: number): StringTable {
    let table: StringTable = this;
    while (offset < table.first && table.base !== undefined) table = table.base;
    if (offset - table.first >= table.bytes.length) {
      throw new BtfError(`string offset ${offset} lies outside the string section`, at);
    }
    return table;
  }

  #addLong(start: number, bytes: Uint8Array, at: number | undefined): string {
    this.#longBytes += bytes.length;
    if (this.#longBytes > LONG_ALLOWED + LONG_PER_BYTE * this.bytes.length) {
      throw new BtfError('too many long strings share their bytes', at);
    }
    const text = decoder.decode(bytes);
    this.#long.set(start, text);
    return text;
  }

  #find(needle: Uint8Array, from: number): number {
    this.#search ??= createSearch(this.bytes);
    return this.#search(needle, from);
  }
}

/**
 * Node's Buffer searches in C++: 0.9 ms for the 2.3 MB of vmlinux, cold or warm. Elsewhere Horspool's algorithm does it
 * in the same time once compiled, and 3 ms before.
 */
const createSearch = (bytes: Uint8Array): Search => {
  const { Buffer } = globalThis as { Buffer?: typeof globalThis.Buffer };
  if (Buffer === undefined) return (needle, from) => horspool(bytes, needle, from);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (needle, from) => buffer.indexOf(needle, from);
};

/** Finds bytes in bytes without Node. */
export const horspool = (bytes: Uint8Array, needle: Uint8Array, from: number): number => {
  const last = needle.length - 1;
  const skip = new Uint32Array(256).fill(needle.length);
  for (let i = 0; i < last; i++) skip[needle[i]!] = last - i;
  for (let end = from + last; end < bytes.length; end += skip[bytes[end]!]!) {
    let i = last;
    while (i >= 0 && bytes[end - last + i] === needle[i]) i--;
    if (i < 0) return end - last;
  }
  return -1;
};
