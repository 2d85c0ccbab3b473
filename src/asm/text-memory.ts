/**
 * @module
 * Memory as the kernel and LLVM write it in a text, with its type: `(u32 *)(r1 +8)`; and the registers that go with it.
 */
import type { Access, Mem } from '../layout/index.ts';
import { readable } from './make.ts';
import { nameOf, type Register } from './register.ts';
import { memoryHere, registerHere, type Size, takePlace, withWidth } from './text-operands.ts';
import type { Scanner } from './text-scanner.ts';

const SIZES: Readonly<Record<string, Size>> = { '8': 1, '16': 2, '32': 4, '64': 8 };

/** `(u32 *)`: how many bytes, and whether they have a sign. */
export const typeHere = (
  scanner: Scanner,
  what: string,
): { readonly size: Size; readonly signed: boolean } => {
  const found = scanner.match(/\([ \t]*([us])(8|16|32|64)[ \t]*\*[ \t]*\)/y);
  if (!found) scanner.fail(`${what}: a type as (u32 *), got ${scanner.rest()}`);
  return { size: SIZES[found[2]!]!, signed: found[1] === 's' };
};

/** `(u32 *)(r1 +8)` without a sign, or a place that stands as a value; undefined for its size then. */
export const typedMemory = (
  scanner: Scanner,
  what: string,
): { readonly place: Mem<unknown, Access>; readonly size: Size | undefined } => {
  const given = takePlace(scanner);
  if (given) return { place: given, size: undefined };
  scanner.skipSpaces();
  const at = scanner.at;
  const { size, signed } = typeHere(scanner, what);
  if (signed) scanner.fail(`${what}: it takes no sign, so write u${size * 8}`, at);
  scanner.expect('(', 'before the address');
  const place = memoryHere(scanner, what, size);
  scanner.expect(')', 'after the address');
  return { place, size };
};

/** A register whose name may be that of the whole, as the kernel prints it, though less of it is used. */
export const valueHere = (scanner: Scanner, what: string, size: Size | undefined): Register => {
  scanner.skipSpaces();
  const at = scanner.at;
  const register = registerHere(scanner, what);
  scanner.guard(at, () => readable(what, register, undefined));
  if (size === undefined) return register;
  if (size === 8 && register.width === 32)
    scanner.fail(
      `${what}: eight bytes go with r${register.index}, not with ${nameOf(register)}`,
      at,
    );
  return withWidth(register, size === 8 ? 64 : 32);
};
