/**
 * Where functions are in an executable or a library, as uprobes need it: bytes from the start of the file. Follows
 * libbpf's elf_find_func_offset: the dynamic symbols first, and of several definitions the one that is not weak.
 *
 * @example
 * functionOffset(new ElfFile(readFileSync('/lib/x86_64-linux-gnu/libc.so.6')), 'malloc');
 *
 * @module
 */
import { PF, PT, SHN, SHT, STB, STT } from './constants.ts';
import { ElfError } from './error.ts';
import type { ElfFile } from './file.ts';
import type { ElfSymbol } from './symbols.ts';

/**
 * The offset of a function; undefined where the file does not define it. `name@VERSION` asks for a version of it, as
 * `memcpy@GLIBC_2.2.5`. Throws an ElfError when different functions bear the name.
 */
export const functionOffset = (file: ElfFile, name: string): number | undefined => {
  const versions = new SymbolVersions(file);
  const dynamic = file.dynamicSymbols.filter(
    (symbol) => isFunction(symbol) && versions.matches(symbol, name),
  );
  return (
    oneOf(file, name, dynamic) ??
    oneOf(
      file,
      name,
      file.symbols.filter((symbol) => isFunction(symbol) && matches(symbol.name, name)),
    )
  );
};

/** The functions whose names a test accepts, with their offsets: each offset once. */
export const functionOffsets = (
  file: ElfFile,
  accepts: (name: string) => boolean,
): ReadonlyMap<number, string> => {
  const found = new Map<number, string>();
  for (const symbol of [...file.dynamicSymbols, ...file.symbols]) {
    const [name = ''] = symbol.name.split('@');
    if (!isFunction(symbol) || !accepts(name)) continue;
    const offset = fileOffset(file, symbol.value, PF.X);
    if (offset !== undefined && !found.has(offset)) found.set(offset, name);
  }
  return found;
};

/** Where an address of the file's segments is in the file; undefined where it has no bytes there. */
export const fileOffset = (file: ElfFile, address: number, flag = 0): number | undefined => {
  for (const { type, flags, address: start, offset, size } of file.segments) {
    if (type !== PT.LOAD || (flags & flag) !== flag) continue;
    if (address >= start && address < start + size) return address - start + offset;
  }
  return undefined;
};

/** Resolvers of GNU_IFUNC run once, in place of what they choose: not what a probe of the name is meant to see. */
export const isFunction = ({ type, section, value }: ElfSymbol): boolean =>
  type === STT.FUNC && section !== SHN.UNDEF && value !== 0;

const oneOf = (file: ElfFile, name: string, symbols: readonly ElfSymbol[]): number | undefined => {
  let found: { readonly offset: number; readonly weak: boolean } | undefined;
  for (const { value, binding } of symbols) {
    const offset = fileOffset(file, value, PF.X);
    if (offset === undefined || offset === found?.offset) continue;
    const weak = binding === STB.WEAK;
    if (found && !found.weak && !weak)
      throw new ElfError(
        `${file.label} has several functions ${name}, at ${found.offset} and ${offset}: give the offset of the one that is meant`,
      );
    if (!found || (found.weak && !weak)) found = { offset, weak };
  }
  return found?.offset;
};

/** Names of .symtab have their version in them: `memcpy@@GLIBC_2.14`, with two signs for the default one. */
const matches = (symbol: string, name: string): boolean => {
  if (symbol === name) return true;
  const at = symbol.indexOf('@');
  if (at < 0) return false;
  return name.includes('@') ? symbol.replace('@@', '@') === name : symbol.slice(0, at) === name;
};

/** The versions of dynamic symbols (LSB, "Symbol Versioning"), read when a name asks for one. */
export class SymbolVersions {
  readonly #file: ElfFile;
  #names: ReadonlyMap<number, string> | undefined;

  constructor(file: ElfFile) {
    this.#file = file;
  }

  matches({ name, index }: ElfSymbol, wanted: string): boolean {
    const [base, version] = wanted.split(/@@?/);
    if (name !== base) return false;
    return version === undefined || this.of(index) === version;
  }

  /** The version of a dynamic symbol; undefined where it has none. */
  of(index: number): string | undefined {
    this.#names ??= versionNames(this.#file);
    const number = this.#indexOf(index);
    return number === undefined ? undefined : this.#names.get(number);
  }

  /** .gnu.version has 16 bits for each symbol, the highest of which says that it is not the default. */
  #indexOf(symbol: number): number | undefined {
    const section = this.#file.sections.find(({ type }) => type === SHT.GNU_VERSYM);
    if (!section || symbol * 2 + 2 > section.data.length) return undefined;
    return viewOf(section.data).getUint16(symbol * 2, this.#file.littleEndian) & 0x7fff;
  }
}

/** The names of the versions that the file defines (.gnu.version_d), by their numbers. */
const versionNames = (file: ElfFile): ReadonlyMap<number, string> => {
  const names = new Map<number, string>();
  const section = file.sections.find(({ type }) => type === SHT.GNU_VERDEF);
  const strings = section && file.sections[section.link];
  if (!section || !strings) return names;
  const { littleEndian } = file;
  const view = viewOf(section.data);
  // Elf64_Verdef: version, flags, index, count (16 bits each), hash, offset of the names, offset of the next.
  for (let at = 0, left = section.info; left > 0 && at + 20 <= view.byteLength; left--) {
    const name = at + view.getUint32(at + 12, littleEndian);
    if (name + 8 > view.byteLength) break;
    const start = view.getUint32(name, littleEndian);
    const end = strings.data.indexOf(0, start);
    names.set(
      view.getUint16(at + 4, littleEndian),
      new TextDecoder().decode(strings.data.subarray(start, Math.max(start, end))),
    );
    const next = view.getUint32(at + 16, littleEndian);
    if (next === 0) break;
    at += next;
  }
  return names;
};

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);
