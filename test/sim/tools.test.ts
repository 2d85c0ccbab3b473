import { describe, expect, it } from 'vitest';
import { exitsnoop } from '../../src/programs/exitsnoop.ts';
import { hardirqs } from '../../src/programs/hardirqs.ts';
import { hello } from '../../src/programs/hello.ts';
import { helloPerf } from '../../src/programs/hello-perf.ts';
import { opensnoop } from '../../src/programs/opensnoop.ts';
import { runqslower } from '../../src/programs/runqslower.ts';
import type { Mock } from '../../src/sim/index.ts';
import { ENGINES, simulateOn } from './engines.ts';

/** What a buffer or a ring of a tool holds. */
const read = (buffer: unknown) => [...(buffer as Iterable<unknown>)];

describe.each(ENGINES)('the tools on the simulated machine, with the engine %s', (engine) => {
  const simulate = simulateOn(engine);

  const init = { tgid: 1, comm: 'init' };
  const leader: Mock & { group_leader?: Mock } = {
    pid: 7,
    tgid: 7,
    comm: 'bash',
    start_time: 400,
    exit_code: 3 << 8,
    real_parent: init,
    signal: { live: { counter: 0 } },
  };
  leader.group_leader = leader;
  const exit = {
    ageNs: 600,
    pid: 7,
    ppid: 1,
    tid: 7,
    status: { signal: 0, coreDumped: false, exitCode: 3 },
    comm: 'bash',
  };

  it.each([[[]], [['tp_btf']], [['tp_btf', 'raw_tp']], [['ringbuf']]])(
    'exitsnoop reports the end of a process, in a kernel without %j',
    (without) => {
      const { programs, maps } = simulate(exitsnoop.object(), {
        task: leader,
        time: 1000,
        without,
      });
      const record = without.includes('raw_tp');
      const result = programs.handleExit.run(
        record ? { group_dead: 1 } : { p: leader, group_dead: true },
      );
      expect(read(maps.events)).toEqual([exit]);
      expect(result).toMatchObject({ returnValue: 0, unwritten: [] });
      expect((maps.events as { lost: number }).lost).toBe(0);
    },
  );

  it('exitsnoop leaves out a thread that is not the last, and what does not fail when asked for failures', () => {
    const { programs, maps } = simulate(exitsnoop.object({ failed: true }), { time: 1000 });
    programs.handleExit.run({ p: leader, group_dead: false });
    programs.handleExit.run({ p: { ...leader, exit_code: 0 }, group_dead: true });
    expect(read(maps.events)).toEqual([]);
    programs.handleExit.run({ p: { ...leader, exit_code: 9 }, group_dead: true });
    expect(read(maps.events)).toMatchObject([{ status: { signal: 9, exitCode: 0 } }]);
  });

  it('exitsnoop counts what a full ring refuses', () => {
    const { programs, maps } = simulate(exitsnoop.object({ buffer: 4096 }), { time: 1000 });
    for (let turn = 0; turn < 100; turn++) programs.handleExit.run({ p: leader, group_dead: true });
    // A record of 40 bytes takes 48 with its header, and the ring is never quite full.
    expect((maps.events as { lost: number }).lost).toBe(100 - 85);
    expect(read(maps.events)).toHaveLength(85);
  });

  it('exitsnoop sees only tasks of the cgroup that it is limited to', () => {
    const world = { time: 1000, cgroup: { path: '/system.slice/cron.service' } };
    const { programs, maps } = simulate(exitsnoop.object({ cgroup: '/' }), world);
    const { cgroups, events } = maps as unknown as {
      cgroups: { set(index: number, path: string): void };
      events: Iterable<unknown>;
    };
    cgroups.set(0, '/user.slice');
    programs.handleExit.run({ p: leader, group_dead: true });
    expect(read(events)).toEqual([]);
    cgroups.set(0, '/system.slice');
    programs.handleExit.run({ p: leader, group_dead: true });
    expect(read(events)).toHaveLength(1);
  });

  const cat = { pid: 8, tgid: 7, comm: 'cat' };

  it('hello prints', () => {
    const { programs, printed } = simulate(hello.object());
    programs.hello.run();
    expect(printed).toEqual(['Hello, World!']);
  });

  it('hello-perf reports a path, and one that cannot be read', () => {
    const machine = simulate(helloPerf.object(), { task: cat, time: 5 });
    const { enter, leave } = machine.programs;
    enter.run({ args: [-100, '/etc/passwd'] });
    leave.run({ ret: 3 });
    enter.run({ args: [-100, 0x1000] });
    leave.run({ ret: -14 });
    leave.run({ ret: 3 }); // was not seen to enter
    expect(read(machine.maps.events)).toEqual([
      { timeNs: 5, pid: 7, pathSize: 12, comm: 'cat', path: '/etc/passwd' },
      { timeNs: 5, pid: 7, pathSize: -14, comm: 'cat', path: '' },
    ]);
    expect([...machine.maps.paths.entries()]).toEqual([]);
  });

  it('opensnoop reports flags, mode and user', () => {
    const world = { task: cat, uid: 1000 };
    const { programs, maps } = simulate(opensnoop.object({ extended: true }), world);
    programs.enterOpenat.run({ args: [-100, '/etc/passwd', 0o100, 0o644] });
    programs.exitOpenat.run({ ret: 3 });
    expect(read(maps.events)).toMatchObject([
      { tid: 8, pid: 7, uid: 1000, comm: 'cat', result: 3, flags: 0o100n, mode: 0o644n },
    ]);
  });

  it('opensnoop reads the struct of openat2 from user space', () => {
    const machine = simulate(opensnoop.object({ extended: true }), { task: cat });
    const how = new Uint8Array(new BigUint64Array([0o100n, 0o600n, 0n]).buffer);
    const path = 'relative';
    machine.programs.enterOpenat2.run({ args: [-100, path, machine.user.put(how), 24] });
    machine.programs.exitOpenat2.run({ ret: -2 });
    expect(read(machine.maps.events)).toMatchObject([
      { result: -2, flags: 0o100n, mode: 0o600n, path: 'relative', pathSize: 9 },
    ]);
  });

  it('opensnoop walks from a working directory to the root', () => {
    const machine = simulate(opensnoop.object({ fullPath: true }));
    const { kernel } = machine;
    const named = (name: string, d_parent?: number) => ({ d_name: { name }, d_parent });
    const root: Mock & { d_parent?: Mock } = named('/') as never;
    root.d_parent = root;
    const top = kernel.place('dentry', root);
    const dentry = kernel.place(
      'dentry',
      named('work', kernel.place('dentry', named('home', top))),
    );
    const mount: Mock & { mnt_parent?: Mock } = { mnt: { mnt_root: top }, mnt_mountpoint: top };
    mount.mnt_parent = mount;
    // A path has the address of the part of a mount that file systems see, which is its start.
    const mnt = kernel.place('mount', mount);
    machine.task = { ...cat, fs: { pwd: { mnt, dentry } } };
    machine.programs.enterOpenat.run({ args: [-100, 'notes.txt', 0, 0] });
    machine.programs.exitOpenat.run({ ret: 3 });
    expect(read(machine.maps.events)).toMatchObject([
      { pathSize: 10, names: 2, rooted: 1, path: 'notes.txt/work/home' },
    ]);
  });

  it.each([[[]], [['tp_btf']], [['tp_btf', 'raw_tp']]])(
    'runqslower reports who waited too long, in a kernel without %j',
    (without) => {
      const world = { task: { pid: 5, tgid: 5, comm: 'hog' }, without };
      const machine = simulate(runqslower.object({ minUs: 1000 }), world);
      const { wakeup, switched } = machine.programs;
      const record = without.includes('raw_tp');
      const sleeper = { pid: 9, tgid: 9, comm: 'sleeper', __state: 0 };
      const hog = { pid: 5, tgid: 5, comm: 'hog', __state: 1 };
      wakeup.run(record ? { comm: 'sleeper', pid: 9 } : { p: sleeper });
      machine.advance(2_000_000);
      switched.run(
        record
          ? { prev_comm: 'hog', prev_pid: 5, prev_state: 1, next_comm: 'sleeper', next_pid: 9 }
          : { preempt: false, prev: hog, next: sleeper },
      );
      expect(read(machine.maps.events)).toEqual([
        { latencyNs: 2_000_000, tid: 9, prevTid: 5, comm: 'sleeper', prevComm: 'hog' },
      ]);
      expect([...machine.maps.start.keys()]).toEqual([]);
    },
  );

  it('hardirqs sums up per CPU what handlers take', () => {
    const machine = simulate(hardirqs.object({ distributed: true }));
    const [enter, exit] = Object.values(machine.programs);
    const action = { name: 'eth0' };
    for (const [cpu, time] of [
      [0, 3000],
      [1, 5000],
      [1, 9000],
    ] as const) {
      machine.cpu = cpu;
      enter!.run({ irq: 4, action });
      machine.advance(time);
      exit!.run({ irq: 4, action });
    }
    const [[key, sums]] = [...machine.maps.sums.entries()] as never as [
      [{ name: Uint8Array }, { totalNs: number; maxNs: number; slots: number[] }[]],
    ];
    expect(new TextDecoder().decode(key.name).replace(/\0.*/s, '')).toBe('eth0');
    expect(sums).toMatchObject([
      { totalNs: 3000, maxNs: 3000 },
      { totalNs: 14_000, maxNs: 9000 },
    ]);
    expect(sums[1]!.slots.slice(0, 5)).toEqual([0, 0, 1, 1, 0]);
  });
});
