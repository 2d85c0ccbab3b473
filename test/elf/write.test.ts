import { describe, expect, it } from 'vitest';
import {
  ElfFile,
  type ElfInput,
  type ElfSectionInput,
  type ElfSymbolInput,
  EM,
  ET,
  R_BPF,
  SHF,
  SHN,
  SHT,
  STB,
  STT,
  STV,
  writeElf,
} from '../../src/elf/index.ts';
import { bytesOf, errorOf, goldens, hasLlvm, hasReadelf, inputOf, tool } from './support.ts';

/** r1 = counter ll; w0 = *(u32 *)(r1 + 0); call step; exit. Then step: exit. */
const CODE = Uint8Array.from(
  [
    [0x18, 0x01, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0],
    [0x61, 0x10, 0, 0, 0, 0, 0, 0],
    [0x85, 0x10, 0, 0, 0xff, 0xff, 0xff, 0xff],
    [0x95, 0, 0, 0, 0, 0, 0, 0],
    [0x95, 0, 0, 0, 0, 0, 0, 0],
  ].flat(),
);
const entry: ElfSymbolInput = {
  name: 'entry',
  section: 'xdp',
  size: 40,
  type: STT.FUNC,
  binding: STB.GLOBAL,
};
const step: ElfSymbolInput = {
  name: 'step',
  section: 'xdp',
  value: 40,
  size: 8,
  type: STT.FUNC,
  binding: STB.WEAK,
  visibility: STV.HIDDEN,
};
const counter: ElfSymbolInput = { name: 'counter', section: '.bss', size: 4, type: STT.OBJECT };
const source: ElfSymbolInput = { name: 'prog.c', section: SHN.ABS, type: STT.FILE };
const extern: ElfSymbolInput = { name: 'jiffies', section: SHN.UNDEF, binding: STB.GLOBAL };
const bss: ElfSymbolInput = { name: '', section: '.bss', type: STT.SECTION };

const input = (littleEndian = true): ElfInput => ({
  machine: EM.BPF,
  littleEndian,
  sections: [
    {
      name: 'xdp',
      flags: SHF.ALLOC | SHF.EXECINSTR,
      align: 8,
      data: CODE,
      relocations: [
        { offset: 0, type: R_BPF['64_64'], symbol: bss },
        { offset: 24, type: R_BPF['64_32'], symbol: step },
      ],
    },
    { name: '.bss', type: SHT.NOBITS, flags: SHF.ALLOC | SHF.WRITE, align: 4, size: 4 },
    { name: 'license', flags: SHF.ALLOC | SHF.WRITE, data: new TextEncoder().encode('GPL\0') },
  ],
  // Globals first, and between: the writer puts locals before them.
  symbols: [entry, source, extern, counter, step, bss],
});

describe('a written file', () => {
  it.each([true, false])('is what was asked for (little-endian: %s)', (littleEndian) => {
    const file = new ElfFile(writeElf(input(littleEndian)));
    expect(file).toMatchObject({ littleEndian, bits: 64, type: ET.REL, machine: EM.BPF, flags: 0 });
    expect(file.sections.map(({ name }) => name)).toEqual([
      '',
      'xdp',
      '.relxdp',
      '.bss',
      'license',
      '.symtab',
      '.strtab',
      '.shstrtab',
    ]);
    const xdp = file.section('xdp')!;
    expect(xdp).toMatchObject({ type: SHT.PROGBITS, flags: 6, align: 8, size: 48 });
    expect(xdp.data).toEqual(CODE);
    expect(xdp.offset % 8).toBe(0);
    expect(file.section('.bss')).toMatchObject({ type: SHT.NOBITS, size: 4, align: 4 });
    expect(file.section('.relxdp')).toMatchObject({
      type: SHT.REL,
      flags: SHF.INFO_LINK,
      info: 1,
      link: 5,
      entrySize: 16,
    });
    expect(file.symbols.map(({ name, section }) => [name, section])).toEqual([
      ['', SHN.UNDEF],
      ['prog.c', SHN.ABS],
      ['counter', 3],
      ['', 3],
      ['entry', 1],
      ['jiffies', SHN.UNDEF],
      ['step', 1],
    ]);
    // sh_info of a symbol table: the first symbol that is not local.
    expect(file.section('.symtab')!.info).toBe(4);
    expect(file.symbols[6]).toMatchObject({
      value: 40,
      size: 8,
      type: STT.FUNC,
      binding: STB.WEAK,
      visibility: STV.HIDDEN,
    });
    expect(file.relocations(xdp)).toEqual([
      { offset: 0, type: R_BPF['64_64'], symbol: file.symbols[3], addend: undefined },
      { offset: 24, type: R_BPF['64_32'], symbol: file.symbols[6], addend: undefined },
    ]);
  });

  it('is the same each time', () => {
    expect(writeElf(input())).toEqual(writeElf(input()));
  });

  it('may have nothing in it', () => {
    const file = new ElfFile(writeElf({ machine: EM.BPF, sections: [] }));
    expect(file.sections.length).toBe(4);
    expect(file.symbols.length).toBe(1);
  });

  it('may have 65276 sections, and no more', () => {
    const sections = (length: number): ElfSectionInput[] =>
      Array.from({ length }, (_, i) => ({ name: `s${i}` }));
    const file = new ElfFile(writeElf({ machine: EM.BPF, sections: sections(65_276) }));
    expect(file.section('s65275')!.index).toBe(65_276);
    const error = errorOf(() => writeElf({ machine: EM.BPF, sections: sections(65_277) }));
    expect(error.message).toBe('a file holds 65280 sections, found 65281');
  });
});

describe('a file that ELF cannot hold', () => {
  const with_ = (section: Partial<ElfSectionInput>, symbol: Partial<ElfSymbolInput> = {}) => {
    const only = { name: 'a', section: '.text', ...symbol };
    const text = { name: '.text', data: new Uint8Array(8), ...section };
    return () => writeElf({ machine: 247, sections: [text], symbols: [only] });
  };
  it.each([
    ['a section of symbols', with_({ type: SHT.SYMTAB }), /type 2: leave it out/],
    ['data in .bss', with_({ type: SHT.NOBITS }), /has a size of 8, and 8 bytes/],
    ['a size that is not its own', with_({ size: 9 }), /has a size of 9, and 8 bytes/],
    ['an alignment of 3', with_({ align: 3 }), /aligned to 3, which is no power of two/],
    ['an alignment of 2 GiB', with_({ align: 2 ** 31 }), /no power of two up to 65536/],
    ['negative flags', with_({ flags: -1 }), /flags of \.text does not fit into 64 bits: -1/],
    ['a name with NUL', with_({}, { name: 'a\0b' }), /a name ends at NUL, found "a\\u0000b"/],
    ['a symbol nowhere', with_({}, { section: 'x' }), /symbol a is in x, and there is no such/],
    ['a symbol in section -257', with_({}, { section: -257 }), /by SHN or a name, found -257/],
    ['a symbol in section 1', with_({}, { section: 1 }), /by SHN or a name, found 1/],
    [
      'a symbol after the end',
      with_({}, { value: 8, size: 1 }),
      /ends at 9, after the end of \.text/,
    ],
    ['a symbol at -1', with_({}, { value: -1 }), /value of symbol a does not fit into 64 bits: -1/],
    [
      'a type of symbol beyond 4 bits',
      with_({}, { type: 16 }),
      /binding 0 and type 16, of 4 bits each/,
    ],
    ['a binding beyond 4 bits', with_({}, { binding: 16 }), /binding 16 and type 0, of 4 bits/],
    [
      'a relocation to another symbol',
      with_({ relocations: [{ offset: 0, type: 1, symbol: counter }] }),
      /a relocation of \.text is to counter, which is none of the symbols/,
    ],
    [
      'a relocation after the end',
      () =>
        writeElf({
          machine: 247,
          sections: [{ name: 's', relocations: [{ offset: 0, type: 1, symbol: source }] }],
          symbols: [source],
        }),
      /a relocation of s is at 0, after its end \(0\)/,
    ],
    [
      'a symbol in one of two sections of one name',
      () =>
        writeElf({
          machine: 247,
          sections: [{ name: 's' }, { name: 's' }],
          symbols: [{ name: 'a', section: 's' }],
        }),
      /symbol a is in s, and several are called so/,
    ],
  ])('is refused: %s', (_, write, message) => {
    expect(errorOf(write).message).toMatch(message);
  });
});

const OBJECTS = Object.entries(goldens()).filter(([name]) => name.startsWith('bpf'));

describe("clang's files, written again from what we read of them", () => {
  it.each(OBJECTS)('have the same content: %s', (_, golden) => {
    const input = inputOf(bytesOf(golden));
    expect(inputOf(writeElf(input))).toEqual(input);
    expect(input.sections.flatMap(({ relocations }) => relocations).length).toBeGreaterThan(0);
  });
});

describe.skipIf(!hasReadelf)('readelf (skipped without it)', () => {
  it('shows sections, symbols and relocations without a warning', () => {
    const text = tool(writeElf(input()), 'readelf', '-aW').replaceAll(/ +$/gm, '');
    expect(text).not.toMatch(/warning|error/i);
    expect(text.slice(text.indexOf('Section Headers:'))).toMatchInlineSnapshot(`
      "Section Headers:
        [Nr] Name              Type            Address          Off    Size   ES Flg Lk Inf Al
        [ 0]                   NULL            0000000000000000 000000 000000 00      0   0  0
        [ 1] xdp               PROGBITS        0000000000000000 000040 000030 00  AX  0   0  8
        [ 2] .relxdp           REL             0000000000000000 000070 000020 10   I  5   1  8
        [ 3] .bss              NOBITS          0000000000000000 000090 000004 00  WA  0   0  4
        [ 4] license           PROGBITS        0000000000000000 000090 000004 00  WA  0   0  1
        [ 5] .symtab           SYMTAB          0000000000000000 000098 0000a8 18      6   4  8
        [ 6] .strtab           STRTAB          0000000000000000 000140 000023 00      0   0  1
        [ 7] .shstrtab         STRTAB          0000000000000000 000163 000034 00      0   0  1
      Key to Flags:
        W (write), A (alloc), X (execute), M (merge), S (strings), I (info),
        L (link order), O (extra OS processing required), G (group), T (TLS),
        C (compressed), x (unknown), o (OS specific), E (exclude),
        D (mbind), p (processor specific)

      There are no section groups in this file.

      There are no program headers in this file.

      There is no dynamic section in this file.

      Relocation section '.relxdp' at offset 0x70 contains 2 entries:
          Offset             Info             Type               Symbol's Value  Symbol's Name
      0000000000000000  0000000300000001 R_BPF_INSN_64          0000000000000000 .bss
      0000000000000018  000000060000000a R_BPF_INSN_DISP32      0000000000000028 step

      The decoding of unwind sections for machine type Linux BPF is not currently supported.

      Symbol table '.symtab' contains 7 entries:
         Num:    Value          Size Type    Bind   Vis      Ndx Name
           0: 0000000000000000     0 NOTYPE  LOCAL  DEFAULT  UND
           1: 0000000000000000     0 FILE    LOCAL  DEFAULT  ABS prog.c
           2: 0000000000000000     4 OBJECT  LOCAL  DEFAULT    3 counter
           3: 0000000000000000     0 SECTION LOCAL  DEFAULT    3 .bss
           4: 0000000000000000    40 FUNC    GLOBAL DEFAULT    1 entry
           5: 0000000000000000     0 NOTYPE  GLOBAL DEFAULT  UND jiffies
           6: 0000000000000028     8 FUNC    WEAK   HIDDEN     1 step

      No version information found in this file.
      "
    `);
  });
});

describe.skipIf(!hasLlvm)('llvm-readobj and llvm-objdump (skipped without them)', () => {
  it('warn of nothing', () => {
    expect(tool(writeElf(input()), 'llvm-readobj-19', '--all')).not.toMatch(/warning|error/i);
  });

  it('disassemble what was written', () => {
    const text = tool(writeElf(input()), 'llvm-objdump-19', '-dr', '--no-show-raw-insn');
    expect(text.slice(text.indexOf('Disassembly'))).toMatchInlineSnapshot(`
      "Disassembly of section xdp:

      0000000000000000 <entry>:
             0:	r1 = 0x0 ll
      		0000000000000000:  R_BPF_64_64	.bss
             2:	r0 = *(u32 *)(r1 + 0x0)
             3:	call -0x1
      		0000000000000018:  R_BPF_64_32	step
             4:	exit

      0000000000000028 <step>:
             5:	exit
      "
    `);
  });
});
