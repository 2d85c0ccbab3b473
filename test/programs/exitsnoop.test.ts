import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Code } from '../../src/index.ts';
import { type Feature, loadObject, tracefs } from '../../src/kernel/index.ts';
import { type ExitEvent, exitsnoop } from '../../src/programs/exitsnoop.ts';
import { defaults, type EventOutput } from '../../src/programs/tool.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { Cli } from './shell.ts';

type Given = Parameters<typeof exitsnoop.object>[0];
type Spec = ReturnType<typeof exitsnoop.object>;

const noTracefs: string | undefined = (() => {
  try {
    tracefs();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
})();

/** What the kernel is made to do without, so that the program is of each type in turn. */
const HOOKS: readonly (readonly [string, readonly Feature[]])[] = [
  ['tp_btf', []],
  ['raw_tp', ['tp_btf']],
  ['tp_btf', ['ringbuf']],
  ...(noTracefs ? [] : [['tracepoint', ['tp_btf', 'raw_tp']] as const]),
];

/** The program for kernels before 6.16, which do not say which thread is the last. */
const withoutGroupDead = (spec: Spec): Spec => {
  const decided = (code: Code): Code => {
    if (!code) return code;
    if (Array.isArray(code)) return (code as readonly Code[]).map(decided);
    const item = code as Exclude<Code, false | null | undefined | readonly Code[]>;
    if (item.kind !== 'choice') return item;
    const { condition, yes, no } = item;
    if (condition.test === 'core' && condition.relocation.path[0] === 'group_dead')
      return decided(no);
    return { ...item, yes: decided(yes), no: decided(no) };
  };
  const { handleExit } = spec.programs;
  const programs = handleExit.programs.map((each) => ({ ...each, body: decided(each.body) }));
  return { ...spec, programs: { handleExit: { ...handleExit, programs } } } as Spec;
};

const load = (
  given: Partial<Given> = {},
  { without = [], old = false }: { without?: readonly Feature[]; old?: boolean } = {},
) => {
  const spec = exitsnoop.object({ ...defaults(exitsnoop.options), ...given });
  const loaded = loadObject(old ? withoutGroupDead(spec) : spec, { without });
  loaded.attach();
  return loaded;
};

/** What came, of the processes for which `ours` holds. */
const take = (loaded: ReturnType<typeof load>, ours: (event: ExitEvent) => boolean) => {
  loaded.detach();
  const events: ExitEvent[] = [];
  loaded.maps.events.drain((event: ExitEvent) => ours(event) && events.push(event));
  expect(loaded.losses().total).toBe(0);
  return events;
};

const isChild = ({ ppid }: ExitEvent): boolean => ppid === process.pid;
const output = exitsnoop.output as EventOutput<typeof exitsnoop.options, ExitEvent>;
const json = (event: ExitEvent) =>
  output.json(event, defaults(exitsnoop.options), { time: '', epochMs: 0 });
const sh = (script: string): number => spawnSync('sh', ['-c', script]).pid;
/** A shell that runs a script when it is told to, and then ends. */
const later = (script: string) => {
  const child = spawn('sh', ['-c', `read go; ${script}`], { stdio: ['pipe', 'ignore', 'ignore'] });
  const run = async () => {
    const closed = new Promise((done) => child.on('close', done));
    child.stdin.end('\n');
    await closed;
  };
  return { pid: child.pid!, run };
};

/** Threads in C: a process whose last thread is not the one that it began with. */
const SOURCE = `
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static void *last(void *arg) { sleep(2); exit(7); }
static void *idle(void *arg) { return 0; }
int main(int argc, char **argv) {
  pthread_t thread;
  if (argc > 1) {                       // "threads": three more, that end at once
    for (int i = 0; i < 3; i++) { pthread_create(&thread, 0, idle, 0); pthread_join(thread, 0); }
    return 5;
  }
  usleep(500000);                       // so that the process is older than its last thread
  pthread_create(&thread, 0, last, 0);
  pthread_exit(0);
}`;
let directory: string;
let threads: string;
const noCompiler = spawnSync('gcc', ['--version']).error ? 'there is no gcc' : undefined;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'exitsnoop-'));
  threads = join(directory, 'threads');
  writeFileSync(`${threads}.c`, SOURCE);
  if (!noCompiler) execFileSync('gcc', ['-pthread', '-o', threads, `${threads}.c`]);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A cgroup of our own, with the shell in it. */
const cgroup2 = readFileSync('/proc/self/mounts', 'utf8')
  .split('\n')
  .map((line) => line.split(' '))
  .find(([, , type]) => type === 'cgroup2')?.[1];

describe.skipIf(noBpf)(kernel('exitsnoop'), () => {
  it('prints fifty processes that fail and one that is killed, each once, as JSON', async () => {
    await using cli = new Cli('exitsnoop', '--json');
    await cli.attached();
    const failed = Array.from({ length: 50 }, () => sh('exit 7'));
    const killed = sh('kill -9 $$');
    expect(await cli.stop()).toBe(0);
    expect(cli.stderr).not.toContain('lost');
    const rows = cli.objects.filter(({ ppid }) => ppid === process.pid);
    const common = { ppid: process.pid, comm: 'sh', coreDumped: false, ageNs: expect.any(Number) };
    expect(rows).toEqual([
      ...failed.map((pid) => ({ ...common, pid, tid: pid, exitCode: 7, signal: 0 })),
      { ...common, pid: killed, tid: killed, exitCode: 0, signal: 9 },
    ]);
    for (const { ageNs } of rows) {
      expect(ageNs).toBeGreaterThan(0);
      expect(ageNs).toBeLessThan(20e9);
    }
  });

  it('has the columns of the original', async () => {
    const columns = async (...args: string[]) => {
      const { pid, run } = later('exit 7');
      await using cli = new Cli('exitsnoop', '-p', String(pid), ...args);
      await cli.attached();
      await run();
      await cli.stop();
      return `\n${cli.stdout}`
        .replaceAll(String(pid).padEnd(7), '1234   ')
        .replaceAll(String(process.pid).padEnd(7), '123    ')
        .replace(/\d\d:\d\d:\d\d/g, 'hh:mm:ss')
        .replace(/\d+\.\d\d +(?=code)/g, '0.12    ');
    };
    expect(await columns()).toMatchInlineSnapshot(`
      "
      PCOMM            PID     PPID    TID     AGE(s)  EXIT_CODE
      sh               1234    123     1234    0.12    code 7
      "
    `);
    expect(await columns('-t')).toMatchInlineSnapshot(`
      "
      TIME(s)  PCOMM            PID     PPID    TID     AGE(s)  EXIT_CODE
      hh:mm:ss sh               1234    123     1234    0.12    code 7
      "
    `);
  });

  it('says how a process ended', async () => {
    await using cli = new Cli('exitsnoop');
    await cli.attached();
    const pids = [
      'exit 0',
      'exit 255',
      'kill -9 $$',
      'ulimit -c 0; kill -11 $$',
      'kill -40 $$',
    ].map(sh);
    await cli.stop();
    const column = cli.lines[0]!.indexOf('EXIT_CODE');
    const ends = pids.map((pid) =>
      cli.lines.find((line) => Number(line.slice(17, 24)) === pid)?.slice(column),
    );
    expect(ends).toEqual([
      '0',
      'code 255',
      'signal 9 (Killed)',
      'signal 11 (Segmentation fault)',
      'signal 40 (Real-time signal 6)',
    ]);
  });

  describe('options', () => {
    it('-p: one process', async () => {
      const { pid, run } = later('exit 3');
      using loaded = load({ pid });
      sh('exit 4');
      await run();
      expect(take(loaded, () => true).map(json)).toMatchObject([{ pid, exitCode: 3 }]);
    });

    it('-x: codes other than 0, and signals', () => {
      using loaded = load({ failed: true });
      sh('exit 0');
      const failed = sh('exit 3');
      const killed = sh('kill -15 $$');
      expect(take(loaded, isChild).map(json)).toMatchObject([
        { pid: failed, exitCode: 3, signal: 0 },
        { pid: killed, exitCode: 0, signal: 15 },
      ]);
    });

    it.skipIf(noCompiler)(`-T: each thread${noCompiler ? ` (skipped: ${noCompiler})` : ''}`, () => {
      using loaded = load({ threads: true });
      const { pid } = spawnSync(threads, ['threads']);
      const events = take(loaded, isChild);
      expect(new Set(events.map(({ tid }) => tid)).size).toBe(4);
      expect(events.map(json)).toMatchObject([
        ...Array(3).fill({ pid, exitCode: 0 }),
        { pid, tid: pid, exitCode: 5 },
      ]);
    });

    it.skipIf(!cgroup2)(
      `-c: a cgroup and those below it${cgroup2 ? '' : ' (skipped: no cgroup2)'}`,
      async () => {
        const path = join(cgroup2!, `beespoke-${process.pid}`);
        mkdirSync(join(path, 'below'), { recursive: true });
        try {
          await using cli = new Cli('exitsnoop', '--json', '-c', path);
          await cli.attached();
          sh('exit 3');
          sh(`echo $$ > ${path}/cgroup.procs; exit 4`);
          sh(`echo $$ > ${path}/below/cgroup.procs; exit 5`);
          await cli.stop();
          expect(cli.objects.map(({ exitCode }) => exitCode)).toEqual([4, 5]);
        } finally {
          rmdirSync(join(path, 'below'));
          rmdirSync(path);
        }
      },
    );
  });

  const tracepointSkipped = noTracefs ? ` (tracepoint skipped: ${noTracefs})` : '';

  it(`sees the same at every hook${tracepointSkipped}`, () => {
    for (const [type, without] of HOOKS) {
      for (const old of [false, true]) {
        using loaded = load({}, { without, old });
        expect(loaded.programs.handleExit.spec.hook.type).toBe(type);
        const failed = Array.from({ length: 5 }, () => sh('exit 7'));
        const killed = sh('kill -9 $$');
        // A perf buffer keeps the order of each CPU only.
        const seen = take(loaded, isChild).sort((a, b) => a.pid - b.pid);
        expect(seen.map(json)).toMatchObject([
          ...failed.map((pid) => ({ pid, tid: pid, exitCode: 7, signal: 0, comm: 'sh' })),
          { pid: killed, tid: killed, exitCode: 0, signal: 9, comm: 'sh' },
        ]);
      }
    }
  });

  it.skipIf(noCompiler)(
    `reports a process whose leading thread ends first with its last one${noCompiler ? ` (skipped: ${noCompiler})` : tracepointSkipped}`,
    async () => {
      const all = HOOKS.flatMap(([, without]) => [
        load({}, { without }),
        load({}, { without, old: true }),
      ]);
      const perThread = load({ threads: true });
      try {
        const child = spawn(threads);
        await new Promise((done) => setTimeout(done, 1000));
        for (const { maps } of all) {
          const early: ExitEvent[] = [];
          maps.events.drain((event: ExitEvent) => event.pid === child.pid && early.push(event));
          expect(early).toEqual([]);
        }
        await new Promise((done) => child.on('close', done));
        for (const loaded of all) {
          const events = take(loaded, ({ pid }) => pid === child.pid);
          expect(events.map(json)).toMatchObject([{ exitCode: 7, signal: 0, comm: 'threads' }]);
          // The age is that of the process, which is half a second older than its last thread.
          expect(events[0]!.ageNs).toBeGreaterThan(2.5e9);
        }
        const each = take(perThread, ({ pid }) => pid === child.pid);
        expect(each.map(json)).toMatchObject([{ tid: child.pid, exitCode: 0 }, { exitCode: 7 }]);
        expect(each[1]!.ageNs).toBeLessThan(2.5e9);
      } finally {
        for (const loaded of [...all, perThread]) loaded.close();
      }
    },
  );
});
