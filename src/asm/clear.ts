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
  return unitsOf(start, size).map(({ unit, at }) => storeTo('clear', unit.at(base, at), 0, site));
};

const UNITS = [u64, u32, u16, u8] as const;

/** `size` bytes as integers, each aligned to its size, where they begin `start` bytes from an aligned base. */
export const unitsOf = (start: number, size: number) => {
  const units: { readonly unit: (typeof UNITS)[number]; readonly at: number }[] = [];
  for (let at = start; at < start + size; at += units.at(-1)!.unit.size) {
    const unit = UNITS.find((each) => at % each.size === 0 && at + each.size <= start + size)!;
    units.push({ unit, at });
  }
  return units;
};
