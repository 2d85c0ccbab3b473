/**
 * @module
 * The speed of the simulated machine: three loops on the interpreter, the best of some runs after it is warm, and a
 * whole tool, from event to event. `npx tsx bench/sim.ts [iterations]`.
 */
import {
  add,
  and,
  type Code,
  exit,
  jlt,
  label,
  load,
  mov,
  r0,
  r1,
  r2,
  r10,
  rsh,
  store,
  tc,
  u64,
  w0,
  w1,
  w2,
  xor,
} from '../src/index.ts';
import { exitsnoop } from '../src/programs/exitsnoop.ts';
import { simulate } from '../src/sim/index.ts';

const ITERATIONS = Number(process.argv[2] ?? 5_000_000);
const RUNS = 8;

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

for (const [name, body] of Object.entries({ alu64, memory, alu32 })) {
  const { programs } = simulate(tc(body()));
  let best = 0;
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    const { instructions } = programs.program.run(undefined, { limit: Number.MAX_SAFE_INTEGER });
    best = Math.max(best, instructions / (performance.now() - start) / 1000);
  }
  console.log(`${name.padEnd(8)} ${best.toFixed(0)} M instructions/s`);
}

const { programs, maps } = simulate(exitsnoop.object(), { time: 1000 });
const parent = { tgid: 1 };
const task = { pid: 7, tgid: 7, comm: 'bash', start_time: 400, real_parent: parent };
const dying = { ...task, group_leader: task };
let events = 0;
const start = performance.now();
while (performance.now() - start < 500) {
  programs.handleExit.run({ p: dying, group_dead: true });
  for (const _ of maps.events as Iterable<unknown>) events++;
}
console.log(`exitsnoop ${((events / (performance.now() - start)) * 1000).toFixed(0)} events/s`);
