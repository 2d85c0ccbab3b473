/** `arbitrary` with fast-check itself: any value of any layout. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  array,
  bitfield,
  bool,
  bytes,
  char,
  chars,
  decode,
  encode,
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
} from '../../src/index.ts';
import { arbitrary } from '../../src/testing/index.ts';

/** The same values in each run: one that fails can be run again. */
const RUN = { seed: 20_261_121, numRuns: 300 } as const;

const SCALARS = { u8, u16, u32, u64, i8, i16, i32, i64, bool, char, safe: u64.number };

const KINDS: Readonly<Record<string, Layout>> = {
  ...SCALARS,
  'a bitfield': bitfield(u32, 5),
  'a bitfield with a sign': bitfield(i32, 3),
  'a bitfield of 64 bits': bitfield(u64, 41),
  'a flag': bitfield(bool, 1),
  'an enumeration': enumeration('state', { idle: 0, busy: 7, gone: -1 }),
  'an address': pointer(),
  'a string': chars(16),
  bytes: bytes(5),
  'an array': array(u16, 3),
  'an array of arrays': array(array(i8, 2), 3),
  'an array of structs': array(struct('pair', { first: u8, second: u32 }), 2),
  'a union': union('either', { number: u32, name: chars(4) }),
};

const fieldsOf = (layout: fc.Arbitrary<Layout>) =>
  fc
    .array(
      fc.oneof(
        layout,
        fc.integer({ min: 1, max: 32 }).map((width) => bitfield(u32, width) as unknown as Layout),
        fc.integer({ min: 1, max: 64 }).map((width) => bitfield(i64, width) as unknown as Layout),
      ),
      { minLength: 1, maxLength: 5 },
    )
    .map((fields) => Object.fromEntries(fields.map((field, index) => [`field${index}`, field])));

/** A layout of any kind that can be an element of another. */
const layouts: fc.Arbitrary<Layout> = fc.letrec<{ any: Layout; scalar: Layout }>((tie) => ({
  scalar: fc.constantFrom<Layout>(...Object.values(SCALARS)),
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('scalar'),
    fc.constant(pointer() as Layout),
    fc.constant(enumeration('state', { idle: 0, busy: 7 }) as Layout),
    fc.integer({ min: 1, max: 20 }).map((size) => chars(size) as Layout),
    fc.integer({ min: 1, max: 20 }).map((size) => bytes(size) as Layout),
    fc
      .tuple(tie('any'), fc.integer({ min: 1, max: 4 }))
      .map(([element, length]) => array(element, length) as Layout),
    fieldsOf(tie('any')).map((fields) => struct('record', fields) as Layout),
    fieldsOf(tie('any')).map((fields) => union('either', fields) as Layout),
  ),
})).any;

/** What decoding gives of a value, which has all fields of a union where the value has one. */
const expectDecoded = (layout: Layout, value: unknown): void => {
  const record = struct('record', { value: layout as never });
  const encoded = encode(record, { value } as never);
  expect(encoded.length).toBe(record.size);
  const decoded = decode(record, encoded) as { readonly value: unknown };
  expect(decoded).toMatchObject({ value });
};

describe('values that fast-check makes', () => {
  it.each(Object.entries(KINDS))('are encoded and decoded: %s', (_, layout) => {
    fc.assert(
      fc.property(arbitrary(fc, layout), (value) => expectDecoded(layout, value)),
      RUN,
    );
  });

  it('are encoded and decoded, of any layout', () => {
    const both = layouts.chain((layout) =>
      fc.tuple(fc.constant(layout), arbitrary(fc, layout) as fc.Arbitrary<unknown>),
    );
    fc.assert(
      fc.property(both, ([layout, value]) => expectDecoded(layout, value)),
      { ...RUN, numRuns: 1000 },
    );
  });

  it('are encoded and decoded with a string at the end, which takes what it needs', () => {
    const Opened = struct('opened', { pid: u32, path: text(12) });
    fc.assert(
      fc.property(arbitrary(fc, Opened), (value) => {
        const encoded = encode(Opened, value);
        expect(encoded.length).toBe(4 + value.path.length + 1);
        expect(decode(Opened, encoded)).toStrictEqual(value);
      }),
      RUN,
    );
  });

  it('are objects as decoding gives them', () => {
    const Pair = struct('pair', { inner: struct('inner', { number: u32 }) });
    fc.assert(
      fc.property(arbitrary(fc, Pair), (value) => {
        expect(decode(Pair, encode(Pair, value))).toStrictEqual(value);
      }),
      RUN,
    );
  });

  it('reach both ends of a range', () => {
    const seen = new Set(fc.sample(arbitrary(fc, i8), { ...RUN, numRuns: 2000 }));
    for (const value of [-128, -127, -1, 0, 1, 126, 127]) expect(seen).toContain(value);
    expect(Math.min(...(seen as Set<number>))).toBe(-128);
    expect(Math.max(...(seen as Set<number>))).toBe(127);
  });
});

describe('a property that does not hold', () => {
  const Event = struct('event', {
    size: u16,
    negative: i32,
    wide: u64,
    flag: bitfield(bool, 1),
    state: enumeration('state', { idle: 0, busy: 7 }),
    comm: chars(8),
    raw: bytes(3),
    list: array(u16, 2),
    address: pointer(),
    inner: struct('inner', { number: u32 }),
    either: union('either', { number: u32, name: chars(4) }),
    rest: text(6),
  });
  const LEAST = {
    size: 0,
    negative: 0,
    wide: 0n,
    flag: false,
    state: 'idle',
    comm: '',
    raw: new Uint8Array(3),
    list: [0, 0],
    address: 0n,
    inner: { number: 0 },
    rest: '',
  };
  type Value = Parameters<Parameters<typeof check>[0]>[0];
  const check = (holds: (event: ReturnType<typeof decode<typeof Event>>) => boolean) =>
    fc.check(fc.property(arbitrary(fc, Event), holds), RUN);

  it.each<[string, (event: Value) => boolean, object]>([
    ['a number', ({ size }) => size < 100, { size: 100 }],
    ['a number below 0', ({ negative }) => negative > -7, { negative: -7 }],
    ['a number of 64 bits', ({ wide }) => wide < 1n << 40n, { wide: 1n << 40n }],
    ['a flag', ({ flag }) => !flag, { flag: true }],
    ['a name', ({ state }) => state === 'idle', { state: 'busy' }],
    ['an element', ({ list }) => list[1]! < 5, { list: [0, 5] }],
    ['a field within', ({ inner }) => inner.number < 9, { inner: { number: 9 } }],
  ])('is shrunk to the least event that shows it: %s', (_, holds, expected) => {
    const { failed, counterexample } = check(holds);
    expect(failed).toBe(true);
    expect(counterexample![0]).toMatchObject({ ...LEAST, ...expected });
  });

  it('is shrunk to the shortest string', () => {
    const { counterexample } = check(({ comm }) => comm.length < 3);
    expect(counterexample![0]).toMatchObject({ ...LEAST, comm: expect.stringMatching(/^.{3}$/) });
  });
});
