import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  bytes,
  chars,
  i32,
  i64,
  link,
  listing,
  struct,
  TypeInfo,
  type World,
} from '../../src/index.ts';
import { type Feature, loadObject, tracefs } from '../../src/kernel/index.ts';
import { runqslower, type WaitEvent } from '../../src/programs/runqslower.ts';
import { defaults, type EventOutput } from '../../src/programs/tool.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { Cli } from './shell.ts';

type Given = Parameters<typeof runqslower.object>[0];

const noTracefs: string | undefined = (() => {
  try {
    tracefs();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
})();

/** What the kernel is made to do without, so that each fallback is taken. */
const FALLBACKS: readonly (readonly [string, string, readonly Feature[]])[] = [
  ['tp_btf', 'everything', []],
  ['raw_tp', 'no tp_btf', ['tp_btf']],
  ['tp_btf', 'no ring buffer', ['ringbuf']],
  ...(noTracefs
    ? []
    : ([
        ['tracepoint', 'no raw tracepoints', ['tp_btf', 'raw_tp']],
        ['tracepoint', 'no type information', ['btf']],
      ] as const)),
];

/** The name of our busy loops: as long as a name can be. */
const NAME = `bs-${process.pid}-loop-loop`.slice(0, 15);
const CPUS = cpus().length;
const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

let directory: string;
const children: ChildProcess[] = [];
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'runqslower-'));
  symlinkSync('/bin/sh', join(directory, NAME));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const exists = (pid: number): string => readFileSync(`/proc/${pid}/stat`, 'latin1');
const stateOf = (pid: number): string => /\) (\w)/.exec(exists(pid))![1]!;

/** Processes that want a CPU all the time; stopped until they are to go. */
class Load {
  readonly pids: number[];

  private constructor(pids: number[]) {
    this.pids = pids;
  }

  static async start(count: number): Promise<Load> {
    const pids = Array.from({ length: count }, () => {
      const script = 'kill -STOP $$; while :; do :; done';
      const child = spawn(join(directory, NAME), ['-c', script], { stdio: 'ignore' });
      children.push(child);
      return child.pid!;
    });
    const load = new Load(pids);
    await load.stopped();
    return load;
  }

  async stopped(): Promise<void> {
    while (this.pids.some((pid) => stateOf(pid) !== 'T')) await sleep(5);
    // One that was preempted on its way to stop is stopped as far as its state says, and will run once more.
    let times: number;
    do {
      times = this.times();
      await sleep(30);
    } while (this.times() !== times);
  }

  /** How often they got a CPU, together. */
  times(): number {
    return this.statistics().reduce((sum, { times }) => sum + times, 0);
  }

  go(): void {
    for (const pid of this.pids) process.kill(pid, 'SIGCONT');
  }

  async stop(): Promise<void> {
    for (const pid of this.pids) process.kill(pid, 'SIGSTOP');
    await this.stopped();
  }

  async run(ms: number): Promise<void> {
    this.go();
    await sleep(ms);
    await this.stop();
  }

  /** What the kernel itself has measured: how long they waited, and how often they got a CPU (sched-stats.rst). */
  statistics() {
    return this.pids.map((pid) => {
      const [, waitedNs, times] = readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ');
      return { pid, waitedNs: Number(waitedNs), times: Number(times) };
    });
  }
}

/**
 * How many switches may pass by the tracepoint unseen. On the development machines' kernel (6.18.44-fc) some do, most
 * of them on the way out of idleness: in two seconds 33 of 17,878, for ftrace too, against the `ctxt` of /proc/stat.
 */
const unseen = (switches: number): number => 3 + 0.05 * switches;

const output = runqslower.output as EventOutput<typeof runqslower.options, WaitEvent>;
const json = (event: WaitEvent) =>
  output.json(event, defaults(runqslower.options), { time: '', epochMs: 0 });

/** Waits of 0 ns are longer than -1 us: every wait is seen. */
const ALL = -1;

/** What runqslower says of `action`, and what is left of it. */
const watch = async (
  given: Partial<Given>,
  action: () => unknown,
  { without = [], waiting }: { without?: readonly Feature[]; waiting?: number } = {},
) => {
  const object = runqslower.object as unknown as (given: Given, waiting?: number) => Spec;
  type Spec = ReturnType<typeof runqslower.object>;
  const spec = object({ ...defaults(runqslower.options), ...given }, waiting);
  using loaded = loadObject(spec, { without });
  const hooks = Object.values(loaded.programs).map((program) => program.spec.hook.type);
  loaded.attach();
  await action();
  loaded.detach();
  const events: WaitEvent[] = [];
  loaded.maps.events.drain((event: WaitEvent) => events.push(event));
  return { events, hooks, left: loaded.maps.start.count(), losses: loaded.losses() };
};

describe.skipIf(noBpf)(kernel('runqslower'), () => {
  it('prints who waits when there are more busy loops than CPUs, as JSON', async () => {
    const load = await Load.start(2 * CPUS + 1);
    await using cli = new Cli('runqslower', '--json', '-c', NAME, '1000');
    await cli.attached();
    await load.run(1000);
    expect(await cli.stop()).toBe(0);
    expect(cli.stderr).not.toContain('lost');
    expect(cli.objects.length).toBeGreaterThan(10);
    for (const row of cli.objects) {
      expect(row).toEqual({
        time: expect.any(String),
        comm: NAME,
        tid: expect.toSatisfy((tid: number) => load.pids.includes(tid)),
        latencyUs: expect.any(Number),
        prevComm: expect.any(String),
        prevTid: expect.any(Number),
      });
      expect(row.latencyUs).toBeGreaterThan(1000);
      expect(Number.isInteger(row.latencyUs)).toBe(true);
    }
    expect(new Set(cli.objects.map(({ tid }) => tid))).toEqual(new Set(load.pids));
  });

  it('has the columns of the original', async () => {
    const load = await Load.start(2 * CPUS + 1);
    const columns = async (...args: string[]) => {
      await using cli = new Cli('runqslower', '-c', NAME, '2000', ...args);
      await cli.attached();
      await load.run(500);
      await cli.stop();
      return [`\n${cli.lines.slice(0, 2).join('\n')}\n`, cli.lines.slice(2)] as const;
    };
    const [header, rows] = await columns();
    expect(header).toMatchInlineSnapshot(`
      "
      Tracing run queue latency higher than 2000 us
      TIME     COMM             TID           LAT(us)
      "
    `);
    /** The first columns of a row, put together again by the format of the original. */
    const again = (row: string) => {
      const [time = '', comm = '', tid = '', us = ''] = row.split(/ +/);
      expect(time).toMatch(/^\d\d:\d\d:\d\d$/);
      expect(comm).toBe(NAME);
      return `${time.padEnd(8)} ${comm.padEnd(16)} ${tid.padEnd(6)} ${us.padStart(14)}`;
    };
    for (const row of rows) expect(row).toBe(again(row));
    const [wide, wideRows] = await columns('-P');
    expect(wide).toMatchInlineSnapshot(`
      "
      Tracing run queue latency higher than 2000 us
      TIME     COMM             TID           LAT(us) PREV COMM        PREV TID
      "
    `);
    for (const row of wideRows) {
      expect(row.slice(0, 47)).toBe(again(row));
      expect(row.slice(47)).toMatch(/^ .{16} \d+$/);
    }
  });

  it('measures what the kernel measures', async () => {
    const load = await Load.start(3 * CPUS);
    const before = load.statistics();
    const { events, left, losses } = await watch({ comm: NAME, minUs: ALL }, () => load.run(1000));
    const after = load.statistics();
    expect(losses.total).toBe(0);
    expect(left).toBe(0);
    for (const [index, { pid, waitedNs, times }] of after.entries()) {
      const own = events.filter(({ tid }) => tid === pid);
      const queued = times - before[index]!.times;
      expect(own.length).toBeGreaterThanOrEqual(queued - unseen(queued));
      expect(own.length).toBeLessThanOrEqual(queued + 1);
      const sum = own.reduce((total, { latencyNs }) => total + latencyNs, 0);
      const expected = waitedNs - before[index]!.waitedNs;
      // The clocks differ a little, and each wait is measured at other instructions.
      const tolerance = 0.05 * expected + 5e6;
      expect(sum).toBeLessThan(expected + tolerance);
      if (own.length >= queued) expect(sum).toBeGreaterThan(expected - tolerance);
    }
  });

  describe('options', () => {
    it('-p: the threads of one process', async () => {
      const load = await Load.start(2 * CPUS + 1);
      const pid = load.pids[1]!;
      const { events, left } = await watch({ pid, minUs: ALL }, () => load.run(300));
      expect(new Set(events.map(({ tid }) => tid))).toEqual(new Set([pid]));
      expect(left).toBe(0);
    });

    it('-t: one thread', async () => {
      const load = await Load.start(2 * CPUS + 1);
      const tid = load.pids[0]!;
      const { events, left } = await watch({ tid, minUs: ALL }, () => load.run(300));
      expect(new Set(events.map((event) => event.tid))).toEqual(new Set([tid]));
      expect(left).toBe(0);
    });

    it('-c: the beginning of the name, of every length', async () => {
      const load = await Load.start(CPUS + 1);
      for (let length = `bs-${process.pid}-`.length; length <= NAME.length; length++) {
        const comm = NAME.slice(0, length);
        const { events } = await watch({ comm, minUs: ALL }, () => load.run(50));
        expect(new Set(events.map((event) => event.tid))).toEqual(new Set(load.pids));
        const other = `${comm.slice(0, -1)}~`;
        expect((await watch({ comm: other, minUs: ALL }, () => load.run(50))).events).toEqual([]);
      }
    });

    it('MIN_US: waits that are longer, not those that are as long', async () => {
      const load = await Load.start(2 * CPUS + 1);
      const { events, left } = await watch({ comm: NAME, minUs: 3000 }, () => load.run(500));
      expect(events.length).toBeGreaterThan(0);
      for (const event of events) expect(json(event).latencyUs).toBeGreaterThan(3000);
      expect(left).toBe(0);
    });

    it.each([
      [['0'], 'MIN_US takes a whole number from 1'],
      [['x'], 'MIN_US takes a whole number from 1'],
      [['1', '2'], 'unexpected argument "2"'],
      [['-c', 'sixteen-letters-'], '--comm takes at most 15 bytes'],
    ])('refuses %j', async (args, message) => {
      await using cli = new Cli('runqslower', ...args);
      expect(await cli.ended()).toBe(2);
      expect(cli.stderr).toContain(message);
    });
  });

  it.each(FALLBACKS)('sees each wait at %s with %s', async (type, _what, without) => {
    const load = await Load.start(2 * CPUS + 1);
    const before = load.times();
    const { events, hooks, left, losses } = await watch(
      { comm: NAME, minUs: ALL },
      () => load.run(500),
      { without },
    );
    expect(new Set(hooks)).toEqual(new Set([type]));
    expect(losses.refused).toEqual({ events: 0, start: 0 });
    // The kernel skips programs at tracepoints, and counts it, while such a program of others runs.
    const { total: missed } = losses;
    if (type !== 'tracepoint') expect(missed).toBe(0);
    expect(left).toBeLessThanOrEqual(missed);
    const queued = load.times() - before;
    expect(events.length).toBeGreaterThanOrEqual(queued - unseen(queued) - missed);
    expect(events.length).toBeLessThanOrEqual(queued + load.pids.length);
    for (const { comm, tid, prevComm, prevTid } of events) {
      expect(comm).toBe(NAME);
      expect(load.pids).toContain(tid);
      expect(prevComm === NAME).toBe(load.pids.includes(prevTid));
      if (prevTid === 0) expect(prevComm).toMatch(/^swapper/);
    }
  });

  it('-p has no fallback to tracepoints, whose records name no process', async () => {
    const without = ['tp_btf', 'raw_tp'] as const;
    await expect(watch({ pid: process.pid }, () => {}, { without })).rejects.toThrow(
      'wakeup: this kernel does not have tp_btf/sched_wakeup nor raw_tp/sched_wakeup',
    );
  });

  it('accounts for every wait when only 16 tasks can be remembered', async () => {
    const load = await Load.start(40);
    const before = load.times();
    const { events, left, losses } = await watch({ comm: NAME, minUs: ALL }, () => load.run(1000), {
      waiting: 16,
    });
    expect(losses.refused.start).toBeGreaterThan(0);
    expect(events.length).toBeGreaterThan(0);
    const queued = load.times() - before;
    expect(losses.total).toBe(losses.refused.start);
    expect(events.length + losses.total).toBeGreaterThanOrEqual(queued - unseen(queued));
    expect(events.length + losses.total).toBeLessThanOrEqual(queued + load.pids.length);
    expect(left).toBe(0);
  });

  it('forgets tasks that end, and that sleep', async () => {
    // Pipes wake readers that still run: what is noted then is not taken out by their next switch.
    const script =
      'for i in 1 2 3 4 5 6 7 8 9 10; do echo x | read y; echo x | read y & wait; done';
    const { left, losses } = await watch({ comm: NAME, minUs: ALL }, () => {
      for (let i = 0; i < 40; i++) spawnSync(join(directory, NAME), ['-c', script]);
    });
    expect(losses.refused.start).toBe(0);
    expect(left).toBe(0);
  });
});

describe('runqslower, linked for a kernel before 5.14', () => {
  it('takes the state from `state`, which was a long', () => {
    const types = new TypeInfo();
    const fields = { other: bytes(24), state: i64, pid: i32, tgid: i32, comm: chars(16) };
    types.idOf(struct('task_struct', fields));
    const world: World = {
      architecture: 'x86-64',
      btf: types.builder.build({ label: 'an old kernel' }),
      hasHook: ({ type }) => type === 'raw_tp',
      hasHelper: () => true,
      hasMap: () => true,
      isaV4: false,
      tracepointFields: () => undefined,
      modules: () => [],
      symbolAddress: () => undefined,
      configuration: () => undefined,
    };
    const linked = link(runqslower.object(defaults(runqslower.options)), world);
    const { poisoned, assembly } = linked.programs.find(({ name }) => name === 'switched')!;
    expect(poisoned.size).toBe(0);
    const lines = listing(assembly.instructions, { lines: false });
    const at = lines.findIndex((line) => line.includes('before_5_14.state'));
    expect(`\n${lines.slice(at - 4, at + 4).join('\n')}\n`).toMatchInlineSnapshot(`
      "
        14: (bf) r1 = r10
        15: (07) r1 += -56
        16: (b7) r2 = 8
        17: (bf) r3 = r7
        18: (07) r3 += 24                                      ; field_byte_offset task_struct___before_5_14.state
        19: (85) call bpf_probe_read_kernel#113
        20: (79) r1 = *(u64 *)(r10 -56)
        21: (16) if w1 == 0x0 goto pc+6
      "
    `);
  });
});
