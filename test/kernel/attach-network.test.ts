import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { cgroupChecks } from './attach-cgroup-checks.ts';
import { namespaceChecks } from './attach-netns-checks.ts';
import { socketChecks } from './attach-socket-checks.ts';
import type { Outcome } from './attach-support.ts';
import { tcChecks } from './attach-tc-checks.ts';
import { xdpChecks } from './attach-xdp-checks.ts';
import { fixture, thrown } from './object-support.ts';

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

const NET = fileURLToPath(new URL('../objects/sections-net.o', import.meta.url));

describe.skipIf(noBpf)(kernel('attach()'), () => {
  it.each([
    [
      'lwt_in_route',
      /^lwt_in_route: lwt_in programs are not attached by attach\(\): they hang on routes: ip route/,
    ],
    [
      'tc_action',
      /^tc_action: action programs are not attached by attach\(\): they are actions of filters/,
    ],
    [
      'tc_short',
      /^tc_short: tc does not say where to attach it: attach\(\{ interface: 'eth0', direction: 'ingress' \}\)/,
    ],
    [
      'lookup',
      /^lookup: sk_lookup does not say where to attach it: attach\(\{ netns: '\/proc\/self\/ns\/net' \}\)/,
    ],
    [
      'filter',
      /^filter: netfilter does not say where to attach it: attach\(\{ netfilter: \{ hook: 'input'/,
    ],
    [
      'socket_filter',
      /^socket_filter: socket does not say where to attach it: attach\(\{ socket: FD \}\)/,
    ],
  ])('says what %s is to be attached with', (name, message) => {
    using loaded = loadObject(readObject(readFileSync(NET)), { programs: [name] });
    expect(thrown(() => loaded.attach()).message).toMatch(message);
  });
});

const GROUPS = {
  'XDP programs': xdpChecks,
  'programs of traffic control': tcChecks,
  'programs of network namespaces': namespaceChecks,
  'programs at sockets': socketChecks,
  'programs at cgroups': cgroupChecks,
} as const;

describe.skipIf(missing)(`attaching${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeAll(runChecks, TIMEOUT_MS);

  describe.each(Object.entries(GROUPS))('%s', (_group, checks) => {
    it.for(checks.map(({ name }) => name))('%s', (name, { skip }) => {
      const outcome = outcomes.get(name);
      if (outcome?.skipped) skip(outcome.skipped);
      expect(outcome).toEqual({ name });
    });
  });
});
