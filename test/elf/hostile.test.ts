import { describe, expect, it } from 'vitest';
import { ElfError, ElfFile, SHF, SHN, SHT, writeElf } from '../../src/elf/index.ts';
import { errorOf } from './support.ts';

/** A file whose headers the tests change: sections 1 .text, 2 .rel.text, 3 .symtab, 4 .strtab, 5 .shstrtab. */
const valid = (): Uint8Array => {
  const symbol = { name: 'entry', section: '.text', size: 16 };
  return writeElf({
    machine: 247,
    sections: [
      {
        name: '.text',
        data: new Uint8Array(16),
        relocations: [{ offset: 0, type: 1, symbol }],
      },
    ],
    symbols: [symbol],
  });
};
const SECTION_COUNT = 6;
const HEADERS = valid().length - SECTION_COUNT * 64;

/** Fields of the header, of section header `index`. */
const E = {
  CLASS: 4,
  ORDER: 5,
  VERSION: 6,
  PHOFF: 32,
  SHOFF: 40,
  SHENTSIZE: 58,
  SHNUM: 60,
  SHSTRNDX: 62,
};
const S = {
  NAME: 0,
  TYPE: 4,
  FLAGS: 8,
  ADDRESS: 16,
  OFFSET: 24,
  SIZE: 32,
  LINK: 40,
  INFO: 44,
  ENTSIZE: 56,
};
const at = (index: number, field: keyof typeof S): number => HEADERS + index * 64 + S[field];

type Change = (view: DataView) => void;
const changed = (...changes: readonly Change[]): ElfFile => new ElfFile(bytesWith(...changes));
const bytesWith = (...changes: readonly Change[]): Uint8Array => {
  const bytes = valid();
  const view = new DataView(bytes.buffer);
  for (const change of changes) change(view);
  return bytes;
};
const u8 =
  (where: number, value: number): Change =>
  (view) =>
    view.setUint8(where, value);
const u16 =
  (where: number, value: number): Change =>
  (view) =>
    view.setUint16(where, value, true);
const u32 =
  (where: number, value: number): Change =>
  (view) =>
    view.setUint32(where, value, true);
const u64 =
  (where: number, value: bigint): Change =>
  (view) =>
    view.setBigUint64(where, value, true);

/** Where the contents of a section are. */
const contents = (index: number): number => new ElfFile(valid()).sections[index]!.offset;
const SYMBOL_1 = contents(3) + 24;

describe('a header that', () => {
  it.each([
    ['is empty', () => new Uint8Array(), 0, /starts with 16 bytes, found 0/],
    ['is no ELF', () => new Uint8Array(64), 0, /expected the bytes 7f 45 4c 46, found 00 00 00 00/],
    ['is cut off', () => valid().subarray(0, 63), 0, /the header has 64 bytes/],
    [
      'has class 3',
      () => bytesWith(u8(E.CLASS, 3)),
      4,
      /class 1 \(32 bits\) or 2 \(64 bits\), found 3/,
    ],
    ['has byte order 0', () => bytesWith(u8(E.ORDER, 0)), 5, /byte order 1 .* found 0/],
    ['has another version', () => bytesWith(u8(E.VERSION, 2)), 6, /version 1, found 2/],
    ['has short section headers', () => bytesWith(u16(E.SHENTSIZE, 40)), 58, /64 bytes, found 40/],
    ['has sections nowhere', () => bytesWith(u64(E.SHOFF, 0n)), 60, /6 sections, whose headers/],
    [
      'has the section headers after the end',
      () => bytesWith(u64(E.SHOFF, 0x1000n)),
      40,
      /section header 0 has 64 bytes from 4096 on, after the end/,
    ],
    [
      'has the last section header outside',
      () => bytesWith(u16(E.SHNUM, SECTION_COUNT + 1)),
      60,
      /the table of 7 section headers has 448 bytes/,
    ],
    [
      'has an offset of section headers beyond 2^63',
      () => bytesWith(u64(E.SHOFF, 0xffff_ffff_ffff_ffc0n)),
      40,
      /is 0xffffffffffffffc0: too large/,
    ],
    [
      'has 2^58 sections, whose size wraps',
      () => bytesWith(u16(E.SHNUM, 0), u64(at(0, 'SIZE'), 1n << 58n)),
      HEADERS + 32,
      /the number of sections is 0x0400000000000000: too large/,
    ],
    [
      'has 2^52 sections',
      () => bytesWith(u16(E.SHNUM, 0), u64(at(0, 'SIZE'), 1n << 52n)),
      HEADERS + 32,
      /4503599627370496 section headers in a file of/,
    ],
    [
      'has 65535 program headers, counted in section 0',
      () => bytesWith(u16(56, 0xffff), u16(54, 56), u32(at(0, 'INFO'), 0xffff_ffff)),
      HEADERS + 44,
      /4294967295 program headers/,
    ],
    ['has program headers of another size', () => bytesWith(u16(56, 1)), 54, /56 bytes, found 0/],
    [
      'has program headers after the end',
      () => bytesWith(u16(56, 1), u16(54, 56), u64(E.PHOFF, 0x7fff_ffffn)),
      56,
      /1 program headers has 56 bytes from 2147483647 on/,
    ],
  ])('%s is refused with its offset', (_, make, offset, message) => {
    const error = errorOf(() => new ElfFile(make()));
    expect(error.message).toMatch(message);
    expect(error.offset).toBe(offset);
  });

  it('is wrong names the file', () => {
    expect(errorOf(() => new ElfFile(new Uint8Array(3), { label: 'prog.o' })).message).toBe(
      'an ELF file starts with 16 bytes, found 3 (at byte 0 of prog.o)',
    );
  });
});

describe('a section that', () => {
  it.each([
    [
      'has a name outside',
      [u32(at(1, 'NAME'), 999)],
      at(1, 'NAME'),
      /section 1 is at 999 of a string table/,
    ],
    [
      'has a name without an end',
      [u64(at(5, 'SIZE'), BigInt(new ElfFile(valid()).sections[5]!.size - 1))],
      contents(5) + 33,
      /has no end in its string table/,
    ],
    ['has the names nowhere', [u16(E.SHSTRNDX, 6)], 62, /in section 6, and there are 6/],
    [
      'has its size beyond 2^53',
      [u64(at(1, 'SIZE'), 1n << 53n)],
      at(1, 'SIZE'),
      /0x0020000000000000/,
    ],
    ['has an offset of -1', [u64(at(1, 'OFFSET'), (1n << 64n) - 1n)], at(1, 'OFFSET'), /too large/],
    [
      'has the names outside',
      [u64(at(5, 'OFFSET'), 0xffff_ffffn)],
      at(5, 'OFFSET'),
      /section 5 has/,
    ],
  ] as const)('%s is refused with its offset', (_, changes, offset, message) => {
    const error = errorOf(() => changed(...changes).sections);
    expect(error.message).toMatch(message);
    expect(error.offset).toBe(offset);
  });

  it.each([
    [
      'lies outside',
      [u64(at(1, 'OFFSET'), 0x1000n)],
      at(1, 'OFFSET'),
      /\(\.text\) has 16 bytes from 4096/,
    ],
    [
      'has offset and size that wrap in 64 bits',
      [u64(at(1, 'OFFSET'), 2n ** 53n - 1n), u64(at(1, 'SIZE'), 2n ** 53n - 1n)],
      at(1, 'OFFSET'),
      /after the end/,
    ],
    [
      'is compressed',
      [u64(at(1, 'FLAGS'), BigInt(SHF.COMPRESSED))],
      at(1, 'FLAGS'),
      /not supported/,
    ],
  ] as const)('%s is refused when its bytes are asked for', (_, changes, offset, message) => {
    const file = changed(...changes);
    expect(file.section('.text')!.index).toBe(1);
    const error = errorOf(() => file.section('.text')!.data);
    expect(error.message).toMatch(message);
    expect(error.offset).toBe(offset);
  });

  it('has an address of the kernel is refused only when that is asked for', () => {
    const text = changed(u64(at(1, 'ADDRESS'), 0xffff_ffff_8100_0000n)).section('.text')!;
    expect(text.data.length).toBe(16);
    const error = errorOf(() => text.address);
    expect(error.message).toMatch(/the address of section 1 \(\.text\) is 0xffffffff81000000/);
    expect(error.offset).toBe(at(1, 'ADDRESS'));
  });

  it('has 2^53 bytes of .bss has no bytes', () => {
    const text = changed(u32(at(1, 'TYPE'), SHT.NOBITS), u64(at(1, 'SIZE'), 2n ** 52n));
    expect(text.section('.text')).toMatchObject({ size: 2 ** 52, data: new Uint8Array() });
  });
});

describe('a symbol table that', () => {
  it.each([
    ['has entries of 0 bytes', [u64(at(3, 'ENTSIZE'), 0n)], contents(3), /entries of 0/],
    [
      'has entries of another size',
      [u64(at(3, 'ENTSIZE'), 16n)],
      contents(3),
      /24 bytes in section 3/,
    ],
    ['has half an entry', [u64(at(3, 'SIZE'), 36n)], contents(3), /36 bytes in entries of 24/],
    ['lies outside', [u64(at(3, 'OFFSET'), 0x1000n)], at(3, 'OFFSET'), /after the end/],
    ['has 2^32 entries', [u64(at(3, 'SIZE'), 24n << 32n)], at(3, 'OFFSET'), /103079215104 bytes/],
    [
      'has no names',
      [u32(at(3, 'LINK'), 99)],
      contents(3),
      /in section 99, which is no string table/,
    ],
    ['has names in another section', [u32(at(3, 'LINK'), 1)], contents(3), /no string table/],
    ['has a name outside', [u32(SYMBOL_1, 7)], SYMBOL_1, /a symbol is at 7 of a string table of 7/],
    [
      'has a name without an end',
      [u64(at(4, 'SIZE'), 6n)],
      contents(4) + 1,
      /the name of a symbol has no end/,
    ],
    [
      'has a value beyond 2^53',
      [u64(SYMBOL_1 + 8, 1n << 63n)],
      SYMBOL_1 + 8,
      /the value of a symbol/,
    ],
    [
      'has an extended section index',
      [u16(SYMBOL_1 + 6, 0xffff)],
      SYMBOL_1 + 6,
      /SHT_SYMTAB_SHNDX/,
    ],
  ] as const)('%s is refused with its offset', (_, changes, offset, message) => {
    const file = changed(...changes);
    expect(file.sections.length).toBe(SECTION_COUNT);
    const error = errorOf(() => file.symbols);
    expect(error.message).toMatch(message);
    expect(error.offset).toBe(offset);
  });

  it('names a section that is gone keeps its index', () => {
    expect(changed(u16(SYMBOL_1 + 6, 99)).symbols[1]!.section).toBe(99);
    expect(changed(u16(SYMBOL_1 + 6, 0xfff2)).symbols[1]!.section).toBe(SHN.COMMON);
  });
});

describe('numbers that do not fit into 16 bits', () => {
  it('are in section header 0: how many sections there are, and which has their names', () => {
    const file = changed(
      u16(E.SHNUM, 0),
      u64(at(0, 'SIZE'), BigInt(SECTION_COUNT)),
      u16(E.SHSTRNDX, 0xffff),
      u32(at(0, 'LINK'), 5),
    );
    expect(file.sections.map(({ name }) => name)).toEqual(
      new ElfFile(valid()).sections.map(({ name }) => name),
    );
  });

  it('are in a table beside the symbols: the section of a symbol, also 0xfff1', () => {
    const indexes = new Uint8Array(8);
    new DataView(indexes.buffer).setUint32(4, 0xfff1, true);
    const bytes = writeElf({
      machine: 247,
      sections: [{ name: '.symtab_shndx', data: indexes, entrySize: 4 }],
      symbols: [{ name: 'far', section: SHN.ABS }],
    });
    const view = new DataView(bytes.buffer);
    const headers = Number(view.getBigUint64(40, true));
    view.setUint32(headers + 64 + S.TYPE, SHT.SYMTAB_SHNDX, true);
    view.setUint32(headers + 64 + S.LINK, 2, true);
    const file = new ElfFile(bytes);
    expect(file.symbols[1]!.section).toBe(SHN.ABS);
    view.setUint16(file.section('.symtab')!.offset + 24 + 6, 0xffff, true);
    expect(new ElfFile(bytes).symbols[1]).toMatchObject({ name: 'far', section: 0xfff1 });
    view.setBigUint64(headers + 64 + S.SIZE, 4n, true);
    expect(errorOf(() => new ElfFile(bytes).symbols).message).toMatch(/which lacks it/);
  });
});

describe('a relocation table that', () => {
  const relocation = contents(2);
  it.each([
    [
      'refers to a symbol that is not there',
      [u32(relocation + 12, 2)],
      relocation + 8,
      /refers to symbol 2, and there are 2/,
    ],
    ['refers to symbol 2^32-1', [u32(relocation + 12, 0xffff_ffff)], relocation + 8, /4294967295/],
    [
      'has an offset beyond 2^53',
      [u64(relocation, 1n << 63n)],
      relocation,
      /offset of a relocation/,
    ],
    ['has no symbols', [u32(at(2, 'LINK'), 1)], relocation + 8, /symbol 1, and there are 0/],
    ['has half an entry', [u64(at(2, 'SIZE'), 8n)], relocation, /8 bytes in entries of 16/],
    ['is REL and called RELA', [u32(at(2, 'TYPE'), SHT.RELA)], relocation, /entries of 24 bytes/],
  ] as const)('%s is refused with its offset', (_, changes, offset, message) => {
    const file = changed(...changes);
    const error = errorOf(() => file.relocations(file.section('.text')!));
    expect(error.message).toMatch(message);
    expect(error.offset).toBe(offset);
  });
});

describe('notes that', () => {
  const notes = (...words: readonly number[]): (() => unknown) => {
    const data = new Uint8Array(Uint32Array.from(words).buffer);
    const bytes = writeElf({
      machine: 62,
      sections: [{ name: 'n', type: SHT.NOTE, align: 4, data }],
    });
    return () => new ElfFile(bytes).notes();
  };
  it.each([
    ['are cut off', notes(4, 0), /note 0 of section 1 \(n\) is cut off: 8 bytes are left/, 64],
    ['have a name after the end', notes(8, 0, 1, 0x554e47), /8 and 0 bytes, of which 16/, 64],
    [
      'have lengths that wrap',
      notes(0xffff_fffc, 16, 1, 0, 0),
      /after|4294967292 and 16 bytes/,
      64,
    ],
    ['have a description after the end', notes(4, 5, 1, 0x554e47, 0), /4 and 5 bytes/, 64],
    ['have a name without an end', notes(4, 0, 1, 0x41554e47), /a name without an end/, 64],
    [
      'are wrong at the second',
      notes(4, 0, 1, 0x554e47, 1),
      /note 1 of section 1 \(n\) is cut off: 4 bytes/,
      80,
    ],
  ])('%s are refused with their offset', (_, run, message, offset) => {
    const error = errorOf(run);
    expect(error.message).toMatch(message);
    expect(error.offset).toBe(offset);
  });
});

describe('a small file that means to be large', () => {
  /** A thousand sections of one type, all with the same bytes. */
  const overlapping = (type: number, entrySize: number): ElfFile => {
    const count = 1000;
    const bytes = writeElf({
      machine: 247,
      sections: Array.from({ length: count }, (_, i) => ({
        name: `${i}`,
        entrySize,
        data: i === 0 ? new Uint8Array(240_000) : new Uint8Array(),
      })),
    });
    const view = new DataView(bytes.buffer);
    const headers = Number(view.getBigUint64(40, true));
    for (let i = 1; i <= count; i++) {
      view.setUint32(headers + i * 64 + S.TYPE, type, true);
      view.setBigUint64(headers + i * 64 + S.OFFSET, 64n, true);
      view.setBigUint64(headers + i * 64 + S.SIZE, 240_000n, true);
      view.setUint32(headers + i * 64 + S.LINK, count + 2, true);
    }
    return new ElfFile(bytes);
  };

  it.each([
    ['relocations', SHT.REL, 16, (file: ElfFile) => file.relocations(file.sections[0]!)],
    ['symbols', SHT.DYNSYM, 24, (file: ElfFile) => file.dynamicSymbols],
    ['notes', SHT.NOTE, 0, (file: ElfFile) => file.notes()],
  ])('by tables of %s that overlap is refused', (_, type, entrySize, read) => {
    expect(errorOf(() => read(overlapping(type, entrySize))).message).toMatch(
      /^100\d tables of \d+ bytes overlap in a file of/,
    );
  });

  it('by names that overlap is refused', () => {
    const size = 1 << 18;
    const bytes = writeElf({
      machine: 247,
      sections: [],
      symbols: Array.from({ length: 100 }, () => ({ name: 'x'.repeat(size), section: 0 })),
    });
    const file = new ElfFile(bytes);
    expect(file.symbols.length).toBe(101);
    const { offset } = file.section('.symtab')!;
    for (let i = 1; i <= 100; i++) new DataView(bytes.buffer).setUint32(offset + i * 24, i, true);
    const error = errorOf(() => new ElfFile(bytes).symbols);
    expect(error.message).toMatch(/share their bytes too often/);
    expect(error.offset).toBe(offset + 5 * 24);
  });
});

describe('a name', () => {
  const named = (...name: readonly number[]): string => {
    const bytes = valid();
    bytes.set(name, contents(4) + 1);
    return new ElfFile(bytes).symbols[1]!.name;
  };

  it('is UTF-8', () => {
    expect(named(0xc3, 0xa9, 0xe2, 0x82, 0xac)).toBe('é€');
  });

  it('is Latin-1 where it is not UTF-8, so that other bytes are another name', () => {
    expect(named(0xff, 0x61, 0x61, 0x61, 0x61)).toBe('ÿaaaa');
    expect(named(0xfe, 0x61, 0x61, 0x61, 0x61)).toBe('þaaaa');
  });
});

it('an error says where in the file', () => {
  const error = new ElfError('nothing is right', 40, 'prog.o');
  expect(error).toMatchObject({ name: 'ElfError', offset: 40 });
  expect(error.message).toBe('nothing is right (at byte 40 of prog.o)');
  expect(new ElfError('nothing is right').message).toBe('nothing is right');
});
