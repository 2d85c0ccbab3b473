/**
 * Symbol tables (Elf32_Sym, Elf64_Sym), and the section indexes of large files that do not fit into them.
 *
 * @module
 */
import type { ElfBytes } from './bytes.ts';
import { describe, type ElfSection } from './sections.ts';
import type { Names, StringTable } from './strings.ts';

export interface ElfSymbol {
  readonly index: number;
  readonly name: string;
  /** An offset in its section (ET_REL), or an address. */
  readonly value: number;
  /** In bytes. */
  readonly size: number;
  /** One of STT. */
  readonly type: number;
  /** One of STB. */
  readonly binding: number;
  /** One of STV. */
  readonly visibility: number;
  /** The index of its section, or one of SHN. Tools that strip files leave indexes of sections that are gone. */
  readonly section: number;
}

const SHN_LORESERVE = 0xff00;
const SHN_XINDEX = 0xffff;

export const symbolLength = (word: 4 | 8): number => (word === 8 ? 24 : 16);

/** What a symbol table needs besides itself. */
export interface SymbolContext {
  readonly strings: StringTable;
  readonly names: Names;
  /** Its SHT_SYMTAB_SHNDX. */
  readonly extended: ElfSection | undefined;
}

/** Reads a symbol table. */
export const readSymbols = (
  file: ElfBytes,
  table: ElfSection,
  { strings, names, extended }: SymbolContext,
): ElfSymbol[] => {
  const { word } = file;
  const count = entryCount(file, table, symbolLength(word));
  const result: ElfSymbol[] = [];
  for (let index = 0; index < count; index++) {
    const at = table.offset + index * symbolLength(word);
    const valueAt = word === 8 ? at + 8 : at + 4;
    const info = word === 8 ? at + 4 : at + 12;
    result.push({
      index,
      name: names.get(strings, file.u32(at), 'a symbol', at),
      value: file.size(valueAt, 'the value of a symbol'),
      size: file.size(valueAt + word, 'the size of a symbol'),
      type: file.u8(info) & 0xf,
      binding: file.u8(info) >> 4,
      visibility: file.u8(info + 1) & 3,
      section: sectionOf(file, extended, index, info + 2),
    });
  }
  return result;
};

const sectionOf = (
  file: ElfBytes,
  extended: ElfSection | undefined,
  index: number,
  at: number,
): number => {
  const section = file.u16(at);
  if (section < SHN_LORESERVE) return section;
  if (section !== SHN_XINDEX) return section - 0x1_0000;
  if (extended !== undefined && index * 4 + 4 <= extended.data.length) {
    return file.u32(extended.offset + index * 4);
  }
  throw file.error('the section index of a symbol is in SHT_SYMTAB_SHNDX, which lacks it', at);
};

/** How many entries a table has. Throws ElfError unless it consists of whole entries of the length that is known. */
export const entryCount = (file: ElfBytes, table: ElfSection, length: number): number => {
  const { entrySize, data, offset } = table;
  if (entrySize === length && data.length % length === 0) return data.length / length;
  throw file.error(
    `expected entries of ${length} bytes in ${describe(table)}, found ${data.length} bytes in entries of ${entrySize}`,
    offset,
  );
};
