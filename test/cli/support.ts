/** What the tests of commands share: the command line from the sources, as a child process. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The words that run a command. */
export const commandOf = (...args: readonly string[]): readonly [string, ...string[]] => [
  process.execPath,
  '--import',
  TSX,
  MAIN,
  ...args,
];

/** Runs a command to its end. */
export const beespoke = (...args: readonly string[]): Ended => {
  const [node, ...words] = commandOf(...args);
  return spawnSync(node, words, { encoding: 'utf8', maxBuffer: 1 << 28 });
};

// biome-ignore lint/suspicious/noExplicitAny: whatever the command prints
export const objects = ({ stdout }: Ended): any[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** Without the time at which each was printed. */
// biome-ignore lint/suspicious/noExplicitAny: whatever the command prints
export const timeless = (all: readonly any[]): any[] => all.map(({ time, ...rest }) => rest);
