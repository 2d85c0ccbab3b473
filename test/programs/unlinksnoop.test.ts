import { existsSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kernel, noBpf } from '../syscall/support.ts';
import { Cli } from './shell.ts';

/** Here and not there: fentry alone cannot be told from the outside. */
const hasKprobes = existsSync('/sys/bus/event_source/devices/kprobe');

describe.skipIf(noBpf)(kernel('unlinksnoop'), () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'beespoke-unlink-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  /** Deletes a file, and once more. */
  const unlink = (path: string): void => {
    writeFileSync(path, '');
    unlinkSync(path);
    expect(() => unlinkSync(path)).toThrow('ENOENT');
  };

  it('shows files that are deleted, and those that could not be', async () => {
    const path = join(directory, 'file');
    await using cli = new Cli('unlinksnoop', '-p', String(process.pid));
    await cli.attached();
    unlink(path);
    expect(await cli.stop()).toBe(0);
    const pid = String(process.pid).padEnd(6);
    const head = (line: string) => line.slice(0, 6);
    expect(cli.lines[0]).toBe('PID    COMM              RET PATH');
    expect(cli.lines.slice(1).map(head)).toEqual([pid, pid]);
    expect(cli.lines.slice(1).map((line) => line.slice(24))).toEqual([
      `   0 ${path}`,
      `  -2 ${path}`,
    ]);
  });

  it('shows failures only, and long paths whole', async () => {
    const path = `${directory}/${'./'.repeat(1900)}file`;
    await using cli = new Cli('unlinksnoop', '-x', '--json', '-p', String(process.pid));
    await cli.attached();
    unlink(path);
    await cli.stop();
    expect(cli.objects).toMatchObject([{ pid: process.pid, result: -2, path }]);
  });

  it('says which variant it took, or that there is none', async () => {
    await using cli = new Cli('unlinksnoop', '-v', '--duration', '1');
    expect(await cli.ended()).toBe(0);
    expect(cli.stderr).toMatch(
      hasKprobes
        ? /^enter: (fentry|kprobe)\/\w+_unlinkat, program \d+/m
        : /^enterUnlink: tracepoint\/syscalls\/sys_enter_unlink, program \d+/m,
    );
    if (hasKprobes) return;
    await using forced = new Cli('unlinksnoop', '--kprobe');
    expect(await forced.ended()).toBe(3);
    expect(forced.stderr).toBe(
      'beespoke: enter: this kernel does not have kprobe/do_unlinkat nor kprobe/filename_unlinkat\n',
    );
    await using both = new Cli('unlinksnoop', '--kprobe', '--fentry');
    expect(await both.ended()).toBe(2);
  });
});
