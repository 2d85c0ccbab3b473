import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Given } from '../../src/cli/options.ts';
import { missingPlaces, placeOf } from '../../src/cli/run-places.ts';
import { parseSection } from '../../src/object/index.ts';
import { objectFile } from '../objects/judge.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { beespoke } from './support.ts';

describe('where programs are attached', () => {
  it.each<[section: string, given: Given, place: object | undefined]>([
    ['xdp', { interface: 'eth0', direction: 'ingress', pid: 7 }, { interface: 'eth0' }],
    ['tcx/egress', { interface: 'eth0', direction: 'ingress' }, { interface: 'eth0' }],
    [
      'cgroup/skb',
      { cgroup: '/sys/fs/cgroup/a', direction: 'egress' },
      { cgroup: '/sys/fs/cgroup/a', direction: 'egress' },
    ],
    ['sockops', { cgroup: '/sys/fs/cgroup/a' }, { cgroup: '/sys/fs/cgroup/a' }],
    ['iter/cgroup', { cgroup: '/sys/fs/cgroup/a' }, { cgroup: '/sys/fs/cgroup/a' }],
    ['iter/task', { cgroup: '/sys/fs/cgroup/a' }, undefined],
    [
      'lwt_out',
      { route: '10.1.0.0/16', interface: 'eth0' },
      { route: '10.1.0.0/16', interface: 'eth0' },
    ],
    ['sk_lookup', { netns: '/run/netns/a' }, { netns: '/run/netns/a' }],
    [
      'netfilter',
      { netfilter: 'ipv6:postrouting:-7' },
      { netfilter: { family: 'ipv6', hook: 'postrouting', priority: -7 } },
    ],
    ['kprobe', { function: 'vfs_read', pid: 7 }, { function: 'vfs_read' }],
    ['kprobe/vfs_open', { function: 'vfs_read' }, undefined],
    ['kprobe.multi', { function: 'vfs_*' }, { functions: ['vfs_*'] }],
    [
      'uretprobe',
      { function: 'bash:readline', pid: 7 },
      { path: 'bash', function: 'readline', offset: 0, pid: 7 },
    ],
    ['uprobe.multi', { function: 'c:mem*' }, { path: 'c', functions: ['mem*'] }],
    ['uprobe/bash:readline', { function: 'c:malloc', pid: 7 }, { pid: 7 }],
    [
      'usdt',
      { probe: 'libc.so.6:libc:setjmp' },
      { path: 'libc.so.6', provider: 'libc', probe: 'setjmp' },
    ],
    [
      'perf_event',
      { sample: 'cpu-clock:99', pid: 7 },
      { event: 'cpu-clock', frequency: 99, pid: 7 },
    ],
  ])('is said of %s by %j', (section, given, place) => {
    expect(placeOf(parseSection(section)!, given)).toEqual(place);
  });

  it.each<[section: string, given: Given, missing: readonly string[] | undefined]>([
    ['tc', {}, ['--interface', '--direction']],
    ['tc', { interface: 'eth0' }, ['--direction']],
    ['tc', { interface: 'eth0', direction: 'ingress' }, []],
    ['cgroup/connect4', {}, ['--cgroup']],
    ['uprobe', { pid: 7 }, ['--function']],
    ['uprobe/bash:readline', {}, []],
    ['usdt', {}, ['--probe']],
    ['perf_event', {}, ['--sample']],
    ['tracepoint/sched/sched_switch', {}, []],
    ['iter/bpf_map_elem', {}, undefined],
    ['socket', {}, undefined],
    ['sk_msg', {}, undefined],
  ])('lacks for %s with %j', (section, given, missing) => {
    expect(missingPlaces(parseSection(section)!, given)).toEqual(missing);
  });

  it.each<[section: string, given: Given, message: string]>([
    ['tc', { direction: 'up' }, '--direction takes ingress or egress, got "up"'],
    [
      'netfilter',
      { netfilter: 'input' },
      '--netfilter takes FAMILY:HOOK:PRIORITY, as ipv4:input:100, got "input"',
    ],
    [
      'uprobe',
      { function: 'main' },
      '--function takes FILE:FUNCTION for uprobe programs, as bash:readline, got "main"',
    ],
    ['usdt', { probe: 'a:b' }, '--probe takes FILE:PROVIDER:NAME, got "a:b"'],
    ['perf_event', { sample: '99' }, '--sample takes EVENT:FREQUENCY, as cpu-clock:99, got "99"'],
    [
      'perf_event',
      { sample: 'cpu-clock:0' },
      'EVENT:FREQUENCY, as cpu-clock:99, got "cpu-clock:0"',
    ],
    ['netfilter', { netfilter: 'ipv4:input:2147483648' }, '--netfilter takes FAMILY:HOOK:PRIORITY'],
    [
      'netfilter',
      { netfilter: 'ipv4:input:-2147483648' },
      '--netfilter takes FAMILY:HOOK:PRIORITY',
    ],
    ['lwt_in', { route: 'eth0/8' }, '--route takes a network, as 10.1.0.0/16, got "eth0/8"'],
    ['xdp', { interface: '' }, '--interface lacks its value'],
    ['kprobe', { function: '' }, '--function lacks its value'],
  ])('is not for %s what %j says', (section, given, message) => {
    expect(() => placeOf(parseSection(section)!, given)).toThrow(message);
  });
});

describe('beespoke run, of programs whose sections do not say where', () => {
  const net = objectFile('sections-net');

  it('says which options they lack', () => {
    const { status, stdout, stderr } = beespoke('run', objectFile('xdp'));
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(
      /^beespoke: xdp\.o does not say where to attach its programs; give --interface for .*\bfilter \(xdp\)/,
    );
    const several = beespoke('run', net, '--interface', 'lo', '--allow-changes');
    for (const line of [
      'left out without --direction: tc_short (tc), packet_access (tc), tc_classifier (classifier)',
      'left out without --netns: dissector (flow_dissector), lookup (sk_lookup)',
      'left out without --netfilter: filter (netfilter)',
    ])
      expect(several.stderr.split('\n')).toContain(line);
  });

  it('has the options that the programs of a file have a use for', () => {
    const { stdout } = beespoke('run', net, '--help');
    const options = [...stdout.matchAll(/--([\w-]+)/g)].map(([, name]) => name);
    expect(options).toEqual(
      expect.arrayContaining(['interface', 'direction', 'netns', 'netfilter']),
    );
    expect(options).not.toContain('cgroup');
    expect(beespoke('run', net, '--cgroup', '/sys/fs/cgroup')).toMatchObject({
      status: 2,
      stderr: "beespoke: unknown option '--cgroup'\n",
    });
  });

  it.skipIf(noBpf)(kernel('fails where there is no such place'), () => {
    const file = join(import.meta.dirname, 'placed.ts');
    const ended = beespoke('run', file, '--allow-changes', '--interface', 'none0');
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain(
      'beespoke: there is no network interface none0 in this network namespace: ip link lists those that are\n',
    );
  });

  const missing =
    noBpf ??
    (spawnSync('unshare', ['-n', 'true']).status === 0 ? undefined : 'unshare -n does not work');
  it.skipIf(missing)(
    `runs them at the place that is given${missing ? ` (skipped: ${missing})` : ''}`,
    () => {
      const script = join(import.meta.dirname, 'run-places-script.ts');
      const command = ['-n', process.execPath, '--import', import.meta.resolve('tsx'), script];
      const { stdout, stderr } = spawnSync('unshare', command, { encoding: 'utf8' });
      expect(stderr).toBe('');
      const outcomes = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(outcomes.map(({ args, status, ran }) => [args[0], args[2], status, ran])).toEqual([
        ['--interface', undefined, 0, [1]],
        ['--interface', '--direction', 0, [1, 2]],
        ['--netns', undefined, 0, [5]],
        ['--netfilter', undefined, 0, [6]],
        ['--cgroup', undefined, 0, [3, 4]],
        ['--function', undefined, 0, [8]],
        ['--function', '--pid', 0, []],
        ['--sample', '--pid', 0, [7]],
      ]);
      expect(outcomes[0].left).toEqual([
        'left out without --direction: classified (tc)',
        'left out without --cgroup: sent (cgroup_skb/egress), bound (cgroup/bind4)',
        'left out without --netns: lookedUp (sk_lookup)',
        'left out without --netfilter: filtered (netfilter)',
        'left out without --sample: sampled (perf_event)',
        'left out without --function: called (uprobe)',
      ]);
    },
    60_000,
  );
});
