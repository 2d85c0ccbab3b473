import { describe, expect, it } from 'vitest';
import {
  array,
  bitfield,
  bool,
  bytes,
  char,
  chars,
  encode,
  encodeInto,
  enumeration,
  i8,
  i16,
  i32,
  i64,
  type Layout,
  maxSize,
  pointer,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  union,
} from '../../src/layout/index.ts';

const hex = (layout: Layout, value: unknown) =>
  Buffer.from(encode<Layout>(layout, value as never)).toString('hex');
const refusal = (layout: Layout, value: unknown): string => {
  try {
    return hex(layout, value);
  } catch (error) {
    return String(error);
  }
};

const Event = struct('event', { pid: u32, flags: array(u8, 3), in: struct('in', { ts: u64 }) });
const event = { pid: 1, flags: [1, 2, 3], in: { ts: 4n } };

describe('bytes', () => {
  it('are little-endian, with zeros for padding', () => {
    expect(hex(Event, event)).toBe(['01000000', '01020300', '0400000000000000'].join(''));
    expect(hex(struct('s', { a: u8, b: u64 }), { a: 255, b: 1 })).toBe(
      ['ff00000000000000', '0100000000000000'].join(''),
    );
  });

  it('of 64-bit integers come from numbers and bigints alike', () => {
    expect(hex(u64, 1)).toBe('0100000000000000');
    expect(hex(u64, 2n ** 64n - 1n)).toBe('ffffffffffffffff');
    expect(hex(u64.number, 5n)).toBe('0500000000000000');
    expect(hex(i64, -2)).toBe('feffffffffffffff');
    expect(hex(i64.number, -(2 ** 53 - 1))).toBe('010000000000e0ff');
    expect(hex(pointer(), 0xffff_8880_0000_0000n)).toBe('000000008088ffff');
  });

  it('of enumerations come from names and numbers', () => {
    const State = enumeration('state', { ON: 1, OFF: -1 });
    expect(['ON', 'OFF', 7, -2].map((value) => hex(State, value))).toEqual([
      '01000000',
      'ffffffff',
      '07000000',
      'feffffff',
    ]);
  });

  it('of bitfields share their unit', () => {
    const Bits = struct('bits', {
      a: bitfield(u32, 3),
      b: bitfield(i32, 5),
      c: bitfield(bool, 1),
      d: bitfield(u64, 40),
    });
    // 5 | 0b10000 << 3 | 1 << 8, and 0xffffffffff from bit 9 on
    expect(hex(Bits, { a: 5, b: -16, c: true, d: 2n ** 40n - 1n })).toBe('85ffffffffff0100');
  });

  it('of strings are UTF-8; a full char array has no NUL', () => {
    expect(hex(chars(4), 'ab')).toBe('61620000');
    expect(hex(chars(4), 'ééé'.slice(0, 2))).toBe('c3a9c3a9');
    expect(hex(chars(4), '')).toBe('00000000');
  });

  it('of a trailing text follow the fields; it makes the record longer, never shorter than the struct', () => {
    const Open = struct('open', { fd: u64, flags: u32, path: text(8) });
    expect([Open.size, maxSize(Open)]).toEqual([16, 20]);
    expect(hex(Open, { fd: 1, flags: 2, path: '/a' })).toBe(
      ['0100000000000000', '02000000', '2f6100', '00'].join(''),
    );
    expect(hex(Open, { fd: 1, flags: 2, path: '/tmp/xy' })).toBe(
      ['0100000000000000', '02000000', '2f746d702f787900'].join(''),
    );
  });

  it('of a union come from one field; the rest is zero', () => {
    const Either = union('either', { small: u8, large: u64 });
    expect(hex(Either, { small: 1 })).toBe('0100000000000000');
    expect(hex(Either, { large: 258 })).toBe('0201000000000000');
    expect(hex(Either, { large: 258, small: undefined })).toBe('0201000000000000');
  });

  it('are written over what was there, and nowhere else', () => {
    const memory = new Uint8Array(8).fill(0xee);
    const Pair = struct('pair', { a: u8, b: u16 });
    expect(encodeInto(Pair, { a: 1, b: 2 }, new DataView(memory.buffer, 1), 1)).toBe(4);
    expect([...memory]).toEqual([0xee, 0xee, 1, 0, 2, 0, 0xee, 0xee]);
  });

  it('are written where fields are called __proto__ and constructor', () => {
    const Odd = struct('odd', { ['__proto__']: u8, constructor: u8 });
    expect(hex(Odd, { ['__proto__']: 1, constructor: 2 })).toBe('0102');
    expect(refusal(Odd, { constructor: 2 })).toMatch('odd.__proto__: expected a u8');
    expect(refusal(Odd, { ['__proto__']: 1 })).toMatch('odd.constructor: expected a u8');
  });
});

describe('a value that does not fit is refused, never wrapped or cut', () => {
  it.each<[Layout, unknown, unknown, string]>([
    [u8, -1, 256, 'a u8 (0 to 255)'],
    [u16, -1, 65536, 'a u16 (0 to 65535)'],
    [u32, -1, 2 ** 32, 'a u32 (0 to 4294967295)'],
    [i8, -129, 128, 'an i8 (-128 to 127)'],
    [i16, -32769, 32768, 'an i16 (-32768 to 32767)'],
    [i32, -(2 ** 31) - 1, 2 ** 31, 'an i32 (-2147483648 to 2147483647)'],
    [char, -129, 128, 'a char (-128 to 127)'],
    [bitfield(u32, 3), -1, 8, 'a u32:3 (0 to 7)'],
    [bitfield(i32, 3), -5, 4, 'an i32:3 (-4 to 3)'],
    [bitfield(u64, 40), -1n, 2n ** 40n, 'a u64:40 (0 to 1099511627775)'],
    [u64, -1n, 2n ** 64n, 'a u64 (0 to 18446744073709551615, a bigint beyond 2^53)'],
    [u64.number, -1, 2n ** 64n, 'a u64 (0 to 18446744073709551615, a bigint beyond 2^53)'],
    [
      i64,
      -(2n ** 63n) - 1n,
      2n ** 63n,
      'an i64 (-9223372036854775808 to 9223372036854775807, a bigint beyond 2^53)',
    ],
    [pointer(), -1n, 2n ** 64n, 'a pointer (0 to 18446744073709551615, a bigint beyond 2^53)'],
  ])('%#: below and above $3', (layout, low, high, expected) => {
    for (const value of [low, high]) {
      const got = typeof value === 'bigint' ? `${value}n` : value;
      const message = refusal(layout, value);
      expect(message).toMatch(/^RangeError: /);
      expect(message).toMatch(`: expected ${expected}, got ${got}`);
    }
    for (const value of [1.5, Number.NaN, Infinity, 2 ** 53, -(2 ** 53)]) {
      expect(refusal(layout, value)).toMatch(/^RangeError: .*expected/);
    }
    for (const value of ['1', undefined, null, true, {}, [], Symbol('s')]) {
      expect(refusal(layout, value)).toMatch(/^TypeError: .*expected/);
    }
  });

  it('32-bit integers are not bigints', () => {
    expect(refusal(u32, 1n)).toBe('TypeError: u32: expected a u32 (0 to 4294967295), got 1n');
  });

  it('a bool is true or false', () => {
    for (const layout of [bool, bitfield(bool, 1)]) {
      for (const value of [0, 1, 'true', null, undefined]) {
        expect(refusal(layout, value)).toMatch(/^TypeError: .*: expected true or false, got /);
      }
    }
  });

  it('an enumerator is a name that it has, or a number of its size', () => {
    const State = enumeration('state', { ON: 1, OFF: 0 });
    expect(refusal(State, 'toString')).toBe(
      'RangeError: state: expected ON, OFF or a u32, got "toString"',
    );
    expect(refusal(State, -1)).toBe('RangeError: state: expected ON, OFF or a u32, got -1');
    expect(refusal(State, 1.5)).toMatch('RangeError');
    expect(refusal(State, undefined)).toMatch('TypeError');
    expect(refusal(State, 1n)).toMatch('TypeError');
    const many = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`N${i}`, i - 1]));
    expect(refusal(enumeration('many', many), 'X')).toBe(
      'RangeError: many: expected N0, N1, N2, N3, N4, N5, N6, N7, 3 more or an i32, got "X"',
    );
  });

  it('a string fits in its bytes, without NUL and without half a surrogate pair', () => {
    expect(refusal(chars(4), 'abcde')).toBe(
      'RangeError: chars(4): expected a string of at most 4 bytes, got 5: "abcde"',
    );
    expect(refusal(chars(4), 'ééé')).toMatch('RangeError');
    expect(refusal(chars(4), 'a\0b')).toMatch('which has a NUL in it');
    expect(hex(chars(7), 'aé😀')).toBe('61c3a9f09f9880');
    expect(refusal(chars(4), '\ud83d')).toMatch('which has half a surrogate pair in it');
    expect(refusal(chars(4), 1)).toMatch('TypeError: chars(4): expected a string');
    expect(refusal(struct('s', { t: text(4) }), { t: 'abcd' })).toBe(
      'RangeError: s.t: expected a string of at most 3 bytes and its NUL, got 4: "abcd"',
    );
  });

  it('bytes and arrays have their length', () => {
    expect(refusal(bytes(2), Uint8Array.of(1))).toBe(
      'RangeError: bytes(2): expected a Uint8Array of 2 bytes, got 1',
    );
    expect(refusal(bytes(2), [1, 2])).toBe(
      'TypeError: bytes(2): expected a Uint8Array of 2 bytes, got an array of 2',
    );
    expect(refusal(array(u8, 2), [1, 2, 3])).toBe(
      'RangeError: u8[2]: expected an array of 2, got 3',
    );
    expect(refusal(array(u8, 2), Uint8Array.of(1, 2))).toMatch('TypeError');
    expect(refusal(array(u8, 2), new Array(2))).toMatch('TypeError: u8[2][0]: expected a u8');
  });

  it('the field is named, however deep', () => {
    const Deep = struct('deep', {
      list: array(struct('item', { u: union('u', { a: array(u8, 2), b: u32 }) }), 2),
    });
    expect(refusal(Deep, { list: [{ u: { b: 1 } }, { u: { a: [1, 300] } }] })).toBe(
      'RangeError: deep.list[1].u.a[1]: expected a u8 (0 to 255), got 300',
    );
    expect(() => encode(Event, { ...event, pid: -1 })).toThrow(
      new RangeError('event.pid: expected a u32 (0 to 4294967295), got -1'),
    );
  });

  it('a struct takes its fields, all of them, and no others', () => {
    const { in: _, ...missing } = event;
    expect(refusal(Event, missing)).toBe(
      'TypeError: event.in: expected an object with the fields of in, got nothing',
    );
    expect(refusal(Event, { ...event, pdi: 1 })).toBe(
      'TypeError: event: expected an object with the fields of event, got one called "pdi"',
    );
    expect(refusal(Event, { ...event, pid: undefined })).toMatch('TypeError: event.pid');
    expect(refusal(Event, Object.create(event))).toMatch('TypeError: event.pid');
    for (const value of [null, undefined, 1, [], 'x']) {
      expect(refusal(Event, value)).toMatch('TypeError: event: expected an object');
    }
  });

  it('a union takes exactly one field', () => {
    const Either = union('either', { a: u8, b: u32 });
    expect(refusal(Either, {})).toBe('TypeError: either: expected exactly one of a, b, got none');
    expect(refusal(Either, { a: 1, b: 2 })).toBe(
      'TypeError: either: expected exactly one of a, b, got a and b',
    );
    expect(refusal(Either, { c: 1 })).toMatch('got one called "c"');
  });

  it('so is a view that is too small', () => {
    const view = new DataView(new ArrayBuffer(8));
    expect(() => encodeInto(u64, 1, view, 1)).toThrow(
      new RangeError('u64: expected room for 8 bytes at 1, got a view of 8'),
    );
    expect(() => encodeInto(u8, 1, view, -1)).toThrow(RangeError);
    const Line = struct('line', { n: u32, s: text(16) });
    expect(encodeInto(Line, { n: 1, s: 'abc' }, view)).toBe(8);
    expect(() => encodeInto(Line, { n: 1, s: 'abcd' }, view)).toThrow(
      'line.s: expected a string of at most 15 bytes and its NUL, got 4: "abcd", and room for 3',
    );
  });
});
