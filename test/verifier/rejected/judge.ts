/**
 * @module
 * What the explanation of a log makes of a rejected program, without a kernel.
 */
import { type Instruction, ownFrames, slotsOf } from '../../../src/index.ts';
import { sourceOf } from '../../../src/kernel/sources.ts';
import { link, type World } from '../../../src/object/index.ts';
import { type Explanation, explain, unknownLines } from '../../../src/verifier/index.ts';
import { world } from '../../object/support.ts';
import type { Rejected } from './support.ts';

export interface Judgement {
  readonly class: Explanation['class'];
  /** The text of the line that is blamed, and whether it is the one that is marked. */
  readonly line: string | undefined;
  readonly isMarked: boolean;
  /** Lines of the log that nothing was known about. */
  readonly unknown: readonly string[];
  readonly explanation: Explanation | undefined;
}

export const judge = (program: Rejected, log: string, into: World = world()): Judgement => {
  const { programs } = link(program.object({ functionId: () => 0 }), into);
  const { assembly, spec } = programs[0]!;
  const explanation = explain(log, {
    program: assembly,
    isC: spec.site?.source !== undefined,
  });
  const lineOf = ({ site }: Instruction): string | undefined =>
    sourceOf(ownFrames(site, spec.site)[0]!).text;
  const blamed = assembly.instructions.find((_, index) => {
    const start = assembly.instructions
      .slice(0, index)
      .reduce((sum, each) => sum + slotsOf(each), 0);
    return start === explanation?.slot;
  });
  const line = blamed && lineOf(blamed);
  const hasMark = assembly.instructions.some((each) => isMark(lineOf(each)));
  return {
    class: explanation?.class,
    line,
    isMarked: !hasMark || isMark(line),
    unknown: unknownLines(log),
    explanation,
  };
};

const isMark = (line: string | undefined): boolean =>
  /\/(?:\/ mistake|\* mistake \*\/)$/.test(line ?? '');
