import { describe, expect, it } from 'vitest';
import { type Btf, BtfBuilder, CoreResolver } from '../../src/btf/index.ts';
import {
  array,
  type Build,
  enumeration,
  int,
  ptr,
  relocate,
  struct,
  u32,
  u64,
} from './core-support.ts';
import { errorOf, hasVmlinux, vmlinux } from './support.ts';

describe('messages', () => {
  const local = struct('task', { pid: int });
  it.each([
    ['a type', struct('other', {}), 'there is no struct task in vmlinux'],
    ['a member', struct('task', { tgid: int }), 'struct task has no member pid in vmlinux'],
    [
      'a member of that type',
      struct('task', { pid: struct('pid', {}) }),
      'struct task.pid is struct pid in vmlinux, and int in the program',
    ],
  ])('name %s that is missing', (_, target, message) => {
    const result = relocate('field_byte_offset', '0:0', local, target);
    expect(result).toMatchObject({
      poison: true,
      exists: false,
      missing: message,
      target: undefined,
    });
  });

  it('name a value and an element that are missing', () => {
    const color = enumeration('color', { RED: 1 });
    expect(relocate('enumval_value', '0', color, enumeration('color', { BLUE: 1 })).missing).toBe(
      'enum color has no value RED in vmlinux',
    );
    const short = relocate(
      'field_byte_offset',
      '0:0:3',
      struct('s', { a: array(int, 4) }),
      struct('s', { a: array(int, 2) }),
    );
    expect(short.missing).toBe('struct s.a has no element 3 in vmlinux');
  });

  it('describe both sides as libbpf does', () => {
    const result = relocate(
      'field_byte_offset',
      '0:0',
      struct('task', { pid: int }),
      struct('task', { a: int, pid: int }),
    );
    expect(result.local).toBe('struct task.pid (0:0 @ offset 0)');
    expect(result.target?.description).toBe('struct task.pid (0:1 @ offset 8)');
  });
});

describe('candidates', () => {
  const task = struct('task', { pid: int });

  it('are not functions or typedefs of the same name', () => {
    const target: Build = (b) => {
      b.func('task', b.funcProto(0));
      b.typedef('task', int(b));
      return struct('task', { a: int, pid: int })(b);
    };
    expect(relocate('field_byte_offset', '0:0', task, target).value).toBe(8n);
  });

  it('are of the essential name on both sides', () => {
    const target = struct('task___new', { a: int, pid: int });
    expect(
      relocate('field_byte_offset', '0:0', struct('task___old', { pid: int }), target).value,
    ).toBe(8n);
  });

  it('come from modules only when the kernel has none', () => {
    const module = (kernel: Btf): Btf[] => {
      const b = new BtfBuilder({ base: kernel });
      struct('task', { a: int, b: int, pid: int })(b);
      return [b.build({ label: 'nf_tables' })];
    };
    const inModule = relocate('field_byte_offset', '0:0', task, int, module);
    expect(inModule).toMatchObject({ value: 16n, target: { btf: { label: 'nf_tables' } } });
    const never = () => {
      throw new Error('modules were asked for');
    };
    expect(relocate('field_byte_offset', '0:0', task, task, never).value).toBe(0n);
  });

  it('that have failed once are not asked again about the same type', () => {
    const program = new BtfBuilder();
    const typeId = struct('s', { a: int, b: int })(program);
    const kernel = new BtfBuilder();
    struct('s', { a: int, b: int })(kernel);
    struct('s___2', { x: int, a: int })(kernel);
    const a = { kind: 'field_byte_offset', typeId, access: '0:0' } as const;
    const b = { ...a, access: '0:1' };
    expect(
      errorOf(() => new CoreResolver(program.build(), kernel.build()).resolve(a)).message,
    ).toMatch(/field offset ambiguity between struct s\.a \(0:0 @ offset 0\) and struct s___2\.a/);
    const resolver = new CoreResolver(program.build(), kernel.build());
    expect(resolver.resolve(b).value).toBe(8n);
    expect(resolver.resolve(a).value).toBe(0n);
  });

  it('must agree on the value', () => {
    const target: Build = (b) => {
      struct('s', { a: int })(b);
      return struct('s___2', { a: u64 })(b);
    };
    expect(
      errorOf(() => relocate('field_byte_size', '0:0', struct('s', { a: int }), target)).message,
    ).toMatch(/decision ambiguity.*4 != 8/);
    expect(relocate('field_exists', '0:0', struct('s', { a: int }), target).value).toBe(1n);
  });

  it('cannot be found for an anonymous type', () => {
    expect(errorOf(() => relocate('type_exists', '0', struct('', {}), int)).message).toMatch(
      /anonymous/,
    );
    expect(relocate('type_id_local', '0', struct('', {}), int).value).toBe(1n);
  });
});

describe('fields', () => {
  const offset = (local: Build, target: Build, access = '0:0') =>
    relocate('field_byte_offset', access, local, target);

  it.each<[string, Build, Build, boolean]>([
    ['any two integers', int, u64, true],
    ['any two pointers', ptr(int), ptr(struct('x', {})), true],
    ['a struct and a union', struct('x', {}), (b) => b.union('y', 8, []), true],
    ['arrays of integers of any length', array(int, 3), array(array(u32, 2), 1), false],
    ['arrays of compatible elements', array(int, 3), array(u32, 1), true],
    ['floats of any size', (b) => b.float('float', 4), (b) => b.float('double', 8), true],
    ['enums of one essential name', enumeration('e', {}), enumeration('e___2', {}), true],
    ['enums of different names', enumeration('e', {}), enumeration('f', {}), false],
    ['an anonymous enum and any', enumeration('', {}), enumeration('f', {}), true],
    ['an enum and an enum64', enumeration('e', {}), (b) => b.enum64('e', {}), true],
    ['an integer and a pointer', u64, ptr(), false],
    ['an integer and an enum', int, enumeration('e', {}), false],
    [
      'typedefs of integers',
      (b) => b.typedef('pid_t', int(b)),
      (b) => b.const(b.volatile(u32(b))),
      true,
    ],
    ['an integer and a typedef of a struct', int, (b) => b.typedef('t', struct('x', {})(b)), false],
  ])('%s: compatible or not', (_, local, target, compatible) => {
    expect(offset(struct('s', { a: local }), struct('s', { a: target })).exists).toBe(compatible);
  });

  it('are found through anonymous structs and unions', () => {
    const inner: Build = (b) =>
      b.union('', 8, [
        { name: 'a', type: struct('', { x: int, wanted: int })(b), bitOffset: 0 },
        { name: '', type: struct('', { y: int, wanted: int })(b), bitOffset: 0 },
      ]);
    const result = offset(struct('s', { wanted: int }), struct('s', { first: int, _: inner }));
    expect(result.target?.description).toBe('struct s.wanted (0:1:1:1 @ offset 16)');
    expect(result.value).toBe(16n);
  });

  it.each<[string, Build, Build, boolean]>([
    ['pointers', ptr(), ptr(), false],
    ['unsigned integers', u32, u64, false],
    ['signed integers', int, (b) => b.int('long', 8, 'signed'), true],
    ['a signed and an unsigned integer', int, u64, true],
    ['integers of one size, whatever their sign', int, u32, false],
    ['chars, which have another encoding', (b) => b.int('char', 1, 'char'), u32, false],
    ['an enum and an enum64', enumeration('e', {}), (b) => b.enum64('e', {}), true],
    ['structs', struct('x', { a: int }), struct('x', { a: int, b: int }), true],
    ['arrays of unsigned integers, by their elements', array(u32, 4), array(u32, 8), false],
    ['arrays of wider elements', array(u32, 4), array(u64, 4), true],
  ])('whose size changed may be loaded or not: %s', (_, local, target, poisoned) => {
    const result = offset(struct('s', { a: local }), struct('s', { a: target }));
    expect(result).toMatchObject({ poison: false, poisonMemoryAccess: poisoned });
  });

  it('tell the sizes to load', () => {
    const result = offset(struct('s', { a: array(u32, 4) }), struct('s', { a: array(u64, 4) }));
    expect([result.localSize, result.targetSize]).toEqual([4, 8]);
  });

  it('that became bitfields are not loaded as they were', () => {
    const target: Build = (b) =>
      b.struct('s', 8, [{ name: 'a', type: u32(b), bitOffset: 37, bitSize: 5 }]);
    const result = offset(struct('s', { a: u32 }), target);
    expect(result).toMatchObject({
      value: 4n,
      poisonMemoryAccess: true,
      localSize: 4,
      targetSize: 0,
    });
    expect(result.target?.field).toEqual({
      bitOffset: 37,
      bitSize: 5,
      byteOffset: 4,
      byteSize: 4,
      isBitfield: true,
      signed: false,
      leftShift: 64 - 10,
      rightShift: 59,
    });
  });

  it('that are bitfields across a word are read with a larger load', () => {
    const local: Build = (b) =>
      b.struct('s', 8, [{ name: 'a', type: u32(b), bitOffset: 28, bitSize: 8 }]);
    expect(relocate('field_byte_size', '0:0', local, local).value).toBe(8n);
    expect(relocate('field_byte_offset', '0:0', local, local)).toMatchObject({
      value: 0n,
      validate: false,
    });
    expect(relocate('field_lshift_u64', '0:0', local, local).value).toBe(28n);
    expect(relocate('field_rshift_u64', '0:0', local, local)).toMatchObject({
      value: 56n,
      validate: true,
    });
  });

  it('that no load of 8 bytes holds are an error', () => {
    const wide: Build = (b) =>
      b.struct('s', 16, [{ name: 'a', type: u64(b), bitOffset: 40, bitSize: 60 }]);
    expect(errorOf(() => relocate('field_byte_offset', '0:0', wide, wide)).message).toMatch(
      /no load/,
    );
    expect(relocate('field_exists', '0:0', wide, wide).value).toBe(1n);
  });

  it('shift to the left by the byte order of the kernel', () => {
    const b = new BtfBuilder();
    const typeId = b.struct('s', 4, [{ name: 'a', type: u32(b), bitOffset: 3, bitSize: 5 }]);
    const big = b.build({ littleEndian: false });
    const relocation = { kind: 'field_lshift_u64', typeId, access: '0:0' } as const;
    expect(new CoreResolver(big, big).resolve(relocation).value).toBe(35n);
  });

  it('are signed by their integer or their enum', () => {
    const signed = (type: Build) =>
      relocate('field_signed', '0:0', struct('s', { a: type }), struct('s', { a: type })).value;
    expect(signed(int)).toBe(1n);
    expect(signed(u32)).toBe(0n);
    expect(signed(ptr())).toBe(0n);
    expect(signed(enumeration('e', { A: -1 }))).toBe(1n);
    expect(signed(enumeration('e', { A: 1 }))).toBe(0n);
  });

  it('in a flexible array may have any index, elsewhere not', () => {
    const last = struct('s', { n: int, a: array(int, 0) });
    const inside = struct('s', { a: array(int, 0), n: int });
    const fixed = struct('s', { a: array(int, 5) });
    expect(offset(last, last, '0:1:100').value).toBe(408n);
    expect(errorOf(() => offset(inside, inside, '0:0:1')).message).toMatch(/no element 1/);
    expect(offset(fixed, inside, '0:0:1').exists).toBe(false);
    expect(offset(fixed, last, '0:0:4').exists).toBe(true);
  });

  it('of an element have an offset and a size, no more', () => {
    const s = struct('s', { a: array(int, 4) });
    expect(relocate('field_byte_size', '0:0:1', s, s).value).toBe(4n);
    expect(errorOf(() => relocate('field_signed', '0:0:1', s, s)).message).toMatch(/array element/);
  });
});

describe.skipIf(!hasVmlinux)('on the running kernel (skipped without its BTF)', () => {
  it('fields are where its BTF says', () => {
    const kernel = vmlinux();
    const task = kernel.type(kernel.findByName('task_struct', 'struct')!);
    if (task.kind !== 'struct') throw new Error('task_struct is no struct');
    const { bitOffset } = task.members.find(({ name }) => name === 'tgid')!;
    const b = new BtfBuilder();
    const typeId = struct('task_struct', { tgid: int })(b);
    const resolver = new CoreResolver(b.build(), kernel);
    const result = resolver.resolve({ kind: 'field_byte_offset', typeId, access: '0:0' });
    expect(result).toMatchObject({ value: BigInt(bitOffset / 8), localSize: 4, targetSize: 4 });
  });
});
