import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, open, openSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Feature, loadObject } from '../../src/kernel/index.ts';
import { type OpenEvent, opensnoop } from '../../src/programs/opensnoop.ts';
import { defaults } from '../../src/programs/tool.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { Cli, Shell } from './shell.ts';

type Given = Parameters<typeof opensnoop.object>[0];
type Syscall = (number: number, ...args: (number | bigint | string | Uint8Array | null)[]) => number;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'opensnoop-'));
  writeFileSync(join(directory, 'file'), '');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const options = (given: Partial<Given>): Given => ({ ...defaults(opensnoop.options), ...given });

/** What opensnoop says of `action`. */
const watch = async (
  given: Partial<Given>,
  action: () => unknown,
  without: readonly Feature[] = [],
) => {
  using loaded = loadObject(opensnoop.object(options(given)), { without });
  loaded.attach();
  await action();
  loaded.detach();
  const events: OpenEvent[] = [];
  loaded.maps.events.drain((event) => events.push(event));
  return {
    events,
    rows: events.map((event) => opensnoop.output.json(event, options(given))),
    left: loaded.maps.openings.count(),
    losses: loaded.losses(),
  };
};
const own = { pid: process.pid, tid: process.pid };

const attempt = (path: string): void => {
  try {
    closeSync(openSync(path, 'r'));
  } catch {
    // The tool tells.
  }
};

/** System calls by their numbers, which libc may not use. */
const syscall = (types: string): Syscall =>
  createRequire(import.meta.url)('koffi').load(null).func(`long syscall(long, ${types})`);
const NUMBERS = { open: 2, openat: process.arch === 'arm64' ? 56 : 257, openat2: 437 };
const AT_FDCWD = -100;
const PAGE = 4096;

describe.skipIf(noBpf)(kernel('opensnoop'), () => {
  it('prints 100 opens of a file and one that fails, each once, as JSON', async () => {
    await using shell = new Shell({ cwd: directory });
    await shell.run('true');
    await using cli = new Cli('opensnoop', '--json', '-p', String(shell.pid));
    await cli.attached();
    await shell.open(join(directory, 'file'), 100);
    await shell.open('missing');
    expect(await cli.stop()).toBe(0);
    expect(cli.stderr).not.toContain('lost');
    const rows = cli.objects.filter(({ path }) => /file|missing/.test(path));
    const common = { pid: shell.pid, tid: shell.pid, uid: process.getuid!(), comm: 'sh' };
    expect(rows).toEqual([
      ...Array(100).fill({
        ...common,
        fd: 3,
        err: 0,
        path: join(directory, 'file'),
        pathCut: false,
      }),
      { ...common, fd: -1, err: 2, path: 'missing', pathCut: false },
    ]);
  });

  it('has the columns of the original', async () => {
    await using shell = new Shell({ cwd: directory });
    await shell.run('true');
    const columns = async (...args: string[]) => {
      await using cli = new Cli('opensnoop', '-p', String(shell.pid), ...args);
      await cli.attached();
      await shell.open('file');
      await shell.open('missing');
      await shell.run('umask 0; echo > made');
      await cli.stop();
      const pid = String(shell.pid);
      return `\n${cli.stdout.replaceAll(pid, 'PID'.padEnd(pid.length)).replace(/\d\d:\d\d:\d\d/g, 'hh:mm:ss')}`;
    };
    const pidWidth = String(shell.pid).length;
    const shown = (text: string) => text.replaceAll('PID'.padEnd(pidWidth), 'PID');
    expect(shown(await columns()).replace(/PID +COMM/, 'PID COMM').replace(/PID +sh/g, 'PID sh'))
      .toMatchInlineSnapshot();
    expect(
      shown(await columns('-T', '-U', '-e'))
        .replace(/PID +COMM/, 'PID COMM')
        .replace(/PID +sh/g, 'PID sh'),
    ).toMatchInlineSnapshot();
  });
});
