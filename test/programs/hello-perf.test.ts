import { closeSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Feature, loadObject } from '../../src/kernel/index.ts';
import { type HelloEvent, helloPerf } from '../../src/programs/hello-perf.ts';
import { opensnoop } from '../../src/programs/opensnoop.ts';
import { defaults, type EventOutput } from '../../src/programs/tool.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { Cli, Shell } from './shell.ts';

const attempt = (path: string): void => {
  try {
    closeSync(openSync(path, 'r'));
  } catch {
    // The tool tells.
  }
};

/** What hello-perf says of what this process does in `action`. */
const watch = (
  action: () => void,
  { buffer, without }: { readonly buffer?: number; readonly without?: readonly Feature[] } = {},
) => {
  using loaded = loadObject(helloPerf.object({ pid: process.pid, buffer }), { without });
  loaded.attach();
  loaded.maps.events.drain(() => {}); // attaching opens files
  action();
  loaded.detach();
  const events: HelloEvent[] = [];
  loaded.maps.events.drain((event) => events.push(event));
  return { events, left: loaded.maps.paths.count(), losses: loaded.losses() };
};

describe.skipIf(noBpf)(kernel('hello-perf'), () => {
  it('prints each openat of a process once, with its file, as JSON', async () => {
    await using shell = new Shell();
    await shell.run('true');
    await using cli = new Cli('hello-perf', '--json', '-p', String(shell.pid));
    await cli.attached();
    await shell.open('/etc/passwd', 100);
    await shell.open('missing');
    expect(await cli.stop()).toBe(0);
    expect(cli.stderr).not.toContain('lost');
    const common = { timeNs: expect.any(Number), pid: shell.pid, comm: 'sh', pathCut: false };
    expect(cli.objects).toEqual([
      ...Array(100).fill({ ...common, path: '/etc/passwd' }),
      { ...common, path: 'missing' },
    ]);
    const times: number[] = cli.objects.map(({ timeNs }) => timeNs);
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(0);
  });

  it('has the columns of the original, with times since the first event', async () => {
    await using shell = new Shell();
    await shell.run('true');
    await using cli = new Cli('hello-perf', '-p', String(shell.pid));
    await cli.attached();
    await shell.open('/etc/passwd', 2);
    await cli.stop();
    const shown = `\n${cli.stdout}`
      .replaceAll(String(shell.pid).padEnd(6), '1234  ')
      .replace(/0\.\d{9}(?=[^\n]*\n$)/, '0.012345678');
    expect(shown).toMatchInlineSnapshot(`
      "
      TIME(s)            COMM             PID    PATH
      0.000000000        sh               1234   /etc/passwd
      0.012345678        sh               1234   /etc/passwd
      "
    `);
  });

  it('gives the process, not the thread, and marks paths that are cut', () => {
    const path = (length: number) => `/${'x'.repeat(length - 1)}`;
    const { events, left } = watch(() => {
      for (const length of [255, 256, 1000]) attempt(path(length));
    });
    const { columns, json } = helloPerf.output as EventOutput<typeof helloPerf.options, HelloEvent>;
    const column = columns({ pid: undefined }).at(-1)!;
    expect(
      events.map((event) => json(event, { pid: undefined }, { time: '', epochMs: 0 })),
    ).toMatchObject([
      { pid: process.pid, path: path(255), pathCut: false },
      { pid: process.pid, path: path(255), pathCut: true },
      { pid: process.pid, path: path(255), pathCut: true },
    ]);
    expect(events.map((event) => column.text(event, { time: '', epochMs: 0 }))).toEqual([
      path(255),
      `${path(255)}...`,
      `${path(255)}...`,
    ]);
    expect(left).toBe(0);
  });

  it('counts what a full buffer refuses', () => {
    const { events, losses, left } = watch(
      () => {
        for (let i = 0; i < 500; i++) attempt('/etc/passwd');
      },
      { buffer: 4096 },
    );
    expect(events.length).toBeGreaterThan(10);
    expect(losses.refused.events).toBeGreaterThan(0);
    expect(events.length + losses.total).toBe(500);
    expect(left).toBe(0);
  });

  it('does the same beside another tool, and on kernels that lack something', () => {
    using other = loadObject(opensnoop.object(defaults(opensnoop.options)));
    other.attach();
    for (const without of [['perfLink'], ['isaV4'], ['mmap'], ['ringbuf']] as Feature[][]) {
      const { events, losses } = watch(
        () => {
          for (let i = 0; i < 100; i++) attempt('/etc/passwd');
        },
        { without },
      );
      expect(events.map(({ path }) => path)).toEqual(Array(100).fill('/etc/passwd'));
      expect(losses.total).toBe(0);
    }
  });
});
