import { describe, expect, it } from 'vitest';
import { createMap } from '../../src/kernel/map-create.ts';
import { array, bytes, struct, u8, u32, u64 } from '../../src/layout/index.ts';
import {
  arrayMap,
  hash,
  lpmTrie,
  lruHash,
  percpuArray,
  percpuHash,
} from '../../src/object/index.ts';
import { possibleCpus } from '../../src/syscall/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { hammer } from './map-support.ts';

const FALLBACKS = [[], ['batch'], ['lookupAndDelete'], ['batch', 'lookupAndDelete']].map(
  (features) => ({ title: features.join(' and ') || 'nothing', without: new Set(features) }),
);
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
const sorted = (keys: Iterable<number>) => [...keys].sort((a, b) => a - b);

describe.skipIf(noBpf)(kernel('iteration'), () => {
  describe.each(FALLBACKS)('without $title', ({ without }) => {
    it('visits 10,000 entries once', () => {
      using map = createMap('many', hash(u32, u64, { maxEntries: 10_000 }), { without });
      for (const key of numbers(10_000)) map.set(key, BigInt(key) * 3n);
      const found = [...map];
      expect(found.length).toBe(10_000);
      expect(new Map(found)).toEqual(
        new Map(numbers(10_000).map((key) => [key, BigInt(key) * 3n])),
      );
      expect(map.count()).toBe(10_000);
      expect(sorted(map.keys())).toEqual(numbers(10_000));
    });

    it('drains 10,000 entries', () => {
      using map = createMap('many', hash(u32, u64, { maxEntries: 10_000 }), { without });
      for (const key of numbers(10_000)) map.set(key, BigInt(key) + 1n);
      const drained = map.drain();
      expect(drained.length).toBe(10_000);
      expect(new Map(drained)).toEqual(
        new Map(numbers(10_000).map((key) => [key, BigInt(key) + 1n])),
      );
      expect(map.count()).toBe(0);
      expect(map.drain()).toEqual([]);
    });

    it('drains and clears every kind of hash table', () => {
      const cpus = possibleCpus().length;
      using lru = createMap('lru', lruHash(u32, u64, { maxEntries: 1000 }), { without });
      using perCpu = createMap('cpus', percpuHash(u32, u64, { maxEntries: 100 }), { without });
      for (const key of numbers(50)) {
        lru.set(key, BigInt(key));
        perCpu.set(key, BigInt(key));
      }
      expect(sorted(lru.drain().map(([key]) => key))).toEqual(numbers(50));
      const drained = perCpu.drain().sort(([a], [b]) => a - b);
      expect(drained).toEqual(numbers(50).map((key) => [key, Array(cpus).fill(BigInt(key))]));
      lru.set(1, 1n);
      perCpu.set(1, 1n);
      lru.clear();
      perCpu.clear();
      expect(lru.count() + perCpu.count()).toBe(0);
    });

    it('reads arrays in order', () => {
      const cpus = possibleCpus().length;
      using plain = createMap('plain', arrayMap(u32, { maxEntries: 9000 }), { without });
      using perCpu = createMap('cpus', percpuArray(u32, { maxEntries: 9000 }), { without });
      for (const index of [0, 4095, 4096, 8999]) {
        plain.set(index, index + 1);
        perCpu.set(index, index + 1);
      }
      const values = numbers(9000).map((i) => ([0, 4095, 4096, 8999].includes(i) ? i + 1 : 0));
      expect([...plain.values()]).toEqual(values);
      expect([...perCpu.values()]).toEqual(values.map((value) => Array(cpus).fill(value)));
      expect([...plain.keys()]).toEqual(numbers(9000));
      expect([...plain].at(-1)).toEqual([8999, 9000]);
    });

    it('reads and drains tries', () => {
      const Prefix = struct('prefix', { length: u32, address: array(u8, 4) });
      using map = createMap('trie', lpmTrie(Prefix, u32, { maxEntries: 5000 }), { without });
      for (const i of numbers(5000)) {
        map.set({ length: 32, address: [10, 0, i >> 8, i & 255] }, i);
      }
      const pairs = [...map].map(([{ address }, value]) => [
        address[2]! * 256 + address[3]!,
        value,
      ]);
      expect(pairs.sort(([a], [b]) => a! - b!)).toEqual(numbers(5000).map((i) => [i, i]));
      expect(map.count()).toBe(5000);
      expect(sorted(map.drain().map(([, value]) => value))).toEqual(numbers(5000));
      expect(map.count()).toBe(0);
    });

    it('goes on when the loop deletes what it got', () => {
      using map = createMap('doomed', hash(u32, u64, { maxEntries: 6000 }), { without });
      for (const key of numbers(6000)) map.set(key, 1n);
      const seen: number[] = [];
      for (const [key] of map) {
        seen.push(key);
        expect(map.delete(key)).toBe(true);
      }
      expect(sorted(seen)).toEqual(numbers(6000));
      expect(map.count()).toBe(0);
    });

    it('visits no key twice, and ends, while the loop inserts and deletes others', () => {
      using map = createMap('churn', hash(u32, u64, { maxEntries: 2000 }), { without });
      for (const key of numbers(1000)) map.set(key, 1n);
      const seen: number[] = [];
      let fresh = 100_000;
      for (const [key] of map) {
        seen.push(key);
        // Sends a walk back to the first key, again and again.
        map.delete((key * 7) % 1000);
        map.delete((key + 1) % 1000);
        map.set(fresh++, 2n);
      }
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.length).toBeLessThanOrEqual(2000);
    });

    it('ends while every step adds an entry', () => {
      using map = createMap('growing', hash(u32, u64, { maxEntries: 500 }), { without });
      map.set(0, 0n);
      let count = 0;
      for (const [key] of map) {
        count++;
        map.delete(key);
        map.set(1000 + count, 0n);
        map.set(2000 + count, 0n);
        map.delete(2000 + count - 1);
        if (map.count() > 490) map.clear();
      }
      expect(count).toBeLessThanOrEqual(500);
    });

    it('ends after as many as it can hold while every step moves one', () => {
      using map = createMap('moving', hash(u32, u64, { maxEntries: 6000 }), { without });
      for (const key of numbers(6000)) map.set(key, 1n);
      const seen: number[] = [];
      for (const [key] of map) {
        seen.push(key);
        map.delete(key);
        map.set(key + 1_000_000, 1n);
      }
      expect(seen.length).toBe(6000);
      expect(new Set(seen).size).toBe(6000);
    });

    it('stops where the loop stops, and starts anew', () => {
      using map = createMap('twice', hash(u32, u64, { maxEntries: 100 }), { without });
      for (const key of numbers(100)) map.set(key, 1n);
      for (const _ of map) break;
      expect([...map.keys()].length).toBe(100);
      // Two loops at once do not share their memory.
      let pairs = 0;
      for (const [a] of map) for (const [b] of map) pairs += a === b ? 1 : 0;
      expect(pairs).toBe(100);
    });

    it('ends with an error when the map is closed meanwhile', () => {
      const map = createMap('closing', hash(u32, bytes(20_000), { maxEntries: 100 }), { without });
      for (const key of numbers(100)) map.set(key, new Uint8Array(20_000));
      expect(() => {
        for (const _ of map) map.close();
      }).toThrow('map closing is closed');
    });
  });

  it('visits no key twice while another thread inserts and deletes', async () => {
    using map = createMap('shared', hash(u32, u64, { maxEntries: 3000 }));
    using walked = createMap('walked', hash(u32, u64, { maxEntries: 3000 }), {
      without: new Set(['batch', 'lookupAndDelete']),
    });
    for (const target of [map, walked]) {
      const end = await hammer(
        target.fd,
        'words[0] = fd; pointer(2, 256); pointer(4, 264);',
        'words[64] = (n * 7919) % 3000; bpf(n % 3 === 0 ? 3 : 2, 32);', // delete, or update
      );
      for (const until = Date.now() + 300; Date.now() < until; ) {
        const keys = [...target.keys()];
        expect(new Set(keys).size).toBe(keys.length);
        expect(keys.length).toBeLessThanOrEqual(3000);
        const drained = target.drain();
        expect(new Set(drained.map(([key]) => key)).size).toBe(drained.length);
      }
      expect(await end()).toBeGreaterThan(0);
    }
  });
});
