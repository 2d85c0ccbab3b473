import { describe, expect, it } from 'vitest';
import { helloPerf } from '../../../src/programs/hello-perf.ts';
import { simulate } from '../../../src/testing/index.ts';

const world = { task: { pid: 8, tgid: 7, comm: 'cat' }, time: 5 };
const event = { timeNs: 5, pid: 7, comm: 'cat' };

/** With room for so many calls. */
const sized = helloPerf.object as (
  given: object,
  calls: number,
) => ReturnType<typeof helloPerf.object>;

describe('hello-perf', () => {
  it('reports the path when the call returns, once', () => {
    const machine = simulate(helloPerf.object(), world);
    const { enter, leave } = machine.programs;
    expect(enter.run({ args: [-100, '/etc/passwd'] })).toReturnValue(0);
    expect(machine).toHaveMap('paths', [[8, 0x5555_0000_0000n]]);
    expect(machine.maps.events).not.toEmit();
    expect(leave.run({ ret: 3 })).toReturnValue(0);
    leave.run({ ret: 3 });
    expect([...machine.maps.events]).toEqual([{ ...event, pathSize: 12, path: '/etc/passwd' }]);
    expect(machine).toHaveMap('paths', []);
  });

  it('says that a path could not be read', () => {
    const { programs, maps } = simulate(helloPerf.object(), world);
    programs.enter.run({ args: [-100, 0x1000] });
    programs.leave.run({ ret: -14 });
    expect([...maps.events]).toEqual([{ ...event, pathSize: -14, path: '' }]);
  });

  it('cuts a path at its room, so that the reader sees that it goes on', () => {
    const { programs, maps } = simulate(helloPerf.object(), world);
    programs.enter.run({ args: [-100, 'x'.repeat(300)] });
    programs.leave.run({ ret: 3 });
    expect(maps.events).toEmit({ pathSize: 257, path: 'x'.repeat(256) });
  });

  it('keeps the calls of threads apart', () => {
    const machine = simulate(helloPerf.object(), world);
    const { enter, leave } = machine.programs;
    enter.run({ args: [-100, 'first'] });
    machine.task = { pid: 9, tgid: 9, comm: 'ls' };
    enter.run({ args: [-100, 'second'] });
    leave.run({ ret: 3 });
    machine.task = world.task;
    leave.run({ ret: 3 });
    const shown = [...machine.maps.events].map(({ comm, path }) => [comm, path]);
    expect(shown).toEqual([
      ['ls', 'second'],
      ['cat', 'first'],
    ]);
  });

  it('shows one process only, when asked', () => {
    const machine = simulate(helloPerf.object({ pid: 9 }), world);
    machine.programs.enter.run({ args: [-100, 'first'] });
    machine.task = { pid: 10, tgid: 9 };
    machine.programs.enter.run({ args: [-100, 'second'] });
    expect([...machine.maps.paths.keys()]).toEqual([10]);
  });

  it('counts the calls that a full map refuses', () => {
    const machine = simulate(sized({}, 2), world);
    for (const pid of [1, 2, 3]) {
      machine.task = { pid, tgid: pid };
      machine.programs.enter.run({ args: [-100, 'name'] });
    }
    expect(machine.losses()).toEqual({ paths: 1, events: 0 });
  });

  it('counts the events that a full buffer refuses', () => {
    const machine = simulate(helloPerf.object({ buffer: 4096 }), world);
    for (let turn = 0; turn < 100; turn++) {
      machine.programs.enter.run({ args: [-100, 'x'.repeat(300)] });
      machine.programs.leave.run({ ret: 3 });
    }
    // 32 bytes before the path, 257 of it, padded to 292, and 12 of perf's.
    expect(machine.maps.events.lost).toBe(100 - 13);
    expect([...machine.maps.events]).toHaveLength(13);
  });
});
