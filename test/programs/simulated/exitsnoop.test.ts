import { describe, expect, it } from 'vitest';
import { exitsnoop } from '../../../src/programs/exitsnoop.ts';
import type { Mock } from '../../../src/sim/index.ts';
import { simulate } from '../../../src/testing/index.ts';

/** A process as the kernel has it: its leader points to itself. */
const process = (fields: Mock): Mock => {
  const leader: Mock & { group_leader?: Mock } = {
    pid: 7,
    tgid: 7,
    comm: 'systemd-logind',
    start_time: 400,
    exit_code: 3 << 8,
    real_parent: { tgid: 1, comm: 'init' },
    signal: { live: { counter: 0 } },
    ...fields,
  };
  leader.group_leader = leader;
  return leader;
};

const world = { time: 1000 };
const end = {
  ageNs: 600,
  pid: 7,
  ppid: 1,
  tid: 7,
  status: { signal: 0, coreDumped: false, exitCode: 3 },
  comm: 'systemd-logind',
};

describe('exitsnoop', () => {
  it.each([
    ['tp_btf', []],
    ['raw_tp', ['tp_btf']],
    ['tracepoint', ['tp_btf', 'raw_tp']],
    ['tp_btf, with a perf buffer', ['ringbuf']],
    ['tracepoint, with a perf buffer', ['tp_btf', 'raw_tp', 'ringbuf']],
  ])('reports the end of a process, at %s', (hook, without) => {
    const task = process({});
    const { programs, maps } = simulate(exitsnoop.object(), { ...world, task, without });
    const result = hook.startsWith('tracepoint')
      ? programs.handleExit.run({ group_dead: 1 })
      : programs.handleExit.run({ p: task, group_dead: true });
    expect(result).toReturnValue(0);
    expect(result.unwritten).toEqual([]);
    expect([...maps.events]).toEqual([end]);
  });

  it('takes the kernel at its word that a thread is the last, or not', () => {
    const { programs, maps } = simulate(exitsnoop.object(), world);
    const p = process({ signal: { live: { counter: 2 } } });
    programs.handleExit.run({ p, group_dead: false });
    expect(maps.events).not.toEmit();
    programs.handleExit.run({ p, group_dead: true });
    expect(maps.events).toEmit({ pid: 7 });
  });

  it('counts the threads that live where the kernel does not say, and reports the first that finds none', () => {
    const records = { 'sched/sched_process_exit': [] };
    const old = { ...world, without: ['tp_btf', 'raw_tp'], records };
    const machine = simulate(exitsnoop.object(), old);
    const { programs, maps } = machine;
    machine.task = process({ signal: { live: { counter: 1 } } });
    programs.handleExit.run();
    expect(maps.events).not.toEmit();
    machine.task = process({});
    programs.handleExit.run();
    programs.handleExit.run(); // another thread, at the same moment
    expect([...maps.events]).toEqual([end]);
    // The number is used again, by a process that started later.
    machine.task = process({ start_time: 900 });
    programs.handleExit.run();
    expect([...maps.events]).toEqual([{ ...end, ageNs: 100 }]);
  });

  it.each([
    [{ exit_code: 0 }, { signal: 0, coreDumped: false, exitCode: 0 }],
    [{ exit_code: 9 }, { signal: 9, coreDumped: false, exitCode: 0 }],
    [{ exit_code: 0x8b }, { signal: 11, coreDumped: true, exitCode: 0 }],
    [
      { signal: { live: { counter: 0 }, flags: 4, group_exit_code: 5 << 8 } },
      { signal: 0, coreDumped: false, exitCode: 5 },
    ],
  ])('takes the status of %j apart', (fields, status) => {
    const { programs, maps } = simulate(exitsnoop.object(), world);
    programs.handleExit.run({ p: process(fields), group_dead: true });
    expect(maps.events).toEmit({ status });
  });

  it('shows failures only, when asked', () => {
    const { programs, maps } = simulate(exitsnoop.object({ failed: true }), world);
    programs.handleExit.run({ p: process({ exit_code: 0 }), group_dead: true });
    expect(maps.events).not.toEmit();
    programs.handleExit.run({ p: process({ exit_code: 9 }), group_dead: true });
    expect(maps.events).toEmit({ status: { signal: 9, coreDumped: false, exitCode: 0 } });
  });

  it('shows one process only, when asked', () => {
    const { programs, maps } = simulate(exitsnoop.object({ pid: 8 }), world);
    programs.handleExit.run({ p: process({}), group_dead: true });
    programs.handleExit.run({ p: process({ pid: 8, tgid: 8 }), group_dead: true });
    expect([...maps.events]).toMatchObject([{ pid: 8 }]);
  });

  it('shows each thread with its own name and age, when asked', () => {
    const { programs, maps } = simulate(exitsnoop.object({ threads: true }), world);
    const thread = { ...process({}), pid: 9, comm: 'worker', start_time: 990 };
    programs.handleExit.run({ p: thread, group_dead: false });
    expect([...maps.events]).toEqual([{ ...end, tid: 9, comm: 'worker', ageNs: 10 }]);
  });

  it('shows what is in a cgroup or below it, when asked', () => {
    const spec = exitsnoop.object({ cgroup: '/' });
    const cgroup = { path: '/system.slice/cron.service' };
    const { programs, maps } = simulate(spec, { ...world, cgroup });
    const cgroups = maps.cgroups as { set(index: number, path: string): void };
    cgroups.set(0, '/user.slice');
    programs.handleExit.run({ p: process({}), group_dead: true });
    expect(maps.events).not.toEmit();
    cgroups.set(0, '/system.slice');
    programs.handleExit.run({ p: process({}), group_dead: true });
    expect(maps.events).toEmit({ pid: 7 });
  });

  it.each([
    // A record of 40 bytes takes 48 with its header, and the ring is never quite full.
    ['ring buffer', [], 85],
    // Here it takes 4 for its size and 8 for the header of perf.
    ['perf buffer', ['ringbuf'], 73],
  ])('counts what a full %s refuses', (_, without, room) => {
    const machine = simulate(exitsnoop.object({ buffer: 4096 }), { ...world, without });
    const { programs, maps } = machine;
    for (let turn = 0; turn < 100; turn++)
      programs.handleExit.run({ p: process({}), group_dead: true });
    expect(maps.events.lost).toBe(100 - room);
    expect(machine.losses()).toEqual({ events: 100 - room });
    expect([...maps.events]).toHaveLength(room);
  });

  it('stays small', () => {
    const { handleExit } = simulate(exitsnoop.object()).programs;
    expect(handleExit).toUseAtMost({ instructions: 41 });
    expect(exitsnoop.object()).toUseAtMost({ stack: 64 });
  });
});
