/**
 * Runs readers on files that somebody broke. Each case is made from a seed and its number, so that one can be had again:
 * what it may throw are the errors that its reader promises, within a second and 256 MiB.
 *
 * @module
 */
import { Script } from 'node:vm';
import { Random } from '../layout/random.ts';
import { mutate } from './mutate.ts';

/** Something that reads bytes. */
export interface Target {
  readonly name: string;
  /** Files that are right, mostly: the ones to break. */
  inputs(): readonly Uint8Array[];
  /** Changes an input in a way that only its format knows: the file stays sound, and says something else. */
  twist?(input: Uint8Array, random: Random): Uint8Array;
  /** Errors that a broken file may end in. */
  readonly errors: readonly (new (
    ...args: never[]
  ) => Error)[];
  /**
   * Looks at everything that there is to see. Each look goes through `attempt`, so that one that fails does not hide
   * the others.
   */
  run(bytes: Uint8Array, attempt: Attempt, random: Random): void;
}

/** The result of a look, undefined when it ends in an error that it may end in. */
export type Attempt = <T>(look: () => T) => T | undefined;

export interface FuzzOptions {
  readonly seed: number;
  /** Cases `first` to `first + count - 1`. */
  readonly first: number;
  readonly count: number;
}

export interface FuzzResult {
  readonly cases: number;
  /** Looks that succeeded, and that ended in an error. */
  readonly looks: number;
  readonly errors: number;
  readonly slowest: { readonly number: number; readonly milliseconds: number };
  /** How much the process grew, in MiB. */
  readonly growth: number;
}

const MOST_MILLISECONDS = 1000;
const MOST_GROWTH = 256;
/** A case that has not ended by then never will. */
const HANGING_MILLISECONDS = 20_000;

/** Runs cases. Throws, with the command that runs the case again, when one does what it must not. */
export const fuzz = (target: Target, { seed, first, count }: FuzzOptions): FuzzResult => {
  // Copies, and none of them a Buffer: the slice() of those is a view, and inputs must stay as they are.
  const inputs = target.inputs().map((input) => Uint8Array.from(input));
  const before = peak();
  let [looks, errors] = [0, 0];
  let slowest = { number: first, milliseconds: 0 };
  const attempt: Attempt = (look) => {
    looks++;
    try {
      return look();
    } catch (error) {
      if (!target.errors.some((type) => error instanceof type)) throw error;
      errors++;
      return undefined;
    }
  };

  for (let number = first; number < first + count; number++) {
    const run = (): number => {
      // A constant of Fibonacci hashing: neighbouring seeds have nothing in common.
      const random = new Random(seed + Math.imul(number, 0x9e3779b1));
      const bytes = breakOne(target, inputs, random);
      const started = performance.now();
      target.run(bytes, attempt, random);
      return performance.now() - started;
    };
    const refuse = (what: string, cause?: unknown): Error => {
      const command = `FUZZ_TARGET=${target.name} FUZZ_SEED=${seed} FUZZ_CASE=${number}`;
      return new Error(`${what}\nagain: ${command} npx vitest run test/fuzz`, { cause });
    };
    let milliseconds: number;
    try {
      milliseconds = withTimeout(run);
      // A busy machine or a collection of garbage is not the reader's fault, and does not come twice.
      if (milliseconds > MOST_MILLISECONDS) milliseconds = withTimeout(run);
    } catch (error) {
      throw refuse(`case ${number} of ${target.name} ended in ${error}`, error);
    }
    if (milliseconds > MOST_MILLISECONDS) {
      throw refuse(`case ${number} of ${target.name} took ${milliseconds.toFixed(0)} ms`);
    }
    if (peak() - before > MOST_GROWTH) {
      throw refuse(`${target.name} has grown by ${(peak() - before).toFixed(0)} MiB`);
    }
    if (milliseconds > slowest.milliseconds) slowest = { number, milliseconds };
  }
  return { cases: count, looks, errors, slowest, growth: peak() - before };
};

/** An input that was twisted, or broken, or both. */
const breakOne = (target: Target, inputs: readonly Uint8Array[], random: Random): Uint8Array => {
  if (target.twist === undefined || random.below(2) === 0) return mutate(inputs, random);
  const twisted = target.twist(random.pick(inputs), random);
  return random.below(4) === 0 ? mutate([twisted], random) : twisted;
};

/** The most memory that the process has had so far, in MiB. */
const peak = (): number => process.resourceUsage().maxRSS / 1024;

const script = /* @__PURE__ */ new Script('fuzzedCase()');

/** Runs a function that may never end: only a script of its own can be interrupted. */
const withTimeout = (run: () => number): number => {
  const context = globalThis as { fuzzedCase?: () => number };
  context.fuzzedCase = run;
  return script.runInThisContext({ timeout: HANGING_MILLISECONDS }) as number;
};
