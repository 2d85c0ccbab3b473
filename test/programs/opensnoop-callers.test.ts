/** opensnoop -c: which functions open a file. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { system } from '../../src/cli/system.ts';
import { type Feature, loadObject } from '../../src/kernel/index.ts';
import { codeMappings } from '../../src/kernel/process-maps.ts';
import { type OpenEvent, opensnoop } from '../../src/programs/opensnoop.ts';
import { defaults, type EventOutput } from '../../src/programs/tool.ts';
import { noCompiler } from '../kernel/probed.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { Cli, Shell } from './shell.ts';

let directory: string;
let program: string;

/** A process of opener.c. */
class Opener implements AsyncDisposable {
  readonly #child;
  readonly #lines;

  constructor(path = program) {
    this.#child = spawn(path, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async open(path: string): Promise<void> {
    this.#child.stdin.write(`${path}\n`);
    await this.#lines.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((done) => this.#child.on('exit', done));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

const output = opensnoop.output as EventOutput<typeof opensnoop.options, OpenEvent>;

/** The callers of each open of /etc/passwd; `between` happens when the events are there and were not asked about. */
const callersOf = async (
  pid: number,
  action: () => Promise<unknown>,
  without: readonly Feature[] = [],
  between: () => Promise<unknown> = async () => {},
) => {
  const options = { ...defaults(opensnoop.options), callers: true, fullPath: true };
  using loaded = loadObject(opensnoop.object({ ...options, pid }), { without });
  loaded.attach();
  await action();
  loaded.detach();
  const events: OpenEvent[] = [];
  loaded.maps.events.drain((event) => events.push(event));
  expect(loaded.losses().total).toBe(0);
  await between();
  const opens = events.filter(({ path }) => path === '/etc/passwd');
  return output.complete!(opens, options, system).map(({ callers }) => callers!);
};

const call = (name: string, file = program) =>
  expect.stringMatching(new RegExp(`^${name}\\+0x[0-9a-f]+ \\(${file}\\)$`));

describe.skipIf(noBpf || noCompiler)(kernel('opensnoop -c'), () => {
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'opensnoop-callers-'));
    program = join(directory, 'opener');
    const source = fileURLToPath(new URL('./opener.c', import.meta.url));
    // The kernel walks by frame pointers.
    const frames = ['-O0', '-fno-omit-frame-pointer', '-mno-omit-leaf-frame-pointer'];
    execFileSync('cc', [...frames, source, '-o', program], { stdio: 'pipe' });
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('prints the functions below the row, under the path', async () => {
    await using opener = new Opener();
    await opener.open('/dev/null');
    await using cli = new Cli('opensnoop', '-c', '-p', String(opener.pid));
    await cli.attached();
    await opener.open('/etc/passwd');
    await opener.open('/missing');
    expect(await cli.stop()).toBe(0);
    const rows = cli.lines.flatMap((line, index) => (/^\d/.test(line) ? [index] : []));
    const indent = ' '.repeat(32);
    expect(cli.lines[0]).toBe('PID    COMM              FD ERR PATH/CALLER');
    expect(rows.map((row) => cli.lines[row]!.slice(7))).toEqual([
      'opener             3   0 /etc/passwd',
      'opener            -1   2 /missing',
    ]);
    for (const row of rows) {
      const below = cli.lines.slice(row + 1, row + 4);
      expect(below.map((line) => line.slice(0, 32))).toEqual([indent, indent, indent]);
      expect(below.map((line) => line.slice(32))).toEqual(
        ['opener', 'reader', 'main'].map((name) => call(name)),
      );
    }
  });

  it('has them in JSON as a list, of every process but beespoke', async () => {
    await using opener = new Opener();
    await using shell = new Shell();
    await using cli = new Cli('opensnoop', '-c', '--json');
    await cli.attached();
    await opener.open('/etc/passwd');
    await shell.open('/etc/passwd', 3);
    // Each look for names opens files, which are not looked up in turn.
    await new Promise((done) => setTimeout(done, 300));
    expect(await cli.stop()).toBe(0);
    const rows = cli.objects;
    const of = (pid: number) =>
      rows.filter((row) => row.pid === pid && row.path === '/etc/passwd').map((row) => row.callers);
    expect(of(opener.pid).map((callers) => callers.slice(0, 3))).toEqual([
      ['opener', 'reader', 'main'].map((name) => call(name)),
    ]);
    // Whatever libc keeps of its frames: the first is the one that calls the kernel.
    const first = of(shell.pid).map(([innermost]) => innermost);
    expect(first).toEqual(Array(3).fill(expect.stringMatching(/open.*libc/)));
    expect(rows.map(({ pid }) => pid)).not.toContain(cli.pid);
  });

  it('is the same on kernels that lack something', async () => {
    await using opener = new Opener();
    for (const without of [[], ['ringbuf'], ['perfLink'], ['batch', 'mmap']] as Feature[][]) {
      const [callers, ...more] = await callersOf(
        opener.pid,
        () => opener.open('/etc/passwd'),
        without,
      );
      expect(callers!.slice(0, 3)).toEqual(['opener', 'reader', 'main'].map((name) => call(name)));
      expect(more).toEqual([]);
    }
  });

  it('knows a program whose file is deleted', async () => {
    const other = join(directory, 'other');
    execFileSync('cp', [program, other]);
    await using opener = new Opener(other);
    await opener.open('/dev/null');
    rmSync(other);
    const [callers] = await callersOf(opener.pid, () => opener.open('/etc/passwd'));
    const deleted = `${other} \\(deleted\\)`;
    expect(callers!.slice(0, 2)).toEqual([call('opener', deleted), call('reader', deleted)]);
  });

  it('shows the addresses of a process that has ended', async () => {
    await using opener = new Opener();
    const [callers] = await callersOf(
      opener.pid,
      () => opener.open('/etc/passwd'),
      [],
      () => opener[Symbol.asyncDispose](),
    );
    expect(callers!.length).toBeGreaterThanOrEqual(3);
    expect(callers).toEqual(callers!.map(() => expect.stringMatching(/^0x[0-9a-f]+$/)));
  });

  it('ends where the walk strays from the code', () => {
    const { start, end } = codeMappings(process.pid).find(({ path }) => path.includes('libc'))!;
    const inside = start + (end - start) / 2n;
    const [calls] = system.userStacks([
      { pid: process.pid, addresses: [inside, inside + 64n, 0x6477_7373_6170_2f63n, inside] },
    ]);
    expect(calls).toHaveLength(2);
  });

  it('cuts names that are longer than anyone reads', async () => {
    const long = join(directory, 'long');
    const name = `f${'x'.repeat(5000)}`;
    execFileSync('objcopy', ['--redefine-sym', `opener=${name}`, program, long]);
    await using opener = new Opener(long);
    const [callers] = await callersOf(opener.pid, () => opener.open('/etc/passwd'));
    expect(callers![0]).toMatch(/^fx{511}\.\.\.\+0x[0-9a-f]+ \(.*long\)$/);
  });
});
