/**
 * Runs placed.ts at places of a network namespace and a cgroup of its own, and prints which of its programs ran:
 *
 *     unshare -n npx tsx test/cli/run-places-script.ts
 */
import { join } from 'node:path';
import { inCgroup } from '../kernel/attach-cgroup-checks.ts';
import { assertOwnNetwork, LO, passes, up } from '../kernel/attach-support.ts';
import { Called } from '../programs/called.ts';
import { Cli } from '../programs/shell.ts';

const FILE = join(import.meta.dirname, 'placed.ts');

/** The numbers of the programs that ran while this was done, and what was said of the others. */
const during = async (args: readonly string[], act: () => Promise<void>): Promise<void> => {
  await using cli = new Cli('run', FILE, '--allow-changes', '--json', ...args);
  await cli.attached();
  await act();
  const status = await cli.stop();
  const ran = [...new Set(cli.objects.map(({ program }) => program as number))].toSorted();
  const left = cli.stderr.split('\n').filter((line) => line.startsWith('left out'));
  console.log(
    JSON.stringify({ args: args.map((word) => word.replace(/^\/.*\//, '')), status, ran, left }),
  );
};

const packet = async (): Promise<void> => {
  if (!(await passes())) throw new Error('no packet got through');
};

assertOwnNetwork();
up(LO);
await during(['--interface', 'lo'], packet);
await during(['--interface', 'lo', '--direction', 'egress'], packet);
await during(['--netns', '/proc/self/ns/net'], packet);
await during(['--netfilter', 'ipv4:output:100'], packet);
await inCgroup((path) => during(['--cgroup', path], packet));
const called = new Called();
try {
  using child = called.start();
  using other = called.start();
  const rounds = async () => {
    await child.round('');
    await other.round('');
  };
  await during(['--function', `${called.path}:called_once`], rounds);
  await during(['--function', `${called.path}:called_once`, '--pid', String(process.pid)], rounds);
} finally {
  called.close();
}
await during(['--sample', 'cpu-clock:999', '--pid', String(process.pid)], async () => {
  for (const end = Date.now() + 300; Date.now() < end; );
});
