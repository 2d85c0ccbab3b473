import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  Btf,
  BtfBuilder,
  BtfError,
  type CoreRelocation,
  CoreResolver,
  minimise,
  type ProgramRelocations,
  printAllRaw,
} from '../../src/btf/index.ts';
import { array, type Build, int, ptr, struct } from './core-support.ts';
import {
  base64,
  bpftoolGolden,
  golden,
  hasBpftool,
  hasVmlinux,
  relocationsOf,
  unpack,
  VMLINUX,
  vmlinux,
} from './support.ts';

/** What a relocation comes to, but for the indices and ids of the kernel, which are new in minimal BTF. */
const outcome = (resolver: CoreResolver, relocation: CoreRelocation): unknown => {
  const withoutPath = (text: string): string => text.replaceAll(/\(\d+(:\d+)*( @|\))/g, '($2');
  try {
    const { kind, value, target, local, ...rest } = resolver.resolve(relocation);
    const isId = kind === 'type_id_target';
    return {
      ...rest,
      kind,
      value: isId ? value > 0n : value,
      local,
      target: target && [withoutPath(target.description), target.field],
      missing: undefined,
    };
  } catch (error) {
    if (error instanceof BtfError) {
      return withoutPath(error.message).replace(/(^<target_type_id>.*): \d+ != \d+$/, '$1');
    }
    throw error;
  }
};

/** The minimal BTF, in which all relocations come to the same. */
const minimised = (target: Btf, programs: readonly ProgramRelocations[]): Btf => {
  const minimal = new Btf(minimise(target, programs).bytes, { label: target.label });
  for (const { local, relocations } of programs) {
    const full = new CoreResolver(local, target);
    const reduced = new CoreResolver(local, minimal);
    for (const relocation of relocations) {
      expect(outcome(reduced, relocation)).toEqual(outcome(full, relocation));
    }
  }
  return minimal;
};

const linkedPrograms = (): ProgramRelocations[] =>
  bpftoolGolden().objects.map(({ btf, ext }) => {
    const local = new Btf(unpack(btf));
    return { local, relocations: relocationsOf(local, unpack(ext)) };
  });

describe('the minimal BTF of', () => {
  const { program, targets } = golden();
  const local = new Btf(base64(program.btf));
  const relocations = relocationsOf(local, base64(program.ext));

  it.each(Object.keys(targets))('%s gives every relocation the same result', (name) => {
    const target = new Btf(base64(targets[name]!.btf), { label: name });
    const minimal = minimised(target, [{ local, relocations }]);
    expect(minimal.typeCount).toBeLessThan(target.typeCount);
  });

  /** Each line that is printed of a type or a member, without ids and counts. */
  const linesOf = (btf: Btf): string[] =>
    printAllRaw(btf)
      .split('\n')
      .map((line) => line.replaceAll(/^\[\d+\] | (type_id|index_type_id|vlen)=\d+/g, ''));
  const without = (lines: readonly string[], others: readonly string[]): string[] => {
    const rest = [...others];
    return lines.filter((line) => {
      const at = rest.indexOf(line);
      if (at !== -1) rest.splice(at, 1);
      return at === -1;
    });
  };

  // Where there are flavours bpftool keeps the first candidate, and some relocations fail that do not fail otherwise: in
  // core, sample___flavour has no member called first any more, so it is no candidate for the next relocation.
  it.each<[string, readonly string[]]>([
    ['target-moved', []],
    [
      'core',
      [
        "\t'first' bits_offset=0",
        "ENUM 'color___bare' encoding=UNSIGNED size=4",
        "\t'RED___x' val=1",
      ],
    ],
    [
      'target-flavours',
      [
        "TYPEDEF 'number___other'",
        "STRUCT 'sample___b' size=24",
        "\t'first' bits_offset=32",
        "\t'grows' bits_offset=64",
        "\t'pointer' bits_offset=128",
        "PTR '(anon)'",
        "STRUCT 'sample' size=8",
        "\t'only_in_flavour' bits_offset=0",
        "STRUCT 'two___same' size=12",
        "\t'b' bits_offset=32",
      ],
    ],
  ])('%s is what bpftool makes of it, and what other candidates need', (name, more) => {
    const { bytes } = minimise(new Btf(base64(targets[name]!.btf)), [{ local, relocations }]);
    const ours = linesOf(new Btf(bytes));
    const theirs = linesOf(new Btf(unpack(bpftoolGolden().minimal[name]!)));
    expect(without(theirs, ours)).toEqual([]);
    expect(without(ours, theirs).sort()).toEqual([...more].sort());
  });

  it('no relocations is empty', () => {
    expect(new Btf(minimise(local, []).bytes).typeCount).toBe(0);
  });
});

/** The minimal BTF for relocations of one local type against one target type. */
const reduce = (
  local: Build,
  target: Build,
  relocations: readonly Pick<CoreRelocation, 'kind' | 'access'>[],
): Btf => {
  const program = new BtfBuilder();
  const typeId = local(program);
  const kernel = new BtfBuilder();
  target(kernel);
  const btf = kernel.build({ label: 'vmlinux' });
  const list = relocations.map((relocation) => ({ ...relocation, typeId }));
  return minimised(btf, [{ local: program.build(), relocations: list }]);
};
const typesOf = (btf: Btf): string[] =>
  Array.from({ length: btf.typeCount }, (_, i) => {
    const type = btf.type(i + 1);
    const members = 'members' in type ? ` { ${type.members.map(({ name }) => name).join()} }` : '';
    return `${type.kind} ${type.name}${members}`.replace(/ +/g, ' ').trimEnd();
  });

describe('what is left of a kernel', () => {
  const inner = struct('inner', { x: int, y: int });
  const kernel = struct('s', { a: int, b: inner, c: ptr(inner), d: array(inner, 4) });

  it('is a struct with the members that are read, where they were', () => {
    const btf = reduce(struct('s', { b: inner }), kernel, [
      { kind: 'field_byte_offset', access: '0:0:1' },
    ]);
    expect(typesOf(btf)).toEqual(['int int', 'struct inner { y }', 'struct s { b }']);
    expect(btf.type(3)).toMatchObject({ size: 32, members: [{ bitOffset: 64 }] });
  });

  it('is a pointer to nothing, when only the pointer is read', () => {
    const btf = reduce(struct('s', { c: ptr() }), kernel, [
      { kind: 'field_byte_size', access: '0:0' },
    ]);
    expect(typesOf(btf)).toEqual(['ptr', 'struct s { c }']);
    expect(btf.type(1)).toMatchObject({ type: 0 });
  });

  it('is an array with its elements', () => {
    const btf = reduce(struct('s', { d: array(inner, 4) }), kernel, [
      { kind: 'field_byte_offset', access: '0:0:2:0' },
    ]);
    expect(typesOf(btf)).toEqual([
      'int int',
      'struct inner { x }',
      'int __ARRAY_SIZE_TYPE__',
      'array',
      'struct s { d }',
    ]);
  });

  it('is an empty struct, when only its size is asked for', () => {
    const btf = reduce(struct('s', {}), kernel, [{ kind: 'type_size', access: '0' }]);
    expect(typesOf(btf)).toEqual(['struct s { }']);
    expect(btf.sizeOf(1)).toBe(32);
  });

  it('is a struct with all members when it has to match, and behind pointers without', () => {
    const btf = reduce(struct('s', { a: int, c: ptr(inner) }), kernel, [
      { kind: 'type_matches', access: '0' },
    ]);
    expect(typesOf(btf)).toContain('struct s { a,b,c,d }');
    const behind = reduce(struct('t', { p: ptr(inner) }), struct('t', { p: ptr(inner) }), [
      { kind: 'type_matches', access: '0' },
    ]);
    expect(typesOf(behind)).toContain('struct inner { }');
  });

  it('tells a type that is another one from the right one', () => {
    // Both programs' t is a `void *`, the kernel's is not. Without the target of its pointer it would pass.
    const program = new BtfBuilder();
    const t = program.typedef('t', program.ptr(0));
    const user = program.struct('user', 8, [{ name: 'm', type: t, bitOffset: 0 }]);
    const target = new BtfBuilder();
    const other = target.typedef('t', target.ptr(inner(target)));
    target.struct('user', 8, [{ name: 'm', type: other, bitOffset: 0 }]);
    const reads = { kind: 'field_byte_offset', typeId: user, access: '0:0' } as const;
    const asks = { kind: 'type_exists', typeId: t, access: '0' } as const;
    const typesWith = (...relocations: CoreRelocation[]) =>
      typesOf(minimised(target.build(), [{ local: program.build(), relocations }]));
    expect(typesWith(reads)).toEqual(['ptr', 'typedef t', 'struct user { m }']);
    expect(typesWith(reads, asks)).toEqual([
      'struct inner { }',
      'ptr',
      'typedef t',
      'struct user { m }',
    ]);
    expect(typesWith(asks)).toEqual([]);
  });

  it('is nothing of what is missing', () => {
    const btf = reduce(struct('s', { gone: int }), kernel, [
      { kind: 'field_exists', access: '0:0' },
    ]);
    expect(btf.typeCount).toBe(0);
  });
});

describe.skipIf(!hasVmlinux)(`of the running kernel (skipped without ${VMLINUX})`, () => {
  it('a few kilobytes do', () => {
    const btf = minimised(vmlinux(), linkedPrograms());
    expect(typesOf(btf)).toContain('struct pt_regs { di }');
    expect(minimise(vmlinux(), linkedPrograms()).bytes.length).toBeLessThan(10_000);
  });

  it.skipIf(!hasBpftool)('bpftool makes the same (skipped without bpftool)', () => {
    const work = mkdtempSync(join(tmpdir(), 'btf-test-'));
    try {
      const objects = bpftoolGolden().objects.map(({ file }, i) => {
        writeFileSync(join(work, `${i}.o`), unpack(file));
        return join(work, `${i}.o`);
      });
      const output = join(work, 'minimal');
      execFileSync('bpftool', ['gen', 'min_core_btf', VMLINUX, output, ...objects]);
      const { bytes } = minimise(vmlinux(), linkedPrograms());
      expect(printAllRaw(new Btf(bytes))).toBe(printAllRaw(new Btf(readFileSync(output))));
    } finally {
      rmSync(work, { recursive: true });
    }
  });
});
