/**
 * @module
 * The WebAssembly engine beside the interpreter, where they could differ: control flow that does not nest, limits in the
 * middle of a block, memory that grows or goes away while a program runs. BEESPOKE_RANDOM says how many programs with
 * random jumps (400), BEESPOKE_SEED where to start.
 */
import { describe, expect, it } from 'vitest';
import {
  add,
  and,
  arrayMap,
  atomicAdd,
  type Code,
  call,
  cmpxchg,
  exit,
  fetchAdd,
  fn,
  globals,
  hash,
  helper,
  ja,
  jeq,
  jgt,
  jlt,
  jne,
  jset,
  KiB,
  type Label,
  label,
  ldAbs,
  lea,
  load,
  mayGoto,
  mov,
  mul,
  object,
  progArray,
  r0,
  r1,
  r2,
  r3,
  r4,
  r6,
  r7,
  r8,
  r9,
  r10,
  ringbuf,
  rsh,
  store,
  struct,
  sub,
  tc,
  u8,
  u32,
  u64,
  w0,
  w1,
  w2,
  xor,
} from '../../src/index.ts';
import { type SimulateOptions, simulate } from '../../src/sim/index.ts';
import { Random } from '../layout/random.ts';
import { ENGINES } from './engines.ts';

const COUNT = Number(process.env.BEESPOKE_RANDOM ?? 400);
const FIRST = Number(process.env.BEESPOKE_SEED ?? 1);

/** What a program comes to on an engine: its result, or the message and the place of its fault. */
const outcome = (body: Code, limit: number, world: SimulateOptions): unknown => {
  const { programs } = simulate(tc(body), world);
  try {
    const { value, instructions, unwritten } = programs.program.run(undefined, { limit });
    return { value, instructions, unwritten };
  } catch (error) {
    const { message, instruction } = error as Error & { readonly instruction?: number };
    return { message: message.replace(/ \([\w.-]+\.ts:\d+\)/, ''), instruction };
  }
};

/** The outcome, which must be that of both engines. */
const onBoth = (body: Code, limit = 1_000_000): unknown => {
  const [interpreted, compiled] = ENGINES.map((engine) => outcome(body, limit, { engine }));
  expect(compiled).toEqual(interpreted);
  return compiled;
};

describe('control flow', () => {
  it('may enter a loop in its middle', () => {
    const [top, middle, out] = [label('top'), label('middle'), label('out')];
    const body = (start: number) => [
      [mov(r0, 0), mov(r1, start), jeq(r1, 5, middle)],
      [top, add(r0, 1)],
      [middle, add(r0, 100), add(r1, 1), jlt(r1, 10, top)],
      [out, exit()],
    ];
    expect(onBoth(body(5))).toMatchObject({ value: 504n });
    expect(onBoth(body(6))).toMatchObject({ value: 404n });
  });

  it('may leave and go on with loops inside of loops', () => {
    const [outer, inner, next, out] = ['outer', 'inner', 'next', 'out'].map(label) as Label[];
    const body = [
      [mov(r0, 0), mov(r1, 0), outer!, mov(r2, 0)],
      [inner!, add(r0, 1), add(r2, 1), jgt(r0, 60, out!), jeq(r2, 7, next!), jlt(r2, 10, inner!)],
      [next!, add(r1, 1), jlt(r1, 20, outer!), out!, exit()],
    ];
    expect(onBoth(body)).toMatchObject({ value: 61n });
  });

  it('may jump to where it goes on anyway', () => {
    const [here, there] = [label('here'), label('there')];
    const body = [mov(r0, 1), jeq(r0, 1, here), here, add(r0, 1), mayGoto(there), there, exit()];
    expect(onBoth(body)).toEqual({ value: 2n, instructions: 5, unwritten: [] });
  });

  const title = `is the same for random jumps in all directions, whatever the limit: ${COUNT} of them`;
  it(title, { timeout: 60_000 + COUNT * 100 }, () => {
    let ended = 0;
    let stopped = 0;
    for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
      const random = new Random(seed);
      const found = onBoth(randomJumps(random), 1 + random.below(400));
      if ((found as { value?: bigint }).value === undefined) stopped++;
      else ended++;
    }
    expect(Math.min(ended, stopped)).toBeGreaterThan(COUNT / 5);
  });
});

/** Blocks that each jump to a random one or go on, by what the registers hold. */
const randomJumps = (random: Random): Code => {
  const labels = Array.from({ length: 2 + random.below(12) }, (_, index) => label(`l${index}`));
  const inner = fn('inner', 1, [mov(r0, r1), mul(r0, 7), exit()]);
  const registers = [r0, r6, r7, r8];
  const blocks = labels.map((place): Code => {
    const [a, b] = [random.pick(registers), random.pick(registers)];
    const to = random.pick(labels);
    const work = random.pick<Code>([
      [add(a, b), add(a, 1)],
      [mul(a, 5), sub(a, b)],
      [xor(a, b), add(a, 3)],
      [rsh(a, 1), add(b, 1)],
      [mov(r1, a), call(inner, r1)],
    ]);
    const jump = random.pick<Code>([
      jset(a, 1 << random.below(4), to),
      jgt(a, b, to),
      jeq(a, b, to),
      mayGoto(to),
      [and(a, 0xff), jlt(a, random.below(256), to)],
      [],
    ]);
    return [place, work, jump];
  });
  const start = registers.map((register) => mov(register, random.below(100)));
  return [start, blocks, exit()];
};

describe('limits', () => {
  it('stop a program at the same instruction, in the middle of blocks and calls', () => {
    const twice = fn('twice', 1, [mov(r0, r1), add(r0, r0), exit()]);
    const again = label('again');
    const body = [
      [mov(r0, 1), mov(r6, 0)],
      [
        again,
        mov(r1, r0),
        call(twice, r1),
        add(r0, 1),
        add(r6, 1),
        call(helper.get_smp_processor_id),
      ],
      [mov(r0, r6), jlt(r6, 3, again), add(r0, 1), exit()],
    ];
    const places = Array.from({ length: 40 }, (_, limit) => onBoth(body, limit + 1)) as {
      readonly instruction?: number;
    }[];
    expect(places.map(({ instruction }) => instruction).slice(0, 13)).toEqual([
      1, 2, 3, 11, 12, 13, 4, 5, 6, 7, 8, 2, 3,
    ]);
    expect(places.at(-1)).toEqual({ value: 4n, instructions: 34, unwritten: [] });
  });
});

describe('instructions', () => {
  it('are counted to where a load behind the packet ends the function', () => {
    const peek = fn('peek', 1, [mov(r6, r1), ldAbs(u8, 5), add(r0, 1), add(r0, 1), exit()]);
    const body = [mov(r6, r1), call(peek, r6), add(r0, 3), exit()];
    expect(onBoth(body)).toEqual({ value: 3n, instructions: 7, unwritten: [] });
    for (let limit = 1; limit < 7; limit++)
      expect(onBoth(body, limit)).toMatchObject({ instruction: [1, 2, 5, 6, 3, 4][limit - 1] });
  });
});

describe('callbacks', () => {
  const none = { message: expect.stringContaining('is no function of the program') };
  const loopOver = (callback: Code): Code => [
    [mov(r3, r1), callback, mov(r1, 3), mov(r4, 0), call(helper.loop, r1, r2 as never, r3, r4)],
    exit(),
  ];

  it('are functions of the program', () => {
    expect(onBoth(loopOver(mov(r2, 5)))).toMatchObject(none);
    expect(onBoth(loopOver(mov(r2, r3)))).toMatchObject(none);
    expect(onBoth(loopOver(lea(r2, hash(u32, u64, { maxEntries: 1 }))))).toMatchObject(none);
  });

  it.each(ENGINES)('of timers come to an end, %s', (engine) => {
    const again = label('again');
    const timers = arrayMap(struct('value', { timer: u64, opaque: u64 }), { maxEntries: 1 });
    const forever = fn('forever', 3, [mov(r0, 0), again, add(r0, 1), jne(r0, 0, again), exit()]);
    const out = label('out');
    const body = [
      [
        store(u32.at(r10, -4), 0),
        mov(r2, r10),
        add(r2, -4),
        call(helper.map_lookup_elem, timers, r2),
      ],
      [jeq(r0, 0, out), mov(r6, r0), call(helper.timer_init, r6, timers, 1)],
      [call(helper.timer_set_callback, r6, forever), call(helper.timer_start, r6, 500, 0)],
      [mov(r0, 0), out, exit()],
    ];
    const machine = simulate(tc(body), { engine });
    machine.programs.program.run();
    expect(() => machine.advance(500)).toThrow('has not ended after 1000000 instructions');
  });
});

describe('memory', () => {
  it('of a loop is not kept for what comes before the next', () => {
    const ring = ringbuf(u64, { maxEntries: 4 * KiB });
    const names = ['fill', 'second', 'read', 'again', 'out'] as const;
    const [fill, second, read, again, out] = names.map(label) as [
      Label,
      Label,
      Label,
      Label,
      Label,
    ];
    const body = [
      [call(helper.ringbuf_reserve, ring, 8, 0), jeq(r0, 0, out), mov(r6, r0), mov(r7, 0)],
      [fill, store(u64.at(r6), r7), add(r7, 1), jlt(r7, 3, fill)],
      [call(helper.ringbuf_submit, r6, 0), jgt(r7, 100, second), ja(read)],
      [second, store(u64.at(r6), r7), jlt(r7, 200, again)],
      // It lies between the blocks of a loop that it is not in.
      [read, load(r0, u64.at(r6)), out, exit()],
      [again, add(r7, 1), ja(second)],
    ];
    expect(onBoth(body)).toMatchObject({
      message: expect.stringContaining('no 8 bytes to be read there: the address is the number'),
    });
  });

  it('of contexts is given back, also by runs that fail', () => {
    const fails = label('fails');
    const body = [
      [mov(r0, r1), load(w2, u32.at(r1, 8)), jeq(r2, 1, fails), rsh(r0, 32), exit()],
      [fails, load(r0, u64.at(r2)), exit()],
    ];
    for (const engine of ENGINES) {
      const { programs } = simulate(tc(body), { engine });
      for (let run = 0; run < 3000; run++)
        expect(() => programs.program.run({ mark: 1 })).toThrow('is the number 0x1');
      expect(programs.program.run().value).toBeLessThan(2000n);
    }
  });

  it('that nothing has written is told of for each run', () => {
    const skip = label('skip');
    const body = [
      [load(w2, u32.at(r1, 8)), mov(r0, 0), jeq(r2, 1, skip), load(r0, u64.at(r10, -8))],
      [skip, exit()],
    ];
    for (const engine of ENGINES) {
      const { program } = simulate(tc(body), { engine }).programs;
      expect(program.run({ mark: 0 }).unwritten).toEqual([3]);
      expect(program.run({ mark: 1 }).unwritten).toEqual([]);
    }
  });

  it('may grow while a program runs', () => {
    const ring = ringbuf(u64, { maxEntries: 1024 * KiB });
    const out = label('out');
    const body = [
      [store(u64.at(r10, -8), 7), call(helper.ringbuf_reserve, ring, 200_000, 0)],
      [jeq(r0, 0, out), mov(r6, r0), store(u64.at(r6), 5), store(u64.at(r6, 32_000), 6)],
      [load(r7, u64.at(r6)), load(r8, u64.at(r6, 32_000)), load(r9, u64.at(r10, -8))],
      [call(helper.ringbuf_discard, r6, 0), mov(r0, r7), mul(r0, 10), add(r0, r8)],
      [mul(r0, 10), add(r0, r9), out, exit()],
    ];
    expect(onBoth(body)).toMatchObject({ value: 567n });
  });

  it('may go away in a loop that has reached it', () => {
    const ring = ringbuf(u64, { maxEntries: 4 * KiB });
    const [again, out] = [label('again'), label('out')];
    const body = [
      [call(helper.ringbuf_reserve, ring, 8, 0), jeq(r0, 0, out), mov(r6, r0), mov(r7, 0)],
      [again, store(u64.at(r6), r7), add(r7, 1), jne(r7, 3, again)],
      [call(helper.ringbuf_submit, r6, 0), jlt(r7, 100, again), out, mov(r0, 0), exit()],
    ];
    expect(onBoth(body)).toEqual({
      message: expect.stringContaining(
        'r6 +0) = r7: no 8 bytes to be written there: the address is the number',
      ),
      instruction: 8,
    });
  });

  it('has more regions than can be found at once', () => {
    const values = hash(u32, u64, { maxEntries: 1000 });
    const each = fn('each', 4, [
      [load(w0, u32.at(r2)), load(r1, u64.at(r3)), add(r1, r0), store(u64.at(r3), r1)],
      [load(r0, u64.at(r4)), add(r0, r1), store(u64.at(r4), r0), mov(r0, 0), exit()],
    ]);
    const body = [
      [store(u64.at(r10, -8), 0), mov(r3, r10), add(r3, -8)],
      [call(helper.for_each_map_elem, values, each, r3, 0), load(r0, u64.at(r10, -8)), exit()],
    ];
    const [interpreted, compiled] = ENGINES.map((engine) => {
      const { maps, programs } = simulate(
        object({ license: 'GPL', maps: { values }, programs: { program: tc(body) } }),
        { engine },
      );
      for (let key = 0; key < 1000; key++) maps.values.set(key, BigInt(key * key));
      programs.program.run();
      const { value, instructions } = programs.program.run();
      return { value, instructions, last: maps.values.get(999) };
    });
    expect(compiled).toEqual(interpreted);
    // Squares, and each key twice.
    expect(compiled).toMatchObject({ value: 332_833_500n + 999_000n, last: 998_001n + 1998n });
  });

  it('on the stack is watched, also at places that only the run knows', () => {
    const again = label('again');
    const fill = (length: number): Code => [
      [mov(r1, 0), again],
      [mov(r2, r10), add(r2, -64), add(r2, r1), store(u8.at(r2), 1), add(r1, 1)],
      [jlt(r1, length, again)],
    ];
    const sum = label('sum');
    const read: Code = [
      [mov(r0, 0), mov(r1, 0), sum, mov(r2, r10), sub(r2, 64), add(r2, r1), load(r3, u64.at(r2))],
      [add(r0, r3), add(r1, 8), jlt(r1, 64, sum), exit()],
    ];
    expect(onBoth([fill(64), read])).toMatchObject({
      value: 0x0808_0808_0808_0808n,
      unwritten: [],
    });
    expect(onBoth([fill(57), read])).toMatchObject({ unwritten: [12] });
    expect(onBoth([fill(65), read])).toMatchObject({
      message: expect.stringContaining('is 512 bytes into the stack frame 0, which has 512'),
      instruction: 4,
    });
  });

  it('of callers is reached by what they call, and by atomics', () => {
    const count = fn('count', 1, [
      [mov(r2, 5), atomicAdd(u64.at(r1), r2), mov(r2, 1), fetchAdd(u32.at(r1), w1)],
      [mov(r0, 0), exit()],
    ]);
    const change = fn('change', 2, [
      [mov(r0, 5), cmpxchg(u64.at(r1), r2), mov(r3, r0), mov(r0, 9)],
      [cmpxchg(u64.at(r1), r2), add(r0, r3), exit()],
    ]);
    const body = [
      [store(u64.at(r10, -8), 0), mov(r1, r10), add(r1, -8), call(count, r1)],
      [mov(r1, r10), add(r1, -8), call(change, r1, 33), mov(r6, r0)],
      [load(r0, u64.at(r10, -8)), add(r0, r6), exit()],
    ];
    onBoth(body);
    const beside = [mov(r0, 0), mov(r1, 1), fetchAdd(u64.at(r10, -4), r1), exit()];
    expect(onBoth(beside)).toMatchObject({ instruction: 2 });
    const nowhere = [mov(r0, 0), mov(r1, 1), atomicAdd(u64.at(r0), r1), exit()];
    expect(onBoth(nowhere)).toMatchObject({ instruction: 2 });
  });

  it('of small values has narrow bounds', () => {
    const variables = globals(struct('variables', { first: u8 }));
    const at = (size: typeof u8 | typeof u32 | typeof u64, offset: number): Code => [
      [lea(r1, variables), add(r1, offset), mov(r0, 0)],
      [size === u64 ? load(r0, u64.at(r1)) : load(w0, (size as typeof u8).at(r1)), exit()],
    ];
    expect(onBoth(at(u8, 0))).toMatchObject({ value: 0n });
    for (const [size, offset] of [
      [u8, 1],
      [u8, -1],
      [u32, 0],
      [u32, -3],
      [u64, 0],
      [u64, -7],
    ] as const)
      expect(onBoth(at(size, offset))).toMatchObject({ instruction: 4 });
  });
});

describe('other programs', () => {
  it('go on in place of a function, and return to its caller', () => {
    const next = progArray({ maxEntries: 1 });
    const jump = fn('jump', 1, [call(helper.tail_call, r1, next, 0), mov(r0, 1), exit()]);
    const results = ENGINES.map((engine) => {
      const { maps, programs } = simulate(
        object({
          license: 'GPL',
          maps: { next },
          programs: {
            first: tc([mov(r6, r1), call(jump, r6), add(r0, 100), exit()]),
            second: tc([load(r0, u64.at(r10, -8)), mov(r0, 5), exit()]),
          },
        }),
        { engine },
      );
      const alone = programs.first.run().value;
      maps.next.set(0, 'second');
      const { value, instructions } = programs.first.run();
      return { alone, value, instructions };
    });
    expect(results[0]).toEqual({ alone: 101n, value: 105n, instructions: 11 });
    expect(results[1]).toEqual(results[0]);
  });
});
