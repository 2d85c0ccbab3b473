/**
 * What a file is written with: numbers that must fit into their field, and names that are stored once.
 *
 * @module
 */
import { ElfError } from './error.ts';

/** Bytes of a length that is known, zero until they are written. */
export class Fields {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #littleEndian: boolean;

  constructor(length: number, littleEndian: boolean) {
    this.bytes = new Uint8Array(length);
    this.#view = new DataView(this.bytes.buffer);
    this.#littleEndian = littleEndian;
  }

  /** Writes an unsigned number of some bits; `what` names it. */
  put(at: number, bits: 8 | 16 | 32 | 64, value: number, what: string): void {
    if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** bits) {
      throw new ElfError(`${what} does not fit into ${bits} bits: ${value}`);
    }
    if (bits === 8) this.#view.setUint8(at, value);
    else if (bits === 16) this.#view.setUint16(at, value, this.#littleEndian);
    else if (bits === 32) this.#view.setUint32(at, value, this.#littleEndian);
    else this.#view.setBigUint64(at, BigInt(value), this.#littleEndian);
  }
}

const encoder = /* @__PURE__ */ new TextEncoder();

/** A string table: each name once, in the order of first use. */
export class Strings {
  readonly #offsets = new Map<string, number>([['', 0]]);
  readonly #parts: Uint8Array[] = [new Uint8Array(1)];
  #length = 1;

  /** The offset of a name, which is added if it is new. */
  add(name: string): number {
    const known = this.#offsets.get(name);
    if (known !== undefined) return known;
    if (name.includes('\0')) {
      throw new ElfError(`a name ends at NUL, found ${JSON.stringify(name)}`);
    }
    const offset = this.#length;
    const bytes = encoder.encode(`${name}\0`);
    this.#offsets.set(name, offset);
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return offset;
  }

  encode(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }
}
