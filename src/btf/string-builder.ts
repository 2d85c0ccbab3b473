/**
 * A string section under construction: each string once, in the order of first use.
 *
 * @module
 */
import { BtfError } from './error.ts';

const encoder = /* @__PURE__ */ new TextEncoder();

export class StringTableBuilder {
  readonly #first: number;
  readonly #offsets = new Map<string, number>([['', 0]]);
  readonly #strings: Uint8Array[] = [];
  #length = 0;

  /** `first` is the length of the base's strings, 0 without a base. */
  constructor(first: number) {
    this.#first = first;
    // The empty string is in the base, if there is one.
    if (first === 0) this.#append('');
  }

  /** The offset of a string, which is added if it is new. */
  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    if (text.includes('\0'))
      throw new BtfError(`a string ends at NUL, found ${JSON.stringify(text)}`);
    const offset = this.#first + this.#length;
    this.#append(text);
    this.#offsets.set(text, offset);
    return offset;
  }

  /** A table that can grow without this one. */
  clone(): StringTableBuilder {
    const copy = new StringTableBuilder(this.#first);
    for (const text of this.#offsets.keys()) copy.add(text);
    return copy;
  }

  encode(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const string of this.#strings) {
      bytes.set(string, at);
      at += string.length + 1;
    }
    return bytes;
  }

  #append(text: string): void {
    const bytes = encoder.encode(text);
    this.#strings.push(bytes);
    this.#length += bytes.length + 1;
  }
}
