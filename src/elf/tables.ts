/**
 * Which sections are tables about which others: found in one pass, since a hostile file has a section for every 64 bytes.
 *
 * @module
 */
import type { ElfBytes } from './bytes.ts';
import { SHT } from './constants.ts';
import type { ElfSection } from './sections.ts';

export interface Tables {
  /** Symbol tables by their index. */
  readonly symbols: ReadonlyMap<number, ElfSection>;
  /** SHT_SYMTAB_SHNDX by the symbol table that it belongs to. */
  readonly extended: ReadonlyMap<number, ElfSection>;
  /** Relocation tables by the section that they apply to. */
  readonly relocations: ReadonlyMap<number, readonly ElfSection[]>;
}

/** Finds the tables. Throws ElfError when they are not in the file, or overlap. */
export const findTables = (file: ElfBytes, sections: readonly ElfSection[]): Tables => {
  const symbols = new Map<number, ElfSection>();
  const extended = new Map<number, ElfSection>();
  const relocations = new Map<number, ElfSection[]>();
  const entries: ElfSection[] = [];
  for (const section of sections) {
    const { type, index, link, info } = section;
    if (type === SHT.SYMTAB_SHNDX) extended.set(link, section);
    if (type === SHT.SYMTAB || type === SHT.DYNSYM) {
      symbols.set(index, section);
      entries.push(section);
    }
    if (type === SHT.REL || type === SHT.RELA) {
      const others = relocations.get(info);
      if (others === undefined) relocations.set(info, [section]);
      else others.push(section);
      entries.push(section);
    }
  }
  checkOverlap(file, entries);
  return { symbols, extended, relocations };
};

/** A section, or a segment. */
interface Place {
  readonly offset: number;
  readonly data: Uint8Array;
}

/**
 * Tables of entries do not overlap: a file of which a thousand section headers have the same bytes would become a
 * thousand times as large in memory.
 */
export const checkOverlap = (file: ElfBytes, tables: readonly Place[]): void => {
  const total = tables.reduce((sum, { data }) => sum + data.length, 0);
  if (total <= file.bytes.length) return;
  throw file.error(
    `${tables.length} tables of ${total} bytes overlap in a file of ${file.bytes.length}`,
    tables[0]!.offset,
  );
};
