import { describe, expect, it } from 'vitest';
import { Btf, BtfBuilder, printAllRaw } from '../../src/btf/index.ts';
import { bpftoolRaw, errorOf, hasBpftool } from './support.ts';

/** One of each kind. */
const everything = (): BtfBuilder => {
  const b = new BtfBuilder();
  const int = b.int('int', 4, 'signed');
  const char = b.int('char', 1, 'char');
  b.int('_Bool', 1, 'bool');
  const u64 = b.int('unsigned long', 8);
  const list = b.reserve();
  b.define(list, {
    kind: 'struct',
    name: 'list',
    size: 24,
    members: [
      { name: 'next', type: b.ptr(list), bitOffset: 0, bitSize: 0 },
      { name: 'text', type: b.array(char, 8), bitOffset: 64, bitSize: 0 },
      { name: 'low', type: int, bitOffset: 128, bitSize: 3 },
      { name: 'high', type: int, bitOffset: 131, bitSize: 29 },
    ],
  });
  b.union('number', 8, [
    { name: 'i', type: int, bitOffset: 0 },
    { name: 'l', type: u64, bitOffset: 0 },
    { name: '', type: b.struct('', 4, [{ name: 'inner', type: int, bitOffset: 0 }]), bitOffset: 0 },
  ]);
  b.enum('color', { RED: 0, GREEN: 0xffff_ffff });
  b.enum('sign', { MINUS: -1, PLUS: 1 });
  b.enum64('wide', { BIG: 0xffff_ffff_ffff_fffen });
  b.enum64('wide_sign', { LITTLE: -5n, LOT: 1n << 40n });
  b.fwd('later');
  b.fwd('later_union', 'union');
  b.const(b.volatile(b.restrict(b.ptr(0))));
  b.ptr(b.typeTag('user', char));
  const number = b.typedef('number_t', int);
  const proto = b.funcProto(number, [
    { name: 'a', type: int },
    { name: '', type: 0 },
  ]);
  const func = b.func('main', proto, 'global');
  b.func('helper', b.funcProto(0), 'extern');
  const variable = b.var('counter', u64, 'global');
  b.datasec('.data', 8, [{ type: variable, offset: 0, size: 8 }]);
  b.float('double', 8);
  b.declTag('kfunc', func);
  b.declTag('arg', func, 0);
  return b;
};

describe('BtfBuilder', () => {
  it('writes a header, a record and two strings', () => {
    const builder = new BtfBuilder();
    builder.int('int', 4, 'signed');
    // biome-ignore format: one field per line
    expect([...builder.encode()]).toEqual([
      0x9f, 0xeb, 1, 0,         // magic, version, flags
      24, 0, 0, 0,              // header length
      0, 0, 0, 0, 16, 0, 0, 0,  // types: offset, length
      16, 0, 0, 0, 5, 0, 0, 0,  // strings
      1, 0, 0, 0,               // name
      0, 0, 0, 1,               // info: kind 1
      4, 0, 0, 0,               // size
      32, 0, 0, 1,              // 32 bits, offset 0, signed
      0, 0x69, 0x6e, 0x74, 0,   // "", "int"
    ]);
  });

  it.skipIf(!hasBpftool)(
    'makes each kind so that bpftool reads it (skipped without bpftool)',
    () => {
      const bytes = everything().encode();
      expect(bpftoolRaw(bytes)).toMatchInlineSnapshot(`
      "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED
      [2] INT 'char' size=1 bits_offset=0 nr_bits=8 encoding=CHAR
      [3] INT '_Bool' size=1 bits_offset=0 nr_bits=8 encoding=BOOL
      [4] INT 'unsigned long' size=8 bits_offset=0 nr_bits=64 encoding=(none)
      [5] STRUCT 'list' size=24 vlen=4
      	'next' type_id=6 bits_offset=0
      	'text' type_id=8 bits_offset=64
      	'low' type_id=1 bits_offset=128 bitfield_size=3
      	'high' type_id=1 bits_offset=131 bitfield_size=29
      [6] PTR '(anon)' type_id=5
      [7] INT '__ARRAY_SIZE_TYPE__' size=4 bits_offset=0 nr_bits=32 encoding=(none)
      [8] ARRAY '(anon)' type_id=2 index_type_id=7 nr_elems=8
      [9] STRUCT '(anon)' size=4 vlen=1
      	'inner' type_id=1 bits_offset=0
      [10] UNION 'number' size=8 vlen=3
      	'i' type_id=1 bits_offset=0
      	'l' type_id=4 bits_offset=0
      	'(anon)' type_id=9 bits_offset=0
      [11] ENUM 'color' encoding=UNSIGNED size=4 vlen=2
      	'RED' val=0
      	'GREEN' val=4294967295
      [12] ENUM 'sign' encoding=SIGNED size=4 vlen=2
      	'MINUS' val=-1
      	'PLUS' val=1
      [13] ENUM64 'wide' encoding=UNSIGNED size=8 vlen=1
      	'BIG' val=18446744073709551614ULL
      [14] ENUM64 'wide_sign' encoding=SIGNED size=8 vlen=2
      	'LITTLE' val=-5LL
      	'LOT' val=1099511627776LL
      [15] FWD 'later' fwd_kind=struct
      [16] FWD 'later_union' fwd_kind=union
      [17] PTR '(anon)' type_id=0
      [18] RESTRICT '(anon)' type_id=17
      [19] VOLATILE '(anon)' type_id=18
      [20] CONST '(anon)' type_id=19
      [21] TYPE_TAG 'user' type_id=2
      [22] PTR '(anon)' type_id=21
      [23] TYPEDEF 'number_t' type_id=1
      [24] FUNC_PROTO '(anon)' ret_type_id=23 vlen=2
      	'a' type_id=1
      	'(anon)' type_id=0
      [25] FUNC 'main' type_id=24 linkage=global
      [26] FUNC_PROTO '(anon)' ret_type_id=0 vlen=0
      [27] FUNC 'helper' type_id=26 linkage=extern
      [28] VAR 'counter' type_id=4, linkage=global
      [29] DATASEC '.data' size=8 vlen=1
      	type_id=28 offset=0 size=8 (VAR 'counter')
      [30] FLOAT 'double' size=8
      [31] DECL_TAG 'kfunc' type_id=25 component_idx=-1
      [32] DECL_TAG 'arg' type_id=25 component_idx=0
      "
    `);
      expect(printAllRaw(new Btf(bytes))).toBe(bpftoolRaw(bytes));
    },
  );

  it('decodes to what was added', () => {
    const builder = everything();
    const btf = builder.build();
    const types = Array.from({ length: btf.typeCount }, (_, i) => btf.type(i + 1));
    expect(types.map(({ id: _, ...type }) => type)).toEqual(builder.types());
  });

  it.each(['big-endian', 'with the layout section of 7.1'])(
    'decodes the same when written %s',
    (how) => {
      const bytes = everything().encode(
        how === 'big-endian' ? { littleEndian: false } : { layout: true },
      );
      expect(printAllRaw(new Btf(bytes))).toBe(printAllRaw(everything().build()));
      expect(new Btf(bytes).littleEndian).toBe(how !== 'big-endian');
    },
  );

  it('shares what is the same by structure, and never structs, enums, functions and variables', () => {
    const b = new BtfBuilder();
    const int = b.int('int', 4, 'signed');
    expect(b.int('int', 4, 'signed')).toBe(int);
    expect(b.int('int', 4)).not.toBe(int);
    expect(b.ptr(int)).toBe(b.ptr(int));
    expect(b.array(int, 3)).toBe(b.array(int, 3));
    expect(b.array(int, 3)).not.toBe(b.array(int, 4));
    expect(b.struct('s', 0, [])).not.toBe(b.struct('s', 0, []));
    expect(b.enum('e', {})).not.toBe(b.enum('e', {}));
    expect(b.var('v', int)).not.toBe(b.var('v', int));
  });

  it('stores each string once and tells its offset', () => {
    const b = new BtfBuilder();
    const file = b.string('main.ts');
    b.int('int', 4);
    expect(b.string('int')).toBe(file + 8);
    expect(b.string('main.ts')).toBe(file);
    expect(b.string('')).toBe(0);
    const line = b.string('  mov(r0, 0), // ünïcödé');
    const btf = b.build();
    expect(btf.string(file)).toBe('main.ts');
    expect(btf.string(line)).toBe('  mov(r0, 0), // ünïcödé');
  });

  it.skipIf(!hasBpftool)('continues a base as split BTF (skipped without bpftool)', () => {
    const base = new BtfBuilder();
    const int = base.int('int', 4, 'signed');
    const btf = base.build();
    const split = new BtfBuilder({ base: btf });
    const id = split.struct('of_module', 4, [{ name: 'a', type: int, bitOffset: 0 }]);
    expect(id).toBe(2);
    const module = split.build();
    expect(module.type(1)).toMatchObject({ name: 'int' });
    expect(module.type(2)).toMatchObject({ name: 'of_module', members: [{ name: 'a', type: 1 }] });
    expect(module.findByName('int')).toBe(1);
    expect(module.findByName('of_module', 'struct')).toBe(2);
    expect(module.candidates('int')).toEqual([]);
    expect(module.candidates('of_module')).toEqual([2]);
    expect(module.sizeOf(2)).toBe(4);
    expect(printAllRaw(module)).toBe(bpftoolRaw(split.encode(), base.encode()));
  });

  it('names a type of split BTF with a string of its base', () => {
    const base = new BtfBuilder();
    base.struct('shared', 8, []);
    const btf = base.build();
    // Record of an empty struct whose name is at offset 1, in the base; no strings of its own.
    const bytes = new BtfBuilder({ base: btf }).encode();
    const record = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 4, 16, 0, 0, 0]);
    const split = new Uint8Array(bytes.length + record.length);
    split.set(bytes);
    split.set(record, 24);
    new DataView(split.buffer).setUint32(12, record.length, true);
    new DataView(split.buffer).setUint32(16, record.length, true);
    const module = new Btf(split, { base: btf });
    expect(module.type(2)).toMatchObject({ kind: 'struct', name: 'shared', size: 16 });
    expect(module.candidates('shared')).toEqual([2]);
  });

  it.each([
    [
      'a name that is no identifier',
      (b: BtfBuilder) => b.struct('my struct', 0, []),
      /C identifier/,
    ],
    ['a function without a name', (b: BtfBuilder) => b.func('', 0), /needs a name/],
    [
      'a member that starts with a digit',
      (b: BtfBuilder) => b.struct('s', 4, [{ name: '1', type: 0, bitOffset: 0 }]),
      /a member of struct s/,
    ],
    [
      'a dot outside sections and variables',
      (b: BtfBuilder) => b.typedef('a.b', 0),
      /C identifier/,
    ],
    ['an enum value without a name', (b: BtfBuilder) => b.enum('e', { '': 0 }), /needs a name/],
    ['a name of 128 characters', (b: BtfBuilder) => b.fwd('x'.repeat(128)), /at most 127/],
    ['an enum value of 33 bits', (b: BtfBuilder) => b.enum('e', { A: 2 ** 32 }), /value A/],
    [
      'an enum64 value of 65 bits',
      (b: BtfBuilder) => b.enum64('e', { A: 1n << 64n }),
      /does not fit/,
    ],
    [
      'a bitfield after 2 MiB',
      (b: BtfBuilder) => b.struct('s', 4, [{ name: 'a', type: 0, bitOffset: 2 ** 24, bitSize: 1 }]),
      /bit offset of a/,
    ],
    [
      '65,536 members',
      (b: BtfBuilder) =>
        b.enum('e', Object.fromEntries(Array.from({ length: 65_536 }, (_, i) => [`v${i}`, i]))),
      /number of elements/,
    ],
    ['a size that is not whole', (b: BtfBuilder) => b.float('f', 1.5), /whole number/],
  ])('refuses %s', (_, build, message) => {
    expect(errorOf(() => build(new BtfBuilder())).message).toMatch(message);
  });

  it('takes dots and a question mark where the kernel takes them', () => {
    const b = new BtfBuilder();
    b.var('main.counter', b.int('int', 4));
    b.datasec('.rodata.str1.1', 0, []);
    b.datasec('?.struct_ops', 0, []);
    expect(b.typeCount).toBe(4);
  });

  it('refuses to encode what refers to nothing', () => {
    const b = new BtfBuilder();
    b.ptr(7);
    expect(errorOf(() => b.encode()).message).toBe('ptr refers to type 7, and there are 1');
    const reserved = new BtfBuilder();
    reserved.reserve();
    expect(errorOf(() => reserved.encode()).message).toMatch(/type 1 was reserved/);
  });
});
