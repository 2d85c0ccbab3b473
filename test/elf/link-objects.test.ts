import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { call, encode, exit, helper, mov, r0 } from '../../src/asm/index.ts';
import { Btf, BtfBuilder, BtfError } from '../../src/btf/index.ts';
import {
  ElfFile,
  type ElfInput,
  type ElfSectionInput,
  type ElfSymbolInput,
  EM,
  linkObjects,
  R_BPF,
  readObject,
  SHF,
  SHN,
  SHT,
  STB,
  STT,
  STV,
  writeElf,
  writeObject,
} from '../../src/elf/index.ts';
import { u32, u64 } from '../../src/layout/index.ts';
import { hash, object, rawTracepoint } from '../../src/object/index.ts';
import { objectFile } from '../objects/judge.ts';
import { describeLinked, variablesOf } from './linked.ts';
import { errorOf, hasLlvm, hasReadelf, inputOf, tool } from './support.ts';

const corpus = (...names: readonly string[]) =>
  names.map((name) => ({ bytes: readFileSync(objectFile(name)), label: `${name}.o` }));

const link = (...names: readonly string[]) => linkObjects(corpus(...names));

const symbolOf = (bytes: Uint8Array, wanted: string) => {
  const { binding, visibility, value, size, section } = new ElfFile(bytes).symbols.find(
    ({ name }) => name === wanted,
  )!;
  const name = new ElfFile(bytes).sections[section]!.name;
  return { binding, visibility, value, size, section: name };
};

const variables = (bytes: Uint8Array) =>
  variablesOf(new Btf(new ElfFile(bytes).section('.BTF')!.data));

const PAIRS = [
  ['linked-one', 'linked-two'],
  ['link-weak-1', 'link-weak-2'],
  ['link-shared-1', 'link-shared-2'],
  ['link-kernel-1', 'link-kernel-2'],
  ['link-maps-1', 'link-maps-2'],
  ['kfuncs', 'locks'],
  ['struct-ops', 'struct-ops-link'],
] as const;

describe('linking objects', () => {
  it('makes what `bpftool gen object` makes', () => {
    const theirs = describeLinked(readFileSync(objectFile('linked')));
    expect(describeLinked(link('linked-one', 'linked-two'))).toEqual(theirs);
  });

  it.each(PAIRS)('changes nothing when %s and %s are linked again', (...names) => {
    const linked = link(...names);
    expect(linkObjects([{ bytes: linked }])).toEqual(linked);
  });

  it.each(PAIRS)('takes %s and %s in any order', (...names) => {
    const [one, two] = [names, names.toReversed()].map((order) => describeLinked(link(...order)));
    const withoutPlaces = (lines: readonly string[]) =>
      lines.map((line) => line.replace(/^.*?: | at .*?:/, ' ')).sort();
    expect(Object.keys(two!.sections).sort()).toEqual(Object.keys(one!.sections).sort());
    expect(withoutPlaces(two!.symbols)).toEqual(withoutPlaces(one!.symbols));
    expect(withoutPlaces(two!.functions)).toEqual(withoutPlaces(one!.functions));
    expect(withoutPlaces(two!.lines)).toEqual(withoutPlaces(one!.lines));
    expect(withoutPlaces(two!.accesses)).toEqual(withoutPlaces(one!.accesses));
  });

  it.each(PAIRS)('gives the reader all programs and maps of %s and %s', (...names) => {
    const spec = readObject(link(...names));
    const functions = corpus(...names).flatMap(({ bytes }) => {
      const file = new ElfFile(bytes);
      return file.symbols.filter(
        ({ type, section }) =>
          type === STT.FUNC && ![undefined, '.text'].includes(file.sections[section]?.name),
      );
    });
    const programs = new Set(functions.map(({ name }) => name));
    expect(Object.keys(spec.programs).sort()).toEqual([...programs].sort());
  });

  it.skipIf(!hasReadelf).each(PAIRS)('makes of %s and %s what readelf reads', (...names) => {
    expect(tool(link(...names), 'readelf', '-aW')).not.toMatch(/warning|error/i);
  });

  it.skipIf(!hasLlvm).each(PAIRS)('makes of %s and %s what llvm-readobj reads', (...names) => {
    const text = tool(link(...names), 'llvm-readobj-19', '--all');
    expect(text).not.toMatch(/warning|error/i);
  });

  it('links more than two, and what was linked before', () => {
    const [one, two, three] = corpus('linked-one', 'linked-two', 'callbacks');
    const all = describeLinked(linkObjects([one!, two!, three!]));
    const before = { bytes: linkObjects([one!, two!]) };
    expect(describeLinked(linkObjects([before, three!]))).toEqual(all);
  });

  it('leaves what nobody defines declared', () => {
    const linked = link('linked-one', 'subprograms');
    const file = new ElfFile(linked);
    const open = file.symbols.filter(({ section, name }) => section === SHN.UNDEF && name !== '');
    expect(open.map(({ name }) => name)).toEqual([
      'shared_counts',
      'function_of_two',
      'defined_in_two',
    ]);
    const [size, [declared]] = variables(linked)['.maps']!;
    expect(size).toBe(0);
    expect(declared).toMatch(/^0: extern struct \{[^}]*\} shared_counts, 32 bytes$/);
  });

  it('links objects that this library wrote', () => {
    const counts = hash(u32, u64, { maxEntries: 16 });
    const first = object({
      license: 'GPL',
      maps: { counts },
      programs: { one: rawTracepoint('sched_switch', [mov(r0, 1), exit()]) },
    });
    const second = object({
      license: 'GPL',
      programs: {
        two: rawTracepoint('sched_switch', [call(helper.ktime_get_ns), mov(r0, 2), exit()]),
      },
    });
    const linked = linkObjects([{ bytes: writeObject(first) }, { bytes: writeObject(second) }]);
    const spec = readObject(linked);
    expect(Object.keys(spec.programs)).toEqual(['one', 'two']);
    expect(spec.maps.counts).toMatchObject({ type: 'hash', maxEntries: 16 });
    const { data } = new ElfFile(linked).section('raw_tp/sched_switch')!;
    expect(data).toEqual(
      encode([mov(r0, 1), exit(), call(helper.ktime_get_ns), mov(r0, 2), exit()].flat() as never),
    );
  });
});

describe('a name that several files define', () => {
  it('stands for the first of weak functions', () => {
    for (const [first, second] of [
      [1, 2],
      [2, 1],
    ]) {
      const linked = link(`link-weak-${first}`, `link-weak-${second}`);
      expect(symbolOf(linked, 'first_stays')).toMatchObject({ binding: STB.WEAK, value: 0 });
      // mov32 w0, w1; add32 w0, FILE
      const { data } = new ElfFile(linked).section('.text')!;
      expect(data[12]).toBe(first);
    }
  });

  it('stands for the strong one, which is global, wherever it comes from', () => {
    const linked = link('link-weak-1', 'link-weak-2');
    const [one, two] = corpus('link-weak-1', 'link-weak-2');
    const before = new ElfFile(one!.bytes).section('.text')!.size;
    expect(symbolOf(linked, 'first_is_strong')).toMatchObject({
      binding: STB.GLOBAL,
      value: symbolOf(one!.bytes, 'first_is_strong').value,
    });
    expect(symbolOf(linked, 'second_is_strong')).toMatchObject({
      binding: STB.GLOBAL,
      value: before + symbolOf(two!.bytes, 'second_is_strong').value,
    });
  });

  it('is one variable, with the offset of the one that stays', () => {
    // bpftool 7.1 gives strong_number the offset of the weak one in the types, and 16 in the symbols.
    expect(variables(link('link-weak-1', 'link-weak-2'))['.data']).toEqual([
      24,
      [
        '0: global int weak_number, 4 bytes',
        '16: global int strong_number, 4 bytes',
        '20: static volatile u32 calls, 4 bytes',
        '8: static volatile u32 calls, 4 bytes',
      ].sort(),
    ]);
  });

  it('is hidden if one of them is', () => {
    for (const names of [
      ['link-weak-1', 'link-weak-2'],
      ['link-weak-2', 'link-weak-1'],
    ]) {
      const linked = link(...names);
      expect(symbolOf(linked, 'reads').visibility).toBe(STV.HIDDEN);
      expect(symbolOf(linked, 'first_stays').visibility).toBe(STV.DEFAULT);
    }
  });

  it('stays two things where it is static', () => {
    const file = new ElfFile(link('link-weak-1', 'link-weak-2'));
    const statics = file.symbols.filter(({ name }) => name === 'of_the_same_name');
    expect(statics.map(({ binding }) => binding)).toEqual([STB.LOCAL, STB.LOCAL]);
    expect(new Set(statics.map(({ value }) => value)).size).toBe(2);
  });
});

describe('maps and what they hold', () => {
  it.each([[['link-maps-1', 'link-maps-2']], [['link-maps-2', 'link-maps-1']]])(
    'are found in any order: %s',
    (names) => {
      const { maps } = readObject(link(...names));
      const { of_one, of_two, nested, steps, counts, control_1, control_2 } = maps;
      expect(nested!.initial).toEqual([of_one, of_two]);
      expect(steps!.initial?.[1]).toBe('step');
      expect(counts).toMatchObject({ type: 'hash', maxEntries: 64, flags: 1 });
      expect([control_1, control_2].map((map) => map!.operations)).toEqual(
        [1, 2].map((file) => ({
          ssthresh: `ssthresh_${file}`,
          cong_avoid: `cong_avoid_${file}`,
          undo_cwnd: `undo_cwnd_${file}`,
        })),
      );
    },
  );
});

// ----------
// Small objects of our own
// ----------

/** Bytes of an instruction. */
const SLOT = 8;
const RETURN = encode([mov(r0, 0), exit()] as never);

interface Draft {
  readonly types: BtfBuilder;
  readonly symbols: ElfSymbolInput[];
  readonly sections: ElfSectionInput[];
}

const objectOf = (
  build: (draft: Draft) => void,
  { types = true, ...rest }: Partial<ElfInput> & { types?: boolean } = {},
): Uint8Array => {
  const draft: Draft = { types: new BtfBuilder(), symbols: [], sections: [] };
  build(draft);
  const sections = types
    ? [...draft.sections, { name: '.BTF', align: 4, data: draft.types.encode(rest) }]
    : draft.sections;
  return writeElf({ machine: EM.BPF, ...draft, sections, ...rest });
};

interface Named {
  readonly declared?: boolean;
  readonly weak?: boolean;
  readonly section?: string;
}

const symbolFor = (
  name: string,
  { declared, weak, section }: Named,
  size: number,
  type: number,
) => ({
  name,
  section: declared ? SHN.UNDEF : section!,
  size: declared ? 0 : size,
  type: declared ? STT.NOTYPE : type,
  binding: weak ? STB.WEAK : STB.GLOBAL,
});

/** An object with one function of so many arguments. */
const withFunction = (name: string, args: number, options: Named = {}): Uint8Array =>
  objectOf(({ types, symbols, sections }) => {
    const int = types.int('int', 4, 'signed');
    const params = Array.from({ length: args }, (_, i) => ({ name: `a${i}`, type: int }));
    types.func(name, types.funcProto(int, params), options.declared ? 'extern' : 'global');
    const code = { name: '.text', flags: SHF.ALLOC | SHF.EXECINSTR, align: SLOT, data: RETURN };
    if (!options.declared) sections.push(code);
    symbols.push(symbolFor(name, { section: '.text', ...options }, RETURN.length, STT.FUNC));
  });

/** An object with one variable. */
const withVariable = (
  name: string,
  typeOf: (types: BtfBuilder) => number,
  options: Named = {},
): Uint8Array =>
  objectOf(({ types, symbols, sections }) => {
    const { declared, section = '.data' } = options;
    const type = types.var(name, typeOf(types), declared ? 'extern' : 'global');
    if (!declared || options.section) types.datasec(section, 0, [{ type, offset: 0, size: 8 }]);
    const data = { name: section, flags: SHF.ALLOC | SHF.WRITE, align: 8, data: new Uint8Array(8) };
    if (!declared) sections.push(data);
    symbols.push(symbolFor(name, { section, ...options }, 8, STT.OBJECT));
  });

const int = (types: BtfBuilder) => types.int('int', 4, 'signed');
const long = (types: BtfBuilder) => types.int('long', 8, 'signed');

/** The type of a map, as `struct { __uint(type, …); … } name SEC(".maps")` has it. */
const map =
  (attributes: Readonly<Record<string, number>>, value: (types: BtfBuilder) => number) =>
  (types: BtfBuilder): number => {
    const number = (count: number) => types.ptr(types.array(int(types), count));
    const members = [
      ...Object.entries(attributes).map(([name, count]) => [name, number(count)] as const),
      ['value', types.ptr(value(types))] as const,
    ].map(([name, type], i) => ({ name, type, bitOffset: 64 * i }));
    return types.struct('', 8 * members.length, members);
  };

const license = (text: string): Uint8Array =>
  objectOf(({ sections }) => {
    const data = new TextEncoder().encode(`${text}\0`);
    sections.push({ name: 'license', flags: SHF.ALLOC | SHF.WRITE, data });
  });

const linkAb = (a: Uint8Array, b: Uint8Array) =>
  linkObjects([
    { bytes: a, label: 'a.o' },
    { bytes: b, label: 'b.o' },
  ]);

describe('files that do not go together', () => {
  // biome-ignore format: a table
  it.each<readonly [what: string, a: Uint8Array, b: Uint8Array, message: string]>([
    ['two strong functions', withFunction('f', 1), withFunction('f', 1), 'a.o and b.o both define f: make one of them static or __weak'],
    ['two strong variables', withVariable('v', int), withVariable('v', int), 'a.o and b.o both define v'],
    ['another number of arguments', withFunction('f', 2, { declared: true }), withFunction('f', 1), 'b.o and a.o disagree on f: functions of 1 and 2 arguments'],
    ['a function and a variable', withFunction('f', 1), withVariable('f', int, { declared: true }), 'a.o and b.o disagree on f: func f, and var f'],
    ['another size', withVariable('v', int), withVariable('v', (types) => types.int('int', 8), { declared: true }), 'a.o and b.o disagree on v: int int, and int int, of 4 and 8 bytes'],
    ['another kind', withVariable('v', int), withVariable('v', (types) => types.ptr(0), { declared: true }), 'disagree on v: int int, and ptr'],
    ['another struct', withVariable('v', (types) => types.struct('s', 8, [])), withVariable('v', (types) => types.struct('t', 8, []), { declared: true }), 'disagree on v: struct s, and struct t'],
    ['other members', withVariable('v', (types) => types.struct('s', 8, [{ name: 'a', type: long(types), bitOffset: 0 }])), withVariable('v', (types) => types.struct('s', 8, [{ name: 'b', type: long(types), bitOffset: 0 }]), { declared: true }), 'disagree on v: struct s, and struct s of other members'],
    ['weak ones of another type', withFunction('f', 1, { weak: true }), withFunction('f', 2, { weak: true }), 'disagree on f: functions of 1 and 2 arguments'],
    ['other sections', withVariable('v', int, { declared: true, section: '.ksyms' }), withVariable('v', int), 'b.o and a.o disagree on where v is: .data, and .ksyms'],
    ['declarations in other sections', withVariable('v', int, { declared: true, section: '.ksyms' }), withVariable('v', int, { declared: true, section: '.kconfig' }), 'a.o and b.o disagree on where v is: .ksyms, and .kconfig'],
    ['a map of another type', withVariable('m', map({ type: 1, max_entries: 4 }, long), { section: '.maps', declared: true }), withVariable('m', map({ type: 2, max_entries: 4 }, long), { section: '.maps' }), 'b.o and a.o disagree on m: type is array, and hash'],
    ['a map of another size', withVariable('m', map({ type: 1, max_entries: 4 }, long), { section: '.maps', declared: true }), withVariable('m', map({ type: 1, max_entries: 8 }, long), { section: '.maps' }), 'disagree on m: max_entries is 8, and 4'],
    ['a map of other values', withVariable('m', map({ type: 1 }, long), { section: '.maps' }), withVariable('m', map({ type: 1 }, (types) => types.ptr(0)), { section: '.maps', declared: true }), 'disagree on m: the type of its value: int long, and ptr'],
    ['licenses', license('GPL'), license('MIT'), 'a.o and b.o have different licenses: GPL, and MIT'],
    ['kinds of sections', withVariable('v', int, { section: '.x' }), objectOf(({ sections }) => sections.push({ name: '.x', type: SHT.NOBITS, flags: SHF.ALLOC | SHF.WRITE, size: 4 })), 'a.o and b.o have sections .x that do not go together: type 1 and 8'],
    ['byte orders', withFunction('f', 1), objectOf(() => {}, { littleEndian: false }), 'a.o and b.o have different byte orders'],
    ['other machines', withFunction('f', 1), objectOf(() => {}, { machine: EM.X86_64 }), 'b.o is no BPF object: expected machine 247'],
    ['no types', withFunction('f', 1), objectOf(({ symbols }) => symbols.push({ name: 'f', section: SHN.UNDEF, binding: STB.GLOBAL }), { types: false }), 'a.o and b.o share f, but b.o has no type information for it: compile it with -g'],
  ])('are refused for %s', (_, a, b, message) => {
    expect(errorOf(() => linkAb(a, b)).message).toContain(message);
  });

  it('go together where only unimportant things differ', () => {
    const array = (count: number) => (types: BtfBuilder) => types.array(int(types), count);
    linkAb(withVariable('v', array(2)), withVariable('v', array(0), { declared: true }));
    const pointer = (pointee: (types: BtfBuilder) => number) => (types: BtfBuilder) =>
      types.ptr(pointee(types));
    const fwd = pointer((types) => types.fwd('s'));
    const struct = pointer((types) => types.struct('s', 0, []));
    linkAb(withVariable('v', fwd), withVariable('v', struct, { declared: true }));
    linkAb(withVariable('v', struct), withVariable('v', fwd, { declared: true }));
    linkAb(
      withVariable('v', (types) => types.const(types.typedef('number', int(types)))),
      withVariable('v', int, { declared: true, weak: true }),
    );
    // Weak variables may be in different sections.
    linkAb(withVariable('v', int, { section: '.x', weak: true }), withVariable('v', int));
  });

  it('are refused if there are none, or no ELF files', () => {
    expect(errorOf(() => linkObjects([])).message).toBe(
      'there is nothing to link: expected object files',
    );
    expect(errorOf(() => linkObjects([{ bytes: new Uint8Array(64) }])).message).toContain(
      'object 1',
    );
  });

  it('are refused for symbols outside of their sections', () => {
    const bytes = withFunction('f', 1);
    const file = new ElfFile(bytes);
    const { offset } = file.sections.find(({ type }) => type === SHT.SYMTAB)!;
    // The size of symbol 1.
    bytes[offset + 24 + 16] = 17;
    expect(errorOf(() => linkObjects([{ bytes, label: 'a.o' }])).message).toBe(
      'a.o: symbol f ends at 17, after the end of .text (16)',
    );
  });

  it('are refused for types in a circle', () => {
    const circle = (types: BtfBuilder): number => {
      const id = types.reserve();
      return types.define(id, { kind: 'const', name: '', type: id });
    };
    expect(() =>
      linkAb(withVariable('v', circle), withVariable('v', circle, { declared: true })),
    ).toThrow(BtfError);
  });
});

describe('relocations', () => {
  /** Code that calls and loads through the symbol of `.text`, and data that points there. */
  const throughSection = (): Uint8Array =>
    objectOf(({ symbols, sections }) => {
      const text: ElfSymbolInput = { name: '', section: '.text', type: STT.SECTION };
      const data = new Uint8Array(5 * SLOT);
      // call +0; r1 = 8 ll; exit; exit
      data.set([0x85, 0x10, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x18, 1, 0, 0, 8], 0);
      data[24] = 0x95;
      data[32] = 0x95;
      symbols.push(text, { name: 'local', section: '.text', type: STT.FUNC, size: 40 });
      const pointer = Uint8Array.of(16, 0, 0, 0, 0, 0, 0, 0);
      sections.push(
        {
          name: '.text',
          flags: SHF.ALLOC | SHF.EXECINSTR,
          align: SLOT,
          data,
          relocations: [
            { offset: 0, type: R_BPF['64_32'], symbol: text },
            { offset: 8, type: R_BPF['64_64'], symbol: text },
          ],
        },
        {
          name: '.data',
          flags: SHF.ALLOC | SHF.WRITE,
          align: 8,
          data: pointer,
          relocations: [{ offset: 0, type: R_BPF['64_ABS64'], symbol: text }],
        },
      );
    });

  it('through the symbol of a section count from where the section has gone', () => {
    const bytes = throughSection();
    const file = new ElfFile(linkAb(bytes, bytes));
    const text = file.section('.text')!;
    const view = new DataView(text.data.buffer, text.data.byteOffset);
    // In instructions for calls, in bytes for loads.
    expect([0, 40].map((at) => view.getInt32(at + 4, true))).toEqual([-1, 4]);
    expect([8, 48].map((at) => view.getInt32(at + 4, true))).toEqual([8, 48]);
    expect([...file.section('.data')!.data]).toEqual([
      ...[16, 0, 0, 0, 0, 0, 0, 0],
      ...[56, 0, 0, 0, 0, 0, 0, 0],
    ]);
    expect(file.relocations(text).map(({ offset, symbol }) => [offset, symbol.type])).toEqual([
      [0, STT.SECTION],
      [8, STT.SECTION],
      [40, STT.SECTION],
      [48, STT.SECTION],
    ]);
  });

  it('in a variable that lost are left out, since a loader asks whose they are', () => {
    const steps = (weak: boolean): Uint8Array =>
      objectOf(({ types, symbols, sections }) => {
        const type = types.var('steps', long(types));
        types.datasec('.maps.x', 0, [{ type, offset: 0, size: 8 }]);
        const step: ElfSymbolInput = { name: 'local', section: '.text', type: STT.FUNC, size: 16 };
        symbols.push(step, symbolFor('steps', { weak, section: '.maps.x' }, 8, STT.OBJECT));
        const code = { name: '.text', flags: SHF.ALLOC | SHF.EXECINSTR, align: 8, data: RETURN };
        const relocations = [{ offset: 0, type: R_BPF['64_ABS64'], symbol: step }];
        const data = new Uint8Array(16);
        sections.push(code, { name: '.maps.x', align: 8, data, relocations });
      });
    const file = new ElfFile(linkAb(steps(true), steps(false)));
    const section = file.section('.maps.x')!;
    expect(section.size).toBe(32);
    expect(file.relocations(section).map(({ offset }) => offset)).toEqual([16]);
  });

  it('of DWARF go with it', () => {
    const input = inputOf(readFileSync(objectFile('globals')));
    const symbol = input.symbols.find(({ name }) => name === 'count')!;
    const debug = { name: '.debug_info', data: new Uint8Array(8) };
    const relocations = [{ offset: 0, type: R_BPF['64_ABS64'], symbol }];
    const bytes = writeElf({ ...input, sections: [...input.sections, { ...debug, relocations }] });
    expect(describeLinked(linkObjects([{ bytes }]))).toEqual(describeLinked(link('globals')));
  });
});
