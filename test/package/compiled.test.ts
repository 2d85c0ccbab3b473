/**
 * Compiled code that is kept beside the tools: used where it fits, replaced where it does not, and never in the way.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { noBpf } from '../syscall/support.ts';
import { build } from './built.ts';

const built = build();
afterAll(() => built.remove());

const folder = join(built.directory, 'dist/cli');
const caches = () => readdirSync(folder).filter((name) => name.includes('.cache'));
const cache = () => join(folder, caches()[0]!);
const runArguments = [built.main, 'exitsnoop', '--duration', '1', '--pid', String(process.pid)];

const run = (env: Readonly<Record<string, string>> = {}): string => {
  const { stdout, stderr, status } = spawnSync(process.execPath, runArguments, {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  });
  expect(stderr).toMatch(/^exitsnoop: attached/);
  expect(status).toBe(0);
  return stdout;
};

describe.skipIf(noBpf)('compiled code', () => {
  beforeEach(() => {
    for (const name of caches()) rmSync(join(folder, name));
  });

  it('is kept by the first run of a tool, and left as it is by the next', () => {
    const printed = run();
    expect(caches()).toEqual([
      expect.stringMatching(
        `^tool-[\\w-]{8}\\.exitsnoop-${process.version}-${process.arch}\\.cache$`,
      ),
    ]);
    const { ino, size } = statSync(cache());
    expect(size).toBeGreaterThan(100_000);
    expect(run()).toBe(printed);
    expect(statSync(cache()).ino).toBe(ino);
  });

  for (const [what, change] of [
    [
      'of another V8',
      (bytes: Buffer) =>
        bytes.fill(0x55, 4, 8).fill(0x55, bytes.length / 2 + 4, bytes.length / 2 + 8),
    ],
    ['with a page of zeros', (bytes: Buffer) => bytes.fill(0, 409_600, 413_696)],
    ['that was cut', (bytes: Buffer) => bytes.subarray(0, 5000)],
    ['of length 0', () => Buffer.alloc(0)],
    ['that is none', () => Buffer.from('nothing of the kind')],
  ] as const) {
    it(`${what} is replaced`, () => {
      run();
      const good = readFileSync(cache());
      writeFileSync(cache(), change(Buffer.from(good)));
      run();
      const { ino, size } = statSync(cache());
      expect(size).toBeGreaterThan(100_000);
      run();
      expect(statSync(cache()).ino).toBe(ino);
      expect(caches()).toHaveLength(1);
    });
  }

  it('is not cluttered by runs that were killed while they kept it', () => {
    const left = join(folder, 'tool-abcdefgh.exitsnoop-v20.0.0-x64.cache-4194305');
    writeFileSync(left, '');
    run();
    expect(caches()).toHaveLength(1);
    expect(cache()).not.toBe(left);
  });

  it('is no reason to fail where nothing may be written or removed', () => {
    const [major = 0] = process.versions.node.split('.').map(Number);
    const permission = major >= 24 ? '--permission' : '--experimental-permission';
    const permissions = [permission, '--allow-fs-read=*', '--allow-addons'];
    const { stderr, status } = spawnSync(process.execPath, [...permissions, ...runArguments], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect(stderr).toMatch(/exitsnoop: attached/);
    expect(status).toBe(0);
    expect(caches()).toEqual([]);
  });

  it('is not kept where the user may not write', () => {
    const who = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
    const may = ['--inh-caps', '+bpf,+perfmon', '--ambient-caps', '+bpf,+perfmon'];
    const { stderr, status } = spawnSync(
      'setpriv',
      [...who, ...may, process.execPath, ...runArguments],
      { encoding: 'utf8' },
    );
    expect(stderr).toMatch(/^exitsnoop: attached/);
    expect(status).toBe(0);
    expect(caches()).toEqual([]);
  });

  it('is not kept where Node is told not to, nor by runs that show but a part of the tool', () => {
    run({ NODE_DISABLE_COMPILE_CACHE: '1' });
    for (const option of ['--help', '--simulate', '--nothing'])
      spawnSync(process.execPath, [built.main, 'exitsnoop', option]);
    expect(caches()).toEqual([]);
  });

  it('leads to the same lines of TypeScript', async () => {
    const lines = async (): Promise<string> => {
      const child = spawn(process.execPath, [...runArguments, '--verbose'], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      for await (const text of child.stderr) {
        said += text;
        if (said.includes('attached')) break;
      }
      const id = /program (\d+)/.exec(said)![1]!;
      const dump = execFileSync('bpftool', ['prog', 'dump', 'xlated', 'id', id, 'linum'], {
        encoding: 'utf8',
      });
      child.kill('SIGINT');
      await once(child, 'exit');
      return dump.replace(/map\[id:\d+\]/g, 'map');
    };
    const first = await lines();
    expect(first).toMatch(/exitsnoop\.ts line_num:\d+/);
    expect(caches()).toHaveLength(1);
    expect(await lines()).toBe(first);
  });
});
