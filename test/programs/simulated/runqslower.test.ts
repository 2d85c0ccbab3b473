import { describe, expect, it } from 'vitest';
import { type Btf, BtfBuilder } from '../../../src/btf/index.ts';
import { runqslower } from '../../../src/programs/runqslower.ts';
import { simulate } from '../../../src/testing/index.ts';

type Options = Parameters<typeof runqslower.object>[0];

const hog = { pid: 5, tgid: 5, comm: 'hog' };
const sleeper = { pid: 9, tgid: 8, comm: 'sleeper' };
const RUNNING = 0;
const SLEEPING = 1;

/** With room for so many tasks that wait. */
const sized = runqslower.object as (
  given: Options,
  waiting?: number,
) => ReturnType<typeof runqslower.object>;

/** The scheduler, as the programs see it: through arguments, or through records. */
const scheduler = (without: readonly string[] = [], options: Options = {}, waiting?: number) => {
  const records = without.includes('raw_tp');
  const spec = sized({ minUs: 1000, ...options }, waiting);
  const machine = simulate(spec, { task: hog, without });
  const { wakeup, wakeupNew, switched } = machine.programs;
  const context = (p: typeof hog) => (records ? { comm: p.comm, pid: p.pid } : { p });
  return {
    machine,
    wake: (task: typeof hog) => wakeup.run(context(task)),
    create: (task: typeof hog) => wakeupNew.run(context(task)),
    /** A CPU goes from one task, in some state, to another. */
    change: (prev: typeof hog, state: number, next: typeof hog, preempt = false) => {
      machine.task = prev;
      return switched.run(
        records
          ? {
              prev_comm: prev.comm,
              prev_pid: prev.pid,
              prev_state: preempt ? 0x100 : state,
              next_comm: next.comm,
              next_pid: next.pid,
            }
          : { preempt, prev: { ...prev, __state: state }, next: { ...next, __state: RUNNING } },
      );
    },
  };
};

/** As much of a kernel's types as there is to it: `state` was not `__state`, and had 64 bits. */
const before514 = (): Btf => {
  const builder = new BtfBuilder();
  const int = builder.int('int', 4, 'signed');
  const task = builder.ptr(
    builder.struct('task_struct', 32, [
      { name: 'state', type: builder.int('long', 8, 'signed'), bitOffset: 0 },
      { name: 'pid', type: int, bitOffset: 64 },
      { name: 'tgid', type: int, bitOffset: 96 },
      { name: 'comm', type: builder.array(builder.int('char', 1, 'char'), 16), bitOffset: 128 },
    ]),
  );
  const data = { name: '__data', type: builder.ptr(0) };
  const p = { name: 'p', type: task };
  const preempt = { name: 'preempt', type: builder.int('bool', 1, 'bool') };
  const [prev, next] = [
    { name: 'prev', type: task },
    { name: 'next', type: task },
  ];
  for (const [name, args] of [
    ['sched_wakeup', [p]],
    ['sched_wakeup_new', [p]],
    ['sched_switch', [preempt, prev, next]],
  ] as const)
    builder.func(`__bpf_trace_${name}`, builder.funcProto(0, [data, ...args]));
  return builder.build();
};

const HOOKS: readonly (readonly [string, readonly string[]])[] = [
  ['tp_btf', []],
  ['raw_tp', ['tp_btf']],
  ['tracepoints', ['tp_btf', 'raw_tp']],
  ['tracepoints, with a perf buffer', ['tp_btf', 'raw_tp', 'ringbuf']],
];

describe.each(HOOKS)('runqslower at %s', (_, without) => {
  it('reports who waited longer than the limit from its wakeup on', () => {
    const { machine, wake, change } = scheduler(without);
    expect(wake(sleeper)).toReturnValue(0);
    machine.advance(2_000_000);
    const result = change(hog, SLEEPING, sleeper);
    expect(result).toReturnValue(0);
    expect(result.unwritten).toEqual([]);
    expect([...machine.maps.events]).toEqual([
      { latencyNs: 2_000_000, tid: 9, prevTid: 5, comm: 'sleeper', prevComm: 'hog' },
    ]);
    expect(machine).toHaveMap('start', []);
  });

  it('counts a new task as woken', () => {
    const { machine, create, change } = scheduler(without);
    create(sleeper);
    machine.advance(1_500_000);
    change(hog, SLEEPING, sleeper);
    expect(machine.maps.events).toEmit({ tid: 9, latencyNs: 1_500_000 });
  });

  it('says nothing of short waits, and forgets them', () => {
    const { machine, wake, change } = scheduler(without);
    wake(sleeper);
    machine.advance(1_000_999);
    change(hog, SLEEPING, sleeper);
    expect(machine.maps.events).not.toEmit();
    expect(machine).toHaveMap('start', []);
  });

  it('reports who was taken off a CPU while it could run on', () => {
    const { machine, change } = scheduler(without);
    change(sleeper, RUNNING, hog);
    expect([...machine.maps.start.keys()]).toEqual([9]);
    machine.advance(3_000_000);
    change(hog, SLEEPING, sleeper);
    expect([...machine.maps.events]).toMatchObject([{ tid: 9, latencyNs: 3_000_000 }]);
  });

  it('lets a task wait that is preempted on its way to sleep', () => {
    const { machine, change } = scheduler(without);
    change(sleeper, SLEEPING, hog, true);
    expect([...machine.maps.start.keys()]).toEqual([9]);
  });

  it('forgets a wakeup that met a task while it still ran', () => {
    const { machine, wake, change } = scheduler(without);
    wake(sleeper);
    change(sleeper, SLEEPING, hog);
    expect(machine).toHaveMap('start', []);
  });

  it('knows that the idle task waits for nobody', () => {
    const { machine, change } = scheduler(without);
    change({ pid: 0, tgid: 0, comm: 'swapper/0' }, RUNNING, hog);
    expect(machine).toHaveMap('start', []);
  });

  it('counts the tasks that a full map refuses', () => {
    const { machine, wake } = scheduler(without, {}, 2);
    for (const pid of [1, 2, 3]) wake({ ...sleeper, pid });
    expect(machine.losses()).toEqual({ events: 0, start: 1 });
  });

  it('counts the events that a full buffer refuses', () => {
    const { machine, wake, change } = scheduler(without, { buffer: 4096 });
    for (let turn = 0; turn < 100; turn++) {
      wake(sleeper);
      machine.advance(2_000_000);
      change(hog, SLEEPING, sleeper);
    }
    // 48 bytes: 56 with the header of a ring, 64 of perf's.
    const room = without.includes('ringbuf') ? 64 : 73;
    expect(machine.maps.events.lost).toBe(100 - room);
    expect([...machine.maps.events]).toHaveLength(room);
  });

  it('shows one thread only, when asked', () => {
    const { machine, wake } = scheduler(without, { tid: 9 });
    wake(hog);
    wake(sleeper);
    expect([...machine.maps.start.keys()]).toEqual([9]);
  });

  it.each(['s', 'sl', 'sle', 'slee', 'sleep', 'sleepe', 'sleeper'])(
    'shows the names that begin with %s only, when asked',
    (comm) => {
      const { machine, wake } = scheduler(without, { comm });
      wake({ ...sleeper, pid: 1, comm: `${comm.slice(0, -1)}_` });
      wake(sleeper);
      expect([...machine.maps.start.keys()]).toEqual([9]);
    },
  );
});

describe('runqslower', () => {
  it('knows processes where tasks are at hand, and has no variant with records for them', () => {
    const { machine, wake } = scheduler(['tp_btf'], { pid: 8 });
    wake(hog);
    wake(sleeper);
    expect([...machine.maps.start.keys()]).toEqual([9]);
    expect(() => scheduler(['tp_btf', 'raw_tp'], { pid: 8 })).toThrow('sched_wakeup');
  });

  it.each([[[]], [['tp_btf']]])(
    'reads the state under the name that kernels before 5.14 have, without %j',
    (without) => {
      const spec = runqslower.object({ minUs: 1000 });
      const { programs, maps } = simulate(spec, { task: hog, without, btf: before514() });
      const prev = (state: number) => ({ ...sleeper, state });
      programs.switched.run({ preempt: false, prev: prev(SLEEPING), next: hog });
      expect([...maps.start.keys()]).toEqual([]);
      programs.switched.run({ preempt: false, prev: prev(RUNNING), next: hog });
      expect([...maps.start.keys()]).toEqual([9]);
    },
  );

  it('stays small', () => {
    const { wakeup, switched } = simulate(runqslower.object()).programs;
    expect(wakeup).toUseAtMost({ instructions: 20 });
    expect(switched).toUseAtMost({ instructions: 72 });
  });
});
