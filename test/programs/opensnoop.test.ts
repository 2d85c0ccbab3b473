import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, open, openSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonLine } from '../../src/cli/printer.ts';
import { type Feature, loadObject } from '../../src/kernel/index.ts';
import { type OpenEvent, opensnoop } from '../../src/programs/opensnoop.ts';
import { defaults, type EventOutput, type GivenValues } from '../../src/programs/tool.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { Cli, Shell } from './shell.ts';

type Given = GivenValues<typeof opensnoop.options>;
type Syscall = (
  number: number,
  ...args: (number | bigint | string | Uint8Array | null)[]
) => number;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'opensnoop-'));
  writeFileSync(join(directory, 'file'), '');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const output = opensnoop.output as EventOutput<typeof opensnoop.options, OpenEvent>;
const options = (given: Given) => defaults(opensnoop.options, given);

const MOMENT = { time: '22:15:35', epochMs: Date.UTC(2026, 10, 21, 21, 15, 35, 120) };

/** What opensnoop says of `action`. */
const watch = async (given: Given, action: () => unknown, without: readonly Feature[] = []) => {
  using loaded = loadObject(opensnoop.object(given), { without });
  loaded.attach();
  loaded.maps.events.drain(() => {}); // attaching opens files
  await action();
  loaded.detach();
  const events: OpenEvent[] = [];
  loaded.maps.events.drain((event) => events.push(event));
  return {
    events,
    rows: events.map((event) => output.json(event, options(given), MOMENT)),
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
  createRequire(import.meta.url)('koffi')
    .load(null)
    .func(`long syscall(long, ${types})`);
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
      return `\n${cli.stdout}`
        .replaceAll(String(shell.pid).padEnd(6), '1234  ')
        .replace(/\d\d:\d\d:\d\d/g, 'hh:mm:ss');
    };
    expect(await columns()).toMatchInlineSnapshot(`
      "
      PID    COMM              FD ERR PATH
      1234   sh                 3   0 file
      1234   sh                -1   2 missing
      1234   sh                 3   0 made
      "
    `);
    expect(await columns('-T', '-U', '-e')).toMatchInlineSnapshot(`
      "
      TIME     UID     PID    COMM              FD ERR FLAGS    MODE  PATH
      hh:mm:ss 0       1234   sh                 3   0 00000000 n/a   file
      hh:mm:ss 0       1234   sh                -1   2 00000000 n/a   missing
      hh:mm:ss 0       1234   sh                 3   0 00001101 0666  made
      "
    `);
  });

  it('ends by itself with -d, and does not end at a name that does not match', async () => {
    await using shell = new Shell({ cwd: directory });
    await shell.run('true');
    await using cli = new Cli('opensnoop', '-p', String(shell.pid), '-n', 'nobody', '-d', '1');
    await cli.attached();
    await shell.open('file', 10);
    expect(await cli.ended()).toBe(0);
    expect(cli.lines).toHaveLength(1);
  });

  it('says what it cannot see', async () => {
    await using cli = new Cli('opensnoop', '--help');
    expect(await cli.ended()).toBe(0);
    expect(cli.stdout).toContain('io_uring');
    expect(cli.stdout).toContain('32-bit');
    expect(cli.stdout).toMatch(/-d, --duration SECONDS/);
  });

  describe('filters', () => {
    it('-x: keeps failures, and forgets the others all the same', async () => {
      const { rows, left } = await watch({ ...own, failed: true }, () => {
        for (let i = 0; i < 10; i++) attempt(join(directory, 'file'));
        attempt(join(directory, 'missing'));
      });
      expect(rows).toMatchObject([{ fd: -1, err: 2, path: join(directory, 'missing') }]);
      expect(left).toBe(0);
    });

    it('-t: keeps one thread', async () => {
      const other = () => promisify(open)(join(directory, 'file'), 'r').then(closeSync);
      const all = await watch({ pid: process.pid }, other);
      expect(all.rows).toMatchObject([{ pid: process.pid, path: join(directory, 'file') }]);
      expect(all.events[0]!.tid).not.toBe(process.pid);
      expect((await watch(own, other)).rows).toEqual([]);
    });

    it('-u: keeps one user, root among them', async () => {
      await using root = new Shell();
      await using nobody = new Shell({ uid: 64_321 });
      const both = async () => {
        await root.open('/etc/passwd');
        await nobody.open('/etc/passwd');
      };
      const { rows } = await watch({ uid: 64_321 }, both);
      expect(rows).toMatchObject([{ pid: nobody.pid, uid: 64_321, path: '/etc/passwd' }]);
      const pids = (await watch({ uid: 0 }, both)).rows.map(({ pid }) => pid);
      expect(pids).toContain(root.pid);
      expect(pids).not.toContain(nobody.pid);
      expect((await watch({ uid: 0xffff_fffe }, both)).rows).toEqual([]);
    });

    it('-n: keeps part of a name', () => {
      const filter = output.filter as (...args: unknown[]) => boolean;
      expect(filter({ comm: 'domain' }, { name: 'main' })).toBe(true);
      expect(filter({ comm: 'maid' }, { name: 'main' })).toBe(false);
      expect(filter({ comm: 'maid' }, { name: undefined })).toBe(true);
    });

    it('--cgroup: loads with an empty cgroup, which nothing is in', async () => {
      const { rows, left } = await watch({ cgroup: '/some' }, () => attempt('/etc/passwd'));
      expect(rows).toEqual([]);
      expect(left).toBe(0);
    });
  });

  describe('paths', () => {
    const opened = (type: string, path: string | number | Uint8Array) => () =>
      syscall(`int, ${type}, int, int`)(NUMBERS.openat, AT_FDCWD, path, 0, 0);

    it('are whole up to the longest that there can be', async () => {
      // Loads koffi, which opens files.
      opened('str', '/etc/passwd')();
      const longest = `${directory}/${'./'.repeat(2048)}`.slice(0, PAGE - 1);
      const { rows } = await watch(own, opened('str', longest));
      expect(rows).toMatchObject([{ err: 0, path: longest, pathCut: false }]);
    });

    it('are marked when they are longer', async () => {
      const { rows, events } = await watch(own, opened('str', 'x'.repeat(PAGE)));
      expect(rows).toMatchObject([{ fd: -1, err: 36, path: 'x'.repeat(PAGE), pathCut: true }]);
      const { text } = output.columns(options({})).at(-1)!;
      expect(text(events[0]!, MOMENT)).toBe(`${'x'.repeat(PAGE)}...`);
    });

    it('are empty when they are, and when their address is bad', async () => {
      const { rows, events } = await watch(own, () => {
        opened('str', '')();
        opened('int64_t', 8)();
      });
      expect(rows).toMatchObject([
        { err: 2, path: '' },
        { err: 14, path: '' },
      ]);
      expect(events.map(({ pathSize }) => pathSize)).toEqual([1, -14]);
    });

    it('may hold anything', async () => {
      const { rows } = await watch(own, opened('str', 'naïve\n\u2603'));
      expect(rows).toMatchObject([{ path: 'naïve\n\u2603' }]);
    });
  });

  it('sees open and openat2, with their flags and modes', async () => {
    const how = new Uint8Array(new BigUint64Array([0o102n, 0o640n, 0n]).buffer);
    const bad = new Uint8Array(new BigUint64Array([0n, 0o640n, 0n]).buffer);
    const flags = 0o1101;
    const { rows } = await watch({ ...own, extended: true }, () => {
      const openat2 = syscall('int, str, void *, size_t');
      closeSync(openat2(NUMBERS.openat2, AT_FDCWD, join(directory, 'two'), how, 24));
      openat2(NUMBERS.openat2, AT_FDCWD, join(directory, 'file'), bad, 24);
      openat2(NUMBERS.openat2, AT_FDCWD, join(directory, 'file'), null, 24);
      if (process.arch === 'x64') {
        closeSync(syscall('str, int, int')(NUMBERS.open, join(directory, 'one'), flags, 0o604));
      }
    });
    expect(rows).toMatchObject([
      { err: 0, path: join(directory, 'two'), flags: 0o102, mode: 0o640 },
      { err: 22, path: join(directory, 'file'), flags: 0, mode: null },
      { err: 14, path: join(directory, 'file'), flags: 0, mode: null },
      ...(process.arch === 'x64'
        ? [{ err: 0, path: join(directory, 'one'), flags, mode: 0o604 }]
        : []),
    ]);
  });

  it('shows all 64 bits of the flags and the mode of openat2', async () => {
    const all = 2n ** 64n - 1n;
    const how = (flags: bigint, mode: bigint) =>
      new Uint8Array(new BigUint64Array([flags, mode, 0n]).buffer);
    const hows = [how(all, all), how((1n << 63n) | 0o100n, 0o640n), how(0o100n, 2n ** 53n - 1n)];
    const { rows, events } = await watch({ ...own, extended: true }, () => {
      const openat2 = syscall('int, str, void *, size_t');
      for (const each of hows) openat2(NUMBERS.openat2, AT_FDCWD, '/etc/passwd', each, 24);
    });
    expect(JSON.parse(`[${rows.map(jsonLine).join()}]`)).toMatchObject([
      { err: 22, flags: '18446744073709551615', mode: '18446744073709551615' },
      { err: 22, flags: '9223372036854775872', mode: 0o640 },
      { err: 22, flags: 0o100, mode: 2 ** 53 - 1 },
    ]);
    const columns = output.columns(options({ extended: true })).slice(-3, -1);
    expect(events.map((event) => columns.map(({ text }) => text(event, MOMENT)))).toEqual([
      ['1777777777777777777777', '1777777777777777777777'],
      ['1000000000000000000100', '0640'],
      ['00000100', '377777777777777777'],
    ]);
  });

  it('-T: says the time, in JSON first and in UTC', async () => {
    const given = { ...own, timestamp: true };
    const { rows } = await watch(given, () => attempt('/etc/passwd'));
    expect(Object.entries(rows[0]!)[0]).toEqual(['time', '2026-11-21T21:15:35.120Z']);
  });

  describe('-F', () => {
    const full = { ...own, fullPath: true };
    const from = async (place: string, ...paths: string[]) => {
      const before = process.cwd();
      try {
        process.chdir(place);
        return (await watch(full, () => paths.forEach(attempt))).rows;
      } finally {
        process.chdir(before);
      }
    };

    it('puts the working directory before relative paths', async () => {
      expect(await from(directory, 'file', './missing', '../x', '/etc/passwd')).toMatchObject([
        { err: 0, path: `${directory}/file`, pathCut: false },
        { err: 2, path: `${directory}/./missing` },
        { path: `${directory}/../x` },
        { path: '/etc/passwd' },
      ]);
      expect(await from('/', 'etc/passwd')).toMatchObject([{ err: 0, path: '/etc/passwd' }]);
    });

    it('crosses mounts', async () => {
      const status = 'status';
      expect(await from(`/proc/${process.pid}/task`, '../status')).toMatchObject([
        { err: 0, path: `/proc/${process.pid}/task/../${status}` },
      ]);
    });

    it('starts from the directory that openat was given', async () => {
      const at = openSync(directory, 'r');
      const openat = syscall('int, str, int, int');
      try {
        const { rows } = await watch(full, () => {
          closeSync(openat(NUMBERS.openat, at, 'file', 0, 0));
          openat(NUMBERS.openat, 9999, 'file', 0, 0);
          openat(NUMBERS.openat, -7, 'file', 0, 0);
        });
        expect(rows).toMatchObject([
          { err: 0, path: `${directory}/file`, pathCut: false },
          { err: 9, path: 'file', pathCut: false },
          { err: 9, path: 'file', pathCut: false },
        ]);
      } finally {
        closeSync(at);
      }
    });

    it('marks directories that are too deep', async () => {
      const deep = join(directory, 'd/'.repeat(70));
      mkdirSync(deep, { recursive: true });
      const [row] = await from(deep, 'file');
      expect(row).toMatchObject({ path: `.../${'d/'.repeat(64)}file`, pathCut: true });
    });

    it('takes long names with long paths', async () => {
      const names = Array.from({ length: 12 }, (_, i) => String.fromCharCode(97 + i).repeat(250));
      const long = join(directory, ...names);
      mkdirSync(long, { recursive: true });
      const path = './'.repeat(2047);
      expect(await from(long, path)).toMatchObject([{ err: 0, path: `${long}/${path}` }]);
    });
  });

  it('counts what a full map of calls refuses, beside a second opensnoop that has room', async () => {
    const pipe = join(directory, 'pipe');
    spawnSync('mkfifo', [pipe]);
    const small = opensnoop.object as unknown as (given: Given, calls: number) => never;
    using crowded = loadObject(
      small(options({ pid: process.pid }), 2) as ReturnType<typeof opensnoop.object>,
    );
    crowded.attach();
    const { events, losses } = await watch({ pid: process.pid }, async () => {
      crowded.maps.events.drain(() => {});
      // Each waits for a writer, which is the last to come.
      const readers = [1, 2, 3, 4].map(() => promisify(open)(pipe, 'r'));
      await new Promise((done) => setTimeout(done, 200));
      const writer = openSync(pipe, 'r+');
      for (const fd of [writer, ...(await Promise.all(readers))]) closeSync(fd);
      crowded.detach();
    });
    let received = 0;
    crowded.maps.events.drain(() => received++);
    expect(losses.total).toBe(0);
    expect(crowded.losses().refused).toMatchObject({ openings: 3 });
    expect(received + crowded.losses().total).toBe(events.length);
    expect(crowded.maps.openings.count()).toBe(0);
  });

  it('counts what a full buffer refuses', async () => {
    for (const without of [[], ['ringbuf']] as const) {
      const { events, losses, left } = await watch(
        { ...own, buffer: PAGE },
        () => {
          for (let i = 0; i < 300; i++) attempt(join(directory, 'file'));
        },
        without,
      );
      expect(events.length).toBeGreaterThan(10);
      expect(losses.refused.events).toBeGreaterThan(0);
      expect(events.length + losses.total).toBe(300);
      expect(left).toBe(0);
    }
  });

  it('does the same on kernels that lack something', async () => {
    const features = [
      ['ringbuf'],
      ['perfLink'],
      ['isaV4'],
      ['mmap'],
      ['batch'],
      ['tp_btf', 'raw_tp'],
    ];
    for (const without of features as Feature[][]) {
      const all = { ...own, extended: true, fullPath: true };
      const { rows, losses } = await watch(
        all,
        () => {
          for (let i = 0; i < 20; i++) attempt(join(directory, 'file'));
          attempt(join(directory, 'missing'));
        },
        without,
      );
      expect(rows.slice(0, 20)).toEqual(Array(20).fill(rows[0]));
      expect(rows).toHaveLength(21);
      expect(rows[0]).toMatchObject({ err: 0, path: join(directory, 'file') });
      expect(rows[20]).toMatchObject({ fd: -1, err: 2, path: join(directory, 'missing') });
      expect(losses.total).toBe(0);
    }
  });

  it('needs the types of the kernel, and says so', () => {
    expect(() => loadObject(opensnoop.object(options({})), { without: ['btf'] })).toThrow(
      /type information/,
    );
  });
});
