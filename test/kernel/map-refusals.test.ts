/** What whole-map reads do when the kernel refuses a batch: its answers are put in here. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createMap } from '../../src/kernel/map-create.ts';
import { array, struct, u8, u32, u64 } from '../../src/layout/index.ts';
import { arrayMap, hash, lpmTrie } from '../../src/object/index.ts';
import { type BatchRead, BpfError, type ErrnoName } from '../../src/syscall/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';

/** An answer for the call of that number; `cut`: after the kernel has read so many entries. */
interface Refusal {
  readonly code: ErrnoName;
  readonly cut?: number;
}
const refusals = vi.hoisted(() => ({
  calls: 0,
  at: new Map<number, unknown>(),
  rooms: [] as number[],
  endless: false,
}));

vi.mock('../../src/syscall/index.ts', async (original) => {
  const real = await original<typeof import('../../src/syscall/index.ts')>();
  const refusing =
    (call: string, read: typeof real.mapLookupBatch): typeof real.mapLookupBatch =>
    (fd, batch: BatchRead) => {
      const refusal = refusals.at.get(refusals.calls++) as Refusal | undefined;
      refusals.rooms.push(batch.count);
      if (!refusal) return read(fd, batch);
      const cut = refusal.cut ?? 0;
      const count = cut > 0 ? read(fd, { ...batch, count: cut }).count : 0;
      const errno = real.ERRNO[refusal.code][0];
      throw new real.BpfError({ call, attempt: 'read', errno, count });
    };
  return {
    ...real,
    // Others delete each key before the next one is asked for: the kernel begins again.
    mapNextKey: (fd: number, key: Uint8Array | undefined, next: Uint8Array) =>
      real.mapNextKey(fd, refusals.endless ? undefined : key, next),
    mapLookupBatch: refusing('BPF_MAP_LOOKUP_BATCH', real.mapLookupBatch),
    mapLookupAndDeleteBatch: refusing(
      'BPF_MAP_LOOKUP_AND_DELETE_BATCH',
      real.mapLookupAndDeleteBatch,
    ),
  };
});

const refuse = (...list: readonly (readonly [number, Refusal])[]) => {
  refusals.calls = 0;
  refusals.rooms.length = 0;
  refusals.at = new Map(list);
};
const full = () => {
  const map = createMap('refused', hash(u32, u64, { maxEntries: 9000 }));
  for (let key = 0; key < 9000; key++) map.set(key, BigInt(key));
  return map;
};
const complete = (entries: Iterable<[number, bigint]>) => {
  const found = [...entries];
  expect(found.length).toBe(9000);
  expect(new Map(found).size).toBe(9000);
  expect(found.every(([key, value]) => BigInt(key) === value)).toBe(true);
};

beforeEach(() => refuse());

describe.skipIf(noBpf)(kernel('a batch that is refused'), () => {
  it('has more room the next time when a bucket does not fit', () => {
    using map = full();
    refuse([0, { code: 'ENOSPC' }], [1, { code: 'ENOSPC' }]);
    complete(map);
    expect(refusals.rooms.slice(0, 3)).toEqual([4096, 8192, 16384]);
    refuse([1, { code: 'ENOSPC' }]);
    complete(map.drain());
    expect(refusals.rooms.slice(0, 3)).toEqual([4096, 4096, 8192]);
  });

  it('is given room for all that the map can hold, and no more', () => {
    using map = full();
    refuse(...Array.from({ length: 9 }, (_, i) => [i, { code: 'ENOSPC' }] as const));
    complete(map.drain());
    expect(refusals.rooms).toEqual([4096, 8192, 16384]);
  });

  it('goes on where it was when a bucket is locked', () => {
    using map = full();
    refuse([0, { code: 'EBUSY', cut: 1000 }], [2, { code: 'EDEADLK', cut: 10 }]);
    complete(map);
    refuse([0, { code: 'EBUSY', cut: 1000 }], [1, { code: 'ETIMEDOUT', cut: 1000 }]);
    complete(map.drain());
  });

  it('is not tried for ever', () => {
    using map = full();
    refuse(...Array.from({ length: 300 }, (_, i) => [i, { code: 'EBUSY', cut: 20 }] as const));
    expect(() => map.count()).toThrow('cannot read the entries of map refused: EBUSY');
    expect(refusals.calls).toBe(100);
    // What was taken out is kept, and the rest is taken one by one.
    refuse(...Array.from({ length: 300 }, (_, i) => [i, { code: 'EBUSY', cut: 20 }] as const));
    complete(map.drain());
  });

  it.each(['ENOTSUPP', 'EINVAL'] as const)('is left out from then on: %s', (code) => {
    using map = full();
    refuse([0, { code }]);
    complete(map);
    complete(map);
    expect(refusals.calls).toBe(1);
    refuse([0, { code }]);
    complete(map.drain());
    expect(map.drain()).toEqual([]);
    expect(refusals.calls).toBe(1);
  });

  it('ends a loop over a hash table that has begun', () => {
    using map = full();
    refuse([1, { code: 'ENOMEM' }]);
    expect(() => [...map]).toThrow(/^cannot read the entries of map refused: ENOMEM/);
    refuse([1, { code: 'ENOMEM' }]);
    expect(() => map.count()).toThrow(BpfError);
  });

  it('loses nothing of a drain that has begun', () => {
    using map = full();
    refuse([1, { code: 'ENOMEM', cut: 100 }]);
    complete(map.drain());
    expect(map.count()).toBe(0);
  });

  it('is no end for a trie, whose keys are remembered', () => {
    const Prefix = struct('prefix', { length: u32, address: array(u8, 4) });
    using map = createMap('trie', lpmTrie(Prefix, u32, { maxEntries: 9000 }));
    for (let i = 0; i < 9000; i++) map.set({ length: 32, address: [1, 2, i >> 8, i & 255] }, i);
    refuse([1, { code: 'EINTR', cut: 50 }]);
    const values = [...map.values()].sort((a, b) => a - b);
    expect(values).toEqual(Array.from({ length: 9000 }, (_, i) => i));
  });

  it('is no end for an array that has not begun', () => {
    using map = createMap('slots', arrayMap(u32, { maxEntries: 10 }));
    refuse([0, { code: 'ENOMEM' }]);
    expect([...map.keys()].length).toBe(10);
    expect([...map.values()].length).toBe(10);
  });

  it('is no reason to walk for ever, when the kernel begins again and again', () => {
    using map = createMap('endless', hash(u32, u64, { maxEntries: 100 }), {
      without: new Set(['batch']),
    });
    for (let key = 0; key < 100; key++) map.set(key, 1n);
    refusals.endless = true;
    try {
      expect(map.count()).toBe(1);
      expect(map.drain().length).toBeGreaterThan(0);
    } finally {
      refusals.endless = false;
    }
  });
});
