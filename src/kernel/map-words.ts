/**
 * The memory of global variables, 8 bytes at a time: so that a program that changes a variable meanwhile is seen
 * before or after, never half-way. (A DataView reads byte by byte until V8 optimises it.)
 * @module
 */
import { type Mapping, mapLookup, mapUpdate } from '../syscall/index.ts';

/** Memory that is shared with programs. Offsets are in bytes, of naturally aligned values. */
export interface Words {
  /** Copies the 8-byte words from `first` up to `end`. */
  read(into: BigUint64Array, first: number, end: number): void;
  /** Writes the bytes at an offset of `from` to the same offset, and none beside them. */
  write(from: DataView, offset: number, size: number): void;
  /** Sets the bits of `mask` in the unit of `size` bytes at an offset. */
  writeBits(offset: number, size: number, bits: bigint, mask: bigint): void;
}

/** Shared memory. Throws once it is closed. */
export class MappedWords implements Words {
  readonly #mapping: Mapping;
  readonly #longs: BigUint64Array;
  /** The same memory in smaller units, by their size. */
  readonly #units: Readonly<Record<number, Uint8Array | Uint16Array | Uint32Array>>;

  constructor(mapping: Mapping, length: number) {
    const { buffer } = mapping;
    this.#mapping = mapping;
    this.#longs = new BigUint64Array(buffer, 0, length);
    this.#units = {
      1: new Uint8Array(buffer, 0, length * 8),
      2: new Uint16Array(buffer, 0, length * 4),
      4: new Uint32Array(buffer, 0, length * 2),
    };
  }

  read(into: BigUint64Array, first: number, end: number): void {
    void this.#mapping.buffer;
    for (let i = first; i < end; i++) into[i] = Atomics.load(this.#longs, i);
  }

  write(from: DataView, offset: number, size: number): void {
    void this.#mapping.buffer;
    const end = offset + size;
    for (let at = offset; at < end; ) {
      if (at % 8 === 0 && at + 8 <= end) {
        Atomics.store(this.#longs, at / 8, from.getBigUint64(at, true));
        at += 8;
        continue;
      }
      const unit = at % 4 === 0 && at + 4 <= end ? 4 : at % 2 === 0 && at + 2 <= end ? 2 : 1;
      Atomics.store(this.#units[unit]!, at / unit, unitAt(from, at, unit));
      at += unit;
    }
  }

  writeBits(offset: number, size: number, bits: bigint, mask: bigint): void {
    void this.#mapping.buffer;
    if (size === 8) {
      const at = offset / 8;
      for (let old = Atomics.load(this.#longs, at); ; ) {
        const found = Atomics.compareExchange(this.#longs, at, old, (old & ~mask) | bits);
        if (found === old) return;
        old = found;
      }
    }
    const units = this.#units[size]!;
    const at = offset / size;
    for (let old = Atomics.load(units, at); ; ) {
      const found = Atomics.compareExchange(units, at, old, Number((BigInt(old) & ~mask) | bits));
      if (found === old) return;
      old = found;
    }
  }
}

const unitAt = (view: DataView, at: number, size: 1 | 2 | 4): number =>
  size === 4 ? view.getUint32(at, true) : size === 2 ? view.getUint16(at, true) : view.getUint8(at);

const FIRST = /* @__PURE__ */ new Uint8Array(4);

/** The value at index 0 of an array, as it is fetched and stored whole. */
export class CopiedWords implements Words {
  readonly #map: { readonly fd: number };
  readonly #bytes: Uint8Array;
  readonly #longs: BigUint64Array;

  constructor(map: { readonly fd: number }, size: number) {
    this.#map = map;
    this.#longs = new BigUint64Array(Math.ceil(size / 8));
    this.#bytes = new Uint8Array(this.#longs.buffer, 0, size);
  }

  read(into: BigUint64Array, first: number, end: number): void {
    mapLookup(this.#map.fd, FIRST, this.#bytes);
    for (let i = first; i < end; i++) into[i] = this.#longs[i]!;
  }

  write(from: DataView, offset: number, size: number): void {
    const { fd } = this.#map;
    mapLookup(fd, FIRST, this.#bytes);
    this.#bytes.set(new Uint8Array(from.buffer, from.byteOffset + offset, size), offset);
    mapUpdate(fd, FIRST, this.#bytes);
  }

  writeBits(offset: number, size: number, bits: bigint, mask: bigint): void {
    const { fd } = this.#map;
    mapLookup(fd, FIRST, this.#bytes);
    for (let i = 0; i < size; i++) {
      const by = BigInt(8 * i);
      const old = BigInt(this.#bytes[offset + i]!);
      this.#bytes[offset + i] = Number(((old & ~(mask >> by)) | (bits >> by)) & 0xffn);
    }
    mapUpdate(fd, FIRST, this.#bytes);
  }
}
