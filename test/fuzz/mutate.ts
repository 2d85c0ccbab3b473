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

type Mutation = (bytes: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array;

/** A place in the bytes: anywhere, or near the start or the end, where headers are. */
const place = (bytes: Uint8Array, random: Random): number => {
  const kind = random.below(3);
  if (kind === 0) return random.below(bytes.length);
  const near = random.below(Math.min(bytes.length, 768));
  return kind === 1 ? near : bytes.length - 1 - near;
};

/** Most fields lie at multiples of their size. */
const aligned = (bytes: Uint8Array, random: Random, size: number): number => {
  const at = Math.min(place(bytes, random), bytes.length - size);
  return Math.max(0, random.below(8) === 0 ? at : at - (at % size));
};

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

const range = (bytes: Uint8Array, random: Random): Uint8Array => {
  const start = place(bytes, random);
  return bytes.slice(start, start + 1 + random.below(random.below(4) === 0 ? 4096 : 64));
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
const flip: Mutation = (bytes, random) => {
  const at = place(bytes, random);
  bytes[at] = bytes[at]! ^ (1 << random.below(8));
  return bytes;
};

/** A byte becomes any other. */
const replace: Mutation = (bytes, random) => {
  bytes[place(bytes, random)] = random.below(256);
  return bytes;
};

/** A field becomes a number at the limits. */
const limit: Mutation = (bytes, random) => {
  const size = fieldSize(random);
  const part = integer(random.pick(INTEGERS), size, random.below(4) > 0);
  return put(bytes, aligned(bytes, random, size), part);
};

/** A field becomes another of the same file: an index that is there, of something else. */
const copyField: Mutation = (bytes, random) => {
  const size = fieldSize(random);
  const from = aligned(bytes, random, size);
  return put(bytes, aligned(bytes, random, size), bytes.slice(from, from + size));
};

/** Two fields change places. */
const swapFields: Mutation = (bytes, random) => {
  const size = fieldSize(random);
  const [a, b] = [aligned(bytes, random, size), aligned(bytes, random, size)];
  const [first, second] = [bytes.slice(a, a + size), bytes.slice(b, b + size)];
  return put(put(bytes, b, first), a, second);
};

/** A field becomes a little larger or smaller. */
const nudge: Mutation = (bytes, random) => {
  const at = aligned(bytes, random, 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (at + 4 > bytes.length) return bytes;
  const littleEndian = random.below(4) > 0;
  view.setUint32(at, view.getUint32(at, littleEndian) + random.below(33) - 16, littleEndian);
  return bytes;
};

/** The end is missing. */
const truncate: Mutation = (bytes, random) => bytes.slice(0, place(bytes, random));

/** A range is there twice, over something else. */
const overwrite: Mutation = (bytes, random) =>
  put(bytes, aligned(bytes, random, 4), range(bytes, random));

/** A range is there twice, and what follows moves. */
const repeat: Mutation = (bytes, random) => {
  const at = place(bytes, random);
  return join(bytes.subarray(0, at), range(bytes, random), bytes.subarray(at));
};

/** A range is missing, and what follows moves. */
const remove: Mutation = (bytes, random) => {
  const at = place(bytes, random);
  return join(bytes.subarray(0, at), bytes.subarray(at + range(bytes, random).length));
};

/** The start of one file and the end of another. */
const splice: Mutation = (bytes, random, others) => {
  const other = random.pick(others);
  if (other.length === 0) return bytes;
  return join(bytes.subarray(0, place(bytes, random)), other.subarray(place(other, random)));
};

// Those that leave most of a file in place come more often: they get further.
const MUTATIONS: readonly Mutation[] = [
  flip,
  flip,
  replace,
  limit,
  limit,
  limit,
  limit,
  copyField,
  copyField,
  copyField,
  swapFields,
  nudge,
  nudge,
  truncate,
  overwrite,
  repeat,
  remove,
  splice,
];

/** One of the inputs, changed in one place or in several. */
export const mutate = (inputs: readonly Uint8Array[], random: Random): Uint8Array => {
  let bytes: Uint8Array = random.pick(inputs).slice();
  const changes = 1 + random.below(random.below(3) === 0 ? 12 : 3);
  for (let i = 0; i < changes && bytes.length > 0; i++) {
    bytes = random.pick(MUTATIONS)(bytes, random, inputs);
  }
  return bytes;
};
