import { describe, expect, it } from 'vitest';
import {
  Btf,
  BtfBuilder,
  BtfError,
  BtfMerger,
  type BtfTypeInput,
  decodeBtfExt,
  deduplicate,
  merge,
  printAllRaw,
  remapExt,
} from '../../src/btf/index.ts';
import { Random } from '../layout/random.ts';
import { countDifferent, expectImages, kindsOf } from './equivalence-support.ts';
import {
  bpftoolGolden,
  errorOf,
  hasVmlinux,
  unpack,
  VMLINUX,
  vmlinux,
  withUnknownKind,
} from './support.ts';

/** BTF of types as they are given, equal ones included: BtfBuilder would share them. */
const btfOf = (...types: BtfTypeInput[]): Btf => {
  const merger = new BtfMerger();
  for (const type of types) merger.add(type);
  return merger.build();
};
const int: BtfTypeInput = {
  kind: 'int',
  name: 'int',
  size: 4,
  encoding: 1,
  bits: 32,
  offset: 0,
};
const ptr = (type: number): BtfTypeInput => ({ kind: 'ptr', name: '', type });
const fwd = (name: string, fwdKind: 'struct' | 'union' = 'struct'): BtfTypeInput => ({
  kind: 'fwd',
  name,
  fwdKind,
});
const struct = (name: string, ...members: number[]): BtfTypeInput => ({
  kind: 'struct',
  name,
  size: members.length * 8,
  members: members.map((type, i) => ({ name: `m${i}`, type, bitOffset: i * 64, bitSize: 0 })),
});
const enumeration = (name: string, ...values: string[]): BtfTypeInput => ({
  kind: 'enum',
  name,
  size: 4,
  signed: false,
  values: values.map((value, i) => ({ name: value, value: i })),
});

const idsAfter = (btf: Btf, options = {}): number[] => {
  const { bytes, ids } = deduplicate(btf, options);
  const after = new Btf(bytes);
  expect(after.typeCount).toBe(Math.max(...ids));
  return [...ids.subarray(1)];
};

describe('deduplicating', () => {
  it('keeps the first of equal types and the order', () => {
    const btf = btfOf(int, ptr(1), int, ptr(3), struct('s', 4), ptr(5), struct('s', 2), ptr(7));
    expect(idsAfter(btf)).toEqual([1, 2, 1, 2, 3, 4, 3, 4]);
    expect(
      printAllRaw(new Btf(deduplicate(btf).bytes))
        .trimEnd()
        .split('\n'),
    ).toEqual([
      "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED",
      "[2] PTR '(anon)' type_id=1",
      "[3] STRUCT 's' size=8 vlen=1",
      "\t'm0' type_id=2 bits_offset=0",
      "[4] PTR '(anon)' type_id=3",
    ]);
  });

  it('joins structs that refer to each other in circles', () => {
    // a { *b }, b { *a }, twice; the second time in another order.
    const first = [struct('a', 2), ptr(3), struct('b', 4), ptr(1)];
    const second = [ptr(7), struct('b', 8), struct('a', 5), ptr(7)];
    second[0] = ptr(6);
    expect(idsAfter(btfOf(...first, ...second))).toEqual([1, 2, 3, 4, 2, 3, 1, 4]);
  });

  it('joins circles of different length that nothing tells apart', () => {
    const btf = btfOf(struct('a', 2), ptr(1), struct('a', 4), ptr(5), struct('a', 6), ptr(3));
    expect(idsAfter(btf)).toEqual([1, 2, 1, 2, 1, 2]);
    const consts: BtfTypeInput = { kind: 'const', name: '', type: 1 };
    expect(idsAfter(btfOf(consts, { ...consts, type: 3 }, { ...consts, type: 2 }))).toEqual([
      1, 1, 1,
    ]);
  });

  it('keeps apart structs that differ far away', () => {
    const btf = btfOf(
      ...[struct('a', 2), ptr(3), struct('b', 4), int],
      ...[struct('a', 6), ptr(7), struct('b', 8), { ...int, encoding: 0 } as BtfTypeInput],
    );
    expect(idsAfter(btf)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it.each<[string, BtfTypeInput, BtfTypeInput]>([
    ['size of an integer', int, { ...int, size: 8 } as BtfTypeInput],
    ['bits of an integer', int, { ...int, bits: 31 } as BtfTypeInput],
    ['name', struct('a'), struct('b')],
    ['kind', struct('a'), { ...struct('a'), kind: 'union' } as BtfTypeInput],
    ['size of a struct', struct('a'), { ...struct('a'), size: 4 } as BtfTypeInput],
    ['name of a value', enumeration('e', 'A'), enumeration('e', 'B')],
    ['number of values', enumeration('', 'A'), enumeration('', 'A', 'B')],
    ['kind of what is declared', fwd('a'), fwd('a', 'union')],
    ['target of a pointer', ptr(0), ptr(1)],
    [
      'length',
      { kind: 'array', name: '', type: 0, indexType: 0, nelems: 1 },
      { kind: 'array', name: '', type: 0, indexType: 0, nelems: 2 },
    ],
    [
      'index',
      { kind: 'array', name: '', type: 0, indexType: 0, nelems: 1 },
      { kind: 'array', name: '', type: 0, indexType: 1, nelems: 1 },
    ],
    [
      'linkage',
      { kind: 'func', name: 'f', type: 0, linkage: 'static' },
      { kind: 'func', name: 'f', type: 0, linkage: 'global' },
    ],
    [
      'name of a parameter',
      { kind: 'func_proto', name: '', returnType: 0, params: [{ name: 'a', type: 0 }] },
      { kind: 'func_proto', name: '', returnType: 0, params: [{ name: 'b', type: 0 }] },
    ],
    [
      'component of a tag',
      { kind: 'decl_tag', name: 't', type: 1, componentIndex: -1 },
      { kind: 'decl_tag', name: 't', type: 1, componentIndex: 0 },
    ],
    [
      'kind of attribute',
      { kind: 'type_tag', name: 't', type: 1 },
      { kind: 'type_tag', name: 't', type: 1, attribute: true },
    ],
    [
      'value of 64 bits',
      {
        kind: 'enum64',
        name: 'e',
        size: 8,
        signed: false,
        values: [{ name: 'A', value: 1n << 40n }],
      },
      {
        kind: 'enum64',
        name: 'e',
        size: 8,
        signed: false,
        values: [{ name: 'A', value: 1n << 41n }],
      },
    ],
  ])('tells types apart by their %s, and joins them without', (_, a, b) => {
    expect(idsAfter(btfOf(struct('x'), a, b))).toEqual([1, 2, 3]);
    expect(idsAfter(btfOf(struct('x'), a, a))).toEqual([1, 2, 2]);
  });

  it('leaves variables and sections alone, and renumbers them', () => {
    const variable: BtfTypeInput = { kind: 'var', name: 'v', type: 2, linkage: 'global' };
    const section: BtfTypeInput = {
      kind: 'datasec',
      name: '.bss',
      size: 4,
      variables: [{ type: 4, offset: 0, size: 4 }],
    };
    const btf = btfOf(int, int, variable, variable, section, section);
    const { bytes, ids } = deduplicate(btf);
    expect([...ids]).toEqual([0, 1, 1, 2, 3, 4, 5]);
    expect(new Btf(bytes).type(4)).toMatchObject({ variables: [{ type: 3 }] });
  });

  it('lets definitions stand for externs', () => {
    const extern: BtfTypeInput = { kind: 'var', name: 'v', type: 1, linkage: 'extern' };
    const btf = btfOf(int, extern, { ...extern, linkage: 'global' } as BtfTypeInput);
    const { bytes, ids } = deduplicate(btf, { replace: new Map([[2, 3]]) });
    expect([...ids]).toEqual([0, 1, 2, 2]);
    expect(new Btf(bytes).type(2)).toMatchObject({ linkage: 'global' });
    for (const wrong of [
      [2, 2],
      [2, 4],
      [0, 1],
      [2, 0],
    ] as const) {
      expect(errorOf(() => deduplicate(btf, { replace: new Map([wrong]) })).message).toMatch(
        /cannot stand for/,
      );
    }
  });

  it('drops strings that nothing uses', () => {
    const b = new BtfBuilder();
    b.string('unused');
    b.int('int', 4);
    expect(deduplicate(b.build()).bytes.length).toBe(24 + 16 + 1 + 4);
  });

  it('joins types whose names are at different offsets', () => {
    const b = new BtfBuilder();
    b.typedef('a_long_name', 0);
    b.typedef('b_long_name', 0);
    const bytes = b.encode();
    // The second becomes "long_name" within "b_long_name", the first within "a_long_name".
    const view = new DataView(bytes.buffer);
    view.setUint32(24, view.getUint32(24, true) + 2, true);
    view.setUint32(36, view.getUint32(36, true) + 2, true);
    const { bytes: after, ids } = deduplicate(new Btf(bytes));
    expect([...ids]).toEqual([0, 1, 1]);
    expect(new Btf(after).findByName('long_name')).toBe(1);
  });

  it('reads and writes the other byte order', () => {
    const b = new BtfBuilder();
    b.struct('s', 4, [{ name: 'a', type: b.int('int', 4), bitOffset: 0 }]);
    const big = b.build({ littleEndian: false });
    const { bytes } = merge([big, big]);
    const after = new Btf(deduplicate(new Btf(bytes)).bytes);
    expect(after.littleEndian).toBe(false);
    expect(printAllRaw(after)).toBe(printAllRaw(b.build()));
  });
});

describe('a forward declaration', () => {
  it('becomes the struct of its name', () => {
    expect(idsAfter(btfOf(fwd('a'), ptr(1), struct('a'), ptr(3)))).toEqual([2, 1, 2, 1]);
  });

  it('stays when two structs have its name, or none', () => {
    expect(idsAfter(btfOf(fwd('a'), struct('a'), int, struct('a', 3)))).toEqual([1, 2, 3, 4]);
    expect(idsAfter(btfOf(fwd('a'), struct('b'), fwd('a')))).toEqual([1, 2, 1]);
    expect(idsAfter(btfOf(fwd('a'), { ...struct('a'), kind: 'union' } as BtfTypeInput))).toEqual([
      1, 2,
    ]);
  });

  it('becomes the struct that stands in its place elsewhere', () => {
    const btf = btfOf(
      ...[fwd('a'), ptr(1), struct('user', 2)],
      ...[struct('a'), ptr(4), struct('user', 5)],
      ...[int, struct('a', 7)],
    );
    // Compared by users: 1 became 4, although there are two structs called a.
    const { bytes, ids } = deduplicate(btf);
    expect(ids[3]).toBe(ids[6]);
    expect(ids[1]).toBe(ids[4]);
    expect(ids[1]).not.toBe(ids[8]);
    expect(new Btf(bytes).typeCount).toBe(5);
  });

  it('does not become two structs at once', () => {
    const btf = btfOf(
      ...[fwd('a'), ptr(1), struct('user', 2, 2)],
      ...[struct('a'), ptr(4), int, struct('a', 6), ptr(7), struct('user', 5, 8)],
    );
    expect(idsAfter(btf)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('of an enum becomes the enum, of 64 bits as well', () => {
    const declared = enumeration('e');
    expect(idsAfter(btfOf(declared, ptr(1), enumeration('e', 'A'), ptr(3)))).toEqual([2, 1, 2, 1]);
    const big: BtfTypeInput = {
      kind: 'enum64',
      name: 'e',
      size: 8,
      signed: false,
      values: [{ name: 'A', value: 1n }],
    };
    expect(idsAfter(btfOf(declared, big, declared))).toEqual([1, 1, 1]);
    const anonymous = enumeration('');
    expect(idsAfter(btfOf(anonymous, enumeration('', 'A'), anonymous))).toEqual([1, 2, 1]);
  });
});

describe('.BTF.ext', () => {
  it('is renumbered with its BTF, through merging and deduplicating', () => {
    const objects = bpftoolGolden().objects.map(({ btf, ext }) => ({
      btf: new Btf(unpack(btf)),
      ext: decodeBtfExt(unpack(ext)),
    }));
    const merger = new BtfMerger();
    const describeExt = (
      btf: Btf,
      { funcInfos, lineInfos, coreRelos }: (typeof objects)[0]['ext'],
    ) => [
      funcInfos.map((s) => [btf.string(s.section), s.records.map((r) => btf.name(r.typeId))]),
      lineInfos.map((s) =>
        s.records.map((r) => [btf.string(r.fileNameOffset), btf.string(r.lineOffset), r.line]),
      ),
      coreRelos.map((s) =>
        s.records.map((r) => [btf.name(r.typeId), btf.string(r.accessOffset), r.kind]),
      ),
    ];
    for (const { btf, ext } of objects) {
      const mapping = merger.append(btf);
      const merged = remapExt(ext, mapping);
      const all = merger.build();
      expect(describeExt(all, merged)).toEqual(describeExt(btf, ext));
      const { bytes, ext: after } = deduplicate(all, { ext: merged });
      expect(describeExt(new Btf(bytes), after!)).toEqual(describeExt(btf, ext));
    }
  });

  it('with an id that does not exist is refused', () => {
    const ext = {
      funcInfos: [{ section: 0, records: [{ insnOffset: 0, typeId: 9 }] }],
      lineInfos: [],
      coreRelos: [],
    };
    expect(errorOf(() => deduplicate(btfOf(int), { ext })).message).toBe(
      '.BTF.ext refers to type 9, and there are 1',
    );
  });
});

describe('malformed BTF', () => {
  it('with a reference to no type is refused with its offset', () => {
    const btf = btfOf(int, ptr(3));
    expect(errorOf(() => deduplicate(btf)).offset).toBe(24 + 16 + 8);
    expect(errorOf(() => merge([btf])).offset).toBe(24 + 16 + 8);
    expect(errorOf(() => merge([btf])).message).toMatch(/no type 3/);
  });

  it('with a name outside the strings is refused with its offset', () => {
    const bytes = merge([btfOf(int, struct('s', 1))]).bytes.slice();
    new DataView(bytes.buffer).setUint32(24 + 16 + 12, 99, true);
    expect(errorOf(() => deduplicate(new Btf(bytes))).offset).toBe(24 + 16 + 12);
    expect(errorOf(() => merge([new Btf(bytes)])).offset).toBe(24 + 16 + 12);
  });

  it('with unknown kinds is refused', () => {
    const btf = new Btf(withUnknownKind(true));
    expect(errorOf(() => deduplicate(btf)).message).toMatch(/unknown kind 20/);
    expect(errorOf(() => merge([btf])).message).toMatch(/unknown kind 20/);
  });
});

it('many types that differ only far away end in an error, soon', () => {
  const merger = new BtfMerger();
  for (let i = 0; i < 3000; i++) {
    const end = merger.add({ kind: 'struct', name: 'end', size: i, members: [] });
    merger.add(struct('start', merger.add(ptr(end))));
  }
  expect(errorOf(() => deduplicate(merger.build())).message).toMatch(/too entangled/);
});

/** Types that refer to each other at random, few different ones, so that many are equal. */
const randomTypes = (random: Random, count: number, declarations: boolean): BtfTypeInput[] => {
  const id = (): number => random.below(count + 1);
  const name = (): string => random.pick(['', 'a', 'b']);
  const make: (() => BtfTypeInput)[] = [
    () => int,
    () => ({ ...int, size: 8, bits: 64 }) as BtfTypeInput,
    () => ptr(id()),
    () => ptr(id()),
    () => ({ kind: 'const', name: '', type: id() }),
    () => ({ kind: 'typedef', name: 't', type: id() }),
    () => ({ kind: 'array', name: '', type: id(), indexType: 0, nelems: random.below(2) }),
    () => struct(name(), id()),
    () => struct(name(), id(), id()),
    () => ({ ...struct(name(), id()), kind: 'union' }) as BtfTypeInput,
    () => ({ kind: 'func_proto', name: '', returnType: id(), params: [{ name: 'p', type: id() }] }),
    () => ({ kind: 'func', name: 'f', type: id(), linkage: 'static' }),
    () => enumeration(name(), random.pick(['A', 'B'])),
    () => ({ kind: 'decl_tag', name: 'd', type: id(), componentIndex: -1 }),
    () => ({ kind: 'type_tag', name: 'd', type: id() }),
  ];
  if (declarations) {
    make.push(
      () => fwd(random.pick(['a', 'b'])),
      () => fwd('a', 'union'),
      () => enumeration('a'),
    );
  }
  return Array.from({ length: count }, () => random.pick(make)());
};

describe('types at random', () => {
  it('without declarations: each class of equal types becomes one type', () => {
    let joined = 0;
    for (let seed = 0; seed < 1500; seed++) {
      const random = new Random(seed);
      const btf = btfOf(...randomTypes(random, 1 + random.below(30), false));
      const { bytes, ids } = deduplicate(btf);
      const after = new Btf(bytes);
      expectImages(btf, after, ids);
      expect(after.typeCount, `seed ${seed}`).toBe(countDifferent(btf));
      joined += btf.typeCount - after.typeCount;
    }
    expect(joined).toBeGreaterThan(1000);
  });

  it('with declarations: each type is its image, and no two that are left are equal', () => {
    let joined = 0;
    for (let seed = 0; seed < 1500; seed++) {
      const random = new Random(seed);
      const btf = btfOf(...randomTypes(random, 1 + random.below(30), true));
      const { bytes, ids } = deduplicate(btf);
      const after = new Btf(bytes);
      expectImages(btf, after, ids);
      expect(after.typeCount, `seed ${seed}`).toBe(countDifferent(after));
      joined += btf.typeCount - after.typeCount;
    }
    expect(joined).toBeGreaterThan(1000);
  });

  it('are the same again when merged with themselves', () => {
    for (let seed = 0; seed < 300; seed++) {
      const random = new Random(seed);
      const btf = btfOf(...randomTypes(random, 1 + random.below(30), false));
      const once = printAllRaw(new Btf(deduplicate(btf).bytes));
      const twice = deduplicate(new Btf(merge([btf, btf]).bytes));
      expect(printAllRaw(new Btf(twice.bytes))).toBe(once);
    }
  });

  it('end in BTF or in a BtfError when bytes are changed', () => {
    const original = unpack(bpftoolGolden().objects[1]!.btf);
    const random = new Random(7);
    let errors = 0;
    for (let round = 0; round < 500; round++) {
      const bytes = original.slice();
      for (let i = random.below(4); i >= 0; i--) {
        bytes[24 + random.below(bytes.length - 24)] = random.below(256);
      }
      try {
        const btf = new Btf(bytes);
        const { bytes: after, ids } = deduplicate(new Btf(merge([btf, btf]).bytes));
        expect(new Btf(after).typeCount).toBe(Math.max(...ids));
      } catch (error) {
        errors++;
        if (!(error instanceof BtfError)) throw error;
      }
    }
    expect(errors).toBeGreaterThan(50);
    expect(errors).toBeLessThan(450);
  });
});

describe.skipIf(!hasVmlinux)(`the running kernel's BTF (skipped without ${VMLINUX})`, () => {
  it('is deduplicated already', () => {
    const btf = vmlinux();
    const { bytes, ids } = deduplicate(btf);
    expect(printAllRaw(new Btf(bytes)) === printAllRaw(btf)).toBe(true);
    expect(ids.every((id, old) => id === old)).toBe(true);
  });

  it('beside itself becomes itself, and each type its image', () => {
    const btf = vmlinux();
    const merged = new Btf(merge([btf, btf]).bytes);
    expect(merged.typeCount).toBe(btf.typeCount * 2);
    const { bytes, ids } = deduplicate(merged);
    const after = new Btf(bytes);
    expectImages(merged, after, ids);
    const { var: variables = 0, datasec: sections = 0 } = kindsOf(btf);
    expect(kindsOf(after)).toEqual({
      ...kindsOf(btf),
      ...(variables > 0 ? { var: variables * 2, datasec: sections * 2 } : {}),
    });
    expect(after.typeCount).toBe(btf.typeCount + variables + sections);
  });
});
