import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runIntervals } from '../../src/cli/run-intervals.ts';
import type { Run } from '../../src/cli/run-tool.ts';
import { type Feature, type LoadedObject, loadObject, tracefs } from '../../src/kernel/index.ts';
import { hardirqs } from '../../src/programs/hardirqs.ts';
import { defaults } from '../../src/programs/tool.ts';
import { closeFd, enableStats } from '../../src/syscall/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { Cli } from './shell.ts';

type Given = Parameters<typeof hardirqs.object>[0];
interface Row {
  readonly name: string;
  readonly cpu?: number;
  readonly count: number;
  readonly totalNs: number;
  readonly maxNs: number;
  readonly unit?: string;
  readonly histogram?: readonly { from: number; to?: number; count: number }[];
}

const noTracefs: string | undefined = (() => {
  try {
    tracefs();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
})();

/** What the kernel is made to do without, so that each program type is taken in turn. */
const HOOKS: readonly (readonly [string, readonly Feature[]])[] = [
  ['tp_btf', []],
  ['raw_tp', ['tp_btf']],
  ...(noTracefs ? [] : [['tracepoint', ['tp_btf', 'raw_tp']] as const]),
  ...(noTracefs ? [] : [['tracepoint', ['btf']] as const]),
];

/** Something that makes the disk interrupt. */
let directory: string;
let writer: ChildProcess;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'hardirqs-'));
  const script = `while :; do dd if=/dev/zero of=${directory}/x bs=4k count=200 oflag=dsync; done`;
  writer = spawn('sh', ['-c', script], { stdio: 'ignore', detached: true });
});
afterAll(() => {
  process.kill(-writer.pid!, 'SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

const cgroup2 = readFileSync('/proc/self/mounts', 'utf8')
  .split('\n')
  .map((line) => line.split(' '))
  .find(([, , type]) => type === 'cgroup2')?.[1];

/** How often each interrupt has come on each CPU, as the kernel itself counts. */
const interrupts = (): ReadonlyMap<string, readonly number[]> => {
  const [head, ...lines] = readFileSync('/proc/interrupts', 'latin1').trimEnd().split('\n');
  const cpus = head!.trim().split(/\s+/).length;
  const counts = new Map<string, number[]>();
  for (const line of lines) {
    const fields = line.trim().split(/\s+/);
    // A number, not NMI or LOC; the last word is the action's name, if there is one only.
    if (!/^\d+:$/.test(fields[0]!) || / {2}.*, /.test(line)) continue;
    const name = fields.at(-1)!;
    const own = fields.slice(1, 1 + cpus).map(Number);
    counts.set(
      name,
      (counts.get(name) ?? own.map(() => 0)).map((n, cpu) => n + own[cpu]!),
    );
  }
  return counts;
};
const sum = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0);

/** What came between two readings, on all CPUs or on one. */
const between = (
  before: ReturnType<typeof interrupts>,
  after: ReturnType<typeof interrupts>,
  name: string,
  cpu?: number,
): number => {
  const counts = after.get(name)!.map((n, index) => n - (before.get(name)?.[index] ?? 0));
  return cpu === undefined ? sum(counts) : counts[cpu]!;
};

type Readings = readonly [
  beforeAttach: ReturnType<typeof interrupts>,
  attached: ReturnType<typeof interrupts>,
  beforeDetach: ReturnType<typeof interrupts>,
  detached: ReturnType<typeof interrupts>,
];

/**
 * How many interrupts may pass by the tracepoint unseen. On the development machines' kernel (6.18.44-fc) of those that
 * end idleness some do, for ftrace too.
 */
const unseen = (count: number): number => 3 + 0.05 * count;

/** What came while we were attached is counted, and nothing else. */
const expectAll = (
  rows: readonly Row[],
  [a, b, c, d]: Readings,
  cpu?: number,
  missed = 0,
): void => {
  for (const name of d.keys()) {
    const count = sum(rows.filter((row) => row.name === name).map((row) => row.count));
    const came = between(b, c, name, cpu);
    expect(count).toBeGreaterThanOrEqual(came - unseen(came) - missed);
  }
  for (const name of new Set(rows.map((row) => row.name))) {
    const count = sum(rows.filter((row) => row.name === name).map((row) => row.count));
    expect(count).toBeLessThanOrEqual(between(a, d, name, cpu) + 1);
  }
};

const output = hardirqs.output as Parameters<typeof runIntervals>[0];
const load = (given: Partial<Given>, without: readonly Feature[] = []) =>
  loadObject(hardirqs.object({ ...defaults(hardirqs.options), ...given }), { without });

/** Rows of so many intervals, as the command line takes them, and what /proc/interrupts said around it. */
const watch = async (
  given: Partial<Given> = {},
  {
    without = [],
    pause = 300,
    count = 1,
  }: { without?: readonly Feature[]; pause?: number; count?: number } = {},
) => {
  using loaded = load(given, without);
  const rows: Row[] = [];
  const readings: ReturnType<typeof interrupts>[] = [interrupts()];
  let turns = 0;
  const run = {
    loaded: loaded as unknown as LoadedObject,
    options: { ...defaults(hardirqs.options), ...given, json: true },
    printer: {
      lines: async (lines: string[]) => void rows.push(...lines.map((each) => JSON.parse(each))),
    },
    stop: {
      signal: new AbortController().signal,
      sleep: async () => {
        await sleep(pause);
        if (++turns === count) readings.push(interrupts());
      },
    },
    attach: () => {
      loaded.attach();
      readings.push(interrupts());
    },
  } as unknown as Run;
  await runIntervals({ ...output, seconds: () => 1, count: () => count }, run);
  readings.push(interrupts());
  const sums = loaded.maps.sums as unknown as { count(): number };
  return {
    rows,
    readings: readings as unknown as Readings,
    left: sums.count(),
    losses: loaded.losses(),
    runs: Object.fromEntries(
      Object.entries(loaded.programs).map(([name, each]) => [name, Number(each?.info().runCount)]),
    ),
    hooks: Object.entries(loaded.programs).map(([name, each]) => [name, each?.spec.hook.type]),
  };
};

describe.skipIf(noBpf)(kernel('hardirqs'), () => {
  it('prints one object for each interrupt and interval, as JSON', async () => {
    const before = interrupts();
    await using cli = new Cli('hardirqs', '--json', '1', '3');
    await cli.attached();
    const attached = interrupts();
    await sleep(2500);
    const late = interrupts();
    expect(await cli.ended()).toBe(0);
    expect(cli.stderr).not.toContain('lost');
    for (const row of cli.objects) {
      expect(row).toEqual({
        time: expect.any(String),
        name: expect.any(String),
        count: expect.any(Number),
        totalNs: expect.any(Number),
        maxNs: expect.any(Number),
      });
      expect(row.count).toBeGreaterThan(0);
      expect(row.maxNs).toBeGreaterThan(0);
      expect(row.maxNs).toBeLessThanOrEqual(row.totalNs);
      expect(row.totalNs).toBeLessThanOrEqual(row.count * row.maxNs);
    }
    expectAll(cli.objects, [before, attached, late, interrupts()]);
  });

  it('has the columns of the original', async () => {
    const columns = async (...args: string[]) => {
      await using cli = new Cli('hardirqs', ...args, '1', '1');
      expect(await cli.ended()).toBe(0);
      const lines = cli.stdout.replace(/\d\d:\d\d:\d\d/g, 'hh:mm:ss').split('\n');
      const start = lines.findIndex((line) => line.startsWith('HARDIRQ')) + 1;
      return [`\n${lines.slice(0, start).join('\n')}\n`, lines.slice(start, -1)] as const;
    };
    const [header, rows] = await columns();
    expect(header).toMatchInlineSnapshot(`
      "
      Tracing hard irq event time... Hit Ctrl-C to end.

      HARDIRQ                           TOTAL_count TOTAL_usecs MAX_usecs
      "
    `);
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows)
      expect(row).toMatch(
        /^(?=.{33} )\S+ +(?<=^.{34} *)\d+(?<=^.{45}) +\d+(?<=^.{57}) +\d+(?<=^.{67})$/,
      );

    const [wide, wideRows] = await columns('-C', '-T', '-N');
    expect(wide).toMatchInlineSnapshot(`
      "
      Tracing hard irq event time... Hit Ctrl-C to end.

      hh:mm:ss
      HARDIRQ                           TOTAL_count TOTAL_nsecs MAX_nsecs CPU
      "
    `);
    for (const row of wideRows) expect(row).toMatch(/^.{67} +\d+(?<=^.{71})$/);

    const [counts, countRows] = await columns('-e');
    expect(counts).toMatchInlineSnapshot(`
      "
      Tracing hard irq events... Hit Ctrl-C to end.

      HARDIRQ                    TOTAL_count
      "
    `);
    for (const row of countRows) expect(row).toMatch(/^(?=.{26} )\S+ +\d+(?<=^.{38})$/);
  });

  it('shows distributions with -d, named as in the original', async () => {
    await using cli = new Cli('hardirqs', '-d', '-C', '1', '1');
    expect(await cli.ended()).toBe(0);
    const at = cli.lines.findIndex((line) => line.startsWith('cpu = '));
    expect(cli.lines[at]).toMatch(/^cpu = \d+ hardirq = \S+$/);
    expect(cli.lines[at + 1]).toBe('     usecs               : count    distribution');
    expect(cli.lines[at + 2]).toMatch(/^ {9}0 -> 1 {10}: \d+ +\|[* ]{40}\|$/);
  });

  it('loses no interrupt in 200 intervals of 5 ms: every run of the program is counted once', async () => {
    const stats = enableStats();
    try {
      const { rows, runs, left, losses } = await watch({ events: true }, { pause: 5, count: 200 });
      expect(losses.total).toBe(0);
      expect(left).toBe(0);
      expect(rows.length).toBeGreaterThan(20);
      expect(sum(rows.map(({ count }) => count))).toBe(runs.entry);
    } finally {
      closeFd(stats);
    }
  });

  describe('options', () => {
    it('-d: every interrupt is in the histogram', async () => {
      const { rows, readings } = await watch({ distributed: true, nanoseconds: true });
      expectAll(rows, readings);
      for (const { count, histogram, maxNs, totalNs, unit } of rows) {
        expect(unit).toBe('nsecs');
        expect(sum(histogram!.map((slot) => slot.count))).toBe(count);
        const { from, to = Number.POSITIVE_INFINITY } = histogram!.at(-1)!;
        expect(maxNs).toBeGreaterThanOrEqual(from);
        expect(maxNs).toBeLessThanOrEqual(to);
        expect(totalNs).toBeGreaterThanOrEqual(
          sum(histogram!.map((slot) => slot.from * slot.count)),
        );
      }
    });

    it('-d: in microseconds', async () => {
      const { rows } = await watch({ distributed: true });
      for (const { histogram, maxNs, unit } of rows) {
        expect(unit).toBe('usecs');
        expect(histogram!.at(-1)!.from).toBe(
          (2 ** Math.floor(Math.log2(Math.max(1, maxNs / 1000)))) & ~1,
        );
      }
    });

    it('-C: each CPU apart', async () => {
      const { rows, readings } = await watch({ perCpu: true });
      for (const cpu of new Set(rows.map((row) => row.cpu!))) {
        expectAll(
          rows.filter((row) => row.cpu === cpu),
          readings,
          cpu,
        );
      }
    });

    it('-s: one CPU', async () => {
      const { rows: all } = await watch({ perCpu: true });
      for (const cpu of new Set(all.map((row) => row.cpu!))) {
        const { rows, readings } = await watch({ cpu });
        expectAll(rows, readings, cpu);
      }
      expect((await watch({ cpu: 8191 })).rows).toEqual([]);
    });

    it('-s: a CPU that is not there is refused', async () => {
      await using cli = new Cli('hardirqs', '-s', '4096');
      expect(await cli.ended()).toBe(1);
      expect(cli.stderr).toBe('beespoke: --cpu: there is no CPU 4096\n');
    });

    it.skipIf(!cgroup2)(
      `-c: while tasks of a cgroup have the CPU${cgroup2 ? '' : ' (skipped: no cgroup2)'}`,
      async () => {
        const empty = join(cgroup2!, `beespoke-${process.pid}`);
        mkdirSync(empty);
        try {
          const rows = async (path: string) => {
            await using cli = new Cli('hardirqs', '--json', '-c', path, '1', '1');
            expect(await cli.ended()).toBe(0);
            return cli.objects;
          };
          expect((await rows(cgroup2!)).length).toBeGreaterThan(0);
          expect(await rows(empty)).toEqual([]);
        } finally {
          rmdirSync(empty);
        }
      },
    );

    it('-e: counts, without the program at the end of handlers', async () => {
      const { rows, readings, hooks } = await watch({ events: true });
      expect(hooks).toEqual([['entry', 'tp_btf']]);
      for (const row of rows) expect(Object.keys(row)).toEqual(['time', 'name', 'count']);
      expectAll(rows, readings);
    });

    it('-e and -d are refused together', async () => {
      await using cli = new Cli('hardirqs', '-e', '-d');
      expect(await cli.ended()).toBe(2);
      expect(cli.stderr).toBe(
        'beespoke: --events measures no time that --distributed could show; give one of them\n',
      );
    });

    it('ends with a summary when it is told to', async () => {
      await using cli = new Cli('hardirqs');
      await cli.attached();
      await sleep(300);
      expect(await cli.stop()).toBe(0);
      expect(cli.lines[0]).toBe('Tracing hard irq event time... Hit Ctrl-C to end.');
      expect(cli.lines.length).toBeGreaterThan(2);
    });
  });

  const skipped = noTracefs ? ` (tracepoint skipped: ${noTracefs})` : '';
  it(`counts the same at every hook${skipped}`, async () => {
    for (const [type, without] of HOOKS) {
      for (const given of [{}, { events: true }, { distributed: true }]) {
        const { rows, readings, hooks, losses } = await watch(given, { without });
        for (const [, hook] of hooks) expect(hook).toBe(type);
        expect(rows.length).toBeGreaterThan(0);
        expectAll(rows, readings, undefined, losses.total);
      }
    }
  });

  describe('pairs that do not match', () => {
    /** Runs the programs by hand on one CPU, with an action whose name cannot be read: it is empty. */
    const sums = (...order: readonly ('entry' | 'exit')[]) => {
      using loaded = load({}, ['tp_btf']);
      const contextIn = new Uint8Array(24);
      for (const which of order) {
        (loaded.programs as Record<string, (typeof loaded.programs)['entry']>)[which]!.testRun({
          contextIn,
          flags: 1,
          cpu: 0,
        });
      }
      const map = loaded.maps.sums as unknown as {
        drain(): [
          { name: Uint8Array; turn: number },
          { totalNs: number; maxNs: number; slots: number[] }[],
        ][];
      };
      return map.drain().map(([key, [first]]) => ({ ...key, ...first }));
    };
    const none = { name: new Uint8Array(32), turn: 0 };

    it('an end without a beginning counts nothing', () => {
      expect(sums('exit')).toEqual([]);
      expect(sums('exit', 'exit')).toEqual([]);
    });

    it('a pair counts once, under the key of all zeroes', () => {
      expect(sums('entry', 'exit')).toMatchObject([{ ...none, slots: [1] }]);
      expect(sums('entry', 'exit', 'exit', 'entry', 'exit')).toMatchObject([
        { ...none, slots: [2] },
      ]);
    });

    it('of nested handlers the inner one is measured, the outer one left out', () => {
      expect(sums('entry', 'entry', 'exit', 'exit')).toMatchObject([{ ...none, slots: [1] }]);
    });

    it('a beginning without an end is forgotten', () => {
      const { totalNs, maxNs, slots } = sums('entry', 'entry', 'exit')[0]!;
      expect(slots).toEqual([1]);
      expect(totalNs).toBe(maxNs);
    });
  });
});
