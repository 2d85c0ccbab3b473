import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ElfFile, EM, ET, NT, PF, PT, SHF, SHN, SHT, STB, STT, STV } from '../../src/elf/index.ts';
import { bytesOf, type Golden, goldens, hasReadelf } from './support.ts';

const all = goldens();
const golden = (name: string): Golden => all[name]!;
const open = (name: string): ElfFile => new ElfFile(bytesOf(golden(name)), { label: name });

describe('a file', () => {
  it.each(Object.keys(all))('of %s is read as llvm-readobj does', (name) => {
    const file = open(name);
    const { machine, flags, sections, segments, symbols, relocations } = golden(name);
    expect({ machine: file.machine, flags: file.flags }).toEqual({ machine, flags });
    expect(file.sections).toMatchObject(sections);
    expect(file.segments).toMatchObject(segments);
    expect(file.symbols.length).toBe(symbols.length);
    for (const [i, symbol] of symbols.entries()) {
      const section = symbol.section === 0xfff1 ? SHN.ABS : symbol.section;
      expect(file.symbols[i]).toMatchObject({ ...symbol, section, index: i });
    }
    for (const { table, entries } of relocations) {
      const target = file.sections[file.sections[table]!.info]!;
      expect(
        file.relocations(target).map(({ offset, type, symbol, addend }) => ({
          offset,
          type,
          symbol: symbol.index,
          addend: addend ?? null,
        })),
      ).toEqual(entries.toSorted((a, b) => a.offset - b.offset));
    }
  });

  it('says its class, byte order and type', () => {
    const seen = Object.keys(all).map((name) => {
      const { bits, littleEndian, type, machine } = open(name);
      return [bits, littleEndian, type, machine];
    });
    expect(seen).toEqual([
      [64, true, ET.REL, EM.BPF],
      [64, false, ET.REL, EM.BPF],
      [32, true, ET.REL, EM.ARM],
      [32, false, ET.REL, 20],
      [64, false, ET.REL, 21],
      [64, true, ET.REL, EM.AARCH64],
      [64, true, ET.EXEC, EM.X86_64],
    ]);
  });

  it('may be a Buffer in the middle of another', () => {
    const bytes = bytesOf(golden('bpf, 64 bits, little-endian'));
    const large = Buffer.alloc(bytes.length + 20);
    large.set(bytes, 7);
    const file = new ElfFile(large.subarray(7, 7 + bytes.length));
    expect(file.symbols.map(({ name }) => name)).toContain('step');
    expect(file.section('.text')!.data.buffer).toBe(large.buffer);
  });
});

describe('an object file', () => {
  const file = open('bpf, 64 bits, little-endian');

  it('has sections by name, which are views of the file', () => {
    const text = file.section('.text')!;
    expect(text.type).toBe(SHT.PROGBITS);
    expect(text.flags).toBe(SHF.ALLOC | SHF.EXECINSTR);
    expect(text.data.length).toBe(text.size);
    expect([...file.section('.data')!.data]).toEqual([1, 0, 0, 0]);
    expect(file.section('.nothing')).toBeUndefined();
    expect(file.sections[0]).toMatchObject({ index: 0, name: '', type: SHT.NULL, size: 0 });
  });

  it('has no bytes for .bss, but a size', () => {
    const bss = file.section('.bss')!;
    expect(bss).toMatchObject({ type: SHT.NOBITS, size: 4 });
    expect(bss.data.length).toBe(0);
  });

  it('has symbols', () => {
    const find = (name: string) => file.symbols.find((symbol) => symbol.name === name);
    expect(find('step')).toMatchObject({
      type: STT.FUNC,
      binding: STB.GLOBAL,
      visibility: STV.HIDDEN,
      section: file.section('.text')!.index,
      value: 0,
    });
    expect(find('twice')).toMatchObject({ type: STT.FUNC, binding: STB.WEAK });
    expect(find('other')).toMatchObject({ type: STT.NOTYPE, section: SHN.UNDEF });
    expect(find('counter')).toMatchObject({ type: STT.OBJECT, size: 4 });
    expect(find('step.c')).toMatchObject({ type: STT.FILE, section: SHN.ABS });
    expect(file.dynamicSymbols).toEqual([]);
  });

  it('has relocations by what they apply to, in the order of their offsets', () => {
    const relocations = file.relocations(file.section('.text')!);
    const offsets = relocations.map(({ offset }) => offset);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
    expect(new Set(relocations.map(({ symbol }) => symbol.name))).toEqual(
      new Set(['', 'other', 'counter', 'step']),
    );
    expect(file.relocations(file.section('.data')!)).toEqual([]);
    expect(file.segments).toEqual([]);
  });
});

describe('an executable', () => {
  const file = open('an x86-64 executable');

  it('has segments', () => {
    const [code] = file.segments;
    expect(code).toMatchObject({ type: PT.LOAD, flags: PF.R | PF.X, address: 0x40_0000 });
    expect(code!.data.length).toBe(code!.size);
  });

  it('has notes: a build id and a USDT probe', () => {
    const [buildId, probe, ...others] = file.notes();
    expect(others).toEqual([]);
    expect(buildId).toMatchObject({ name: 'GNU', type: NT.GNU_BUILD_ID });
    expect(buildId!.description.length).toBe(20);
    expect(probe).toMatchObject({ name: 'stapsdt', type: NT.STAPSDT });
    const { description } = probe!;
    const view = new DataView(description.buffer, description.byteOffset);
    const start = file.symbols.find(({ name }) => name === '_start')!;
    const semaphore = file.symbols.find(({ name }) => name === 'semaphore')!;
    expect(view.getBigUint64(0, true)).toBe(BigInt(start.value));
    expect(view.getBigUint64(16, true)).toBe(BigInt(semaphore.value));
    const strings = new TextDecoder().decode(description.subarray(24));
    expect(strings).toBe('app\0start\x008@%rdi\0');
    expect(file.notes(file.section('.note.stapsdt'))).toEqual([probe]);
  });

  it('keeps its notes in the segments when the sections are stripped', () => {
    const bytes = bytesOf(golden('an x86-64 executable'));
    // e_shoff, then e_shentsize, e_shnum and e_shstrndx.
    bytes.fill(0, 40, 48);
    bytes.fill(0, 58, 64);
    const stripped = new ElfFile(bytes);
    expect(stripped.sections).toEqual([]);
    expect(stripped.symbols).toEqual([]);
    expect(stripped.notes()).toEqual([file.notes()[0]]);
  });
});

/** The lines of readelf's tables, each as its words. */
const readelf = (path: string, ...args: readonly string[]): string[][] =>
  execFileSync('readelf', [...args, path], { encoding: 'utf8', maxBuffer: 1 << 28 })
    .split('\n')
    .filter((line) => /^ *(\[ *)?\d+[\]:]/.test(line))
    .map((line) =>
      line
        .replace(/^ *\[ */, '')
        .trim()
        .split(/\s+/),
    );

const FILES = ['bash', 'libc.so.6', 'libstdc++.so.6']
  .flatMap((name) =>
    ['/bin', '/lib/x86_64-linux-gnu', '/lib/aarch64-linux-gnu'].map((at) => `${at}/${name}`),
  )
  .filter((path) => existsSync(path));

describe.skipIf(!hasReadelf)('a file of this machine (skipped without readelf)', () => {
  it.each(FILES)('is read as readelf does: %s', (path) => {
    const file = new ElfFile(readFileSync(path), { label: path });
    const hex = (value: number) => value.toString(16);

    const sections = readelf(path, '-SW').map(([index, name]) => [
      Number.parseInt(index!, 10),
      name,
    ]);
    // Section 0 has no name, and readelf's next column follows.
    expect(file.sections.slice(1).map(({ index, name }) => [index, name])).toEqual(
      sections.slice(1),
    );

    const ours = [...file.dynamicSymbols, ...file.symbols].map(
      ({ index, value, size }) => `${index}: ${hex(value).padStart(16, '0')} ${size}`,
    );
    const theirs = readelf(path, '-sW', '--sym-base=10').map(
      ([index, value, size]) => `${index} ${value} ${size}`,
    );
    expect(ours.join('\n') === theirs.join('\n')).toBe(true);
    expect(ours.length).toBeGreaterThan(1000);
    expect(file.relocations(file.sections[0]!).length).toBeGreaterThan(0);
    expect(file.notes().some(({ name, type }) => name === 'GNU' && type === NT.GNU_BUILD_ID)).toBe(
      execFileSync('readelf', ['-nW', path], { encoding: 'utf8' }).includes('Build ID'),
    );
  });
});
