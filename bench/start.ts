/**
 * How long a tool takes from the command to being attached, less what bare Node takes: the built package, fresh
 * processes, beside libbpf-tools' exitsnoop (to its header line). Needs root and `npm run build`.
 *
 * All take turns, since the speed of a shared machine changes by the second.
 * @module
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { median, milliseconds, rounds, row } from './report.ts';

const MAIN = fileURLToPath(new URL('../dist/cli/main.cjs', import.meta.url));
const ORIGINAL = '/usr/sbin/exitsnoop';
const ROUNDS = rounds(15);

/** Milliseconds until the process has written something on one of its outputs. */
const untilOutput = (
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<number> =>
  new Promise((resolve, reject) => {
    const start = process.hrtime.bigint();
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    let taken: number | undefined;
    const seen = (): void => {
      taken ??= Number(process.hrtime.bigint() - start) / 1e6;
      child.kill('SIGINT');
    };
    child.stdout.once('data', seen);
    child.stderr.once('data', seen);
    child.once('error', reject);
    child.once('exit', () =>
      taken === undefined ? reject(new Error(`${command} wrote nothing`)) : resolve(taken),
    );
  });

const node = (args: readonly string[]): number =>
  milliseconds(() => spawnSync(process.execPath, args));

if (!existsSync(MAIN)) throw new Error('build the package first: npm run build');

const runs = {
  bare: () => node(['-e', '0']),
  help: () => node([MAIN, '--help']),
  attached: () => untilOutput(process.execPath, [MAIN, 'exitsnoop']),
  first: () =>
    untilOutput(process.execPath, [MAIN, 'exitsnoop'], { NODE_DISABLE_COMPILE_CACHE: '1' }),
  original: () => untilOutput('stdbuf', ['-oL', ORIGINAL]),
};
const taken = new Map<keyof typeof runs, number[]>();
// The first round does not count: in it, the tool keeps what V8 compiled.
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, run] of Object.entries(runs) as [keyof typeof runs, () => Promise<number>][]) {
    if (name === 'original' && !existsSync(ORIGINAL)) continue;
    const value = await run();
    if (round > 0) taken.set(name, [...(taken.get(name) ?? []), value]);
  }
}

const { bare = [], original } = Object.fromEntries(taken);
const peer = original && { name: 'libbpf-tools', value: median(original) };
/** What it takes beside bare Node, of the same round. */
const beside = (name: keyof typeof runs): number =>
  median(taken.get(name)!.map((value, round) => value - bare[round]!));
row('bare node', median(bare), 'ms');
row('--help, minus bare node', beside('help'), 'ms');
row('exitsnoop to attached, minus bare node', beside('attached'), 'ms', {
  peer,
  goal: 'at most 35 ms where bare node takes 50',
});
row('the same without kept code, as the first time', beside('first'), 'ms');
