import { describe, expect, it } from 'vitest';
import {
  array,
  bitfield,
  bool,
  bytes,
  chars,
  decode,
  encode,
  enumeration,
  i8,
  i64,
  pointer,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  union,
} from '../../src/index.ts';
import { arbitrary, type FastCheck } from '../../src/testing/index.ts';

const Inner = struct('inner', { number: u32, name: chars(4) });
const Event = struct('event', {
  small: u8,
  negative: i8,
  wide: u64,
  long: i64,
  safe: u64.number,
  yes: bool,
  three: bitfield(u32, 3),
  flag: bitfield(bool, 1),
  state: enumeration('state', { idle: 0, busy: 7 }),
  comm: chars(8),
  raw: bytes(3),
  list: array(u16, 2),
  address: pointer(),
  inner: Inner,
  rest: text(6),
});

/** Gives the values at one end of each range in place of what makes random ones: fast-check's own are not needed here. */
const atThe = (end: 'least' | 'most'): FastCheck => {
  const one = <T>(least: T, most: T): T => (end === 'least' ? least : most);
  return {
    boolean: () => one(false, true),
    integer: ({ min, max }) => one(min, max),
    bigInt: ({ min, max }) => one(min, max),
    string: ({ maxLength }) => one('', 'x'.repeat(maxLength)),
    uint8Array: ({ minLength, maxLength }) =>
      one(new Uint8Array(minLength), new Uint8Array(maxLength).fill(255)),
    constantFrom: (...values) => one(values[0], values.at(-1)),
    array: (element, { minLength, maxLength }) =>
      new Array(one(minLength, maxLength)).fill(element),
    record: (fields) => fields,
    oneof: (...ways) => one(ways[0], ways.at(-1)),
  };
};

describe('arbitrary', () => {
  it('goes down to the least that each field holds', () => {
    const least = arbitrary(atThe('least'), Event) as unknown;
    expect(least).toEqual({
      small: 0,
      negative: -128,
      wide: 0n,
      long: -(2n ** 63n),
      safe: 0,
      yes: false,
      three: 0,
      flag: false,
      state: 'idle',
      comm: '',
      raw: new Uint8Array(3),
      list: [0, 0],
      address: 0n,
      inner: { number: 0, name: '' },
      rest: '',
    });
    expect(decode(Event, encode(Event, least as never))).toEqual(least);
  });

  it('goes up to the most', () => {
    const most = arbitrary(atThe('most'), Event) as unknown;
    expect(most).toEqual({
      small: 255,
      negative: 127,
      wide: 2n ** 64n - 1n,
      long: 2n ** 63n - 1n,
      safe: Number.MAX_SAFE_INTEGER,
      yes: true,
      three: 7,
      flag: true,
      state: 'busy',
      comm: 'xxxxxxxx',
      raw: Uint8Array.of(255, 255, 255),
      list: [65535, 65535],
      address: 2n ** 64n - 1n,
      inner: { number: 2 ** 32 - 1, name: 'xxxx' },
      rest: 'xxxxx',
    });
    expect(decode(Event, encode(Event, most as never))).toEqual(most);
  });

  it('gives one field of a union', () => {
    const either = union('either', { number: u32, name: chars(4) });
    expect(arbitrary(atThe('least'), either)).toEqual({ number: 0 });
    expect(arbitrary(atThe('most'), either)).toEqual({ name: 'xxxx' });
  });
});
