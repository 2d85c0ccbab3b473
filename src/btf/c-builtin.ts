/**
 * Which types C has by itself, under the names that compilers give them in debug information. An int of another name
 * (`ssizetype`, `__Poly8_t`), or of a size that C's type of that name has not, needs a typedef.
 *
 * @module
 */
import type { Btf } from './btf.ts';
import { BTF_INT, LONGS } from './constants.ts';
import type { BtfFloat, BtfInt, BtfReference } from './types.ts';

// Both orders of words: GCC writes `long unsigned int`, clang `unsigned long`.
const SIZES: Readonly<Record<string, number>> = /* @__PURE__ */ (() => {
  const sizes: Record<string, number> = { _Bool: 1, char: 1, float: 4, double: 8 };
  const add = (size: number, ...names: readonly string[]): void => {
    for (const name of names) sizes[name] = size;
  };
  add(1, 'signed char', 'unsigned char');
  add(2, 'short', 'short int', 'short unsigned int', 'unsigned short', 'unsigned short int');
  add(4, 'int', 'unsigned int', 'unsigned');
  add(8, 'long long', 'long long int', 'long long unsigned int', 'unsigned long long');
  add(8, 'unsigned long long int');
  add(16, '__int128', '__int128 unsigned', 'unsigned __int128', 'long double');
  return sizes;
})();

/** Whether C has an int or float of this name and size by itself. */
export const isBuiltin = (btf: Btf, { name, size }: BtfInt | BtfFloat): boolean =>
  LONGS.has(name) ? size === btf.pointerSize : Object.hasOwn(SIZES, name) && SIZES[name] === size;

/** Whether a typedef is the compiler's own, such as __builtin_va_list: it must not be defined again. */
export const isCompilerTypedef = ({ kind, name }: BtfReference): boolean =>
  kind === 'typedef' && name.startsWith('__builtin_');

const UNSIGNED: Readonly<Record<number, string>> = {
  1: 'unsigned char',
  2: 'unsigned short',
  4: 'unsigned int',
  8: 'unsigned long long',
  16: 'unsigned __int128',
};

const SIGNED: Readonly<Record<number, string>> = {
  1: 'signed char',
  2: 'short',
  4: 'int',
  8: 'long long',
  16: '__int128',
};

/** A declaration of a name with the type of C that an int or float of another name is. */
export const equivalent = (type: BtfInt | BtfFloat, name: string): string => {
  const spelling = spellingOf(type);
  return spelling === undefined ? `unsigned char ${name}[${type.size}]` : `${spelling} ${name}`;
};

const spellingOf = (type: BtfInt | BtfFloat): string | undefined => {
  const { kind, size } = type;
  if (kind === 'float' && (size === 4 || size === 8)) return size === 4 ? 'float' : 'double';
  if (kind === 'int' && type.encoding === BTF_INT.BOOL && size === 1) return '_Bool';
  const signed = kind === 'int' && (type.encoding & BTF_INT.SIGNED) !== 0;
  return (signed ? SIGNED : UNSIGNED)[size];
};
