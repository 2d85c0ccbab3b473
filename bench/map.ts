/**
 * What maps cost: ns for each get, set and step of a loop over 10,000 entries u32 -> u64, beside the same in C.
 * Needs root; where there is no gcc, prints our figures only. (Under tsx, where every import is a property, 10 % more.)
 *
 *     npm run bench map
 * @module
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMap } from '../src/kernel/map-create.ts';
import { struct, u32, u64 } from '../src/layout/index.ts';
import { globals, hash } from '../src/object/index.ts';
import { rounds, row } from './report.ts';

const ENTRIES = 10_000;
const ROUNDS = rounds(30);

type Figures = Record<string, number>;

/** ns per entry, the best of some rounds. */
function best(run: () => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) {
    const start = process.hrtime.bigint();
    run();
    least = Math.min(least, Number(process.hrtime.bigint() - start));
  }
  return least / ENTRIES;
}

function ours(): Figures {
  const spec = hash(u32, u64, { maxEntries: ENTRIES });
  using map = createMap('bench', spec);
  using walked = createMap('bench', spec, { without: new Set(['batch', 'lookupAndDelete']) });
  using drained = createMap('bench', spec);
  using variables = createMap('variables', globals(struct('variables', { calls: u64.number })));
  const fill = (target: typeof map) => {
    for (let key = 0; key < ENTRIES; key++) target.set(key, 1n);
  };
  const loop = (target: typeof map) => {
    let sum = 0;
    let last = 0n;
    for (const [key, value] of target) {
      sum += key;
      last = value; // what adding it would cost is not the loop's
    }
    return { sum, last };
  };
  const get = () => {
    for (let key = 0; key < ENTRIES; key++) map.get(key);
  };
  const variable = () => {
    for (let i = 0; i < ENTRIES; i++) variables.get('calls');
  };
  fill(walked);
  let drain = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) {
    fill(drained);
    const start = process.hrtime.bigint();
    drained.drain();
    drain = Math.min(drain, Number(process.hrtime.bigint() - start) / ENTRIES);
  }
  return {
    set: best(() => fill(map)),
    get: best(get),
    iterate: best(() => loop(map)),
    walk: best(() => loop(walked)),
    count: best(() => map.count()),
    drain,
    'global u64': best(variable),
  };
}

/** The figures of map.c; undefined without gcc. */
function inC(): Figures | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'beespoke-bench-'));
  try {
    const program = join(directory, 'map');
    const source = fileURLToPath(new URL('map.c', import.meta.url));
    execFileSync('gcc', ['-O2', source, '-o', program], { stdio: ['ignore', 'ignore', 'ignore'] });
    return JSON.parse(execFileSync(program, { encoding: 'utf8' })) as Figures;
  } catch {
    return undefined;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A system call takes what it takes; ours on top of it. */
const GOALS: Readonly<Record<string, string>> = { set: 'ratio 1.3', get: 'ratio 1.3' };

const c = inC();
for (const [name, ns] of Object.entries(ours())) {
  const other = c?.[name];
  const peer = other === undefined ? undefined : { name: 'C', value: other };
  row(`${name}, of ${ENTRIES} entries`, ns, 'ns', {
    peer,
    ...(GOALS[name] && { goal: GOALS[name] }),
  });
}
if (!c) console.log('without gcc there is no C to compare with');
