import { describe, expect, it } from 'vitest';
import { createMap } from '../../src/kernel/map-create.ts';
import { array, bytes, chars, i32, struct, u8, u16, u32, u64 } from '../../src/layout/index.ts';
import { arrayMap, hash, lpmTrie, lruHash } from '../../src/object/index.ts';
import { BPF_MAP_TYPE, type BpfError } from '../../src/syscall/index.ts';
import { kernel, noBpf, thrownBy } from '../syscall/support.ts';

const Key = struct('key', { pid: u32, kind: u8 });
const Prefix = struct('prefix', { length: u32, address: array(u8, 4) });

describe.skipIf(noBpf)(kernel('a hash table'), () => {
  it.each([hash, lruHash])('stores, finds and deletes: %o', (make) => {
    using map = createMap('starts', make(u32, u64, { maxEntries: 64 }));
    expect(map.get(1)).toBeUndefined();
    expect(map.has(1)).toBe(false);
    expect(map.set(1, 0x1122_3344_5566_7788n)).toBe(true);
    expect(map.set(2, 7)).toBe(true);
    expect(map.get(1)).toBe(0x1122_3344_5566_7788n);
    expect(map.has(2)).toBe(true);
    expect(map.count()).toBe(2);
    expect(map.delete(1)).toBe(true);
    expect(map.delete(1)).toBe(false);
    expect([...map]).toEqual([[2, 7n]]);
    map.clear();
    expect(map.count()).toBe(0);
  });

  it('stores only what is new, or only what exists', () => {
    using map = createMap('starts', hash(u32, u64, { maxEntries: 4 }));
    expect(map.set(1, 1n, { only: 'existing' })).toBe(false);
    expect(map.set(1, 2n, { only: 'new' })).toBe(true);
    expect(map.set(1, 3n, { only: 'new' })).toBe(false);
    expect(map.get(1)).toBe(2n);
    expect(map.set(1, 4n, { only: 'existing' })).toBe(true);
    expect(map.get(1)).toBe(4n);
    expect(map.set(1, 5n, {})).toBe(true);
  });

  it('compares keys by their bytes, padding included', () => {
    using map = createMap('keys', hash(Key, chars(8), { maxEntries: 4 }));
    map.set({ pid: 1, kind: 2 }, 'a');
    map.set({ kind: 2, pid: 1 }, 'b');
    expect([...map.entries()]).toEqual([[{ pid: 1, kind: 2 }, 'b']]);
    expect(map.get({ pid: 1, kind: 3 })).toBeUndefined();
  });

  it('gives copies, which later look-ups do not change', () => {
    using map = createMap('copies', hash(u32, bytes(4), { maxEntries: 4 }));
    map.set(1, Uint8Array.of(1, 1, 1, 1));
    map.set(2, Uint8Array.of(2, 2, 2, 2));
    const first = map.get(1)!;
    map.get(2);
    first[0] = 9;
    expect([...first]).toEqual([9, 1, 1, 1]);
    expect([...map.get(1)!]).toEqual([1, 1, 1, 1]);
    const all = [...map.values()];
    expect(all.map((value) => value[0]).sort()).toEqual([1, 2]);
  });

  it('takes every 64-bit value, as a number or a bigint', () => {
    using map = createMap('longs', hash(u64, u64.number, { maxEntries: 8 }));
    const values = [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER];
    for (const value of values) {
      map.set(value, value);
      expect(map.get(BigInt(value))).toBe(value);
    }
    map.set(2n ** 64n - 1n, 5n);
    expect(map.get(2n ** 64n - 1n)).toBe(5);
  });

  it('holds values larger than the scratch memory', () => {
    using map = createMap('large', hash(u32, bytes(100_000), { maxEntries: 20 }));
    for (let key = 0; key < 20; key++) map.set(key, new Uint8Array(100_000).fill(key));
    expect(map.get(7)).toEqual(new Uint8Array(100_000).fill(7));
    const found = [...map].map(([key, value]) => [key, value[0], value.at(-1)]);
    expect(found.sort(([a], [b]) => a! - b!)).toEqual(
      Array.from({ length: 20 }, (_, key) => [key, key, key]),
    );
  });

  it('describes itself', () => {
    using map = createMap('starts', hash(u32, u64, { maxEntries: 12 }));
    expect(map.info()).toMatchObject({
      type: BPF_MAP_TYPE.BPF_MAP_TYPE_HASH,
      name: 'starts',
      keySize: 4,
      valueSize: 8,
      maxEntries: 12,
    });
    expect(map).toMatchObject({ name: 'starts', spec: { type: 'hash' } });
    expect(map.fd).toBeGreaterThan(0);
  });

  it('is of no use once it is closed', () => {
    const map = createMap('events', hash(u32, u64, { maxEntries: 12 }));
    map.set(1, 1n);
    const iterator = map.entries();
    map.close();
    map.close();
    map[Symbol.dispose]();
    expect(map.closed).toBe(true);
    const uses: (() => unknown)[] = [
      () => map.fd,
      () => map.get(1),
      () => map.has(1),
      () => map.set(1, 1n),
      () => map.delete(1),
      () => map.count(),
      () => map.clear(),
      () => map.drain(),
      () => map.info(),
      () => [...map],
      () => [...map.keys()],
      () => [...map.values()],
      () => iterator.next(),
    ];
    for (const use of uses) expect(use).toThrow(new Error('map events is closed'));
  });
});

describe.skipIf(noBpf)(kernel('an array'), () => {
  it('has all its indices from the start', () => {
    using map = createMap('slots', arrayMap(i32, { maxEntries: 3 }));
    expect([...map]).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
    ]);
    map.set(1, -5);
    expect(map.get(1)).toBe(-5);
    expect(map.get(3)).toBeUndefined();
    expect(map.has(2)).toBe(true);
    expect(map.has(3)).toBe(false);
    expect(map.count()).toBe(3);
    expect([...map.keys()]).toEqual([0, 1, 2]);
    expect([...map.values()]).toEqual([0, -5, 0]);
    expect(map.set(1, 6, { only: 'new' })).toBe(false);
  });

  it('is cleared to zeros, with batches and without', () => {
    for (const without of [new Set<string>(), new Set(['batch'])]) {
      using map = createMap('slots', arrayMap(u16, { maxEntries: 100_000 }), { without });
      for (const index of [0, 1, 50_000, 99_999]) map.set(index, 7);
      map.clear();
      expect([...map.values()].filter((value) => value !== 0)).toEqual([]);
    }
  });

  it('refuses to delete, and says what to do', () => {
    using map = createMap('slots', arrayMap(u32, { maxEntries: 3 }));
    expect(() => map.delete(0 as never)).toThrow(
      new TypeError('map slots: arrays keep all their entries; set zeros, or clear() them all'),
    );
  });

  it('names an index that it does not have', () => {
    using map = createMap('slots', arrayMap(u32, { maxEntries: 3 }));
    const error = thrownBy<BpfError>(() => map.set(3, 1));
    expect(error).toMatchObject({ name: 'BpfError', code: 'E2BIG' });
    expect(error.message).toBe('map slots has no index 3: it has 3 entries');
  });
});

describe.skipIf(noBpf)(kernel('a trie of prefixes'), () => {
  const spec = lpmTrie(Prefix, u32, { maxEntries: 3 });

  it('finds the longest prefix', () => {
    using map = createMap('routes', spec);
    map.set({ length: 8, address: [10, 0, 0, 0] }, 8);
    map.set({ length: 16, address: [10, 1, 0, 0] }, 16);
    expect(map.get({ length: 32, address: [10, 1, 2, 3] })).toBe(16);
    expect(map.get({ length: 32, address: [10, 2, 2, 3] })).toBe(8);
    expect(map.get({ length: 32, address: [11, 2, 2, 3] })).toBeUndefined();
    expect(map.delete({ length: 8, address: [10, 0, 0, 0] })).toBe(true);
    expect([...map]).toEqual([[{ length: 16, address: [10, 1, 0, 0] }, 16]]);
    expect(map.drain()).toEqual([[{ length: 16, address: [10, 1, 0, 0] }, 16]]);
    expect(map.count()).toBe(0);
  });

  it('says that it is full', () => {
    using map = createMap('routes', spec);
    for (let i = 0; i < 3; i++) map.set({ length: 8, address: [i, 0, 0, 0] }, i);
    const error = thrownBy<BpfError>(() => map.set({ length: 8, address: [9, 0, 0, 0] }, 9));
    expect(error.message).toBe('map routes is full: 3 entries');
  });
});

describe.skipIf(noBpf)(kernel('the errors of a map'), () => {
  it('say that it is full, and of how many', () => {
    using map = createMap('starts', hash(u32, u64, { maxEntries: 10 }));
    for (let key = 0; key < 10; key++) map.set(key, 1n);
    expect(map.set(3, 2n)).toBe(true);
    const error = thrownBy<BpfError>(() => map.set(10, 1n));
    expect(error).toMatchObject({
      name: 'BpfError',
      command: 'BPF_MAP_UPDATE_ELEM',
      code: 'E2BIG',
      message: 'map starts is full: 10 entries',
    });
    expect(error.stack).toContain('map starts is full: 10 entries');
    using one = createMap('one', hash(u32, u64, { maxEntries: 1 }));
    one.set(1, 1n);
    expect(() => one.set(2, 1n)).toThrow('map one is full: 1 entry');
  });

  it('name the map, and the field that does not fit', () => {
    using map = createMap('starts', hash(Key, u64, { maxEntries: 10 }));
    const wrong = (key: unknown) => () => map.get(key as never);
    expect(wrong({ pid: 'x', kind: 1 })).toThrow(
      new TypeError('map starts, key: key.pid: expected a u32 (0 to 4294967295), got "x"'),
    );
    expect(wrong({ pid: -1, kind: 1 })).toThrow(
      new RangeError('map starts, key: key.pid: expected a u32 (0 to 4294967295), got -1'),
    );
    expect(wrong(5)).toThrow(TypeError);
    const key = { pid: 1, kind: 1 };
    expect(() => map.set(key, 'x' as never)).toThrow(/^map starts, value: u64: expected a u64/);
    expect(() => map.set(key, -1n)).toThrow(RangeError);
    expect(() => map.set(key, 2n ** 64n)).toThrow(RangeError);
    expect(() => map.set(key, 1.5)).toThrow(RangeError);
    expect(() => map.set(key, 2 ** 53)).toThrow(RangeError);
    expect(map.count()).toBe(0);
  });

  it('refuse keys of simple types that are out of range or of another type', () => {
    using map = createMap('starts', hash(u32, u64, { maxEntries: 10 }));
    for (const key of [-1, 2 ** 32, 1.5, Number.NaN]) {
      expect(() => map.get(key)).toThrow(RangeError);
    }
    for (const key of ['1', 1n, null, undefined, {}, true]) {
      expect(() => map.get(key as never)).toThrow(TypeError);
    }
  });
});
