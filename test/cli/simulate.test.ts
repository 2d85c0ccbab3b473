import { spawnSync } from 'node:child_process';
import { afterAll, describe, expect, it } from 'vitest';
import { build } from '../package/built.ts';
import { type Ended, objects } from './support.ts';

const built = build();
afterAll(() => built.remove());

const run = (...args: readonly string[]): Ended =>
  spawnSync(process.execPath, [built.main, ...args], { encoding: 'utf8' });

/** A command that ends well. */
const beespoke = (...args: readonly string[]) => {
  const ended = run(...args);
  expect(ended).toMatchObject({ status: 0 });
  return ended;
};

describe('--simulate', () => {
  it('plays a world through exitsnoop', () => {
    const { stdout, stderr } = beespoke('exitsnoop', '--simulate');
    expect(stderr).toBe(
      'exitsnoop: a recorded world is played, nothing of this machine is shown\n',
    );
    expect(stdout).toBe(
      [
        'PCOMM            PID     PPID    TID     AGE(s)  EXIT_CODE',
        'cat              204     181     204     0.01    code 1',
        'cc1              207     205     207     0.48    signal 11 (Segmentation fault), core dumped',
        'make             205     181     205     0.53    code 2',
        'sleep            209     181     209     0.70    signal 15 (Terminated)',
        'true             210     181     210     0.00    0',
        '',
      ].join('\n'),
    );
  });

  it('takes the options of the tool, with the numbers of the recorded world', () => {
    const failed = objects(beespoke('opensnoop', '-x', '-p', '207', '--json', '--simulate'));
    expect(failed).toEqual([
      {
        pid: 207,
        tid: 207,
        uid: 1000,
        comm: 'cc1',
        fd: -1,
        err: 2,
        path: '/usr/local/include/stdio.h',
        pathCut: false,
      },
    ]);
    const whole = objects(beespoke('opensnoop', '-F', '-n', 'cat', '--json', '--simulate'));
    expect(whole.map(({ path }) => path)).toContain('/home/ada/notes.txt');
    const inside = ['-c', '/sys/fs/cgroup/user.slice', '--json', '--simulate'];
    expect(objects(beespoke('exitsnoop', ...inside))).toHaveLength(5);
    const outside = ['-c', '/sys/fs/cgroup/system.slice', '--json', '--simulate'];
    expect(objects(beespoke('exitsnoop', ...outside))).toEqual([]);
  });

  it('takes no number that a process cannot have', () => {
    expect(run('opensnoop', '--simulate', '-p', '99999999999')).toEqual(
      expect.objectContaining({
        status: 2,
        stderr: 'beespoke: --pid takes a whole number from 1 to 4194304, got "99999999999"\n',
      }),
    );
  });

  it('sums up, and prints what programs print', () => {
    const sums = objects(beespoke('hardirqs', '-C', '-s', '1', '--json', '--simulate'));
    expect(sums).toEqual([
      { name: 'virtio1-req.0', cpu: 1, count: 2, totalNs: 109_000, maxNs: 71_000 },
      { name: 'timer', cpu: 1, count: 1, totalNs: 3000, maxNs: 3000 },
    ]);
    const [first, ...more] = objects(beespoke('hello', '--json', '--simulate'));
    expect(first).toEqual({
      comm: 'bash',
      pid: 181,
      cpu: 0,
      timeNs: 30_003_000_000,
      message: 'Hello, World!',
    });
    expect(more).toHaveLength(8);
    const waits = objects(beespoke('runqslower', '1000', '--json', '--simulate'));
    expect(waits).toEqual([
      { comm: 'make', tid: 205, latencyUs: 14_000, prevComm: 'cc1', prevTid: 207 },
      { comm: 'kworker/1:1', tid: 31, latencyUs: 22_000, prevComm: 'cc1', prevTid: 207 },
    ]);
  });

  it('shows what a shell does', () => {
    const deleted = objects(beespoke('unlinksnoop', '-x', '--json', '--simulate'));
    expect(deleted).toEqual([
      { pid: 208, tid: 208, comm: 'rm', result: -2, path: 'core' },
      { pid: 208, tid: 208, comm: 'rm', result: -13, path: '/etc/shadow' },
    ]);
    const typed = objects(beespoke('bashreadline', '--json', '--simulate'));
    expect(typed).toMatchObject([
      { command: 'cat notes.txt' },
      { command: 'make' },
      { command: 'rm -f main.o core' },
      { command: 'exit' },
    ]);
  });

  it('says which tools have a recorded world', () => {
    const { status, stdout, stderr } = run('trace-usdt', '--simulate');
    expect(stderr).toMatch(
      /^beespoke: --simulate: there is no recorded world for trace-usdt, but for hello, [^\n]+\n$/,
    );
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});
