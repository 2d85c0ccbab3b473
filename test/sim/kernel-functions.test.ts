import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import {
  add,
  call,
  exit,
  helper,
  jeq,
  label,
  lddw,
  load,
  mov,
  r0,
  r1,
  r2,
  r3,
  r6,
  r10,
  tc,
  u32,
  w6,
} from '../../src/index.ts';
import { KERNEL_FUNCTIONS } from '../../src/sim/helpers/kernel-functions.ts';
import { type SimulateOptions, simulate } from '../../src/sim/index.ts';

const object = readObject(readFileSync(new URL('../objects/kfuncs.o', import.meta.url)));
const task = { tgid: 7, pid: 8, real_parent: { tgid: 1 } };

const run = (program: string, world: SimulateOptions = {}) => {
  const { programs, maps, kernel } = simulate(object, { programs: [program], ...world });
  programs[program]!.run([kernel.place('task_struct', task), 0n]);
  return (maps['.bss'] as unknown as { get(name: string): readonly bigint[] }).get('out');
};

describe.each(['interpreter', 'wasm'] as const)('functions of the kernel, %s', (engine) => {
  it('hand out references to objects, and take them back', () => {
    expect(run('references', { engine })[0]).toBe(8n);
    expect(run('read_side', { engine })[2]).toBe(1n);
  });

  it('can be given by a test', () => {
    const asked: number[] = [];
    const out = run('optional', {
      engine,
      functions: {
        bpf_task_from_pid: (machine, registers) => {
          asked.push(registers.word(1));
          return registers.word(1) === 1 ? machine.kernel.place('task_struct', { tgid: 30 }) : 0;
        },
        bpf_no_such_kfunc: () => 0,
      },
    });
    // One is found, the other is not, which counts as -1.
    expect([out[1], asked]).toEqual([29n, [1, 8]]);
  });

  it('count from the least number there is', () => {
    const { bpf_iter_num_new, bpf_iter_num_next } = KERNEL_FUNCTIONS;
    const helpers = { get_smp_processor_id: bpf_iter_num_new!, ktime_get_ns: bpf_iter_num_next! };
    const out = label('out');
    const iterator = [mov(r1, r10), add(r1, -8)];
    const next = [iterator, call(helper.ktime_get_ns), jeq(r0, 0, out), load(w6, u32.at(r0))];
    const body = [
      [iterator, lddw(r2, -0x8000_0000), lddw(r3, -0x7fff_fffe), call(helper.get_smp_processor_id)],
      [mov(r6, 0), next, next, next, mov(r6, 1), out, mov(r0, r6), exit()],
    ];
    const { program } = simulate(tc(body), { engine, helpers }).programs;
    expect(program.run().value).toBe(0x8000_0001n);
  });

  it('are named where they are not simulated', () => {
    expect(() => run('missing', { engine })).toThrow(
      "the kernel's function bpf_no_such_kfunc is not simulated; give one in the world: { functions: { bpf_no_such_kfunc: (machine, registers) => ... } }",
    );
  });
});
