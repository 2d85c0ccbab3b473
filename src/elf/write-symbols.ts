/**
 * Symbols and relocations as they stand in a file of 64 bits.
 *
 * @module
 */
import { STB, STT, STV } from './constants.ts';
import { ElfError } from './error.ts';
import { symbolLength } from './symbols.ts';
import type { ElfSectionInput, ElfSymbolInput } from './write.ts';
import { Fields, type Strings } from './write-fields.ts';

export const RELOCATION_LENGTH = 16;
const SYMBOL_LENGTH = /* @__PURE__ */ symbolLength(8);

export const isLocal = ({ binding = STB.LOCAL }: ElfSymbolInput): boolean => binding === STB.LOCAL;

/** The symbols in the order in which they are written. */
export const localsFirst = (symbols: readonly ElfSymbolInput[]): readonly ElfSymbolInput[] => [
  ...symbols.filter(isLocal),
  ...symbols.filter((symbol) => !isLocal(symbol)),
];

/** The symbol table, symbol 0 included. `indexOf` gives the index of a section by its place in the input. */
export const encodeSymbols = (
  symbols: readonly ElfSymbolInput[],
  sections: readonly ElfSectionInput[],
  indexOf: (place: number) => number,
  strings: Strings,
  littleEndian: boolean,
): Uint8Array => {
  const places = new Map<string, number | 'several'>();
  sections.forEach(({ name }, place) => {
    places.set(name, places.has(name) ? 'several' : place);
  });
  const sectionOf = ({ section, value = 0, size = 0 }: ElfSymbolInput, what: string): number => {
    if (typeof section === 'number') {
      // The reserved ones are negative, and written as the same 16 bits.
      if (section <= 0 && section >= -0x100) return section & 0xffff;
      throw new ElfError(`${what} names its section by SHN or a name, found ${section}`);
    }
    const place = places.get(section);
    if (place === undefined)
      throw new ElfError(`${what} is in ${section}, and there is no such section`);
    if (place === 'several')
      throw new ElfError(`${what} is in ${section}, and several are called so`);
    const { data, size: length = data?.length ?? 0 } = sections[place]!;
    if (value + size <= length) return indexOf(place);
    throw new ElfError(`${what} ends at ${value + size}, after the end of ${section} (${length})`);
  };

  const out = new Fields((symbols.length + 1) * SYMBOL_LENGTH, littleEndian);
  symbols.forEach((symbol, i) => {
    const at = (i + 1) * SYMBOL_LENGTH;
    const what = symbol.name === '' ? `the symbol of ${symbol.section}` : `symbol ${symbol.name}`;
    const { type = STT.NOTYPE, binding = STB.LOCAL, visibility = STV.DEFAULT } = symbol;
    out.put(at, 32, strings.add(symbol.name), `the name of ${what}`);
    out.put(at + 4, 8, nibbles(binding, type, what), `the binding of ${what}`);
    out.put(at + 5, 8, visibility, `the visibility of ${what}`);
    out.put(at + 6, 16, sectionOf(symbol, what), `the section of ${what}`);
    out.put(at + 8, 64, symbol.value ?? 0, `the value of ${what}`);
    out.put(at + 16, 64, symbol.size ?? 0, `the size of ${what}`);
  });
  return out.bytes;
};

/** Two numbers of 4 bits, the first in the upper half. */
const nibbles = (binding: number, type: number, what: string): number => {
  if (binding >>> 4 === 0 && type >>> 4 === 0) return binding * 16 + type;
  throw new ElfError(`${what} has binding ${binding} and type ${type}, of 4 bits each`);
};

/** The relocations of a section, in the order given. */
export const encodeRelocations = (
  { name, relocations = [], data }: ElfSectionInput,
  indexes: ReadonlyMap<ElfSymbolInput, number>,
  littleEndian: boolean,
): Uint8Array => {
  const out = new Fields(relocations.length * RELOCATION_LENGTH, littleEndian);
  relocations.forEach(({ offset, type, symbol }, i) => {
    const at = i * RELOCATION_LENGTH;
    const index = indexes.get(symbol);
    if (index === undefined) {
      throw new ElfError(
        `a relocation of ${name} is to ${symbol.name}, which is none of the symbols`,
      );
    }
    if (offset >= (data?.length ?? 0)) {
      throw new ElfError(
        `a relocation of ${name} is at ${offset}, after its end (${data?.length ?? 0})`,
      );
    }
    out.put(at, 64, offset, `the offset of a relocation of ${name}`);
    // r_info is one number: the symbol in the upper half.
    const [low, high] = littleEndian ? [at + 8, at + 12] : [at + 12, at + 8];
    out.put(low, 32, type, `the type of a relocation of ${name}`);
    out.put(high, 32, index, `the symbol of a relocation of ${name}`);
  });
  return out.bytes;
};
