import { describe, expect, it } from 'vitest';
import {
  Btf,
  BtfBuilder,
  BtfMerger,
  type BtfType,
  decodeBtfExt,
  deduplicate,
  formatAccess,
  merge,
  parseAccess,
  printAllRaw,
} from '../../src/btf/index.ts';
import { countDifferent, describeType, expectImages } from './equivalence-support.ts';
import {
  bpftoolGolden,
  bpftoolRaw,
  errorOf,
  hasBpftool,
  hasVmlinux,
  relocationsOf,
  unpack,
  VMLINUX,
  vmlinux,
} from './support.ts';

const pair = (name: string): Btf => {
  const b = new BtfBuilder();
  const int = b.int('int', 4, 'signed');
  b.ptr(b.struct(name, 4, [{ name: 'a', type: int, bitOffset: 0 }]));
  return b.build({ label: name });
};

describe('merging', () => {
  it('appends types, with ids and names renumbered', () => {
    const { bytes, ids } = merge([pair('first'), pair('second')]);
    expect(ids.map((list) => [...list])).toEqual([
      [0, 1, 2, 3],
      [0, 4, 5, 6],
    ]);
    expect(printAllRaw(new Btf(bytes)).trimEnd().split('\n')).toEqual([
      "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED",
      "[2] STRUCT 'first' size=4 vlen=1",
      "\t'a' type_id=1 bits_offset=0",
      "[3] PTR '(anon)' type_id=2",
      "[4] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED",
      "[5] STRUCT 'second' size=4 vlen=1",
      "\t'a' type_id=4 bits_offset=0",
      "[6] PTR '(anon)' type_id=5",
    ]);
    // '', int, first, a, second: each string once.
    expect(new Btf(bytes).stringsEnd).toBe(1 + 4 + 6 + 2 + 7);
  });

  it.skipIf(!hasBpftool)('writes what bpftool reads (skipped without bpftool)', () => {
    const { bytes } = merge(bpftoolGolden().objects.map(({ btf }) => new Btf(unpack(btf))));
    expect(bpftoolRaw(bytes)).toBe(printAllRaw(new Btf(bytes)));
  });

  it('of nothing gives BTF without types', () => {
    expect(new Btf(merge([]).bytes).typeCount).toBe(0);
  });

  it('appends split BTF after its base', () => {
    const base = pair('base');
    const b = new BtfBuilder({ base });
    b.typedef('first', 2);
    b.typedef('base', 4);
    const split = b.build({ label: 'module' });
    const { bytes, ids } = merge([pair('other'), base, split]);
    expect([...ids[2]!]).toEqual([0, 4, 5, 6, 7, 8]);
    const btf = new Btf(bytes);
    expect(btf.type(7)).toEqual({ id: 7, kind: 'typedef', name: 'first', type: 5 });
    expect(btf.type(8)).toEqual({ id: 8, kind: 'typedef', name: 'base', type: 7 });
    expect(errorOf(() => merge([split])).message).toMatch(/continues base, which has to be/);
    expect(errorOf(() => deduplicate(split)).message).toMatch(/module is split BTF/);
  });

  it('reads the other byte order', () => {
    const b = new BtfBuilder();
    b.typedef('t', b.int('int', 4));
    const big = b.build({ littleEndian: false });
    expect(new Btf(merge([big]).bytes).littleEndian).toBe(false);
    const { bytes } = merge([pair('first'), big]);
    expect(new Btf(bytes).littleEndian).toBe(true);
    expect(new Btf(bytes).type(5)).toEqual({ id: 5, kind: 'typedef', name: 't', type: 4 });
  });

  it('leaves out what something else stands for', () => {
    const merger = new BtfMerger();
    const { ids } = merger.append(pair('first'));
    const second = merger.append(pair('second'), {
      instead: (id) => (id === 1 ? ids[1] : undefined),
    });
    expect([...second.ids]).toEqual([0, 1, 4, 5]);
    const third = merger.append(pair('third'), { instead: (id) => (id === 2 ? 0 : undefined) });
    expect([...third.ids]).toEqual([0, 6, 0, 7]);
    expect(merger.build().type(4)).toMatchObject({ name: 'second', members: [{ type: 1 }] });
    expect(merger.build().type(7)).toMatchObject({ kind: 'ptr', type: 0 });
    expect(() => merger.append(pair('fourth'), { instead: () => 8 })).toThrow(
      /is not in the result/,
    );
  });

  it('takes types of its own, and strings', () => {
    const merger = new BtfMerger();
    const { ids, string } = merger.append(pair('first'));
    expect(merger.add({ kind: 'typedef', name: 'first', type: ids[2]! })).toBe(4);
    const btf = merger.build();
    expect(btf.type(4)).toEqual({ id: 4, kind: 'typedef', name: 'first', type: 2 });
    expect(string(1)).toBe(merger.string('int'));
    const line = merger.string('/* a line */');
    expect(merger.build().string(line)).toBe('/* a line */');
  });

  it.skipIf(!hasVmlinux)(`copies the running kernel's BTF (skipped without ${VMLINUX})`, () => {
    expect(printAllRaw(new Btf(merge([vmlinux()]).bytes)) === printAllRaw(vmlinux())).toBe(true);
  });
});

/**
 * What a linker does with BTF: sections are laid out anew, externs become the definitions of other objects, and the rest
 * is deduplicated.
 */
const link = () => {
  const merger = new BtfMerger();
  const named = new Map<string, { extern?: number; definition?: number }>();
  const sections = new Map<string, BtfType & { kind: 'datasec' }>();
  for (const { btf: packed } of bpftoolGolden().objects) {
    const btf = new Btf(unpack(packed));
    const isSection = (id: number) => btf.type(id).kind === 'datasec';
    const { ids } = merger.append(btf, { instead: (id) => (isSection(id) ? 0 : undefined) });
    for (let id = 1; id <= btf.typeCount; id++) {
      const type = btf.type(id);
      if (type.kind === 'datasec') {
        const before = sections.get(type.name)?.variables ?? [];
        const own = type.variables.map((v) => ({ ...v, type: ids[v.type]! }));
        sections.set(type.name, { ...type, variables: [...before, ...own] });
      }
      if ((type.kind !== 'func' && type.kind !== 'var') || type.linkage === 'static') continue;
      const known = named.get(type.name) ?? {};
      const role = type.linkage === 'extern' ? 'extern' : 'definition';
      named.set(type.name, { ...known, [role]: ids[id]! });
    }
  }
  for (const { kind, name, size, variables } of sections.values()) {
    merger.add({ kind, name, size, variables });
  }
  const replace = new Map(
    [...named.values()].flatMap(({ extern, definition }) =>
      extern === undefined || definition === undefined ? [] : [[extern, definition] as const],
    ),
  );
  const merged = merger.build();
  const { bytes, ids } = deduplicate(merged, { replace });
  return { merged, replace, after: new Btf(bytes), ids };
};

describe('three objects, merged and deduplicated', () => {
  const { merged, replace, after, ids } = link();
  const linked = new Btf(unpack(bpftoolGolden().linked.btf));

  /** The types of one that the other does not have, each described three references deep. */
  const onlyIn = (btf: Btf, other: Btf): string[] => {
    const describeAll = ({ typeCount }: Btf, of: Btf): string[] =>
      Array.from({ length: typeCount }, (_, i) => describeType(of, i + 1, 3));
    const there = new Map<string, number>();
    for (const text of describeAll(other, other)) there.set(text, (there.get(text) ?? 0) + 1);
    return Array.from({ length: btf.typeCount }, (_, i) => i + 1).flatMap((id) => {
      const text = describeType(btf, id, 3);
      const count = there.get(text) ?? 0;
      there.set(text, count - 1);
      const { kind, name } = btf.type(id);
      return count > 0 ? [] : [`${kind} ${name}`.trimEnd()];
    });
  };

  it('have each type once', () => {
    expect(merged.typeCount).toBeGreaterThan(1000);
    expect(countDifferent(after)).toBe(after.typeCount);
    expect([...replace].every(([extern, definition]) => ids[extern] === ids[definition])).toBe(
      true,
    );
  });

  it('have the types that bpftool links, but for what differs on purpose', () => {
    // What bpftool 7.1 leaves a declaration, though there is one struct of that name, and what refers to it. Sections have
    // offsets and sizes only in a file.
    const sections = ['datasec .maps', 'datasec .bss', 'datasec license'].sort();
    const declared = ['typedef wait_queue_head_t', 'union', 'ptr'];
    expect(onlyIn(linked, after).sort()).toEqual(
      [...sections, 'fwd wait_queue_head', ...declared].sort(),
    );
    expect(onlyIn(after, linked).sort()).toEqual(
      // The prototype of an extern.
      [...sections, 'func_proto', 'ptr', 'union'].sort(),
    );
  });

  it('give the relocations that bpftool links', () => {
    const { objects, linked: output } = bpftoolGolden();
    const describeAll = (btf: Btf, ext: Uint8Array): string[] =>
      relocationsOf(btf, ext).map((relocation) =>
        formatAccess(parseAccess(btf, relocation)).replace(/\[\d+\]/, ''),
      );
    const ours = objects.flatMap(({ btf, ext }) => describeAll(new Btf(unpack(btf)), unpack(ext)));
    expect(ours.length).toBeGreaterThan(10);
    expect(describeAll(linked, unpack(output.ext))).toEqual(ours);
    expect(decodeBtfExt(unpack(output.ext)).coreRelos.length).toBeGreaterThan(0);
  });
});

it('every type of three objects is equivalent to its image', () => {
  const merged = new Btf(
    merge(bpftoolGolden().objects.map(({ btf }) => new Btf(unpack(btf)))).bytes,
  );
  const { bytes, ids } = deduplicate(merged);
  expectImages(merged, new Btf(bytes), ids);
});
