/**
 * @module
 * Maps and helpers on the kernel and on the simulated machine: one program makes the same calls on both, with keys,
 * values and flags from a seed, and leaves what each call returned.
 */
import { describe, expect, it } from 'vitest';
import {
  type AnyMapSpec,
  array,
  arrayMap,
  bloomFilter,
  type Code,
  call,
  exit,
  hash,
  helper,
  jeq,
  label,
  load,
  lpmTrie,
  lruHash,
  mov,
  object,
  percpuArray,
  percpuHash,
  queueMap,
  r0,
  r6,
  r7,
  stack,
  stackMap,
  store,
  struct,
  tc,
  u32,
  u64,
} from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { simulate } from '../../src/sim/index.ts';
import { progTestRun } from '../../src/syscall/index.ts';
import { missing, titled } from '../asm/kernel.ts';
import { Random } from '../layout/random.ts';
import { ENGINES } from './engines.ts';

const CALLS = 40;
const PROGRAMS = 25;
const Results = array(u64, 2 * CALLS);
const Prefix = struct('prefix', { length: u32, address: u32 });

type Operation = 'lookup' | 'update' | 'delete' | 'push' | 'pop' | 'peek';

interface Kind {
  readonly map: () => AnyMapSpec;
  readonly operations: readonly Operation[];
  readonly keySize: 4 | 8;
}
const keyed: Pick<Kind, 'operations' | 'keySize'> = {
  operations: ['lookup', 'update', 'delete'],
  keySize: 4,
};
const keyless: Pick<Kind, 'operations' | 'keySize'> = {
  operations: ['push', 'pop', 'peek'],
  keySize: 4,
};
const KINDS: Readonly<Record<string, Kind>> = {
  hash: { map: () => hash(u32, u64, { maxEntries: 4 }), ...keyed },
  'hash without preallocation': {
    map: () => hash(u32, u64, { maxEntries: 4, flags: 1 }),
    ...keyed,
  },
  percpuHash: { map: () => percpuHash(u32, u64, { maxEntries: 4 }), ...keyed },
  array: { map: () => arrayMap(u64, { maxEntries: 5 }), ...keyed },
  percpuArray: { map: () => percpuArray(u64, { maxEntries: 5 }), ...keyed },
  // Never full: which entry goes is the kernel's own business.
  lruHash: { map: () => lruHash(u32, u64, { maxEntries: 1024 }), ...keyed },
  lpmTrie: { map: () => lpmTrie(Prefix, u64, { maxEntries: 6 }), ...keyed, keySize: 8 },
  queue: { map: () => queueMap(u64, { maxEntries: 4 }), ...keyless },
  stack: { map: () => stackMap(u64, { maxEntries: 4 }), ...keyless },
  // It finds what was added, and of few values no other: it has room for many.
  bloomFilter: {
    map: () => bloomFilter(u64, { maxEntries: 10_000 }),
    operations: ['push', 'peek'],
    keySize: 4,
  },
};

/** A program of random calls: what each returned, and the value that it found or left, go into `results`. */
const randomCalls = (random: Random, { map: make, operations, keySize }: Kind) => {
  const map = make();
  const results = arrayMap(Results, { maxEntries: 1 });
  const first = stack(u32);
  const key = stack(u64);
  const value = stack(u64);
  const out = label('out');
  const randomKey = () =>
    keySize === 4
      ? BigInt(random.below(7))
      : // A prefix of up to 33 bits, one too many, of few addresses.
        BigInt(random.pick([0, 8, 15, 16, 24, 32, 33])) |
        (BigInt(random.pick([0x0a, 0x010a, 0x02010a, 0x0302010a, 0x0b])) << 32n);
  const flags = () => random.pick([0, 0, 0, 1, 2, 3, 4]);
  const one = (index: number): Code => {
    const found = label('found');
    const operation = random.pick(operations);
    const code: Record<Operation, () => Code> = {
      lookup: () => [
        call(helper.map_lookup_elem, map, key),
        jeq(r0, 0, found),
        load(r6, u64.at(r0)),
        store(value, r6),
        mov(r0, 1),
        found,
      ],
      update: () => call(helper.map_update_elem, map, key, value, flags()),
      delete: () => call(helper.map_delete_elem, map, key),
      push: () => call(helper.map_push_elem, map, value, random.pick([0, 0, 2, 1])),
      pop: () => call(helper.map_pop_elem, map, value),
      peek: () => call(helper.map_peek_elem, map, value),
    };
    return [
      mov(r6, randomKey()),
      store(key, r6),
      // Few values, so that a bloom filter has some of those that are looked for.
      store(value, BigInt(random.below(8))),
      code[operation](),
      store(u64.at(r7, 16 * index), r0),
      load(r6, value),
      store(u64.at(r7, 16 * index + 8), r6),
    ];
  };
  return object({
    license: 'GPL',
    maps: { map, results },
    programs: {
      main: tc([
        store(first, 0),
        call(helper.map_lookup_elem, results, first),
        jeq(r0, 0, out),
        mov(r7, r0),
        Array.from({ length: CALLS }, (_, index) => one(index)),
        out,
        mov(r0, 0),
        exit(),
      ]),
    },
  });
};

describe.skipIf(missing)(titled('maps', missing), () => {
  it.each(Object.keys(KINDS))('%s does on both what it does in the kernel', (name) => {
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      const spec = randomCalls(new Random(seed), KINDS[name]!);
      using tool = loadObject(spec);
      progTestRun(tool.programs.main!.fd, { dataIn: new Uint8Array(64) });
      const theirs = tool.maps.results.get(0)!.map((each) => BigInt.asIntN(64, each));
      for (const engine of ENGINES) {
        const machine = simulate(spec, { engine });
        machine.programs.main.run();
        const ours = machine.maps.results.get(0)!.map((each) => BigInt.asIntN(64, each));
        expect(ours, `seed ${seed}, ${engine}`).toEqual(theirs);
      }
    }
  });
});
