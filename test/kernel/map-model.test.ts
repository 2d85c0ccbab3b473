import { describe, expect, it } from 'vitest';
import { createMap } from '../../src/kernel/map-create.ts';
import { array, chars, struct, u8, u32, u64 } from '../../src/layout/index.ts';
import { arrayMap, hash, lruHash, percpuArray, percpuHash } from '../../src/object/index.ts';
import { possibleCpus } from '../../src/syscall/index.ts';
import { Random } from '../layout/random.ts';
import { kernel, noBpf } from '../syscall/support.ts';

const Key = struct('key', { pid: u32, kind: u8 });
const Value = struct('value', { ns: u64, comm: chars(16), slots: array(u32, 3) });
type KeyOf = { pid: number; kind: number };

/** What the tables under test have in common. */
interface Table<K, V> extends Iterable<[K, V]> {
  get(key: K): V | undefined;
  set(key: K, value: V, options?: { only?: 'new' | 'existing' }): boolean;
  has(key: K): boolean;
  count(): number;
}
interface Deleting<K, V> {
  delete(key: K): boolean;
  drain(): [K, V][];
  clear(): void;
}

const idOf = (key: unknown) => JSON.stringify(key);
const cpus = <T>(make: () => T): T[] => possibleCpus().map(() => make());
const randomValue = (random: Random) => ({
  ns: random.bits(64, false),
  comm: random.pick(['', 'node', 'sixteen letters!', 'ü']),
  slots: Array.from({ length: 3 }, () => random.below(2 ** 32)),
});
const randomKey = (random: Random): KeyOf => ({ pid: random.below(40), kind: random.below(4) });

const compare = <K, V>(entries: Iterable<[K, V]>, model: ReadonlyMap<string, V>) => {
  const list = [...entries];
  expect(list.length).toBe(model.size);
  expect(new Map(list.map(([key, value]) => [idOf(key), value]))).toEqual(model);
};

/** Random operations on a table and on a Map, which must agree after each. */
function agree<K, V>(
  seed: number,
  table: Table<K, V> & Partial<Deleting<K, V>>,
  make: { readonly key: (random: Random) => K; readonly value: (random: Random) => V },
  model: Map<string, V> = new Map(),
): void {
  const random = new Random(seed);
  const operations = [
    (key: K, id: string) => {
      const value = make.value(random);
      const only = random.pick([undefined, undefined, 'new', 'existing'] as const);
      const stores = only === undefined || model.has(id) === (only === 'existing');
      expect(table.set(key, value, only && { only })).toBe(stores);
      if (stores) model.set(id, value);
    },
    (key: K, id: string) => expect(table.get(key)).toEqual(model.get(id)),
    (key: K, id: string) => expect(table.has(key)).toBe(model.has(id)),
    (key: K, id: string) => {
      if (table.drain) expect(table.delete?.(key)).toBe(model.delete(id));
    },
  ];
  for (let step = 0; step < 600; step++) {
    const key = make.key(random);
    random.pick(operations)(key, idOf(key));
    if (step % 100 !== 99) continue;
    compare(table, model);
    expect(table.count()).toBe(model.size);
    if (!table.drain || !table.clear || random.next() < 0.5) continue;
    if (random.next() < 0.5) compare(table.drain(), model);
    else table.clear();
    model.clear();
    compare(table, model);
  }
}

const SEEDS = [1, 2, 3];
const WAYS = [[], ['batch'], ['batch', 'lookupAndDelete']].map((features) => ({
  title: features.join(' and ') || 'nothing',
  without: new Set(features),
}));
const index = { key: (random: Random) => random.below(64) };

describe.skipIf(noBpf).each(WAYS)(kernel('a table without $title does as a Map'), ({ without }) => {
  it.each(SEEDS)('hash, seed %i', (seed) => {
    using table = createMap('model', hash(Key, Value, { maxEntries: 256 }), { without });
    agree(seed, table, { key: randomKey, value: randomValue });
  });

  it.each(SEEDS)('lru_hash with room, seed %i', (seed) => {
    // An LRU table takes entries back in lots of 128 per CPU.
    using table = createMap('model', lruHash(Key, Value, { maxEntries: 8192 }), { without });
    agree(seed, table, { key: randomKey, value: randomValue });
  });

  it.each(SEEDS)('percpu_hash, seed %i', (seed) => {
    using table = createMap('model', percpuHash(Key, Value, { maxEntries: 256 }), { without });
    const value = (random: Random) => cpus(() => randomValue(random));
    agree(seed, table as Table<KeyOf, ReturnType<typeof value>>, { key: randomKey, value });
  });

  it.each(SEEDS)('array, seed %i', (seed) => {
    using table = createMap('model', arrayMap(Value, { maxEntries: 64 }), { without });
    const zero = { ns: 0n, comm: '', slots: [0, 0, 0] };
    const model = new Map(Array.from({ length: 64 }, (_, i) => [idOf(i), zero]));
    agree(seed, table as never, { ...index, value: randomValue }, model);
  });

  it.each(SEEDS)('percpu_array, seed %i', (seed) => {
    using table = createMap('model', percpuArray(u64, { maxEntries: 64 }), { without });
    const model = new Map(Array.from({ length: 64 }, (_, i) => [idOf(i), cpus(() => 0n)]));
    const value = (random: Random) => cpus(() => random.bits(64, false));
    agree(seed, table as never, { ...index, value }, model);
  });
});
