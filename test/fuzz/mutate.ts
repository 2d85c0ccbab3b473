/**
 * Changes of bytes that break a binary file in the ways in which files break, and in the ways of those who mean it.
 *
 * @module
 */
import type { Random } from '../layout/random.ts';

/** What is at the limits of the integers that offsets and counts are. */
const INTEGERS: readonly bigint[] = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xff00n,
  0xfff1n,
  0xffffn,
  0x1_0000n,
  0xff_ffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_fff0n,
  0xffff_ffffn,
  0x1_0000_0000n,
  (1n << 53n) - 1n,
  1n << 53n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 8n,
  (1n << 64n) - 1n,
];

/** Chooses places in bytes. */
class Places {
  readonly random: Random;
  /** Bytes at the start that stay as they are. */
  readonly #spared: number;

  constructor(random: Random, spared: number) {
    this.random = random;
    this.#spared = spared;
  }

  /** Anywhere, or near the start or the end, where headers are. */
  any(bytes: Uint8Array): number {
    const kind = this.random.below(3);
    const near = this.random.below(Math.min(bytes.length, 768));
    const at = [this.random.below(bytes.length), near, bytes.length - 1 - near][kind]!;
    return Math.min(bytes.length - 1, Math.max(this.#spared, at));
  }

  /** Of a field: most lie at multiples of their size. */
  field(bytes: Uint8Array, size: number): number {
    const at = Math.min(this.any(bytes), bytes.length - size);
    return Math.max(0, this.random.below(8) === 0 ? at : at - (at % size));
  }
}

type Mutation = (bytes: Uint8Array, places: Places, others: readonly Uint8Array[]) => Uint8Array;

const fieldSize = (random: Random): 2 | 4 | 8 => random.pick([2, 4, 4, 4, 8]);

/** The little-endian or big-endian bytes of a number, as they fit. */
const integer = (value: bigint, size: number, littleEndian: boolean): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, littleEndian);
  return littleEndian ? bytes.subarray(0, size) : bytes.subarray(8 - size);
};

const put = (bytes: Uint8Array, at: number, part: Uint8Array): Uint8Array => {
  bytes.set(part.subarray(0, Math.max(0, bytes.length - at)), at);
  return bytes;
};

const range = (bytes: Uint8Array, places: Places): Uint8Array => {
  const start = places.any(bytes);
  const most = places.random.below(4) === 0 ? 4096 : 64;
  return bytes.slice(start, start + 1 + places.random.below(most));
};

const join = (...parts: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
};

/** A bit is flipped. */
const flip: Mutation = (bytes, places) => {
  const at = places.any(bytes);
  bytes[at] = bytes[at]! ^ (1 << places.random.below(8));
  return bytes;
};

/** A byte becomes any other. */
const replace: Mutation = (bytes, places) => {
  bytes[places.any(bytes)] = places.random.below(256);
  return bytes;
};

/** A field becomes a number at the limits. */
const limit: Mutation = (bytes, places) => {
  const { random } = places;
  const size = fieldSize(random);
  const part = integer(random.pick(INTEGERS), size, random.below(4) > 0);
  return put(bytes, places.field(bytes, size), part);
};

/** A field becomes another of the same file: an index that is there, of something else. */
const copyField: Mutation = (bytes, places) => {
  const size = fieldSize(places.random);
  const from = places.field(bytes, size);
  return put(bytes, places.field(bytes, size), bytes.slice(from, from + size));
};

/** Two fields change places. */
const swapFields: Mutation = (bytes, places) => {
  const size = fieldSize(places.random);
  const [a, b] = [places.field(bytes, size), places.field(bytes, size)];
  const [first, second] = [bytes.slice(a, a + size), bytes.slice(b, b + size)];
  return put(put(bytes, b, first), a, second);
};

/** A field becomes a little larger or smaller. */
const nudge: Mutation = (bytes, places) => {
  const { random } = places;
  const at = places.field(bytes, 4);
  if (at + 4 > bytes.length) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian = random.below(4) > 0;
  view.setUint32(at, view.getUint32(at, littleEndian) + random.below(33) - 16, littleEndian);
  return bytes;
};

/** The end is missing. */
const truncate: Mutation = (bytes, places) => bytes.slice(0, places.any(bytes));

/** A range is there twice, over something else. */
const overwrite: Mutation = (bytes, places) =>
  put(bytes, places.field(bytes, 4), range(bytes, places));

/** A range is there twice, and what follows moves. */
const repeat: Mutation = (bytes, places) => {
  const at = places.any(bytes);
  return join(bytes.subarray(0, at), range(bytes, places), bytes.subarray(at));
};

/** A range is missing, and what follows moves. */
const remove: Mutation = (bytes, places) => {
  const at = places.any(bytes);
  return join(bytes.subarray(0, at), bytes.subarray(at + range(bytes, places).length));
};

/** The start of one file and the end of another. */
const splice: Mutation = (bytes, places, others) => {
  const other = places.random.pick(others);
  return join(bytes.subarray(0, places.any(bytes)), other.subarray(places.any(other)));
};

/** Changes that leave everything else where it is. */
const IN_PLACE: readonly Mutation[] = [
  flip,
  replace,
  limit,
  limit,
  copyField,
  copyField,
  copyField,
  swapFields,
  nudge,
  nudge,
  overwrite,
];
const ALL: readonly Mutation[] = [...IN_PLACE, ...IN_PLACE, truncate, repeat, remove, splice];

/**
 * One of the inputs, changed. Most get a few changes in place, behind the header of the file: a reader that stops at the
 * first byte shows nothing of itself. The others get anything.
 */
export const mutate = (inputs: readonly Uint8Array[], random: Random): Uint8Array => {
  const mild = random.below(3) > 0;
  const places = new Places(random, mild ? random.pick([24, 32, 64, 256]) : 0);
  const changes = 1 + random.below(mild ? 3 : 12);
  let bytes: Uint8Array = random.pick(inputs).slice();
  for (let i = 0; i < changes && bytes.length > 0; i++) {
    bytes = random.pick(mild ? IN_PLACE : ALL)(bytes, places, inputs);
  }
  return bytes;
};
