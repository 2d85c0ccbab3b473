/**
 * Relocations (Elf32_Rel, Elf64_Rela and their kin): what in a section depends on which symbol.
 *
 * @module
 */
import type { ElfBytes } from './bytes.ts';
import { SHN, SHT, STB, STT, STV } from './constants.ts';
import { describe, type ElfSection } from './sections.ts';
import { type ElfSymbol, entryCount } from './symbols.ts';

export interface ElfRelocation {
  /** Where it applies: an offset in the section (ET_REL), or an address. */
  readonly offset: number;
  /** The machine's number for it: of BPF one of R_BPF. */
  readonly type: number;
  /** Symbol 0, without a name, when it depends on none. */
  readonly symbol: ElfSymbol;
  /** Of RELA. REL has its addends in the bytes that are changed. */
  readonly addend: number | undefined;
}

/** Symbol 0 of any table: static executables have relocations and no table. */
const NO_SYMBOL: ElfSymbol = {
  index: 0,
  name: '',
  value: 0,
  size: 0,
  type: STT.NOTYPE,
  binding: STB.LOCAL,
  visibility: STV.DEFAULT,
  section: SHN.UNDEF,
};

/** Reads one relocation section. `symbols` are those of the table that it links to. */
export const readRelocations = (
  file: ElfBytes,
  table: ElfSection,
  symbols: readonly ElfSymbol[],
): ElfRelocation[] => {
  const { word } = file;
  const withAddend = table.type === SHT.RELA;
  const length = withAddend ? 3 * word : 2 * word;
  const count = entryCount(file, table, length);
  const result: ElfRelocation[] = [];
  for (let index = 0; index < count; index++) {
    const at = table.offset + index * length;
    const { type, symbol: symbolIndex } = info(file, at + word);
    const symbol = symbolIndex === 0 ? NO_SYMBOL : symbols[symbolIndex];
    if (symbol === undefined) {
      throw file.error(
        `a relocation of ${describe(table)} refers to symbol ${symbolIndex}, and there are ${symbols.length}`,
        at + word,
      );
    }
    result.push({
      offset: file.size(at, 'the offset of a relocation'),
      type,
      symbol,
      addend: withAddend ? file.signed(at + 2 * word, 'the addend of a relocation') : undefined,
    });
  }
  return result;
};

/** r_info: the symbol in the upper half (24 of 32 bits), the type in the lower. */
const info = (file: ElfBytes, at: number): { readonly type: number; readonly symbol: number } => {
  if (file.word === 4) return { type: file.u32(at) & 0xff, symbol: file.u32(at) >>> 8 };
  const [low, high] = file.littleEndian ? [at, at + 4] : [at + 4, at];
  return { type: file.u32(low), symbol: file.u32(high) };
};
