import { describe, expect, it } from 'vitest';
import {
  BPF_MAP_TYPE,
  type BpfError,
  mapCreate,
  mapDeleteBatch,
  mapLookup,
  mapLookupAndDeleteBatch,
  mapLookupBatch,
  mapUpdateBatch,
} from '../../src/syscall/index.ts';
import { kernel, noBpf, thrownBy, u32, withFds } from './support.ts';

const COUNT = 1000;
const hash = (maxEntries = COUNT) =>
  mapCreate({ type: BPF_MAP_TYPE.BPF_MAP_TYPE_HASH, keySize: 4, valueSize: 8, maxEntries });
const numbers = Array.from({ length: COUNT }, (_, i) => i);
const keys = u32(...numbers);
const values = new Uint8Array(BigUint64Array.from(numbers, (i) => BigInt(i) * 3n).buffer);

/** Reads the whole map in batches of `size`, as pairs. */
function readAll(fd: number, size: number, read = mapLookupBatch): Map<number, bigint> {
  const found = new Map<number, bigint>();
  const keyRoom = new Uint32Array(size);
  const valueRoom = new BigUint64Array(size);
  let from: Uint8Array | undefined;
  const bytes = (array: Uint32Array | BigUint64Array) => new Uint8Array(array.buffer);
  for (;;) {
    const next = new Uint8Array(4);
    const batch = { from, next, keys: bytes(keyRoom), values: bytes(valueRoom), count: size };
    const { count, done } = read(fd, batch);
    for (let i = 0; i < count; i++) found.set(keyRoom[i]!, valueRoom[i]!);
    if (done) return found;
    from = next;
  }
}

describe.skipIf(noBpf)(kernel('batches'), () => {
  it('stores many elements and reads them in several batches', () =>
    withFds((own) => {
      const fd = own(hash());
      mapUpdateBatch(fd, keys, values, COUNT);
      const found = readAll(fd, 300);
      expect(found.size).toBe(COUNT);
      expect(found.get(999)).toBe(2997n);
    }));

  it('takes elements out while it reads them', () =>
    withFds((own) => {
      const fd = own(hash());
      mapUpdateBatch(fd, keys, values, COUNT);
      expect(readAll(fd, 300, mapLookupAndDeleteBatch).size).toBe(COUNT);
      expect(mapLookup(fd, u32(5), new Uint8Array(8))).toBe(false);
      expect(readAll(fd, 300).size).toBe(0);
    }));

  it('stops deleting at the first key that is not there', () =>
    withFds((own) => {
      const fd = own(hash());
      mapUpdateBatch(fd, keys, values, COUNT);
      expect(mapDeleteBatch(fd, u32(1, 2, 5000, 3), 4)).toBe(2);
      expect(mapLookup(fd, u32(3), new Uint8Array(8))).toBe(true);
      expect(mapDeleteBatch(fd, u32(3, 4), 2)).toBe(2);
    }));

  it('says how many elements it stored before the map was full', () =>
    withFds((own) => {
      const fd = own(hash(10));
      const error = thrownBy<BpfError>(() => mapUpdateBatch(fd, keys, values, COUNT));
      expect(error).toMatchObject({ code: 'E2BIG', command: 'BPF_MAP_UPDATE_BATCH', count: 10 });
    }));

  it('asks for more room when a bucket does not fit', () =>
    withFds((own) => {
      const fd = own(hash());
      mapUpdateBatch(fd, keys, values, COUNT);
      const error = thrownBy<BpfError>(() => readAll(fd, 1));
      expect(error.code).toBe('ENOSPC');
      expect(error.message).toContain('pass more room');
    }));

  it('says so when a type of map has no batches', () =>
    withFds((own) => {
      const type = BPF_MAP_TYPE.BPF_MAP_TYPE_QUEUE;
      const fd = own(mapCreate({ type, valueSize: 8, maxEntries: 4 }));
      const error = thrownBy<BpfError>(() => mapUpdateBatch(fd, keys, values, 2));
      expect(error).toMatchObject({ code: 'ENOTSUPP', errno: 524, count: 0 });
    }));
});
