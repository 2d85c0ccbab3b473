import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assemble, listing } from '../../src/asm/index.ts';
import { Btf } from '../../src/btf/index.ts';
import { ElfFile, readObject, STT } from '../../src/elf/index.ts';
import { type ProgramSpec, variantsOf } from '../../src/object/index.ts';

const read = (name: string) =>
  readObject(readFileSync(new URL(`../objects/${name}.o`, import.meta.url)), {
    label: `${name}.o`,
  });

const programOf = (object: string, name: string): ProgramSpec =>
  variantsOf(read(object).programs[name]!)[0]!;

/** Its own instructions and those of its subprograms, as text. */
const textOf = (object: string, name: string): string[] =>
  listing(assemble(programOf(object, name).body, () => true).instructions, { lines: false });

describe('an object file', () => {
  it('says where each program belongs', () => {
    const { programs } = read('sections-other');
    const hooks = Object.values(programs).map((entry) => variantsOf(entry)[0]!);
    expect(hooks.map(({ hook, autoload }) => [hook.type, hook.name, autoload ?? true])).toEqual([
      ['perf_event', '', true],
      ['syscall', '', true],
      ['syscall', '', true],
      ['freplace', 'global_function', true],
      ['perf_event', '', false],
      ['tp_btf', 'no_such_tracepoint', false],
    ]);
  });

  it('can have sections that nobody knows, to be looked at', () => {
    expect(programOf('sections-probes', 'no_such_section').hook).toMatchObject({ type: 'unspec' });
  });

  it('has the same instructions in either byte order', () => {
    for (const name of ['arithmetic', 'branches', 'atomics', 'extension', 'calls'])
      expect(textOf('isa-big-endian', name)).toEqual(textOf('isa-v3', name));
    expect(read('isa-big-endian').bigEndian).toBe(true);
  });

  it('knows the lines of its source', () => {
    const { body } = programOf('core-fields', 'offsets');
    const sites = (
      body as unknown as { kind: string; site?: { source?: { file: string; line: number } } }[]
    )
      .filter(({ kind }) => kind === 'instruction')
      .map(({ site }) => site?.source);
    const source = readFileSync(new URL('../objects/src/core-fields.c', import.meta.url), 'utf8');
    const lines = source.split('\n');
    for (const each of sites) {
      expect(each?.file).toMatch(/\.[ch]$/);
      if (each!.file.endsWith('core-fields.c'))
        expect(lines[each!.line - 1]!.trim()).toBe((each as { text?: string }).text?.trim());
    }
  });

  it('has typed maps: keys, values, inner maps and what they start with', () => {
    const { maps } = read('maps-nested');
    expect(maps.inner_a).toMatchObject({ type: 'array', maxEntries: 4, key: { name: 'u32' } });
    expect(maps.array_of_maps).toMatchObject({
      type: 'array_of_maps',
      inner: { type: 'array', maxEntries: 4, value: { name: 'u64' } },
    });
    const { initial } = maps.array_of_maps!;
    expect(initial?.[0]).toBe(maps.inner_a);
    expect(initial?.[1]).toBeUndefined();
    expect(initial?.[2]).toBe(maps.inner_b);
    expect(maps.steps!.initial).toEqual([undefined, 'step_one', undefined, 'step_two']);
    expect(maps.hash_of_maps).toMatchObject({ inner: { type: 'hash', flags: 1 }, maxEntries: 8 });
    expect(read('maps-pinned').maps).toMatchObject({ corpus_shared: { pinned: true } });
  });

  it('has its variables in maps of their sections, by name', () => {
    const { maps } = read('globals');
    const names = Object.keys((maps['.rodata']!.value as { fields: object }).fields);
    expect(names.length).toBeGreaterThan(0);
    expect(maps['.rodata']).toMatchObject({
      type: 'array',
      section: 'rodata',
      kernelName: 'globals.rodata',
    });
    expect(maps['.data.custom']).toMatchObject({ kernelName: '.data.custom', section: 'data' });
    expect(maps['.bss']!.initial).toBeUndefined();
  });

  it('shares its variables with user space, unless all of a section are hidden', () => {
    // What `bpftool map show` tells of the flags: 0x400 is BPF_F_MMAPABLE, 0x80 BPF_F_RDONLY_PROG.
    const { maps } = read('locks');
    expect(maps['.data.guarded']!.flags).toBe(0);
    expect(read('globals').maps['.data']!.flags).toBe(0x400);
    expect(read('globals').maps['.rodata']!.flags).toBe(0x480);
  });

  it.each(['.kconfig', '.data', '.bss'])('has the variables of %s in order', (section) => {
    const { types } = read(section === '.kconfig' ? 'kconfig' : 'globals');
    const type = types!.type(types!.findByName(section, 'datasec')!);
    const offsets = type.kind === 'datasec' ? type.variables.map(({ offset }) => offset) : [];
    expect(offsets.length).toBeGreaterThan(3);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
  });

  it('puts the variables of a section in order, which the kernel wants and a compiler need not do', () => {
    const bytes = Uint8Array.from(readFileSync(new URL('../objects/globals.o', import.meta.url)));
    const section = new ElfFile(bytes).section('.BTF')!;
    const btf = new Btf(section.data);
    const data = btf.type(btf.findByName('.data', 'datasec')!);
    if (data.kind !== 'datasec') throw new Error('.data is no section');
    // struct btf_var_secinfo: type, offset and size, 32 bits each.
    const [first, second] = data.variables.map(({ type, offset, size }) =>
      Buffer.from(Uint32Array.of(type, offset, size).buffer),
    );
    const types = Buffer.from(bytes.buffer, section.offset, section.size);
    const at = types.indexOf(Buffer.concat([first!, second!]));
    types.set(Buffer.concat([second!, first!]), at);
    expect(readObject(bytes).types!.bytes).toEqual(read('globals').types!.bytes);
  });

  it.each([
    ['legacy-maps', /SEC\("maps"\), which libbpf 1\.0 has given up/],
    ['linked-one', /refers to shared_counts, which the file does not define/],
    ['maps-wrong-1', /map wrong: there is no definition of colour/],
    ['maps-wrong-2', /map wrong has no type/],
    ['maps-wrong-3', /map wrong: key makes it 4 bytes, after 8 before/],
    ['maps-wrong-4', /an inner map can hold no maps/],
    ['maps-wrong-5', /values are definitions of maps or functions, found int/],
    ['maps-wrong-6', /key is a pointer, found int/],
    ['maps-wrong-7', /pinning is 0 or 1 \(by name\), found 9/],
  ])('is refused by name: %s', (name, message) => {
    expect(() => read(name)).toThrow(message);
  });

  it('calls no place between its functions', () => {
    const bytes = Uint8Array.from(
      readFileSync(new URL('../objects/subprograms.o', import.meta.url)),
    );
    const file = new ElfFile(bytes);
    const text = file.section('.text')!;
    const table = file.section('.symtab')!;
    // All functions of .text are cut to their first instruction, and start at their second one.
    for (const { index, type, section, size } of file.symbols) {
      if (type !== STT.FUNC || section !== text.index || size <= 8) continue;
      const view = new DataView(bytes.buffer, table.offset + index * 24, 24);
      view.setBigUint64(16, 8n, true);
    }
    expect(() => readObject(bytes)).not.toThrow();
    for (const { index, type, section, size, value } of file.symbols) {
      if (type !== STT.FUNC || section !== text.index || size <= 8) continue;
      const view = new DataView(bytes.buffer, table.offset + index * 24, 24);
      view.setBigUint64(8, BigInt(value + 8), true);
    }
    expect(() => readObject(bytes)).toThrow(
      /calls instruction \d+ of \.text, where no function is/,
    );
  });

  it('is no executable, and for no other machine', () => {
    const bytes = readFileSync(new URL('../objects/xdp.o', import.meta.url));
    const executable = Uint8Array.from(bytes);
    executable[16] = 2;
    expect(() => readObject(executable)).toThrow('no object file (ET_REL)');
    const other = Uint8Array.from(bytes);
    other[18] = 62;
    expect(() => readObject(other, { label: 'a.out' })).toThrow('a.out is made for machine 62');
  });
});
