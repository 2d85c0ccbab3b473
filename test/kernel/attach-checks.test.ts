/** The checks of attaching, which run on other kernels too (test/kernels), on this one. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { noBpf } from '../syscall/support.ts';
import { attachChecks } from './attach-checks.ts';
import type { Outcome } from './attach-support.ts';
import { toolChecks } from './attach-xdp-checks.ts';
import { fixture } from './object-support.ts';

const noNetwork =
  spawnSync('unshare', ['-n', 'true']).status === 0 ? undefined : 'unshare -n does not work here';
const missing = noBpf ?? noNetwork;
const TIMEOUT_MS = 180_000;

const outcomes = new Map<string, Outcome>();

/** All checks in one process, with a network namespace of its own. */
const runChecks = async (): Promise<void> => {
  const command = ['-n', process.execPath, '--import', import.meta.resolve('tsx')];
  const { stdout } = await promisify(execFile)('unshare', [
    ...command,
    fixture('attach-script.ts'),
  ]);
  for (const line of stdout.trim().split('\n')) {
    const outcome = JSON.parse(line) as Outcome;
    outcomes.set(outcome.name, outcome);
  }
};

const all = [...attachChecks, ...toolChecks];

describe.skipIf(missing)(`attaching${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeAll(runChecks, TIMEOUT_MS);

  describe.each([...new Set(all.map(({ hook }) => hook))])('%s', (hook) => {
    it.for(all.filter((each) => each.hook === hook).map(({ name }) => name))(
      '%s',
      (name, { skip }) => {
        const outcome = outcomes.get(name);
        if (outcome?.skipped) skip(outcome.skipped);
        expect(outcome).toEqual({ name });
      },
    );
  });
});
