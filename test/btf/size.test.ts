import { describe, expect, it } from 'vitest';
import { BtfBuilder } from '../../src/btf/index.ts';
import { errorOf } from './support.ts';

describe('sizes and alignments', () => {
  const b = new BtfBuilder();
  const char = b.int('char', 1, 'char');
  const int = b.int('int', 4, 'signed');
  const long = b.int('long', 8, 'signed');
  const wide = b.int('__int128', 16);
  const ptr = b.ptr(0);
  const pair = b.struct('pair', 16, [
    { name: 'a', type: char, bitOffset: 0 },
    { name: 'b', type: long, bitOffset: 64 },
  ]);
  const packed = b.struct('packed', 9, [
    { name: 'a', type: char, bitOffset: 0 },
    { name: 'b', type: long, bitOffset: 8 },
  ]);
  const flexible = b.array(int, 0);
  const matrix = b.array(b.array(int, 3), 2);
  const decorated = b.const(b.volatile(b.typedef('t', b.typeTag('user', pair))));
  const variable = b.var('v', matrix);
  const fwd = b.fwd('fwd');
  const enum64 = b.enum64('e', { A: 1n });
  const btf = b.build();
  const narrow = b.build();

  it.each([
    ['char', char, 1, 1],
    ['long', long, 8, 8],
    ['__int128, aligned like a pointer as libbpf has it', wide, 16, 8],
    ['a pointer', ptr, 8, 8],
    ['a struct', pair, 16, 8],
    ['a packed struct', packed, 9, 1],
    ['a flexible array', flexible, 0, 4],
    ['an array of arrays', matrix, 24, 4],
    ['a decorated struct', decorated, 16, 8],
    ['an enum64', enum64, 8, 8],
  ])('knows those of %s', (_, id, size, align) => {
    expect([btf.sizeOf(id), btf.alignOf(id)]).toEqual([size, align]);
  });

  it('resolves to what is under typedefs and modifiers', () => {
    expect(btf.resolve(decorated)).toBe(btf.type(pair));
    expect(btf.resolve(ptr)).toMatchObject({ kind: 'ptr' });
    expect(btf.resolve(0)).toMatchObject({ kind: 'void' });
  });

  it.each([
    [4, 'long unsigned int'],
    [8, 'unsigned long'],
    [4, 'long'],
  ] as const)('takes a pointer to have the %i bytes of the first %s', (size, name) => {
    const builder = new BtfBuilder();
    builder.int('long long', 8);
    builder.int('int', 4, 'signed');
    builder.int(name, size);
    const pointer = builder.ptr(0);
    expect(builder.build().sizeOf(pointer)).toBe(size);
  });

  it('takes a pointer to have 8 bytes where there is no long', () => {
    const builder = new BtfBuilder();
    builder.int('int', 4, 'signed');
    expect(builder.build().pointerSize).toBe(8);
  });

  it('sizes a variable', () => {
    expect(narrow.sizeOf(variable)).toBe(24);
  });

  it.each([
    ['void', 0],
    ['a forward declaration', fwd],
  ])('knows none of %s', (_, id) => {
    expect(errorOf(() => btf.sizeOf(id)).message).toMatch(/has no size/);
    expect(errorOf(() => btf.alignOf(id)).message).toMatch(/has no alignment/);
  });
});
