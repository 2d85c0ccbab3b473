/**
 * @module
 * Zeroing memory of the program's own, in as few stores as its alignment allows.
 */
import { type Base, locationOf, type Mem, u8, u16, u32, u64 } from '../layout/index.ts';
import type { Code } from './code.ts';
import { storeTo } from './memory.ts';
import { callSite, type Site } from './site.ts';

/** Zeroes memory, as keys and records need it whose padding a hash or user space would see. Destroys nothing. */
export const clear = (place: Mem<unknown, 'plain'>): Code => clearFrom(callSite(clear), place);

/** `clear` for macros, which blame their own caller. */
export const clearFrom = (site: Site, place: Mem<unknown, 'plain'>): Code => {
  const { layout, base, steps } = locationOf(place);
  return zeros(site, base, steps[0]!.offset, layout.size);
};

/** Zeroes `size` bytes, `start` bytes from `base`. */
export const zeros = (site: Site, base: Base, start: number, size: number): Code => {
  const code: Code[] = [];
  for (let at = start; at < start + size; ) {
    const largest = [u64, u32, u16, u8].find(
      (scalar) => at % scalar.size === 0 && at + scalar.size <= start + size,
    )!;
    code.push(storeTo('clear', largest.at(base, at), 0, site));
    at += largest.size;
  }
  return code;
};
