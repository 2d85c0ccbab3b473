/**
 * @module
 * Histograms of powers of two: the slot of a value, for programs; and the slots as text, to the letter as libbpf-tools
 * print them (print_log2_hist in trace_helpers.c).
 * @example
 * log2Histogram([0, 3, 1], 'usecs')
 *
 *      usecs               : count    distribution
 *          0 -> 1          : 0        |                                        |
 *          2 -> 3          : 3        |****************************************|
 *          4 -> 7          : 1        |*************                           |
 */
import { add, type Code, jeq, jlt, label, mov, type R, rsh } from '../index.ts';

/** `to` = floor(log2(value)), at most `most`; 0 for 0. Destroys `value`. Linux 5.3, which verifies loops. */
export const log2 = (to: R, value: R, most: number): Code => {
  const next = label('next');
  const done = label('done');
  return [
    mov(to, 0),
    next,
    rsh(value, 1),
    jeq(value, 0, done),
    add(to, 1),
    jlt(to, most, next),
    done,
  ];
};

/** What slot `index` counts: the values from `from` to `to`. Slot 0 has both 0 and 1. */
export const slotRange = (index: number): { readonly from: bigint; readonly to: bigint } => ({
  from: index === 0 ? 0n : 1n << BigInt(index),
  to: (1n << BigInt(index + 1)) - 1n,
});

/** Slots beyond this one hold numbers that are too long for narrow columns. */
const LAST_NARROW = 32;

/** The lines of a histogram whose slot i counts the values v with floor(log2(v)) = i. None where nothing is counted. */
export const log2Histogram = (slots: readonly number[], unit: string): readonly string[] => {
  const last = slots.findLastIndex((count) => count > 0);
  if (last < 0) return [];
  const narrow = last <= LAST_NARROW;
  const digits = narrow ? 10 : 20;
  const stars = narrow ? 40 : 20;
  const most = Math.max(...slots);
  return [
    `${' '.repeat(narrow ? 5 : 15)}${unit.padEnd(narrow ? 19 : 29)} : count    distribution`,
    ...slots.slice(0, last + 1).map((count, index) => {
      const { from, to } = slotRange(index);
      const range = `${String(from).padStart(digits)} -> ${String(to).padEnd(digits)}`;
      const bar = '*'.repeat(Math.floor((count * stars) / most)).padEnd(stars);
      return `${range} : ${String(count).padEnd(8)} |${bar}|`;
    }),
  ];
};

/** The slots that count something, with their bounds; the last of `slots` has what is larger, too. */
export const countedSlots = (slots: readonly number[]) =>
  slots.flatMap((count, index) => {
    const { from, to } = slotRange(index);
    const bounds = index === slots.length - 1 ? {} : { to: Number(to) };
    return count === 0 ? [] : { from: Number(from), ...bounds, count };
  });
