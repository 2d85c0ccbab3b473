/**
 * Writes an ELF object file (ET_REL, 64 bits) as clang does for BPF: the sections in the order given, each followed by
 * its relocations (REL, 16 bytes each), then the symbols and the names. The same input gives the same bytes.
 *
 * @example
 * const entry = { name: 'entry', section: 'xdp', type: STT.FUNC, binding: STB.GLOBAL, size: code.length };
 * writeElf({
 *   machine: EM.BPF,
 *   sections: [{ name: 'xdp', flags: SHF.ALLOC | SHF.EXECINSTR, align: 8, data: code }],
 *   symbols: [entry],
 * });
 *
 * @module
 */
import { ET, SHF, SHT } from './constants.ts';
import { ElfError } from './error.ts';
import { headerLength, sectionHeaderLength } from './header.ts';
import { symbolLength } from './symbols.ts';
import { Fields, Strings } from './write-fields.ts';
import {
  encodeRelocations,
  encodeSymbols,
  isLocal,
  localsFirst,
  RELOCATION_LENGTH,
} from './write-symbols.ts';

export interface ElfInput {
  /** One of EM. */
  readonly machine: number;
  readonly flags?: number | undefined;
  /** True unless it is given. */
  readonly littleEndian?: boolean | undefined;
  readonly sections: readonly ElfSectionInput[];
  /** In any order: local symbols are written before the others, as ELF has it. */
  readonly symbols?: readonly ElfSymbolInput[] | undefined;
}

export interface ElfSectionInput {
  readonly name: string;
  /** One of SHT: PROGBITS unless it is given. */
  readonly type?: number | undefined;
  /** A sum of SHF. */
  readonly flags?: number | undefined;
  /** The bytes; none for NOBITS. */
  readonly data?: Uint8Array | undefined;
  /** Of NOBITS, in bytes. */
  readonly size?: number | undefined;
  /** A power of two, 1 unless it is given. */
  readonly align?: number | undefined;
  /** The bytes of an entry, in sections that are tables. */
  readonly entrySize?: number | undefined;
  readonly relocations?: readonly ElfRelocationInput[] | undefined;
}

export interface ElfSymbolInput {
  /** '' for a section's own. */
  readonly name: string;
  /** The name of its section, or one of SHN. */
  readonly section: string | number;
  /** Where it is in its section, in bytes. */
  readonly value?: number | undefined;
  /** In bytes. */
  readonly size?: number | undefined;
  /** One of STT: NOTYPE unless it is given. */
  readonly type?: number | undefined;
  /** One of STB: LOCAL unless it is given. */
  readonly binding?: number | undefined;
  /** One of STV. */
  readonly visibility?: number | undefined;
}

export interface ElfRelocationInput {
  /** Where in the section, in bytes. */
  readonly offset: number;
  /** The machine's number for it: of BPF one of R_BPF. */
  readonly type: number;
  /** One of the symbols: the same object, since names need not differ. */
  readonly symbol: ElfSymbolInput;
}

/** A section as its header tells of it. */
interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly data: Uint8Array;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entrySize: number;
}

const WORD = 8;
const HEADER_LENGTH = /* @__PURE__ */ headerLength(WORD);
const SECTION_HEADER_LENGTH = /* @__PURE__ */ sectionHeaderLength(WORD);
/** Indexes from 0xff00 on mean something else in 16 bits. */
const MOST_SECTIONS = 0xff00;
/** The largest page that Linux has. Beyond it there is only padding. */
const LARGEST_ALIGNMENT = 0x1_0000;
const MOST_BYTES = 2 ** 30;

/** The bytes of the file. Throws ElfError for what ELF cannot hold. */
export const writeElf = (input: ElfInput): Uint8Array => {
  const { machine, flags = 0, littleEndian = true } = input;
  const symbols = localsFirst(input.symbols ?? []);
  const symbolIndexes = new Map(symbols.map((symbol, i) => [symbol, i + 1]));
  const sectionIndexes: number[] = [];
  let symtab = 1;
  for (const section of input.sections) {
    sectionIndexes.push(symtab);
    symtab += hasRelocations(section) ? 2 : 1;
  }
  if (symtab + 3 > MOST_SECTIONS) {
    throw new ElfError(`a file holds ${MOST_SECTIONS} sections, found ${symtab + 3}`);
  }

  const sections = [EMPTY];
  input.sections.forEach((section, i) => {
    sections.push(toSection(section));
    if (!hasRelocations(section)) return;
    sections.push({
      ...table(`.rel${section.name}`, SHT.REL, RELOCATION_LENGTH),
      ...withData(encodeRelocations(section, symbolIndexes, littleEndian)),
      flags: SHF.INFO_LINK,
      link: symtab,
      info: sectionIndexes[i]!,
    });
  });
  const strings = new Strings();
  const indexOf = (place: number) => sectionIndexes[place]!;
  sections.push({
    ...table('.symtab', SHT.SYMTAB, symbolLength(WORD)),
    ...withData(encodeSymbols(symbols, input.sections, indexOf, strings, littleEndian)),
    link: symtab + 1,
    info: 1 + symbols.filter(isLocal).length,
  });
  sections.push(stringSection('.strtab', strings));
  const names = new Strings();
  for (const { name } of sections) names.add(name);
  names.add('.shstrtab');
  sections.push(stringSection('.shstrtab', names));
  return layOut(sections, names, { machine, flags, littleEndian });
};

// ----------
// Sections
// ----------

const EMPTY: Section = {
  name: '',
  type: SHT.NULL,
  flags: 0,
  data: /* @__PURE__ */ new Uint8Array(),
  size: 0,
  link: 0,
  info: 0,
  align: 0,
  entrySize: 0,
};

/** What is written from symbols and relocations, or holds indexes that would be wrong. */
const WRITTEN: ReadonlySet<number> = /* @__PURE__ */ new Set([
  SHT.NULL,
  SHT.SYMTAB,
  SHT.RELA,
  SHT.REL,
  SHT.DYNSYM,
  SHT.GROUP,
  SHT.SYMTAB_SHNDX,
  SHT.LLVM_ADDRSIG,
]);

const hasRelocations = ({ relocations = [] }: ElfSectionInput): boolean => relocations.length > 0;

const toSection = (input: ElfSectionInput): Section => {
  const { name, type = SHT.PROGBITS, flags = 0, align = 1, entrySize = 0 } = input;
  const { data = EMPTY.data, size = data.length } = input;
  if (WRITTEN.has(type)) {
    throw new ElfError(
      `section ${name} has type ${type}: leave it out, it is made of symbols and relocations`,
    );
  }
  if (type === SHT.NOBITS ? data.length > 0 : size !== data.length) {
    throw new ElfError(`section ${name} has a size of ${size}, and ${data.length} bytes`);
  }
  if (align !== 0 && (align > LARGEST_ALIGNMENT || !Number.isInteger(Math.log2(align)))) {
    throw new ElfError(
      `section ${name} is aligned to ${align}, which is no power of two up to ${LARGEST_ALIGNMENT}`,
    );
  }
  return { ...EMPTY, name, type, flags, data, size, align, entrySize };
};

const withData = (data: Uint8Array) => ({ data, size: data.length });

const table = (name: string, type: number, entrySize: number): Section => ({
  ...EMPTY,
  name,
  type,
  align: WORD,
  entrySize,
});

const stringSection = (name: string, strings: Strings): Section => ({
  ...EMPTY,
  name,
  type: SHT.STRTAB,
  align: 1,
  ...withData(strings.encode()),
});

// ----------
// The file
// ----------

/** Puts header, sections and section headers one after the other. The last section has the names of all. */
const layOut = (
  sections: readonly Section[],
  names: Strings,
  { machine, flags, littleEndian }: { machine: number; flags: number; littleEndian: boolean },
): Uint8Array => {
  let end = HEADER_LENGTH;
  const offsets = sections.map(({ data, align }, index) => {
    if (index === 0) return 0;
    const offset = roundUp(end, align);
    end = offset + data.length;
    return offset;
  });
  const headers = roundUp(end, WORD);
  const length = headers + sections.length * SECTION_HEADER_LENGTH;
  if (length > MOST_BYTES) {
    throw new ElfError(`the file would have ${length} bytes, more than ${MOST_BYTES}`);
  }
  const out = new Fields(length, littleEndian);

  // The magic number; 64 bits; the byte order; version 1.
  out.bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, littleEndian ? 1 : 2, 1]);
  out.put(16, 16, ET.REL, 'the type of the file');
  out.put(18, 16, machine, 'the machine');
  out.put(20, 32, 1, 'the version');
  out.put(40, 64, headers, 'the offset of the section headers');
  out.put(48, 32, flags, 'the flags of the file');
  out.put(52, 16, HEADER_LENGTH, 'the length of the header');
  out.put(58, 16, SECTION_HEADER_LENGTH, 'the length of a section header');
  out.put(60, 16, sections.length, 'the number of sections');
  out.put(62, 16, sections.length - 1, 'the section of names');

  sections.forEach((section, index) => {
    const at = headers + index * SECTION_HEADER_LENGTH;
    out.bytes.set(section.data, offsets[index]!);
    out.put(at, 32, names.add(section.name), `the name of ${section.name}`);
    out.put(at + 4, 32, section.type, `the type of ${section.name}`);
    out.put(at + 8, 64, section.flags, `the flags of ${section.name}`);
    out.put(at + 24, 64, offsets[index]!, `the offset of ${section.name}`);
    out.put(at + 32, 64, section.size, `the size of ${section.name}`);
    out.put(at + 40, 32, section.link, `the link of ${section.name}`);
    out.put(at + 44, 32, section.info, `the info of ${section.name}`);
    out.put(at + 48, 64, section.align, `the alignment of ${section.name}`);
    out.put(at + 56, 64, section.entrySize, `the entry size of ${section.name}`);
  });
  return out.bytes;
};

const roundUp = (offset: number, align: number): number =>
  align > 1 ? Math.ceil(offset / align) * align : offset;
