/**
 * The functions of an executable or a library under the names by which functionOffset finds them: all that uprobes can
 * be set at.
 *
 * @example
 * functionNames(new ElfFile(readFileSync('/bin/bash'))).has('readline');   // true
 *
 * @module
 */
import { PF, STB } from './constants.ts';
import type { ElfFile } from './file.ts';
import { fileOffset, isFunction, SymbolVersions } from './function-offset.ts';

/**
 * Names, and where the functions are: bytes from the start of the file. A name of which a library has several versions
 * is there once for each, as `memcpy@GLIBC_2.14`; local functions of one name are there once, where the first of them is.
 */
export const functionNames = (file: ElfFile): ReadonlyMap<string, number> => {
  const found = new Map<string, number>();
  const versions = new SymbolVersions(file);
  for (const [name, definitions] of dynamicFunctions(file)) {
    const strong = definitions.filter(({ weak }) => !weak);
    const meant = strong.length > 0 ? strong : definitions.slice(0, 1);
    if (new Set(meant.map(({ offset }) => offset)).size === 1) {
      found.set(name, meant[0]!.offset);
      continue;
    }
    for (const { index, offset } of meant) {
      const version = versions.of(index);
      if (version !== undefined) found.set(`${name}@${version}`, offset);
    }
  }
  for (const symbol of file.symbols) {
    const [name = ''] = symbol.name.split('@');
    if (!isFunction(symbol) || found.has(name) || found.has(symbol.name.replace('@@', '@')))
      continue;
    const offset = fileOffset(file, symbol.value, PF.X);
    if (offset !== undefined) found.set(name, offset);
  }
  return found;
};

interface Definition {
  readonly index: number;
  readonly offset: number;
  readonly weak: boolean;
}

const dynamicFunctions = (file: ElfFile): ReadonlyMap<string, readonly Definition[]> => {
  const found = new Map<string, Definition[]>();
  for (const symbol of file.dynamicSymbols) {
    const offset = isFunction(symbol) ? fileOffset(file, symbol.value, PF.X) : undefined;
    if (offset === undefined) continue;
    const { name, index, binding } = symbol;
    const definition = { index, offset, weak: binding === STB.WEAK };
    const known = found.get(name);
    if (known) known.push(definition);
    else found.set(name, [definition]);
  }
  return found;
};
