/**
 * Which function an address of an executable or a library is in: what makes call stacks readable.
 *
 * @example
 * const symbols = codeSymbols([new ElfFile(readFileSync('/usr/bin/bash'))]);
 * symbols.at(0x4c5d0); // { name: 'readline', offset: 16 }
 *
 * @module
 */
import { NT, PF, PT, SHN, STB, STT } from './constants.ts';
import type { ElfFile } from './file.ts';
import type { ElfSymbol } from './symbols.ts';

export interface CodeSymbol {
  /** Without the version: `memcpy` of `memcpy@@GLIBC_2.14`. */
  readonly name: string;
  /** Bytes from the start of the function. */
  readonly offset: number;
}

/** The functions of a file, in the order of their addresses. */
export interface CodeSymbols {
  /** The function that an address (as the file's segments have it) is in; undefined where none is known. */
  at(address: number): CodeSymbol | undefined;
}

/**
 * The functions of a file and of what else describes the same addresses, as a file of debug information does. Where
 * several names stand for one place, global ones go before weak ones, and those before local ones.
 */
export const codeSymbols = (files: readonly ElfFile[]): CodeSymbols => {
  const found = files
    .flatMap((file) => [...file.symbols, ...file.dynamicSymbols])
    .filter(isCode)
    .sort((a, b) => a.value - b.value || rank(a) - rank(b));
  const functions = found.filter(({ value }, index) => found[index - 1]?.value !== value);
  return {
    at: (address) => {
      let [low, high] = [0, functions.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (functions[middle]!.value <= address) low = middle + 1;
        else high = middle;
      }
      const symbol = functions[low - 1];
      if (!symbol) return undefined;
      const offset = address - symbol.value;
      // Assembly does not always say how long its functions are: they end where the next begins.
      if (symbol.size > 0 && offset >= symbol.size) return undefined;
      return { name: symbol.name.replace(/@.*/, ''), offset };
    },
  };
};

const isCode = ({ type, section, name, value }: ElfSymbol): boolean =>
  (type === STT.FUNC || type === STT.GNU_IFUNC) &&
  section !== SHN.UNDEF &&
  name !== '' &&
  value !== 0;

/** What says how long it is goes first: the size decides where a function ends. */
const rank = ({ binding, size }: ElfSymbol): number => {
  const unsized = size === 0 ? 3 : 0;
  if (binding === STB.GLOBAL) return unsized;
  return unsized + (binding === STB.WEAK ? 1 : 2);
};

/** Finds the address of a byte of code in the file; undefined where it is not loaded as code. Keeps nothing of the file. */
export const codeAddresses = (file: ElfFile): ((offset: number) => number | undefined) => {
  const loaded = file.segments
    .filter(({ type, flags }) => type === PT.LOAD && (flags & PF.X) !== 0)
    .map(({ offset, size, address }) => ({ offset, size, address }));
  return (place) => {
    const found = loaded.find(({ offset, size }) => place >= offset && place < offset + size);
    return found && place - found.offset + found.address;
  };
};

/** The id that the linker gave a file, as hexadecimal digits; undefined where it gave none (ld --build-id). */
export const buildId = (file: ElfFile): string | undefined => {
  const note = file.notes().find(({ name, type }) => name === 'GNU' && type === NT.GNU_BUILD_ID);
  return note && hexOf(note.description);
};

/** Hexadecimal digits, as file names below /usr/lib/debug/.build-id have them. */
const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
