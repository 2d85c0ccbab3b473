import { describe, expect, it } from 'vitest';
import { hello } from '../../../src/programs/hello.ts';
import { simulate } from '../../../src/testing/index.ts';

describe('hello', () => {
  it('prints its line', () => {
    const { programs, printed } = simulate(hello.object());
    expect(programs.hello.run()).toReturnValue(0);
    expect(printed).toEqual(['Hello, World!']);
  });

  it('prints for one process only, when asked', () => {
    const machine = simulate(hello.object({ pid: 7 }), { task: { pid: 7, tgid: 6 } });
    machine.programs.hello.run();
    expect(machine.printed).toEqual([]);
    machine.task = { pid: 8, tgid: 7 };
    machine.programs.hello.run();
    expect(machine.printed).toEqual(['Hello, World!']);
  });

  it('is these instructions', () => {
    expect(simulate(hello.object()).programs.hello).toDisassembleTo(`
      r1 = map[array][0]+0
      r2 = 14
      call bpf_trace_printk#6
      r0 = 0
      exit
    `);
  });
});
