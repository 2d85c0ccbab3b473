import { describe, expect, it } from 'vitest';
import {
  add,
  arrayMap,
  call,
  chars,
  either,
  exit,
  fn,
  globals,
  hash,
  helper,
  helperExists,
  jeq,
  KiB,
  label,
  lea,
  load,
  mov,
  object,
  percpuArray,
  r0,
  r1,
  r2,
  r6,
  r7,
  reserve,
  ringbuf,
  socketFilter,
  stack,
  store,
  struct,
  tc,
  tracepoint,
  u32,
  u64,
  update,
  w0,
} from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { simulate } from '../../src/testing/index.ts';
import { noBpf } from '../syscall/support.ts';

const Started = struct('started', { pid: u32, comm: chars(16) });
const Totals = struct('totals', { runs: u32, errors: u32 });

/** Reports who runs, counts the runs by thread and in all, and those of CPU 1. */
const starts = () => {
  const events = ringbuf(Started, { maxEntries: 4 * KiB });
  const runs = hash(u32, u64, { maxEntries: 8 });
  const slots = arrayMap(u32, { maxEntries: 4 });
  const perCpu = percpuArray(u64, { maxEntries: 1 });
  const totals = globals(Totals);
  const [key, one, three] = [stack(u32), stack(u64), stack(u32)];
  const event = Started.at(r7);
  const out = label('out');
  return object({
    license: 'GPL',
    maps: { events, runs, slots, perCpu, totals },
    programs: {
      onExec: tracepoint('sched/sched_process_exec', [
        lea(r1, totals),
        store(Totals.at(r1).runs, 5),
        call(helper.get_current_pid_tgid),
        mov(r6, r0),
        store(key, w0),
        store(one, 1),
        update(runs, key, one),
        store(three, 3),
        update(slots, three, key),
        store(three, 0),
        update(perCpu, three, one),
        reserve(r7, events, out),
        store(event.pid, 7),
        call(helper.get_current_comm, event.comm, 16),
        call(helper.ringbuf_submit, r7, 0),
        out,
        mov(r0, -3),
        exit(),
      ]),
    },
  });
};

const world = { task: { pid: 8, tgid: 7, comm: 'bash' } };

/** The message of an assertion that fails. */
const failure = (assertion: () => void): string => {
  try {
    assertion();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the assertion holds');
};

describe('toReturnValue', () => {
  const run = (value: number) => simulate(tc([mov(r0, value), exit()])).programs.program.run();

  it('compares 32 bits of r0 with a number, and 64 with a bigint', () => {
    expect(run(7)).toReturnValue(7);
    expect(run(7)).not.toReturnValue(8);
    expect(run(-1)).toReturnValue(-1);
    expect(run(-1)).toReturnValue(0xffff_ffff);
    expect(run(-1)).toReturnValue(0xffff_ffff_ffff_ffffn);
    expect(run(-1)).not.toReturnValue(0xffff_ffffn);
    expect(failure(() => expect(run(7)).toReturnValue(8))).toBe(
      'expected the program to return 8, it returned 7',
    );
  });

  it('asks for the result of a run', () => {
    expect(failure(() => expect(7).toReturnValue(7))).toContain('the result of a run');
    expect(failure(() => expect(run(0)).toReturnValue(2 ** 32))).toBe(
      'toReturnValue: a whole number of 32 bits (a bigint is compared with all of r0, where that is known), got 4294967296',
    );
    expect(failure(() => expect(run(0)).toReturnValue(0.5))).toContain('got 0.5');
    expect(failure(() => expect(run(0)).toReturnValue(2n ** 64n))).toContain('of 64 bits, got');
    // The kernel tells no more of r0.
    expect({ returnValue: -1 }).toReturnValue(0xffff_ffffn);
    expect(failure(() => expect({ returnValue: 0 }).toReturnValue(2n ** 32n))).toContain(
      'got 4294967296',
    );
  });
});

describe('toEmit', () => {
  it('finds events by the fields that are given, as often as it is asked', () => {
    const { programs, maps } = simulate(starts(), world);
    expect(maps.events).not.toEmit();
    programs.onExec.run();
    expect(maps.events).toEmit();
    expect(maps.events).toEmit({ comm: 'bash' });
    expect(maps.events).toEmit({ pid: 7, comm: expect.stringMatching('^ba') });
    expect(maps.events).not.toEmit({ pid: 8 });
  });

  it('says what the events were', () => {
    const { programs, maps } = simulate(starts(), world);
    expect(failure(() => expect(maps.events).toEmit({ pid: 8 }))).toBe(
      'expected the buffer to get {"pid": 8}; there was no event',
    );
    programs.onExec.run();
    expect(failure(() => expect(maps.events).toEmit({ pid: 8 }))).toBe(
      'expected the buffer to get {"pid": 8}; the events were [{"comm": "bash", "pid": 7}]',
    );
    expect(failure(() => expect(maps.runs).toEmit())).toContain('a ring buffer or perf buffer');
  });
});

describe('toHaveMap', () => {
  const ran = () => {
    const machine = simulate(starts(), world);
    machine.programs.onExec.run();
    return machine;
  };

  it('compares the entries of hash tables, in any order', () => {
    const machine = ran();
    machine.maps.runs.set(1, 2n);
    expect(machine).toHaveMap('runs', [
      [1, 2n],
      [8, 1n],
    ]);
    expect(machine).toHaveMap(
      'runs',
      new Map([
        [8, 1n],
        [1, 2n],
      ]),
    );
    expect(machine).not.toHaveMap('runs', [[8, 1n]]);
    expect(machine).not.toHaveMap('runs', [
      [8, 1n],
      [1, 3n],
    ]);
  });

  it('takes what is not mentioned of an array for zero', () => {
    const machine = ran();
    expect(machine).toHaveMap('slots', [[3, 8]]);
    expect(machine).toHaveMap('slots', [
      [3, 8],
      [0, 0],
    ]);
    expect(machine).not.toHaveMap('slots', []);
    expect(machine).toHaveMap('perCpu', [[0, [1n, 0n]]]);
    expect(simulate(starts(), world)).toHaveMap('perCpu', []);
  });

  it('compares the variables that are given', () => {
    expect(ran()).toHaveMap('totals', { runs: 5 });
    expect(ran()).not.toHaveMap('totals', { runs: 5, errors: 1 });
  });

  it('says what it did not expect', () => {
    expect(failure(() => expect(ran()).not.toHaveMap('totals', { runs: 5 }))).toBe(
      'expected totals not to have {"runs": 5}',
    );
    expect(failure(() => expect(ran()).not.toHaveMap('slots', [[3, 8]]))).toBe(
      'expected slots not to hold [[3, 8]]',
    );
  });

  it('takes pairs', () => {
    const wrong = { 7: 2n } as never;
    expect(failure(() => expect(ran()).toHaveMap('runs', wrong))).toBe(
      'toHaveMap: pairs of key and value, as [[7, 2n]], got {"7": 2n}',
    );
  });

  it('names the maps when there is none of the name', () => {
    const wrong = 'run' as 'runs';
    expect(failure(() => expect(ran()).toHaveMap(wrong, []))).toContain(
      'toHaveMap: there is no table or variables run, but runs, slots, perCpu, totals',
    );
  });

  it.skipIf(noBpf)(`looks into the kernel's maps too${noBpf ? ` (skipped: ${noBpf})` : ''}`, () => {
    using loaded = loadObject(starts());
    loaded.maps.runs.set(4, 2n);
    loaded.maps.slots.set(1, 9);
    expect(loaded).toHaveMap('runs', [[4, 2n]]);
    expect(loaded).toHaveMap('slots', [[1, 9]]);
    expect(loaded).toHaveMap('totals', { runs: 0 });
    expect(loaded.maps.events).not.toEmit();
  });
});

describe('toDisassembleTo', () => {
  const out = label('out');
  const program = tc([mov(r0, 0), jeq(r0, 5, out), add(r0, 1), out, exit()]);

  it('compares with the text of the kernel, with numbers and comments or without', () => {
    expect(program).toDisassembleTo(`
      r0 = 0
      if r0 == 0x5 goto pc+1
      r0 += 1
      exit
    `);
    expect(program).toDisassembleTo(`
       0: (b7) r0 = 0
       1: (15) if r0 == 0x5 goto pc+1   ; five is enough
       2: (07) r0 += 1
       3: (95) exit
    `);
    expect(program).not.toDisassembleTo('exit');
  });

  it('shows what a simulated world makes of a choice', () => {
    const choosy = tc([
      either(helperExists(helper.ktime_get_boot_ns), mov(r0, 1), mov(r0, 2)),
      exit(),
    ]);
    const inWorld = (without: readonly string[]) => simulate(choosy, { without }).programs.program;
    expect(inWorld([])).toDisassembleTo('r0 = 1\nexit');
    expect(inWorld(['ktime_get_boot_ns'])).toDisassembleTo('r0 = 2\nexit');
  });
});

describe('toUseAtMost', () => {
  const buffer = stack(struct('buffer', { bytes: chars(64) }));
  const nested = fn('nested', 0, [store(stack(u64), 1), mov(r0, 0), exit()]);
  const program = tc([
    lea(r1, buffer),
    mov(r2, 64),
    call(helper.get_current_comm, r1, r2),
    call(nested),
    exit(),
  ]);

  it('counts slots and stack of programs, through all calls', () => {
    expect(program).toUseAtMost({ instructions: 9, stack: 72 });
    expect(failure(() => expect(program).toUseAtMost({ instructions: 8 }))).toBe(
      'program (tc) uses 9 instructions, more than 8',
    );
    expect(failure(() => expect(program).toUseAtMost({ stack: 71 }))).toContain(
      'program (tc) uses 72 bytes of stack, more than 71',
    );
  });

  it('counts the instructions of a simulated program, and those that a run executed', () => {
    const simulated = simulate(program).programs.program;
    expect(simulated).toUseAtMost({ instructions: 9 });
    expect(simulated).not.toUseAtMost({ instructions: 8 });
    const result = simulated.run();
    expect(result).toUseAtMost({ instructions: 9 });
    expect(result).not.toUseAtMost({ instructions: 8 });
  });
});

describe('toPassVerifier', () => {
  const counts = hash(u32, u64, { maxEntries: 4 });
  const key = stack(u32);
  const forgetful = socketFilter([
    store(key, 0),
    call(helper.map_lookup_elem, counts, key),
    load(r1, u64.at(r0)), // the check for 0 is missing
    mov(r0, 0),
    exit(),
  ]);

  it('says who judged', () => {
    expect(starts()).toPassVerifier();
    expect(failure(() => expect(starts()).not.toPassVerifier())).toContain(
      noBpf ? 'the kernel was not asked' : 'the kernel judged',
    );
  });

  it.skipIf(noBpf)(`asks the kernel${noBpf ? ` (skipped: ${noBpf})` : ''}`, () => {
    expect(forgetful).not.toPassVerifier();
    const message = failure(() => expect(forgetful).toPassVerifier());
    expect(message).toMatch(
      /^expected it to pass the verifier; the kernel judged:\nthe kernel refuses/,
    );
    expect(message).toContain('load(r1, u64.at(r0)), // the check for 0 is missing');
  });
});
