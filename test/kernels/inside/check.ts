/**
 * What a check is, and how the machine outside hears of it: one line of JSON on the console.
 */
import { isAtLeast } from '../../../src/syscall/index.ts';

export type Verdict = 'passed' | 'failed' | 'unsupported';

/** The parts of docs/kernels.md. */
export type Group = 'tools' | 'attaching' | 'features' | 'objects';

/** What one check came to on one kernel. */
export interface Result {
  readonly group: Group;
  readonly name: string;
  readonly verdict: Verdict;
  /** What was taken where there was a choice; else why not. */
  readonly note: string;
}

/** The kernel is too old for it, or was configured without it: says what it needs. */
export class Unsupported extends Error {}

/** Ends a check unless the kernel is at least this version. */
export const needs = (version: string): void => {
  if (!isAtLeast(version)) throw new Unsupported(`needs Linux ${version}`);
};

/** Whether this kernel is at least of a version, as `5.15`. */
export { isAtLeast as hasAtLeast };

/** A line that is for the machine outside. */
export const say = (message: object): void => {
  process.stdout.write(`@ ${JSON.stringify(message)}\n`);
};

/** Longer than any check takes under emulation on a busy machine. */
const PATIENCE_MS = 120_000;

/** Runs a check and tells what it came to: its note, or what it threw. */
export const check = async (
  group: Group,
  name: string,
  run: () => string | Promise<string>,
): Promise<void> => {
  const tell = (verdict: Verdict, note: string) =>
    say({ group, name, verdict, note } satisfies Result);
  let timer: NodeJS.Timeout | undefined;
  try {
    const tooLong = new Promise<never>((_, fail) => {
      timer = setTimeout(() => fail(new Error('it does not end')), PATIENCE_MS);
    });
    tell('passed', await Promise.race([Promise.resolve().then(run), tooLong]));
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof Unsupported) tell('unsupported', message);
    else tell('failed', message.split('\n').slice(0, 6).join(' | '));
  } finally {
    clearTimeout(timer);
  }
};

export const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Tries again until it is so. */
export const until = async (what: string, is: () => boolean, ms = 60_000): Promise<void> => {
  for (const end = Date.now() + ms; !is(); await sleep(50))
    if (Date.now() > end) throw new Error(`${what}: not after ${ms / 1000} s`);
};

/** Throws unless both are the same. */
export const same = (what: string, found: unknown, expected: unknown): void => {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: expected ${b}, found ${a}`);
};
