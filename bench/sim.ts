/**
 * @module
 * The speed of the simulated machine: loops on both engines, their first run and the best of some more; a whole tool,
 * from event to event; and a test of a small program, from its text to its result. `npx tsx bench/sim.ts [iterations]`.
 */
import {
  add,
  and,
  type Code,
  call,
  exit,
  globals,
  hash,
  helper,
  jeq,
  jlt,
  label,
  lea,
  load,
  mov,
  r0,
  r1,
  r2,
  r3,
  r10,
  rsh,
  stack,
  store,
  struct,
  tc,
  u32,
  u64,
  w0,
  w1,
  w2,
  xor,
} from '../src/index.ts';
import { exitsnoop } from '../src/programs/exitsnoop.ts';
import { simulate } from '../src/sim/index.ts';
import { median, milliseconds, once, rounds, row } from './report.ts';

const ITERATIONS = Number(process.argv[2] ?? (once ? 10_000 : 100_000));
/** Of the WebAssembly engine, millions of instructions a second. */
const GOALS: Readonly<Record<string, string>> = {
  alu64: '4000',
  alu32: '4000',
  memory: '3000',
  global: '3000',
};

/** As the loops of the published figures for other machines: arithmetic, the stack, 32 bits. */
const alu64 = (): Code => {
  const again = label('again');
  return [
    [mov(r0, 1), mov(r1, 0), again],
    [add(r0, r1), xor(r0, 0x5555), rsh(r0, 1), add(r0, 3), add(r1, 1)],
    [jlt(r1, ITERATIONS, again), exit()],
  ];
};
const memory = (): Code => {
  const again = label('again');
  const cell = u64.at(r10, -8);
  return [
    [mov(r0, 1), mov(r1, 0), store(cell, r0), again],
    [load(r0, cell), add(r0, r1), store(cell, r0), load(r2, cell), add(r0, r2), add(r1, 1)],
    [jlt(r1, ITERATIONS, again), exit()],
  ];
};
const alu32 = (): Code => {
  const again = label('again');
  return [
    [mov(w0, 1), mov(w1, 0), again],
    [add(w0, w1), xor(w0, 0x5555), rsh(w0, 1), add(w0, 3), mov(w2, w0), and(w2, 7), add(w1, 1)],
    [jlt(w1, ITERATIONS, again), exit()],
  ];
};

/** The same in a global variable, whose address is one that only the run knows. */
const global = (): Code => {
  const again = label('again');
  const cell = u64.at(r3);
  return [
    [lea(r3, globals(struct('variables', { cell: u64 }))), mov(r0, 1), mov(r1, 0), store(cell, r0)],
    [again, load(r0, cell), add(r0, r1), store(cell, r0), load(r2, cell), add(r0, r2), add(r1, 1)],
    [jlt(r1, ITERATIONS, again), exit()],
  ];
};

/** A hundred instructions, straight and with a map. */
const small = (): Code => {
  const key = stack(u32);
  const out = label('out');
  return [
    [mov(r0, 1), Array.from({ length: 86 }, (_, index) => add(r0, index))],
    [store(key, 5), call(helper.map_lookup_elem, counts, key), jeq(r0, 0, out)],
    [load(r1, u64.at(r0)), add(r1, 1), store(u64.at(r0), r1)],
    [out, mov(r0, 0), exit()],
  ];
};
const counts = hash(u32, u64, { maxEntries: 16 });

const ENGINES = ['interpreter', 'wasm'] as const;
const LOOPS = { alu64, alu32, memory, global };

/** Millions of instructions a second: of the first run, and of the best in a second. Short runs find a quiet moment. */
const speedOf = (body: Code, engine: (typeof ENGINES)[number]) => {
  const { programs } = simulate(tc(body), { engine });
  const run = () => {
    const start = performance.now();
    const { instructions } = programs.program.run(undefined, { limit: Number.MAX_SAFE_INTEGER });
    return instructions / (performance.now() - start) / 1000;
  };
  const first = run();
  let best = first;
  for (const start = performance.now(); !once && performance.now() - start < 1000; )
    best = Math.max(best, run());
  return { first, best };
};

const loops = (): void => {
  for (const [name, body] of Object.entries(LOOPS)) {
    const interpreter = speedOf(body(), 'interpreter');
    const wasm = speedOf(body(), 'wasm');
    const peer = { name: 'interpreter', value: interpreter.best };
    row(`${name}, interpreter`, interpreter.best, 'M/s', { goal: '150' });
    row(`${name}, wasm, compiled and run once`, wasm.first, 'M/s');
    row(`${name}, wasm`, wasm.best, 'M/s', { peer, goal: GOALS[name]! });
  }
};

const events = (): void => {
  for (const engine of ENGINES) {
    const { programs, maps } = simulate(exitsnoop.object(), { time: 1000, engine });
    const parent = { tgid: 1 };
    const task = { pid: 7, tgid: 7, comm: 'bash', start_time: 400, real_parent: parent };
    const dying = { ...task, group_leader: task };
    let count = 0;
    const start = performance.now();
    while (performance.now() - start < (once ? 10 : 500)) {
      programs.handleExit.run({ p: dying, group_dead: true });
      for (const _ of maps.events as Iterable<unknown>) count++;
    }
    row(`exitsnoop, ${engine}`, (count / (performance.now() - start)) * 1000, 'events/s');
  }
};

const tests = (): void => {
  for (const engine of ENGINES) {
    const times = Array.from({ length: rounds(200) }, (_, round) =>
      milliseconds(() => {
        // Different each time, since engines keep what they have compiled.
        const { programs } = simulate(tc([mov(r1, round), small()]), { engine });
        programs.program.run();
      }),
    );
    row(`100 instructions, written and run, ${engine}`, median(times), 'ms', { goal: '1' });
    row('the fastest of them', Math.min(...times), 'ms');
  }
};

// Traces of calls take longer from a function that has been compiled while it ran: this comes first.
tests();
events();
loops();
