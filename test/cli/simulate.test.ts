import { spawnSync } from 'node:child_process';
import { afterAll, describe, expect, it } from 'vitest';
import { SUMMARIES } from '../../src/cli/summaries.ts';
import { build } from '../package/built.ts';
import { type Ended, objects, timeless } from './support.ts';

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

  it.each([
    ['exitsnoop', '-t'],
    ['opensnoop', '-T'],
    ['unlinksnoop', '-T'],
    ['runqslower'],
    ['hardirqs'],
    ['bashreadline'],
  ])('says in JSON when: %s %s', (...args) => {
    const shown = objects(beespoke(...args, '--json', '--simulate'));
    expect(shown).not.toEqual([]);
    for (const { time } of shown) expect(new Date(time).toISOString()).toBe(time);
    if (args.length > 1)
      for (const each of objects(beespoke(args[0]!, '--json', '--simulate')))
        expect(each).not.toHaveProperty('time');
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
    expect(timeless(sums)).toEqual([
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
    expect(timeless(waits)).toEqual([
      { comm: 'make', tid: 205, latencyUs: 14_000, prevComm: 'cc1', prevTid: 207 },
      { comm: 'kworker/1:1', tid: 31, latencyUs: 22_000, prevComm: 'cc1', prevTid: 207 },
    ]);
  });

  it('shows what a shell does', () => {
    const deleted = objects(beespoke('unlinksnoop', '-x', '--json', '--simulate'));
    expect(deleted).toEqual([
      { pid: 208, tid: 208, comm: 'rm', result: -2, path: 'core', pathCut: false },
      { pid: 208, tid: 208, comm: 'rm', result: -13, path: '/etc/shadow', pathCut: false },
    ]);
    for (const way of ['--fentry', '--kprobe'])
      expect(objects(beespoke('unlinksnoop', '-x', way, '--json', '--simulate'))).toEqual(deleted);
    const typed = objects(beespoke('bashreadline', '--json', '--simulate'));
    expect(typed).toMatchObject([
      { command: 'cat notes.txt' },
      { command: 'make' },
      { command: 'rm -f main.o core' },
      { command: 'exit' },
    ]);
  });

  it('counts the functions that fit, each interval of the time that goes by there', () => {
    const { stdout } = beespoke('funccount', 'vfs_*', '--simulate');
    expect(stdout).toBe(
      [
        'Tracing 7 functions for "vfs_*"... Hit Ctrl-C to end.',
        '',
        'FUNC                                    COUNT',
        'vfs_fstat                                   2',
        'vfs_write                                   3',
        'vfs_open                                    5',
        'vfs_read                                   13',
        '',
      ].join('\n'),
    );
    const each = objects(beespoke('funccount', '-i', '1', 'c:*', '--json', '--simulate'));
    expect(timeless(each)).toEqual([
      { name: 'free', count: 3 },
      { name: 'malloc', count: 5 },
      { name: 'free', count: 9 },
      { name: 'malloc', count: 14 },
      { name: 'malloc', count: 14 },
    ]);
    const summaries = (...args: readonly string[]) =>
      beespoke('funccount', ...args, 'c:*', '--simulate').stdout.match(/^FUNC/gm);
    expect(summaries('-i', '1', '-d', '2')).toHaveLength(2);
    expect(summaries('-i', '9')).toHaveLength(1);
    const first = objects(beespoke('funccount', '-d', '1', 'c:*', '--json', '--simulate'));
    expect(timeless(first)).toEqual([
      { name: 'free', count: 3 },
      { name: 'malloc', count: 5 },
    ]);
  });

  it.each([
    [['vfs_read'], [{ name: 'vfs_read', count: 13 }]],
    [['-c', '1', 'vfs_read'], [{ name: 'vfs_read', count: 11 }]],
    [['-p', '215', 'libc.so.6:malloc'], [{ name: 'malloc', count: 11 }]],
    [
      ['-r', 'tcp_(recv|send)'],
      [
        { name: 'tcp_recvmsg', count: 6 },
        { name: 'tcp_sendmsg', count: 6 },
      ],
    ],
    [['t:sched:sched_w*'], [{ name: 'sched:sched_wakeup', count: 1 }]],
    [['u:node:http*'], [{ name: 'node:http__server__request', count: 6 }]],
  ])('counts by %j', (args, counts) => {
    const shown = objects(beespoke('funccount', ...args, '--json', '--simulate'));
    expect(timeless(shown)).toEqual(counts);
  });

  it('shows the integers, pointers and strings of a static probe', () => {
    const probe = 'node:node:http__server__request';
    const { stdout } = beespoke('trace-usdt', '-s', '2,4,5', probe, '--simulate');
    expect(stdout).toBe(
      [
        'PID     TID     COMM            PROBE                 ARGUMENTS',
        '215     215     node            http__server__request 94013277608544 94013277609376 "10.0.0.7" 51214 "GET" "/notes" 23',
        '215     215     node            http__server__request 94013277608544 94013277609376 "10.0.0.7" 51214 "GET" "/notes?page=2" 23',
        '215     215     node            http__server__request 94013277625984 94013277626816 "10.0.0.7" 51230 "POST" "/notes" 24',
        '',
      ].join('\n'),
    );
    const ofProcess = (pid: string) =>
      objects(beespoke('trace-usdt', '-p', pid, 'libc:setjmp', '--json', '--simulate'));
    expect(ofProcess('215')).toEqual([]);
    expect(ofProcess('181')).toEqual([
      {
        pid: 181,
        tid: 181,
        comm: 'bash',
        provider: 'libc',
        probe: 'setjmp',
        args: ['140727085506720', 1, '93873349147733'],
        argsCut: [],
      },
    ]);
    const listed = objects(beespoke('trace-usdt', '-l', 'node', '--json', '--simulate'));
    expect(listed.map(({ name }) => name)).toEqual([
      'http__server__request',
      'gc__start',
      'gc__done',
    ]);
  });

  const files = '/usr/bin/bash, /usr/lib/x86_64-linux-gnu/libc.so.6, /usr/bin/node';
  it.each([
    [['funccount'], 2, "say what to count: funccount 'vfs_*'"],
    [['funccount', 'u:node'], 2, "say what to count: funccount 'u:libstdc++.so.6:*'"],
    [['funccount', 'vfs_wr?te_all'], 1, 'no function fits vfs_wr?te_all'],
    [['funccount', 'u:node:tcp*'], 1, 'no static probe fits u:node:tcp*'],
    [
      ['funccount', '/bin/nothing:main'],
      1,
      `the recorded world has no file /bin/nothing, but ${files}`,
    ],
    [
      ['trace-usdt', 'node:node:gc'],
      1,
      'node has no static probe node:gc; it has node:http__server__request, node:gc__start, node:gc__done',
    ],
    [
      ['trace-usdt', '-p', '4', 'node:gc'],
      1,
      'of the recorded processes, 181 and 215 have files mapped, not 4',
    ],
    [['bashreadline', '-s', 'zsh'], 1, `the recorded world has no file zsh, but ${files}`],
  ])('says of %j what is wrong', (args, status, sentence) => {
    expect(run(...args, '--simulate')).toMatchObject({
      status,
      stdout: '',
      stderr: `beespoke: ${sentence}\n`,
    });
  });

  it.each(Object.keys(SUMMARIES))('plays a world through %s', (name) => {
    const given: Readonly<Record<string, readonly string[]>> = {
      funccount: ['*'],
      'trace-usdt': ['libc.so.6:libc:setjmp'],
    };
    const rows = objects(beespoke(name, ...(given[name] ?? []), '--json', '--simulate'));
    expect(rows.length).toBeGreaterThan(0);
  });
});
