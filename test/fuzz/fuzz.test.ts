/**
 * Broken files for every reader in TARGETS. A few thousand cases by default; more, others, or one of them again with
 *
 *     FUZZ_CASES=1000000 FUZZ_SEED=7 npx vitest run test/fuzz
 *     FUZZ_TARGET=elf FUZZ_SEED=7 FUZZ_CASE=4711 npx vitest run test/fuzz
 *
 * FUZZ_SEED=random takes another seed each time; a failure names it.
 */
import { describe, expect, it } from 'vitest';
import { btf, btfExt } from './btf.ts';
import { btfPrint, btfWhole } from './btf-whole.ts';
import { elf } from './elf.ts';
import { fuzz, type Target } from './fuzz.ts';
import { link } from './link.ts';
import { object } from './object.ts';
import { text } from './text.ts';

/** A reader that has a file of its own here joins by its name, with the number of cases that take a second or two. */
const TARGETS: readonly (readonly [target: Target, cases: number])[] = [
  [elf, 2000],
  [btf, 600],
  [btfExt, 1000],
  [btfWhole, 500],
  [btfPrint, 300],
  [object, 600],
  [link, 120],
  [text, 300],
];

const { FUZZ_CASES, FUZZ_SEED = '1', FUZZ_CASE, FUZZ_TARGET } = process.env;
const seed = FUZZ_SEED === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(FUZZ_SEED);
const wanted = TARGETS.filter(
  ([{ name }]) => FUZZ_TARGET === undefined || FUZZ_TARGET.split(',').includes(name),
);

describe('a broken file ends in the error that its reader promises, in time and without eating memory', () => {
  it.each(wanted.map(([target, cases]) => ({ name: target.name, target, cases })))(
    '$name',
    ({ target, cases }) => {
      if (FUZZ_CASE !== undefined) {
        fuzz(target, { seed, first: Number(FUZZ_CASE), count: 1 });
        return;
      }
      const count = FUZZ_CASES === undefined ? cases : Number(FUZZ_CASES);
      const result = fuzz(target, { seed, first: 0, count });
      if (FUZZ_CASES !== undefined) console.log(target.name, { seed, ...result });
      // Cases that all fail at the first byte, or not at all, would test nothing.
      expect(result.errors).toBeGreaterThan(count / 4);
      expect(result.looks - result.errors).toBeGreaterThan(count);
    },
    FUZZ_CASES === undefined ? undefined : 0,
  );
});
