import { openSync, writeFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { tracefs } from '../../src/kernel/tracefs.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { Cli, Shell } from './shell.ts';

/** More lines than the trace has room for: 1.4 MB for each CPU, in records of 32 bytes and more. */
const OPENS = 100_000;

const existsNot = (path: string): void => {
  try {
    openSync(path, 'r');
  } catch {
    // So it is.
  }
};

/** Prints a line of someone else's into the trace. */
const mark = (text: string): void => writeFileSync(`${tracefs()}/trace_marker`, text);

describe.skipIf(noBpf)(kernel('hello'), () => {
  it('prints one line for each openat of the process, and none of others', async () => {
    await using shell = new Shell();
    await shell.run('true');
    await using other = new Shell();
    await using cli = new Cli('hello', '--json', '-p', String(shell.pid));
    await cli.attached();
    mark('Hello, World!');
    await other.open('/etc/passwd', 3);
    await shell.open('/etc/passwd', 100);
    expect(await cli.stop()).toBe(0);
    expect(cli.stderr).not.toMatch(/lost/i);
    expect(cli.objects).toHaveLength(100);
    for (const row of cli.objects) {
      expect(row).toEqual({
        comm: 'sh',
        pid: shell.pid,
        cpu: expect.any(Number),
        timeNs: expect.any(Number),
        message: 'Hello, World!',
      });
    }
    const times = cli.objects.map(({ timeNs }) => timeNs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it.each(['perfLink', 'mmap', 'btf', 'perfLink,mmap,btf,isaV4,batch,tp_btf,raw_tp,ringbuf'])(
    'does without %s',
    async (without) => {
      vi.stubEnv('BEESPOKE_WITHOUT', without);
      await using shell = new Shell();
      await shell.run('true');
      await using cli = new Cli('hello', '-p', String(shell.pid), '--json');
      vi.unstubAllEnvs();
      await cli.attached();
      await shell.open('/etc/passwd', 3);
      expect(await cli.stop()).toBe(0);
      expect(cli.objects).toHaveLength(3);
    },
  );

  it('has the fields of a trace line for columns', async () => {
    await using shell = new Shell();
    await shell.run('true');
    await using cli = new Cli('hello', '-p', String(shell.pid));
    await cli.attached();
    await shell.open('/etc/passwd');
    await cli.stop();
    const shown = `\n${cli.stdout}`
      .replace(/^\d+\.\d{6} */m, '12.345678'.padEnd(19))
      .replace(`sh               ${String(shell.pid).padEnd(6)}`, 'sh               1234  ')
      .replace(/ \d( +Hello)/, ' 0$1');
    expect(shown).toMatchInlineSnapshot(`
      "
      TIME(s)            COMM             PID    CPU MESSAGE
      12.345678          sh               1234   0   Hello, World!
      "
    `);
  });

  it('tells what was overwritten before it was read, and nothing else is lost', async () => {
    await using cli = new Cli('hello', '--json', '-p', String(process.pid));
    await cli.attached();
    const before = OPENS;
    process.kill(cli.pid, 'SIGSTOP');
    try {
      for (let i = 0; i < before; i++) existsNot('/nonexistent');
    } finally {
      process.kill(cli.pid, 'SIGCONT');
    }
    expect(await cli.stop()).toBe(0);
    const lost = [...cli.stderr.matchAll(/^\[LOST (\d+) EVENTS\]/gm)];
    expect(lost.length).toBeGreaterThan(0);
    const sum = lost.reduce((total, [, count]) => total + Number(count), 0);
    expect(cli.objects.length + sum).toBe(before);
  });

  it('leaves the pipe to the next one, and refuses a second reader', async () => {
    await using first = new Cli('hello');
    await first.attached();
    await using second = new Cli('hello');
    expect(await second.ended()).toBe(1);
    expect(second.stderr).toContain('is read by another process');
    expect(await first.stop()).toBe(0);
    await using third = new Cli('hello', '--duration', '1');
    expect(await third.ended()).toBe(0);
  });
});
