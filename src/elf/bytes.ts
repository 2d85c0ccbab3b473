/**
 * The bytes of an ELF file with its class (32 or 64 bits) and byte order: numbers and ranges, each checked.
 *
 * @module
 */
import { ElfError } from './error.ts';

export class ElfBytes {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  readonly bits: 32 | 64;
  /** Bytes of an address or an offset. */
  readonly word: 4 | 8;
  readonly #label: string;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, littleEndian: boolean, bits: 32 | 64, label: string) {
    this.bytes = bytes;
    this.littleEndian = littleEndian;
    this.bits = bits;
    this.word = bits === 64 ? 8 : 4;
    this.#label = label;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(at: number): number {
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    return this.#view.getUint16(at, this.littleEndian);
  }

  u32(at: number): number {
    return this.#view.getUint32(at, this.littleEndian);
  }

  /** A number of 4 or 8 bytes, by the class of the file. Beyond 2^53 it is an error: `what` names it. */
  size(at: number, what: string): number {
    if (this.word === 4) return this.u32(at);
    return this.#exact(this.u32(this.littleEndian ? at + 4 : at), at, what);
  }

  /** The same, with a sign. */
  signed(at: number, what: string): number {
    if (this.word === 4) return this.u32(at) | 0;
    return this.#exact(this.u32(this.littleEndian ? at + 4 : at) | 0, at, what);
  }

  /** Checks that a range lies in the file; `at` is the byte that says so, `what` names it: 'section 3 (.text)'. */
  check(offset: number, length: number, what: string, at: number): void {
    // Both are exact (below 2^53), and so their sum never wraps to something small.
    if (offset + length <= this.bytes.length) return;
    throw this.error(
      `${what} has ${length} bytes from ${offset} on, after the end (${this.bytes.length})`,
      at,
    );
  }

  /** A view of a range that check() accepts. */
  range(offset: number, length: number, what: string, at: number): Uint8Array {
    this.check(offset, length, what, at);
    return this.bytes.subarray(offset, offset + length);
  }

  error(message: string, at?: number): ElfError {
    return new ElfError(message, at, this.#label);
  }

  /** A number of 8 bytes, whose upper half is given with or without its sign. */
  #exact(high: number, at: number, what: string): number {
    const low = this.u32(this.littleEndian ? at : at + 4);
    const number = high * 2 ** 32 + low;
    if (Number.isSafeInteger(number)) return number;
    const [upper, lower] = [high >>> 0, low].map((half) => half.toString(16).padStart(8, '0'));
    throw this.error(`${what} is 0x${upper}${lower}: too large`, at);
  }
}
