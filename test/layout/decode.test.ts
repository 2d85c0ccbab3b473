import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  array,
  bitfield,
  bool,
  bytes,
  char,
  chars,
  decode,
  decoder,
  enumeration,
  i8,
  i16,
  i32,
  i64,
  pointer,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  union,
} from '../../src/layout/index.ts';

const hex = (digits: string) => new Uint8Array(Buffer.from(digits.replaceAll(' ', ''), 'hex'));
const utf8 = (string: string) => new TextEncoder().encode(string);

describe('integers decode little-endian', () => {
  it.each([
    [u8, 'ff', 255],
    [i8, 'ff', -1],
    [u16, '01 ff', 0xff01],
    [i16, '00 80', -32768],
    [u32, 'ff ff ff ff', 0xffff_ffff],
    [i32, 'fe ff ff ff', -2],
    [char, '80', -128],
    [bool, '00', false],
    [bool, '01', true],
    [bool, '02', true],
    [u64, 'ff ff ff ff ff ff ff ff', 0xffff_ffff_ffff_ffffn],
    [i64, 'ff ff ff ff ff ff ff ff', -1n],
    [u64.number, 'ff ff ff ff ff ff 1f 00', 2 ** 53 - 1],
    [i64.number, 'fe ff ff ff ff ff ff ff', -2],
    [pointer(), '00 00 00 00 80 88 ff ff', 0xffff_8880_0000_0000n],
  ])('%# $1', (layout, digits, value) => {
    expect(decode(layout, hex(digits))).toBe(value);
  });

  it('a u64.number beyond 2^53 is the nearest number', () => {
    expect(decode(u64.number, hex('ff ff ff ff ff ff ff ff'))).toBe(2 ** 64);
  });
});

it('a struct decodes to a plain object with its fields in order', () => {
  const Event = struct('event', {
    ts: u64,
    pid: u32,
    flag: bool,
    low: bitfield(u8, 3),
    high: bitfield(i8, 5),
    comm: chars(4),
    raw: bytes(2),
    pair: array(u16, 2),
  });
  const value = decode(Event, hex('0100000000000000 02000000 01 fd 61620063 0102 03000400 00 00'));
  expect(value).toStrictEqual({
    ts: 1n,
    pid: 2,
    flag: true,
    low: 5,
    high: -1,
    comm: 'ab',
    raw: Uint8Array.of(1, 2),
    pair: [3, 4],
  });
  expect(Object.keys(value)).toEqual(Object.keys(Event.fields));
});

it('a union decodes to every view of its bytes', () => {
  const Address = union('address', { word: u32, bytes: bytes(4), half: u16 });
  expect(decode(Address, hex('7f000001'))).toStrictEqual({
    word: 0x0100_007f,
    bytes: Uint8Array.of(0x7f, 0, 0, 1),
    half: 0x7f,
  });
});

it('an enumeration decodes to the first name that has the number, or to the number', () => {
  const State = enumeration('state', { RUNNING: 0, SLEEPING: 1, ASLEEP: 1, LOST: -1 });
  const decoded = ['00000000', '01000000', 'ffffffff', '05000000'].map((h) =>
    decode(State, hex(h)),
  );
  expect(decoded).toEqual(['RUNNING', 'SLEEPING', 'LOST', 5]);
  const Unsigned = enumeration('mask', { ALL: 0xffff_ffff });
  expect(decode(Unsigned, hex('ffffffff'))).toBe('ALL');
});

it('fields may be called __proto__, constructor, toString and then', () => {
  const names = ['__proto__', 'constructor', 'toString', 'then'];
  const Odd = struct('odd', Object.fromEntries(names.map((name) => [name, u8])));
  const value = decode(Odd, hex('01020304'));
  expect(Object.entries(value)).toEqual([
    ['__proto__', 1],
    ['constructor', 2],
    ['toString', 3],
    ['then', 4],
  ]);
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
});

describe('strings', () => {
  const cases: [string, string][] = [
    ['', '00 61 62'],
    ['a', '61 00 62'],
    ['ab', '61 62 00 63 00'],
    ['abcd', '61 62 63 64 00'],
    ['without a NUL', Buffer.from('without a NUL').toString('hex')],
    ['é', 'c3 a9 00 ff'],
    ['abcé', '61 62 63 c3 a9 00 41'],
    ['日本', 'e6 97 a5 e6 9c ac'],
    ['a\ufffd', '61 ff 00'],
    ['a\ufffd', '61 c3 00'],
    ['\ufeffa', 'ef bb bf 61 00'],
    ['\x7f\x01', '7f 01 00 80'],
  ];

  it.each(cases)('%j ends at its NUL or where its room ends', (string, digits) => {
    const memory = hex(`6161 ${digits} 62`);
    const room = memory.length - 3;
    const Record = struct('r', { s: chars(room) });
    const view = new DataView(memory.buffer);
    expect(decoder(Record)(view, 2, 2 + room)).toStrictEqual({ s: string });
  });

  it('a char[16] is remembered by all of its bytes, also by those behind the NUL', () => {
    const Comm = struct('r', { comm: chars(16) });
    const read = (string: string) => {
      const memory = new Uint8Array(16);
      memory.set(utf8(string));
      return decode(Comm, memory).comm;
    };
    for (let round = 0; round < 2; round++) {
      // More names than the memory has room for, which differ in one word each.
      for (let i = 1000; i < 4000; i++) {
        for (const name of [`${i}`, `task${i}`, `new task${i}`, `one new task${i}`]) {
          expect(read(name)).toBe(name);
        }
      }
      expect(read('node\0left over')).toBe('node');
      expect(read('node\0')).toBe('node');
      expect(read('')).toBe('');
      expect(read('sixteen letters!')).toBe('sixteen letters!');
    }
  });

  it('a trailing text ends with its record, with its NUL, or at its limit', () => {
    const Open = struct('open', { fd: u64, flags: u32, path: text(6) });
    const view = new DataView(hex(`${'00'.repeat(8)} 01000000 2f746d70 00 2f2f2f2f`).buffer);
    const read = (end: number) => decoder(Open)(view, 0, end).path;
    expect(Open.size).toBe(16);
    expect([12, 13, 15, 16, 17, 21].map(read)).toEqual(['', '/', '/tm', '/tmp', '/tmp', '/tmp']);
    expect(decoder(struct('t', { t: text(3) }))(view, 12, 21).t).toBe('/tm');
  });
});

it('nothing decoded shares memory with the record', () => {
  const Record = struct('r', { raw: bytes(2), list: array(bytes(1), 2), s: chars(16) });
  const memory = hex(`0102 03 04 ${'61'.repeat(16)}`);
  const value = decode(Record, memory);
  memory.fill(0xff);
  expect(value).toStrictEqual({
    raw: Uint8Array.of(1, 2),
    list: [Uint8Array.of(3), Uint8Array.of(4)],
    s: 'a'.repeat(16),
  });
  expect(value.raw.buffer.byteLength).toBe(2);
});

it('the same decoder reads from any view, at any offset', () => {
  const Record = struct('r', { n: u32, raw: bytes(1), s: chars(3) });
  const read = decoder(Record);
  const one = new DataView(hex('ffff 01000000 aa 610000').buffer, 1);
  const two = new DataView(hex('02000000 bb 626200').buffer);
  for (let i = 0; i < 3; i++) {
    expect(read(one, 1, 9)).toStrictEqual({ n: 1, raw: Uint8Array.of(0xaa), s: 'a' });
    expect(read(two, 0, 8)).toStrictEqual({ n: 2, raw: Uint8Array.of(0xbb), s: 'bb' });
  }
  expect(decoder(Record)).toBe(read);
});

it('a record that is too short is refused', () => {
  const Event = struct('event', { ts: u64, pid: u32 });
  expect(() => decode(Event, new Uint8Array(15))).toThrow(
    new RangeError('event: expected 16 bytes or more, got 15'),
  );
  const view = new DataView(new ArrayBuffer(64));
  expect(() => decoder(Event)(view, 8, 20)).toThrow(RangeError);
  const Line = struct('line', { n: u32, s: text(8) });
  expect(() => decode(Line, new Uint8Array(3))).toThrow(
    new RangeError('line: expected 4 bytes or more, got 3'),
  );
});

describe('elsewhere', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  it('decoders work where code generation is forbidden', async () => {
    const forbidden = vi.fn(function forbid() {
      throw new EvalError('Code generation from strings disallowed for this context');
    });
    vi.stubGlobal('Function', forbidden);
    vi.resetModules();
    const fresh = await import('../../src/layout/index.ts');
    const Event = fresh.struct('event', { ['__proto__']: fresh.u32, s: fresh.chars(4) });
    const value = fresh.decode(Event, hex('01000000 61620000'));
    expect(forbidden).toHaveBeenCalledTimes(1);
    expect(Object.entries(value)).toEqual([
      ['__proto__', 1],
      ['s', 'ab'],
    ]);
    fresh.decode(fresh.u8, hex('01'));
    expect(forbidden).toHaveBeenCalledTimes(1);
  });

  it('strings are read without Buffer, as in a browser', async () => {
    vi.stubGlobal('Buffer', undefined);
    vi.resetModules();
    const fresh = await import('../../src/layout/index.ts');
    const Record = fresh.struct('r', { a: fresh.chars(4), b: fresh.chars(8) });
    const memory = Uint8Array.of(0x61, 0x62, 0, 0x63, 0xc3, 0xa9, 0x7a, 0, 1, 2, 3, 4);
    expect(fresh.decode(Record, memory)).toStrictEqual({ a: 'ab', b: 'éz' });
    const shared = new Uint8Array(new SharedArrayBuffer(12));
    shared.set(memory);
    expect(fresh.decode(Record, shared)).toStrictEqual({ a: 'ab', b: 'éz' });
  });
});
