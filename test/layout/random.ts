/**
 * @module
 * Random layouts, and random values for them, from a seed.
 */
import {
  array,
  bitfield,
  bool,
  bytes,
  char,
  chars,
  enumeration,
  i8,
  i16,
  i32,
  i64,
  type Layout,
  pointer,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  union,
} from '../../src/layout/index.ts';

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** mulberry32: 0 <= x < 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  bits(width: number, signed: boolean): bigint {
    const special = [0n, 1n, -1n, 1n << BigInt(width - 1)];
    const any = (BigInt(this.below(2 ** 32)) << 32n) | BigInt(this.below(2 ** 32));
    const raw = this.next() < 0.3 ? this.pick(special) : any;
    return signed ? BigInt.asIntN(width, raw) : BigInt.asUintN(width, raw);
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

const SCALARS = [u8, u16, u32, u64, i8, i16, i32, i64, u64.number, i64.number, bool, char];
const COLOURS = { RED: 0, GREEN: 1, ALSO_GREEN: 1, LAST: 0xffff_ffff };

/** A struct of everything; with a string at its end, now and then. */
export const randomStruct = (random: Random, depth = 2): Layout => {
  const fields: Record<string, Layout> = {};
  const count = 1 + random.below(8);
  for (let i = 0; i < count; i++) {
    const name = random.pick(['f', 'kind', 'then', '__proto__', 'constructor']);
    // Not `fields[name] =`, which `__proto__` would not survive.
    Object.defineProperty(fields, name === 'f' ? `f${i}` : name, {
      value: randomField(random, depth),
      enumerable: true,
      configurable: true,
    });
  }
  if (depth < 2 && random.next() < 0.3) return union('u', fields);
  if (depth === 2 && random.next() < 0.3) return struct('s', { ...fields, end: text(40) });
  return struct('s', fields);
};

const randomField = (random: Random, depth: number): Layout => {
  if (random.next() < 0.25) {
    const type = random.pick(SCALARS.filter((scalar) => scalar !== bool));
    return bitfield(type as typeof u32, 1 + random.below(type.size * 8));
  }
  return randomElement(random, depth);
};

const randomElement = (random: Random, depth: number): Layout => {
  const roll = random.next();
  if (roll < 0.4 || depth === 0) return random.pick<Layout>(SCALARS);
  if (roll < 0.5) return random.pick([chars(16), chars(7), chars(1), bytes(5)]);
  if (roll < 0.6) return random.pick([pointer(), enumeration('colour', COLOURS)]);
  if (roll < 0.65) return enumeration('signed', { MINUS: -1, PLUS: 1 });
  if (roll < 0.8) return array(randomElement(random, depth - 1), random.below(5));
  return randomStruct(random, depth - 1);
};

/** What `layout` may hold; of a union one field, as the encoder wants it. */
export const randomValue = (random: Random, layout: Layout): unknown => {
  switch (layout.kind) {
    case 'scalar':
      return integer(random, layout.size * 8, layout.signed, layout.repr);
    case 'bitfield':
      return integer(random, layout.width, layout.signed, layout.type.repr);
    case 'pointer':
      return random.bits(64, false);
    case 'enum':
      return random.pick([random.pick(Object.keys(layout.values)), 77]);
    case 'chars':
      return randomString(random, layout.size);
    case 'text':
      return randomString(random, layout.max - 1);
    case 'bytes':
      return random.bytes(layout.size);
    case 'array':
      return Array.from({ length: layout.length }, () => randomValue(random, layout.element));
    case 'struct': {
      const members = layout.union ? [random.pick(layout.members)] : layout.members;
      return Object.fromEntries(members.map((m) => [m.name, randomValue(random, m.layout)]));
    }
  }
};

const integer = (random: Random, width: number, signed: boolean, repr: string) => {
  const value = random.bits(width, signed);
  if (repr === 'bigint') return value;
  if (repr === 'boolean') return random.next() < 0.5;
  // Only what a number holds exactly.
  return Number(width > 53 ? BigInt.asIntN(50, value) & (signed ? -1n : 0xffff_ffffn) : value);
};

const randomString = (random: Random, most: number): string => {
  const alphabet = random.pick(['abc/.-_ 0', 'aé', '日本語', '😀x']);
  let string = '';
  for (;;) {
    const next = string + random.pick([...alphabet]);
    if (new TextEncoder().encode(next).length > most || random.next() < 0.1) return string;
    string = next;
  }
};
