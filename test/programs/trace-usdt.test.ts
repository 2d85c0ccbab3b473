import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kernel, noBpf } from '../syscall/support.ts';
import { Called } from './called.ts';
import { Cli } from './shell.ts';

const isX86 = process.arch === 'x64';
const TYPES = isX86 ? 'i32 u64 i16 i32 u64 i8' : 'i32 u64 i16 i32 u64';
const HIGH = '9223372036854775809';

describe.skipIf(noBpf)(kernel('trace-usdt'), () => {
  let called: Called;
  beforeAll(() => {
    called = new Called();
  });
  afterAll(() => called.close());

  it('lists the probes of a file, and of a process', async () => {
    await using file = new Cli('trace-usdt', '-l', called.path);
    expect(await file.ended()).toBe(0);
    expect(file.lines).toEqual([
      'PROBE                                    PLACES ARGUMENTS                      FILE',
      `called:round                                  1 ${TYPES.padEnd(30)} ${called.path}`,
    ]);
    using child = called.start();
    await child.round('');
    await using process = new Cli('trace-usdt', '-l', '-p', String(child.pid), '--json');
    expect(await process.ended()).toBe(0);
    const args = TYPES.split(' ').map((type) => ({
      size: Number(type.slice(1)) / 8,
      signed: type.startsWith('i'),
    }));
    expect(process.objects).toEqual([
      { file: called.path, provider: 'called', name: 'round', places: 1, args },
    ]);
  });

  it('shows arguments with their sizes and signs, in registers, memory and constants', async () => {
    using child = called.start();
    await using cli = new Cli('trace-usdt', '-s', '1', `${called.path}:called:round`);
    await cli.attached();
    await child.round('first "one"');
    await child.round('x'.repeat(255));
    expect(await cli.stop()).toBe(0);
    const pid = String(child.pid).padEnd(7);
    const rest = `-2 -7 ${HIGH}${isX86 ? ' -3' : ''}`;
    expect(cli.lines).toEqual([
      'PID     TID     COMM            PROBE            ARGUMENTS',
      `${pid} ${pid} called          round            -1 "first \\"one\\"" ${rest}`,
      `${pid} ${pid} called          round            -2 "${'x'.repeat(255)}" ${rest}`,
    ]);
    expect(cli.stderr).not.toContain('lost');
  });

  it.each([
    ['cookies', ''],
    ['addresses', 'perfLink'],
    ['addresses, into a perf buffer', 'perfLink,ringbuf'],
  ])('knows a process and its arguments by %s', async (_how, without) => {
    using wanted = called.start();
    using other = called.start();
    const before = process.env.BEESPOKE_WITHOUT;
    process.env.BEESPOKE_WITHOUT = without;
    const cli = new Cli('trace-usdt', '-p', String(wanted.pid), '--json', 'called:round');
    process.env.BEESPOKE_WITHOUT = before ?? '';
    await using _ = cli;
    await cli.attached();
    await other.round('no');
    await wanted.round('yes');
    expect(await cli.stop()).toBe(0);
    expect(cli.objects).toEqual([
      {
        pid: wanted.pid,
        tid: wanted.pid,
        comm: 'called',
        provider: 'called',
        probe: 'round',
        args: [-1, expect.stringMatching(/^\d+$/), -2, -7, HIGH, ...(isX86 ? [-3] : [])],
        argsCut: [],
      },
    ]);
  });

  it('says what is wrong with a probe', async () => {
    const ends = async (...args: string[]) => {
      await using cli = new Cli('trace-usdt', ...args);
      return [await cli.ended(), cli.stderr.split('\n')[0]];
    };
    expect(await ends()).toEqual([
      2,
      'beespoke: say which probe: trace-usdt FILE:PROVIDER:NAME, or trace-usdt -p PID PROVIDER:NAME; -l lists them',
    ]);
    expect((await ends('::')).at(0)).toBe(2);
    expect((await ends('-p', '1', 'called:')).at(0)).toBe(2);
    expect(await ends('-s', 'x', 'a:b:c')).toEqual([
      2,
      'beespoke: --strings takes numbers of arguments, as 0,2, got "x"',
    ]);
    expect(await ends(`${called.path}:called:none`)).toEqual([
      1,
      `beespoke: ${called.path} has no static probe called:none; it has called:round`,
    ]);
    expect(await ends('-s', '9', `${called.path}:called:round`)).toEqual([
      1,
      `beespoke: ${called.path}:called:round has ${TYPES.split(' ').length} arguments, from 0 on: there is no 9`,
    ]);
  });
});
