/**
 * @module
 * Which instructions and branches of the simulated programs the tests ran, by the lines of TypeScript that wrote them, as
 * an lcov file (geninfo(1)). `mergeCoverage` puts it into the report of vitest's own coverage.
 * @example
 * // vitest.config.ts names this file under test.setupFiles
 * const coverage = collectCoverage();
 * afterAll(() => coverage.addTo('coverage/bpf.info'));
 * // What is in the file stays there: vitest --coverage empties its folder first; without it, remove the file before a run.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { framesOf, type Instruction, isConditional } from '../asm/index.ts';
import { sourceOf } from '../kernel/index.ts';
import type { ObjectSpec } from '../object/index.ts';
import type { Watcher } from '../sim/index.ts';
import { assembledOf } from './assembled.ts';
import { printLcov } from './lcov.ts';

/** How often each instruction was executed, and each jump taken, by index. */
interface Counts {
  readonly executed: Float64Array;
  readonly jumped: Float64Array;
}

/** A conditional jump: how often it was taken, and how often not. */
interface Branch {
  jumped: number;
  passed: number;
}

interface Line {
  count: number;
  readonly branches: Branch[];
}
type Files = Map<string, Map<number, Line>>;

/** What the simulations since `collectCoverage()` ran. */
export class Coverage {
  readonly #counts = new Map<readonly Instruction[], Counts>();
  readonly #specs = new Set<ObjectSpec>();

  /** Counts what a simulation of this object runs. */
  watch(spec: ObjectSpec): Watcher {
    this.#specs.add(spec);
    return (instructions, index, before) => {
      const { executed, jumped } = this.#of(instructions);
      executed[index]!++;
      const from = instructions[before];
      if (from && isConditional(from.opcode) && index !== before + 1) jumped[before]!++;
    };
  }

  /** Adds it to a file, whose folder is made if it is not there, and begins anew. */
  addTo(file: string): void {
    const text = this.lcov();
    this.#counts.clear();
    this.#specs.clear();
    if (text === '') return;
    mkdirSync(dirname(file), { recursive: true });
    // In one write: the files of a test run are tested side by side. Readers add up the records of a source.
    appendFileSync(file, text);
  }

  /** The text of an lcov file, with paths from the working directory. Programs that no test ran are in it with 0. */
  lcov(): string {
    const files: Files = new Map();
    for (const spec of this.#specs)
      for (const { assembly } of assembledOf(spec)) count(files, assembly.instructions, undefined);
    for (const [instructions, counts] of this.#counts) count(files, instructions, counts);
    return [...files].map(([file, lines]) => recordOf(file, lines)).join('');
  }

  #of(instructions: readonly Instruction[]): Counts {
    const known = this.#counts.get(instructions);
    if (known) return known;
    const { length } = instructions;
    const counts = { executed: new Float64Array(length), jumped: new Float64Array(length) };
    this.#counts.set(instructions, counts);
    return counts;
  }
}

let collecting: Coverage | undefined;

/** Counts what simulations of `beespoke/testing` run from here on. They take a few times as long. */
export const collectCoverage = (): Coverage => {
  collecting = new Coverage();
  return collecting;
};

/** What is to be told of the instructions of a simulation. */
export const watchedBy = (spec: ObjectSpec): Watcher | undefined => collecting?.watch(spec);

/** Adds the counts of a program to those of its lines. A line was run as often as its instruction that was run most. */
const count = (files: Files, instructions: readonly Instruction[], counts?: Counts): void => {
  const most = new Map<Line, number>();
  const branches = new Map<Line, number>();
  instructions.forEach((instruction, index) => {
    const line = lineOf(files, instruction);
    if (!line) return;
    const executed = counts?.executed[index] ?? 0;
    most.set(line, Math.max(most.get(line) ?? 0, executed));
    if (!isConditional(instruction.opcode)) return;
    // The same line of another variant or option writes the same jumps in the same order.
    const nth = branches.get(line) ?? 0;
    branches.set(line, nth + 1);
    line.branches[nth] ??= { jumped: 0, passed: 0 };
    const branch = line.branches[nth];
    const jumped = counts?.jumped[index] ?? 0;
    branch.jumped += jumped;
    branch.passed += executed - jumped;
  });
  for (const [line, executed] of most) line.count += executed;
};

const lineOf = (files: Files, { site }: Instruction): Line | undefined => {
  const [frame] = framesOf(site);
  if (!frame) return undefined;
  const { file, line } = sourceOf(frame);
  const lines = files.get(file) ?? new Map<number, Line>();
  files.set(file, lines);
  const found = lines.get(line) ?? { count: 0, branches: [] };
  lines.set(line, found);
  return found;
};

/** Where the blocks of our branches begin: those of JavaScript on the same line have smaller numbers. */
const FIRST_BLOCK = 100_000;

const recordOf = (file: string, lines: ReadonlyMap<number, Line>): string =>
  printLcov({
    source: relative(process.cwd(), file),
    others: [],
    lines: new Map([...lines].map(([line, { count: times }]) => [line, times])),
    branches: new Map(
      [...lines].flatMap(([line, { branches }]) =>
        branches.flatMap(({ jumped, passed }, block) =>
          [jumped, passed].map(
            (times, way) =>
              [
                `${line},${FIRST_BLOCK + block},${way}`,
                jumped + passed > 0 ? times : undefined,
              ] as const,
          ),
        ),
      ),
    ),
  });
