/**
 * @module
 * Programs that the verifier rejects, on the running kernel: it must refuse each, and what is said of it must name the
 * line at fault and what is wrong there.
 */
import { describe, expect, it } from 'vitest';
import { unknownLines } from '../../src/verifier/index.ts';
import { missingBefore, titled } from '../asm/kernel.ts';
import { COMPILED } from './rejected/compiled.ts';
import { REJECTED } from './rejected/index.ts';
import { judge } from './rejected/judge.ts';
import { restrictedVerdicts, titleOf, type Verdict, verdictOf } from './rejected/verdicts.ts';

const reason = missingBefore('6.18');

describe.skipIf(reason)(titled('a rejected program', reason), () => {
  let restricted: Readonly<Record<string, Verdict>> | undefined;
  const ask = (program: (typeof REJECTED)[number]): Verdict => {
    if (!program.restricted) return verdictOf(program);
    restricted ??= restrictedVerdicts();
    return restricted[titleOf(program)]!;
  };

  it.each(REJECTED.map((program) => [titleOf(program), program] as const))(
    'is refused and explained: %s',
    (_, program) => {
      const verdict = ask(program);
      if (verdict.kind !== 'refused') throw new Error(`not refused: ${JSON.stringify(verdict)}`);
      const { class: found, isMarked, line, unknown } = judge(program, verdict.log);
      expect(unknown).toEqual([]);
      expect(found).toBe(program.class);
      expect(isMarked, line).toBe(true);
      const { error } = verdict;
      if (!error) return;
      // The error says the same, of the program with what this kernel has filled in.
      expect(error.meaning?.class).toBe(program.class);
      if (line?.endsWith('// mistake')) expect(error.source[0]!.text).toBe(line);
      expect(error.message).toContain(error.meaning!.repair!);
    },
    // The verifier walks through a million instructions of some, and writes a line of each.
    120_000,
  );

  it.each(COMPILED.map((program) => [program.name, program] as const))(
    'is refused and explained when clang compiled it: %s',
    (_, program) => {
      const verdict = verdictOf(program);
      if (verdict.kind !== 'refused') throw new Error(`not refused: ${JSON.stringify(verdict)}`);
      const { error, log } = verdict;
      expect(error!.meaning?.class).toBe(program.class);
      expect(error!.source[0]!.text).toMatch(/\/\* mistake \*\/$/);
      expect(unknownLines(log)).toEqual([]);
    },
    120_000,
  );
});
