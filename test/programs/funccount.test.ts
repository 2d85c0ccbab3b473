import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timeless } from '../cli/support.ts';
import { noCompiler, Probed } from '../kernel/probed.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { Called } from './called.ts';
import { Cli } from './shell.ts';

/** A tool on a kernel without some features. */
const cliWithout = (without: string, ...args: string[]): Cli => {
  const before = process.env.BEESPOKE_WITHOUT;
  process.env.BEESPOKE_WITHOUT = without;
  try {
    return new Cli(...args);
  } finally {
    if (before === undefined) delete process.env.BEESPOKE_WITHOUT;
    else process.env.BEESPOKE_WITHOUT = before;
  }
};

describe.skipIf(noBpf)(kernel('funccount'), () => {
  let called: Called;
  beforeAll(() => {
    called = new Called();
  });
  afterAll(() => called.close());

  it.each([
    ['one program', '', 'count: uprobe.multi/'],
    ['a program for each', 'uprobeMulti', 'count1: uprobe'],
  ])('counts every call of functions of a file, with %s', async (_how, without, hook) => {
    using child = called.start();
    await using cli = cliWithout(without, 'funccount', '-v', `${called.path}:called_*`);
    await cli.attached();
    for (let round = 0; round < 50; round++) await child.round('');
    expect(await cli.stop()).toBe(0);
    expect(cli.stdout.split('\n')).toEqual([
      `Tracing 2 functions for "${called.path}:called_*"... Hit Ctrl-C to end.`,
      '',
      'FUNC                                    COUNT',
      'called_once                                50',
      'called_twice                              100',
      '',
    ]);
    expect(cli.stderr).toContain(`${hook}`);
    expect(cli.stderr).not.toContain('lost');
  });

  it('counts each interval what came in it, and loses none in between', async () => {
    using child = called.start();
    await using cli = new Cli('funccount', '-i', '1', '--json', `${called.path}:called_once`);
    await cli.attached();
    const end = Date.now() + 3500;
    let rounds = 0;
    for (; Date.now() < end; rounds++) await child.round('');
    expect(await cli.stop()).toBe(0);
    const counts = cli.objects.map(({ name, count }) => {
      expect(name).toBe('called_once');
      return count;
    });
    expect(counts.length).toBeGreaterThan(1);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(rounds);
  });

  it('counts one process', async () => {
    using wanted = called.start();
    using other = called.start();
    await wanted.round('');
    const args = ['-p', String(wanted.pid), '--json', `${called.path}:called_once`];
    await using cli = new Cli('funccount', ...args);
    await cli.attached();
    await wanted.round('');
    for (let round = 0; round < 3; round++) await other.round('');
    await cli.stop();
    expect(timeless(cli.objects)).toEqual([{ name: 'called_once', count: 1 }]);
  });

  it('leaves out functions that cannot be probed, as pthread_spin_lock', async () => {
    await using cli = new Cli('funccount', 'c:pthread_spin_*');
    await cli.attached();
    expect(await cli.stop()).toBe(0);
  });

  it('counts tracepoints', async () => {
    using child = called.start();
    await child.round('');
    const args = ['-p', String(child.pid), '--json', 't:syscalls:sys_enter_writ*'];
    await using cli = new Cli('funccount', ...args);
    await cli.attached();
    for (let round = 0; round < 7; round++) await child.round('');
    await cli.stop();
    expect(timeless(cli.objects)).toEqual([{ name: 'syscalls:sys_enter_write', count: 7 }]);
  });

  it('counts what a regular expression fits', async () => {
    using child = called.start();
    await using cli = new Cli(
      'funccount',
      '-r',
      '--json',
      `${called.path}:called_(once|never)|rea`,
    );
    await cli.attached();
    for (let round = 0; round < 7; round++) await child.round('');
    await cli.stop();
    expect(timeless(cli.objects)).toEqual([
      { name: 'called_once', count: 7 },
      { name: 'readline', count: 7 },
    ]);
    const pattern = 't:syscalls:sys_enter_(write|openat2?)$';
    const args = ['-r', '-p', String(child.pid), '--json', pattern];
    await using tracepoints = new Cli('funccount', ...args);
    await tracepoints.attached();
    await child.round('text');
    await tracepoints.stop();
    expect(timeless(tracepoints.objects)).toEqual([{ name: 'syscalls:sys_enter_write', count: 1 }]);
  });

  it.skipIf(noCompiler !== undefined).each([
    ['one program', '', 'count: uprobe.multi/'],
    ['a program for each place', 'uprobeMulti', 'count1: uprobe'],
  ])(
    `counts static probes, those too that a semaphore turns on, with %s${noCompiler ? ` (skipped: ${noCompiler})` : ''}`,
    async (_how, without, hook) => {
      const probed = new Probed();
      try {
        using child = await probed.start();
        await using cli = cliWithout(without, 'funccount', '-v', '--json', `u:${probed.path}:*`);
        await cli.attached();
        for (let round = 0; round < 6; round++)
          expect((await child.round(round)).semaphore).toBe(1);
        expect(await cli.stop()).toBe(0);
        expect(timeless(cli.objects)).toEqual([
          { name: 'probed:counted', count: 6 },
          { name: 'probed:plain', count: 6 },
        ]);
        expect(cli.stderr).toContain(hook);
        expect((await child.round(0)).semaphore).toBe(0);
      } finally {
        probed.close();
      }
    },
  );

  it('says what it lacks', async () => {
    const ends = async (...args: string[]) => {
      await using cli = new Cli('funccount', ...args);
      return [await cli.ended(), cli.stderr];
    };
    expect(await ends()).toEqual([2, "beespoke: say what to count: funccount 'vfs_*'\n"]);
    expect((await ends('')).at(0)).toBe(2);
    expect((await ends(':f')).at(0)).toBe(2);
    expect((await ends('c:')).at(0)).toBe(2);
    expect((await ends('u:c')).at(0)).toBe(2);
    expect(await ends('-r', 'c:a(')).toEqual([
      2,
      'beespoke: --regexp: "a(" is no regular expression: unterminated group\n',
    ]);
    expect(await ends(`${called.path}:nothing*`)).toEqual([
      1,
      `beespoke: no function fits ${called.path}:nothing*\n`,
    ]);
    expect(await ends(`u:${called.path}:app:*`)).toEqual([
      1,
      `beespoke: no static probe fits u:${called.path}:app:*\n`,
    ]);
    expect(await ends('/no/such/file:f')).toEqual([
      1,
      'beespoke: there is no file /no/such/file\n',
    ]);
  });
});
