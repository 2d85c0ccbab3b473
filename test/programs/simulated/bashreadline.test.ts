import { describe, expect, it } from 'vitest';
import { bashreadline } from '../../../src/programs/bashreadline.ts';
import { simulate } from '../../../src/testing/index.ts';

const world = { task: { pid: 181, tgid: 181, comm: 'bash' } };

describe('bashreadline', () => {
  it.each([
    ['a ring buffer', []],
    ['a perf buffer', ['ringbuf']],
  ])('reports commands, and nothing at the end of the input, through %s', (_, without) => {
    const { programs, maps } = simulate(bashreadline.object(), { ...world, without });
    expect(programs.returned.run({ retval: 'make test' })).toReturnValue(0);
    expect(programs.returned.run({ retval: 0 })).toReturnValue(0);
    programs.returned.run({ retval: '' });
    expect([...maps.events]).toMatchObject([
      { pid: 181, size: 10, command: 'make test' },
      { pid: 181, size: 1, command: '' },
    ]);
  });

  it('says that a command could not be read, and marks one that goes on', () => {
    const { programs, maps } = simulate(bashreadline.object(), world);
    programs.returned.run({ retval: 0x1000 });
    programs.returned.run({ retval: 'x'.repeat(5000) });
    expect(maps.events).toEmit({ size: -14, command: '' });
    expect(maps.events).toEmit({ size: 4097, command: 'x'.repeat(4096) });
  });

  it('shows one process only, when asked', () => {
    const machine = simulate(bashreadline.object({ pid: 182 }), world);
    machine.programs.returned.run({ retval: 'first' });
    machine.task = { pid: 182, tgid: 182, comm: 'bash' };
    machine.programs.returned.run({ retval: 'second' });
    expect([...machine.maps.events]).toMatchObject([{ pid: 182, command: 'second' }]);
  });

  it('leaves out others that use the library', () => {
    const machine = simulate(bashreadline.object({ shared: '/lib/libreadline.so.8' }), world);
    machine.programs.returned.run({ retval: 'of bash' });
    for (const comm of ['python3', 'bashful', 'bas']) {
      machine.task = { pid: 9, tgid: 9, comm };
      machine.programs.returned.run({ retval: `of ${comm}` });
    }
    expect([...machine.maps.events]).toMatchObject([{ command: 'of bash' }]);
  });

  it('counts what a full buffer refuses', () => {
    const machine = simulate(bashreadline.object({ buffer: 4096 }), world);
    for (let turn = 0; turn < 3; turn++) machine.programs.returned.run({ retval: 'ls' });
    expect(machine.losses().events).toBe(3);
    expect(machine.maps.events).not.toEmit();
  });
});
