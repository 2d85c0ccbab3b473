/**
 * @module
 * Both engines against random programs that reach memory through whatever pointers they have: on the stack, in values,
 * records that may have been given back, contexts, and nowhere. Most end in a fault, which must be the same.
 * BEESPOKE_RANDOM says how many (300), BEESPOKE_SEED where to start.
 */
import { describe, expect, it } from 'vitest';
import {
  add,
  array,
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
  jeq,
  jlt,
  jne,
  jset,
  label,
  lea,
  load,
  loadSigned,
  lsh,
  mayGoto,
  mov,
  object,
  r0,
  r1,
  r2,
  r3,
  r6,
  r7,
  r8,
  r9,
  r10,
  ringbuf,
  store,
  struct,
  tc,
  u8,
  u16,
  u32,
  u64,
  w0,
  xchg,
} from '../../src/index.ts';
import { type SimulationFault, simulate } from '../../src/sim/index.ts';
import { Random } from '../layout/random.ts';
import { ENGINES } from './engines.ts';

const COUNT = Number(process.env.BEESPOKE_RANDOM ?? 300);
const FIRST = Number(process.env.BEESPOKE_SEED ?? 1);
const LIMIT = 3000;

const POINTERS = [r6, r8, r9, r10] as const;
const Numbers = struct('numbers', { numbers: array(u8, 20) });

/** r6, r8 and r9 are pointers, r7 counts, r0 is what was read last. */
const randomObject = (random: Random) => {
  const variables = globals(Numbers);
  const constants = globals(struct('constants', { numbers: array(u8, 12) }), { readonly: true });
  const records = ringbuf(u64, { maxEntries: 4096 });
  const counts = hash(u32, u64, { maxEntries: 3 });
  const change = fn('change', 1, [
    [store(u64.at(r10, -8), r1), load(r0, u64.at(r1, -16)), add(r0, 1), store(u64.at(r1, -16), r0)],
    [load(r1, u64.at(r10, -8)), load(w0, u32.at(r1, -8)), exit()],
  ]);
  const each = fn('each', 2, [
    [load(r3, u64.at(r2)), add(r3, r1), store(u64.at(r2), r3), mov(r0, 0), exit()],
  ]);
  const labels = Array.from({ length: 2 + random.below(10) }, (_, index) => label(`l${index}`));
  const out = label('out');
  const access = (): Code => {
    const base = random.pick(POINTERS);
    const offset = base === r10 ? -1 - random.below(40) : random.below(48) - 24;
    const narrow = random.pick([u8, u16, u32]).at(base, offset);
    const wide = u64.at(base, offset);
    return random.pick<Code>([
      [load(w0, narrow), load(r0, wide)],
      [load(w0, narrow), store(narrow, w0)],
      [loadSigned(r0, narrow), store(wide, r0)],
      [store(wide, random.below(100)), fetchAdd(wide, r0)],
      [atomicAdd(wide, r0), load(r0, wide)],
      [xchg(u32.at(base, offset), w0), cmpxchg(u32.at(base, offset), w0)],
    ]);
  };
  const key: Code = [store(u32.at(r10, -4), random.below(5)), mov(r2, r10), add(r2, -4)];
  const others: readonly Code[] = [
    [mov(r6, random.pick([r8, r9, r10])), add(r6, -random.below(24))],
    [mov(r8, random.pick([r6, r10])), add(r8, -random.below(40))],
    [lea(r8, constants), lea(r6, variables), add(r6, random.below(24))],
    // Some other region; none of frames that are not there, where each engine has left other things.
    [mov(r1, 1), lsh(r1, 35), add(r6, r1)],
    [mov(r1, r8), call(change, r1)],
    [call(helper.ringbuf_reserve, records, 24, 0), jeq(r0, 0, out), mov(r8, r0)],
    [mov(r1, r8), call(helper.ringbuf_discard, r1, 0)],
    [store(u64.at(r10, -8), 3), mov(r2, r10), add(r2, -8)],
    [key, call(helper.map_lookup_elem, counts, r2), jeq(r0, 0, out), mov(r8, r0)],
    [key, mov(r3, r10), add(r3, -32), call(helper.map_update_elem, counts, r2, r3, 0)],
    [key, call(helper.map_delete_elem, counts, r2)],
    [mov(r2, r10), add(r2, -8), call(helper.loop, random.below(4), each, r2, 0)],
  ];
  const work = (): Code => (random.below(2) === 0 ? access() : random.pick(others));
  const blocks = labels.map((place): Code => {
    const to = random.pick(labels);
    const jump = random.pick<Code>([
      jset(r0, 1 << random.below(4), to),
      jlt(r7, random.below(40), to),
      jne(r7, random.below(4), to),
      mayGoto(to),
      [],
    ]);
    return [place, add(r7, 1), Array.from({ length: random.below(4) }, work), jump];
  });
  const start = [mov(r9, r1), mov(r7, 0), mov(r0, random.below(50)), mov(r8, r10), add(r8, -32)];
  const program = tc([start, lea(r6, variables), blocks, out, exit()]);
  const maps = { variables, constants, records, counts };
  return object({ license: 'GPL', maps, programs: { program } });
};

const outcome = (spec: ReturnType<typeof randomObject>, engine: (typeof ENGINES)[number]) => {
  const { programs, maps } = simulate(spec, { engine });
  const left = () => ({
    variables: maps.variables.get('numbers'),
    counts: [...maps.counts.entries()],
  });
  try {
    const { value, instructions, unwritten } = programs.program.run(undefined, { limit: LIMIT });
    return { value, instructions, unwritten, ...left() };
  } catch (error) {
    const { name, message, instruction } = error as SimulationFault;
    return { name, message, instruction, ...left() };
  }
};

describe('random programs', () => {
  const title = `do the same to memory, and fail in the same place: ${COUNT} of them`;
  it(title, { timeout: 60_000 + COUNT * 100 }, () => {
    let ended = 0;
    let failed = 0;
    for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
      const spec = randomObject(new Random(seed));
      const [interpreted, compiled] = ENGINES.map((engine) => outcome(spec, engine));
      expect(compiled, `seed ${seed}`).toEqual(interpreted);
      if ('value' in interpreted!) ended++;
      else {
        expect(interpreted).toMatchObject({ name: 'SimulationFault' });
        failed++;
      }
    }
    expect(Math.min(ended, failed)).toBeGreaterThan(COUNT / 10);
  });
});
