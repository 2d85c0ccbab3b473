/** Runs in a browser: a program and a tool in both engines, an object file written and read again. The page shows what came of it. */
import {
  add,
  arrayMap,
  call,
  exit,
  fetchAdd,
  helper,
  jeq,
  jlt,
  label,
  load,
  mov,
  object,
  r0,
  r1,
  r6,
  rawTracepoint,
  stack,
  store,
  u32,
  u64,
} from 'beespoke';
import { readObject, writeObject } from 'beespoke/elf';
import { exitsnoop } from 'beespoke/programs';
import { simulate } from 'beespoke/sim';

/** Adds up 0 to 99 in a map, and returns the sum. */
const summing = () => {
  const sums = arrayMap(u64, { maxEntries: 1 });
  const key = stack(u32);
  const [again, out] = [label('again'), label('out')];
  const body = [
    store(key, 0),
    call(helper.map_lookup_elem, sums, key),
    jeq(r0, 0, out),
    mov(r6, 0),
    again,
    mov(r1, r6),
    fetchAdd(u64.at(r0), r1),
    add(r6, 1),
    jlt(r6, 100, again),
    load(r0, u64.at(r0)),
    out,
    exit(),
  ];
  return object({ license: 'GPL', maps: { sums }, programs: { sum: rawTracepoint('x', body) } });
};

const tried = (run) => {
  try {
    return run();
  } catch (error) {
    return String(error);
  }
};

const engines = ['interpreter', 'wasm'];
const results = {
  sums: engines.map((engine) =>
    tried(() => simulate(summing(), { engine }).programs.sum.run().returnValue),
  ),
  // Through a file: it is written and read in the browser too.
  files: engines.map((engine) =>
    tried(() => {
      const spec = readObject(writeObject(summing()), { label: 'summing.o' });
      return simulate(spec, { engine }).programs.sum.run().returnValue;
    }),
  ),
  exits: engines.map((engine) =>
    tried(() => {
      const task = { tgid: 7, comm: 'sh', exit_code: 3 << 8, real_parent: { tgid: 1 }, signal: {} };
      task.group_leader = task;
      const { programs, maps } = simulate(exitsnoop.object({}), { engine, task });
      programs.handleExit.run({ p: task, group_dead: true });
      return [...maps.events.read()].map(({ pid, comm, status }) => [pid, comm, status.exitCode]);
    }),
  ),
};
document.body.textContent = JSON.stringify(results);
