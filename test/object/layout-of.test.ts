import { describe, expect, it } from 'vitest';
import { BtfBuilder } from '../../src/btf/index.ts';
import { decode, encode, type Layout, toJson } from '../../src/layout/index.ts';
import { layoutOf } from '../../src/object/index.ts';

const built = (build: (b: BtfBuilder) => number): Layout => {
  const builder = new BtfBuilder();
  const id = build(builder);
  return layoutOf(builder.build(), id);
};

describe('the layout of a type in BTF', () => {
  it.each([
    ['unsigned int', 4, 'unsigned', 'u32'],
    ['int', 4, 'signed', 'i32'],
    ['long long', 8, 'signed', 'i64'],
    ['short', 2, 'signed', 'i16'],
    ['_Bool', 1, 'bool', 'bool'],
    ['char', 1, 'signed', 'char'],
    ['signed char', 1, 'signed', 'i8'],
    ['unsigned char', 1, 'unsigned', 'u8'],
  ] as const)('of %s is a scalar', (name, size, encoding, layout) => {
    expect(built((b) => b.int(name, size, encoding))).toMatchObject({
      kind: 'scalar',
      name: layout,
    });
  });

  it('is bytes where layouts have no such number', () => {
    expect(built((b) => b.int('__int128', 16, 'signed'))).toMatchObject({
      kind: 'bytes',
      size: 16,
    });
    expect(built((b) => b.float('double', 8))).toMatchObject({ kind: 'bytes', size: 8 });
  });

  it('has fields where the compiler put them: packed, in anonymous members, as bitfields', () => {
    const event = built((b) => {
      const u8 = b.int('unsigned char', 1);
      const u32 = b.int('unsigned int', 4);
      const char = b.int('char', 1, 'signed');
      const inner = b.union('', 4, [
        { name: 'whole', type: u32, bitOffset: 0 },
        { name: 'half', type: b.int('unsigned short', 2), bitOffset: 0 },
      ]);
      return b.struct('event', 16, [
        { name: 'kind', type: u8, bitOffset: 0 },
        { name: 'packed', type: b.typedef('pid_t', u32), bitOffset: 8 },
        { name: '', type: inner, bitOffset: 40 },
        { name: 'low', type: u32, bitOffset: 72, bitSize: 3 },
        { name: 'comm', type: b.array(char, 4), bitOffset: 96 },
      ]);
    });
    const bytes = Uint8Array.of(1, 2, 0, 0, 0, 0xff, 0xee, 0, 0, 0b1101, 0, 0, 104, 105, 0, 0);
    expect(decode(event, bytes)).toEqual({
      kind: 1,
      packed: 2,
      whole: 0xeeff,
      half: 0xeeff,
      low: 5,
      comm: 'hi',
    });
  });

  it('shows a bitfield that no unit of its type holds as the bytes that it touches', () => {
    const layout = built((b) =>
      b.struct('odd', 5, [
        { name: 'wide', type: b.int('unsigned int', 4), bitOffset: 4, bitSize: 31 },
      ]),
    );
    expect(decode(layout, Uint8Array.of(0x10, 2, 3, 4, 5))).toEqual({
      wide: Uint8Array.of(0x10, 2, 3, 4, 5),
    });
  });

  it('has enumerations by name, and numbers for those without one', () => {
    const named = built((b) => b.enum('colour', { RED: 1, BLUE: 2 }));
    expect(decode(named, Uint8Array.of(2, 0, 0, 0))).toBe('BLUE');
    const anonymous = built((b) => b.enum('', { A: 1 }));
    expect(decode(anonymous, Uint8Array.of(1, 0, 0, 0))).toBe(1);
    const wide = built((b) => b.enum64('wide', { TOP: 1n << 40n }));
    expect(decode(wide, Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 0))).toBe(1n << 40n);
  });

  it('has arrays of arrays, pointers, and an empty array at the end', () => {
    const layout = built((b) => {
      const u16 = b.int('unsigned short', 2);
      return b.struct('record', 16, [
        { name: 'grid', type: b.array(b.array(u16, 2), 2), bitOffset: 0 },
        { name: 'next', type: b.ptr(0), bitOffset: 64 },
        { name: 'tail', type: b.array(u16, 0), bitOffset: 128 },
      ]);
    });
    const value = {
      grid: [
        [1, 2],
        [3, 4],
      ],
      next: 9n,
      tail: [],
    };
    expect(decode(layout, encode(layout, value as never))).toEqual(value);
    expect(toJson(layout, value as never)).toEqual({ ...value, next: '9' });
  });

  it('is that of the variables for a section', () => {
    const layout = built((b) => {
      const int = b.int('int', 4, 'signed');
      const [a, c] = [b.var('a', int), b.var('b', b.const(int), 'static')];
      return b.datasec('.data', 12, [
        { type: a, offset: 0, size: 4 },
        { type: c, offset: 8, size: 4 },
      ]);
    });
    expect(decode(layout, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0))).toEqual({
      a: 1,
      b: 2,
    });
  });

  it('is refused for what has no size', () => {
    expect(() => built((b) => b.fwd('opaque'))).toThrow(/size/);
    expect(() =>
      built((b) => {
        const id = b.reserve();
        return b.define(id, {
          kind: 'struct',
          name: 'self',
          size: 4,
          members: [{ name: 'again', type: id, bitOffset: 0, bitSize: 0 }],
        });
      }),
    ).toThrow('struct self holds itself');
    expect(() =>
      built((b) => {
        let inner = b.int('int', 4, 'signed');
        for (let depth = 0; depth < 200; depth++)
          inner = b.struct(`level${depth}`, 4, [{ name: 'inner', type: inner, bitOffset: 0 }]);
        return inner;
      }),
    ).toThrow('is nested too deeply');
  });
});
