import { describe, expect, it } from 'vitest';
import { hardirqs } from '../../../src/programs/hardirqs.ts';
import { defaults, type IntervalOutput } from '../../../src/programs/tool.ts';
import { simulate } from '../../../src/testing/index.ts';
import { timeless } from '../../cli/support.ts';

type Options = NonNullable<Parameters<typeof hardirqs.object>[0]>;
type Output = IntervalOutput<typeof hardirqs.options, unknown, unknown>;

/** The interrupts of a machine, as the programs see them: through arguments, or through records. */
const interrupts = (options: Options = {}, without: readonly string[] = [], more = {}) => {
  const machine = simulate(hardirqs.object(options), { without, ...more });
  const programs = machine.programs as unknown as Record<
    'entry' | 'exit',
    (typeof machine.programs)['entry']
  >;
  const records = without.includes('raw_tp') || without.includes('btf');
  const given = (name: string) => (records ? { name } : { irq: 4, action: { name } });
  const enter = (name: string) => programs.entry.run(given(name));
  const leave = (name: string) => programs.exit.run(records ? {} : given(name));
  return {
    machine,
    enter,
    leave,
    /** An interrupt, and how long its handler takes. */
    handle: (name: string, ns: number, cpu = 0) => {
      machine.cpu = cpu;
      const results = [enter(name)];
      machine.advance(ns);
      if (!options.events) results.push(leave(name));
      return results;
    },
    /** What is summed up, as the tool shows it. */
    shown: () =>
      timeless(
        (hardirqs.output as Output).json(
          [...machine.maps.sums.entries()] as never,
          { ...defaults(hardirqs.options), ...options } as never,
          { time: '', epochMs: 0 },
        ),
      ),
  };
};

const HOOKS: readonly (readonly [string, readonly string[]])[] = [
  ['tp_btf', []],
  ['raw_tp', ['tp_btf']],
  ['tracepoints', ['tp_btf', 'raw_tp']],
  ['tracepoints, without types', ['btf']],
];

describe.each(HOOKS)('hardirqs at %s', (_, without) => {
  it('sums up what handlers take, over all CPUs', () => {
    const { handle, shown } = interrupts({}, without);
    for (const result of handle('eth0', 3000)) {
      expect(result).toReturnValue(0);
      expect(result.unwritten).toEqual([]);
    }
    handle('eth0', 5000, 1);
    handle('eth0', 9000, 1);
    handle('timer', 500);
    expect(shown()).toEqual([
      { name: 'eth0', count: 3, totalNs: 17_000, maxNs: 9000 },
      { name: 'timer', count: 1, totalNs: 500, maxNs: 500 },
    ]);
  });

  it('keeps CPUs apart, when asked', () => {
    const { handle, shown } = interrupts({ perCpu: true }, without);
    handle('eth0', 3000);
    handle('eth0', 5000, 1);
    expect(shown()).toEqual([
      { name: 'eth0', cpu: 1, count: 1, totalNs: 5000, maxNs: 5000 },
      { name: 'eth0', cpu: 0, count: 1, totalNs: 3000, maxNs: 3000 },
    ]);
  });

  it('distributes times over powers of two of microseconds, or nanoseconds', () => {
    const slots = (options: Options) => {
      const { handle, shown } = interrupts({ distributed: true, ...options }, without);
      for (const ns of [999, 1000, 1999, 2000, 4000, 4_000_000_000]) handle('eth0', ns);
      const [{ histogram }] = shown() as [{ histogram: unknown }];
      return histogram;
    };
    expect(slots({})).toEqual([
      { from: 0, to: 1, count: 3 }, // 0.999, 1 and 1.999
      { from: 2, to: 3, count: 1 },
      { from: 4, to: 7, count: 1 },
      { from: 524_288, count: 1 }, // the last one has all that are longer
    ]);
    expect(slots({ nanoseconds: true })).toEqual([
      { from: 512, to: 1023, count: 2 },
      { from: 1024, to: 2047, count: 2 },
      { from: 2048, to: 4095, count: 1 },
      { from: 524_288, count: 1 },
    ]);
  });

  it('counts only, when asked, and then needs no second program', () => {
    const { machine, handle, shown } = interrupts({ events: true }, without);
    handle('eth0', 3000);
    handle('eth0', 3000, 1);
    expect(Object.keys(machine.programs)).toEqual(['entry']);
    expect(shown()).toEqual([{ name: 'eth0', count: 2 }]);
  });

  it('leaves out the end of a handler that began before it, or on another CPU', () => {
    const { machine, enter, leave, shown } = interrupts({}, without);
    leave('eth0');
    enter('eth0');
    machine.cpu = 1;
    leave('eth0');
    expect(shown()).toEqual([]);
  });

  it('leaves out a handler that was interrupted', () => {
    const { machine, enter, leave, shown } = interrupts({}, without);
    enter('slow');
    machine.advance(1000);
    enter('fast');
    machine.advance(10);
    leave('fast');
    machine.advance(1000);
    leave('slow');
    expect(shown()).toEqual([{ name: 'fast', count: 1, totalNs: 10, maxNs: 10 }]);
  });

  it('writes to the turn that user space does not read', () => {
    const { machine, handle } = interrupts({}, without);
    handle('eth0', 1000);
    machine.maps.turns.set('turn', 1);
    handle('eth0', 2000);
    const sums = [...machine.maps.sums.entries()].map(([{ turn }, [first]]) => [
      turn,
      first!.totalNs,
    ]);
    expect(sums).toEqual([
      [0, 1000],
      [1, 2000],
    ]);
  });

  it('sees one CPU only, when asked', () => {
    const { handle, shown } = interrupts({ cpu: 1 }, without);
    handle('eth0', 1000);
    handle('eth0', 2000, 1);
    expect(shown()).toEqual([{ name: 'eth0', count: 1, totalNs: 2000, maxNs: 2000 }]);
  });

  it('sees the tasks of a cgroup only, when asked', () => {
    const { machine, handle, shown } = interrupts({ cgroup: '/' }, without, {
      cgroup: { path: '/system.slice' },
    });
    const cgroups = machine.maps.cgroups as { set(index: number, path: string): void };
    cgroups.set(0, '/user.slice');
    handle('eth0', 1000);
    expect(shown()).toEqual([]);
    cgroups.set(0, '/');
    handle('eth0', 1000);
    expect(shown()).toHaveLength(1);
  });

  it('counts the names that a full map refuses', () => {
    const { machine, handle } = interrupts({}, without);
    for (let index = 0; index < 515; index++) handle(`irq${index}`, 1000);
    expect(machine.losses()).toEqual({ sums: 3 });
  });

  it('keeps as much of a name as there is room for', () => {
    const { handle, shown } = interrupts({}, without);
    handle('n'.repeat(40), 1000);
    expect(shown()).toMatchObject([{ name: 'n'.repeat(31) }]);
  });
});

describe('hardirqs', () => {
  it('stays small', () => {
    const sizes = (options: Options) => {
      const { entry, exit } = simulate(hardirqs.object(options)).programs;
      return { entry, exit: exit! };
    };
    const { entry, exit } = sizes({});
    expect(entry).toUseAtMost({ instructions: 13 });
    expect(exit).toUseAtMost({ instructions: 61 });
    expect(sizes({ distributed: true }).exit).toUseAtMost({ instructions: 70 });
  });
});
