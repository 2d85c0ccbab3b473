import { expect, it } from 'vitest';
import {
  array,
  bitfield,
  bytes,
  chars,
  decode,
  enumeration,
  i64,
  pointer,
  struct,
  toJson,
  u8,
  u32,
  u64,
  union,
} from '../../src/layout/index.ts';

it('the JSON type of a field is fixed by its layout', () => {
  const Event = struct('event', {
    ts: u64,
    took: u64.number,
    delta: i64,
    pid: u32,
    wide: bitfield(u64, 40),
    narrow: bitfield(u8, 3),
    at: pointer(),
    state: enumeration('state', { ON: 1 }),
    comm: chars(4),
    raw: bytes(3),
    list: array(array(u64, 2), 1),
    either: union('either', { a: u8, b: u64 }),
  });
  const value = {
    ts: 1n,
    took: 2,
    delta: -3n,
    pid: 4,
    wide: 5n,
    narrow: 6,
    at: 0xffff_8880_0000_0000n,
    state: 'ON' as const,
    comm: 'ab"\n',
    raw: Uint8Array.of(0, 15, 255),
    list: [[2n ** 64n - 1n, 7n]],
    either: { a: 8, b: 8n },
  };
  expect(toJson(Event, value)).toStrictEqual({
    ts: '1',
    took: 2,
    delta: '-3',
    pid: 4,
    wide: '5',
    narrow: 6,
    at: '18446612682070032384',
    state: 'ON',
    comm: 'ab"\n',
    raw: '000fff',
    list: [['18446744073709551615', '7']],
    either: { a: 8, b: '8' },
  });
});

it('a field called __proto__ is there for JSON.stringify', () => {
  const Odd = struct('odd', { ['__proto__']: u64 });
  const value = decode(Odd, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
  expect(JSON.stringify(toJson(Odd, value))).toBe('{"__proto__":"1"}');
});
