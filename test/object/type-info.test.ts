import { describe, expect, it } from 'vitest';
import { printAllRaw } from '../../src/btf/index.ts';
import {
  array,
  bitfield,
  bool,
  bytes,
  char,
  chars,
  enumeration,
  exit,
  fn,
  i8,
  i16,
  i32,
  i64,
  type Layout,
  mov,
  pointer,
  r0,
  type Struct,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  union,
} from '../../src/index.ts';
import { TypeInfo } from '../../src/object/index.ts';
import { btfLoad, closeFd } from '../../src/syscall/index.ts';
import { bpftoolRaw, hasBpftool } from '../btf/support.ts';
import { noBpf } from '../syscall/support.ts';

const Color = enumeration('color', { red: 1, green: 2, none: -1 });
const Node: Struct<{ value: typeof u32; readonly next: unknown }> = struct('node', {
  value: u32,
  get next(): unknown {
    return pointer(Node);
  },
});
const Everything = struct('everything', {
  a: u8,
  b: u16,
  c: u32,
  d: u64,
  e: i8,
  f: i16,
  g: i32,
  h: i64,
  ok: bool,
  letter: char,
  name: chars(16),
  raw: bytes(3),
  color: Color,
  low: bitfield(u32, 3),
  high: bitfield(u32, 29),
  inner: struct('inner', { x: u32, y: array(u16, 3) }),
  either: union('either', { small: u8, large: u64 }),
  node: pointer(Node),
  nothing: pointer(),
  rest: text(64),
});

const rawOf = (...layouts: Layout[]): string => {
  const types = new TypeInfo();
  for (const layout of layouts) types.idOf(layout);
  return printAllRaw(types.builder.build());
};

describe('the BTF of our layouts', () => {
  it('is that of C', () => {
    expect(`\n${rawOf(Everything)}\n`).toMatchInlineSnapshot(`
      "
      [1] STRUCT 'everything' size=104 vlen=20
      	'a' type_id=2 bits_offset=0
      	'b' type_id=3 bits_offset=16
      	'c' type_id=4 bits_offset=32
      	'd' type_id=5 bits_offset=64
      	'e' type_id=6 bits_offset=128
      	'f' type_id=7 bits_offset=144
      	'g' type_id=8 bits_offset=160
      	'h' type_id=9 bits_offset=192
      	'ok' type_id=10 bits_offset=256
      	'letter' type_id=11 bits_offset=264
      	'name' type_id=13 bits_offset=272
      	'raw' type_id=14 bits_offset=400
      	'color' type_id=15 bits_offset=448
      	'low' type_id=4 bits_offset=480 bitfield_size=3
      	'high' type_id=4 bits_offset=483 bitfield_size=29
      	'inner' type_id=16 bits_offset=512
      	'either' type_id=18 bits_offset=640
      	'node' type_id=20 bits_offset=704
      	'nothing' type_id=21 bits_offset=768
      	'rest' type_id=22 bits_offset=832
      [2] INT 'unsigned char' size=1 bits_offset=0 nr_bits=8 encoding=(none)
      [3] INT 'unsigned short' size=2 bits_offset=0 nr_bits=16 encoding=(none)
      [4] INT 'unsigned int' size=4 bits_offset=0 nr_bits=32 encoding=(none)
      [5] INT 'unsigned long long' size=8 bits_offset=0 nr_bits=64 encoding=(none)
      [6] INT 'signed char' size=1 bits_offset=0 nr_bits=8 encoding=SIGNED
      [7] INT 'short' size=2 bits_offset=0 nr_bits=16 encoding=SIGNED
      [8] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED
      [9] INT 'long long' size=8 bits_offset=0 nr_bits=64 encoding=SIGNED
      [10] INT '_Bool' size=1 bits_offset=0 nr_bits=8 encoding=BOOL
      [11] INT 'char' size=1 bits_offset=0 nr_bits=8 encoding=SIGNED
      [12] INT '__ARRAY_SIZE_TYPE__' size=4 bits_offset=0 nr_bits=32 encoding=(none)
      [13] ARRAY '(anon)' type_id=11 index_type_id=12 nr_elems=16
      [14] ARRAY '(anon)' type_id=2 index_type_id=12 nr_elems=3
      [15] ENUM 'color' encoding=SIGNED size=4 vlen=3
      	'red' val=1
      	'green' val=2
      	'none' val=-1
      [16] STRUCT 'inner' size=12 vlen=2
      	'x' type_id=4 bits_offset=0
      	'y' type_id=17 bits_offset=32
      [17] ARRAY '(anon)' type_id=3 index_type_id=12 nr_elems=3
      [18] UNION 'either' size=8 vlen=2
      	'small' type_id=2 bits_offset=0
      	'large' type_id=5 bits_offset=0
      [19] STRUCT 'node' size=16 vlen=2
      	'value' type_id=4 bits_offset=0
      	'next' type_id=20 bits_offset=64
      [20] PTR '(anon)' type_id=19
      [21] PTR '(anon)' type_id=0
      [22] ARRAY '(anon)' type_id=11 index_type_id=12 nr_elems=0

      "
    `);
  });

  it('has each layout once, and one that contains itself through a pointer', () => {
    const types = new TypeInfo();
    const id = types.idOf(Node);
    expect(types.idOf(Node)).toBe(id);
    expect(types.idOf(u32)).toBe(types.idOf(u32));
    expect(types.builder.build().type(id)).toMatchObject({
      kind: 'struct',
      name: 'node',
      size: 16,
    });
  });

  it('has the functions of programs, static ones unless they are global', () => {
    const types = new TypeInfo();
    const body = [mov(r0, 0), exit()];
    types.program('main');
    types.subprogram(fn('inner', 2, body));
    types.subprogram(fn('outer', 0, body, { global: true }));
    expect(`\n${printAllRaw(types.builder.build())}\n`).toMatchInlineSnapshot(`
      "
      [1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED
      [2] INT 'unsigned long long' size=8 bits_offset=0 nr_bits=64 encoding=(none)
      [3] PTR '(anon)' type_id=2
      [4] FUNC_PROTO '(anon)' ret_type_id=1 vlen=1
      	'ctx' type_id=3
      [5] FUNC 'main' type_id=4 linkage=global
      [6] FUNC_PROTO '(anon)' ret_type_id=2 vlen=2
      	'arg1' type_id=2
      	'arg2' type_id=2
      [7] FUNC 'inner' type_id=6 linkage=static
      [8] FUNC_PROTO '(anon)' ret_type_id=2 vlen=0
      [9] FUNC 'outer' type_id=8 linkage=global

      "
    `);
  });

  it.skipIf(!hasBpftool)(
    `is read by bpftool as we read it${hasBpftool ? '' : ' (skipped: there is no bpftool)'}`,
    () => {
      const types = new TypeInfo();
      types.idOf(Everything);
      types.program('main');
      const bytes = types.builder.encode();
      expect(bpftoolRaw(bytes).trimEnd()).toBe(printAllRaw(types.builder.build()).trimEnd());
    },
  );

  it.skipIf(noBpf)(`is taken by the kernel${noBpf ? ` (skipped: ${noBpf})` : ''}`, () => {
    const types = new TypeInfo();
    for (const layout of [Everything, Node]) types.idOf(layout);
    types.program('main');
    types.subprogram(fn('inner', 5, [mov(r0, 0), exit()]));
    closeFd(btfLoad(types.builder.encode(), { logSize: 65_536 }));
  });
});
