/**
 * How long a tool takes from the command to being attached, less what bare Node takes: the built package, fresh
 * processes, beside libbpf-tools' exitsnoop (to its header line). Needs root and `npm run build`.
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

const medianOf = async (run: () => number | Promise<number>): Promise<number> => {
  const values: number[] = [];
  await run();
  for (let i = 0; i < ROUNDS; i++) values.push(await run());
  return median(values);
};

if (!existsSync(MAIN)) throw new Error('build the package first: npm run build');
const bare = await medianOf(() => milliseconds(() => spawnSync(process.execPath, ['-e', '0'])));
row('bare node', bare, 'ms');
row(
  '--help, minus bare node',
  (await medianOf(() => milliseconds(() => spawnSync(process.execPath, [MAIN, '--help'])))) - bare,
  'ms',
);
// The first of these, which does not count, keeps what V8 compiled.
const attached = await medianOf(() => untilOutput(process.execPath, [MAIN, 'exitsnoop']));
const peer = existsSync(ORIGINAL)
  ? { name: 'libbpf-tools', value: await medianOf(() => untilOutput('stdbuf', ['-oL', ORIGINAL])) }
  : undefined;
row('exitsnoop to attached, minus bare node', attached - bare, 'ms', {
  peer,
  goal: 'at most 35 ms',
});
row(
  'the same without kept code, as the first time',
  (await medianOf(() =>
    untilOutput(process.execPath, [MAIN, 'exitsnoop'], { NODE_DISABLE_COMPILE_CACHE: '1' }),
  )) - bare,
  'ms',
);
