import { describe, expect, it } from 'vitest';
import {
  BPF_ELEM_FLAG,
  BPF_MAP_TYPE,
  type BpfError,
  mapCreate,
  mapDelete,
  mapFreeze,
  mapInfo,
  mapLookup,
  mapLookupAndDelete,
  mapNextKey,
  mapUpdate,
} from '../../src/syscall/index.ts';
import { kernel, noBpf, thrownBy, u32, u64, withFds } from './support.ts';

const { BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_QUEUE } = BPF_MAP_TYPE;
const hash = (maxEntries = 8, valueSize = 8) =>
  mapCreate({ type: BPF_MAP_TYPE_HASH, keySize: 4, valueSize, maxEntries, name: 'test_hash' });

describe.skipIf(noBpf)(kernel('a map in the kernel'), () => {
  it('stores, finds and deletes elements', () =>
    withFds((own) => {
      const fd = own(hash());
      const value = new Uint8Array(8);
      expect(mapLookup(fd, u32(1), value)).toBe(false);
      expect(mapUpdate(fd, u32(1), u64(0x1122_3344_5566_7788n))).toBe(true);
      expect(mapLookup(fd, u32(1), value)).toBe(true);
      expect([...value]).toEqual([0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]);
      expect(mapDelete(fd, u32(1))).toBe(true);
      expect(mapDelete(fd, u32(1))).toBe(false);
      expect(mapLookup(fd, u32(1), value)).toBe(false);
    }));

  it('says whether the flags let it store', () =>
    withFds((own) => {
      const fd = own(hash());
      expect(mapUpdate(fd, u32(1), u64(1n), BPF_ELEM_FLAG.BPF_EXIST)).toBe(false);
      expect(mapUpdate(fd, u32(1), u64(1n), BPF_ELEM_FLAG.BPF_NOEXIST)).toBe(true);
      expect(mapUpdate(fd, u32(1), u64(2n), BPF_ELEM_FLAG.BPF_NOEXIST)).toBe(false);
      expect(mapUpdate(fd, u32(1), u64(3n), BPF_ELEM_FLAG.BPF_EXIST)).toBe(true);
    }));

  it('walks from key to key', () =>
    withFds((own) => {
      const fd = own(hash());
      for (let i = 0; i < 5; i++) mapUpdate(fd, u32(i), u64(0n));
      const keys: number[] = [];
      const key = new Uint8Array(4);
      for (let more = mapNextKey(fd, undefined, key); more; more = mapNextKey(fd, key, key)) {
        keys.push(new DataView(key.buffer).getUint32(0, true));
      }
      expect(keys.sort()).toEqual([0, 1, 2, 3, 4]);
    }));

  it('takes keys and values of any size, in place or through the scratch memory', () =>
    withFds((own) => {
      for (const valueSize of [1, 31, 32, 33, 16384, 16385, 100_000]) {
        const fd = own(hash(2, valueSize));
        const value = Uint8Array.from({ length: valueSize }, (_, i) => i * 7);
        mapUpdate(fd, u32(9), value);
        const found = new Uint8Array(valueSize);
        expect(mapLookup(fd, u32(9), found)).toBe(true);
        expect(Buffer.compare(found, value)).toBe(0);
      }
      const fd = own(
        mapCreate({ type: BPF_MAP_TYPE_HASH, keySize: 20_000, valueSize: 4, maxEntries: 1 }),
      );
      const key = new Uint8Array(20_000).fill(3);
      const found = new Uint8Array(4);
      mapUpdate(fd, key, u32(77));
      expect(mapLookup(fd, key, found)).toBe(true);
      expect(found).toEqual(u32(77));
    }));

  it('works on arrays that are windows into larger ones', () =>
    withFds((own) => {
      const fd = own(hash());
      const whole = new Uint8Array(64).fill(0xff);
      mapUpdate(fd, u32(5, 6).subarray(4), u64(1n, 2n).subarray(8));
      expect(mapLookup(fd, u32(6), whole.subarray(16, 24))).toBe(true);
      expect([...whole.subarray(15, 26)]).toEqual([255, 2, 0, 0, 0, 0, 0, 0, 0, 255, 255]);
    }));

  it('pushes and pops where there are no keys', () =>
    withFds((own) => {
      const fd = own(mapCreate({ type: BPF_MAP_TYPE_QUEUE, valueSize: 4, maxEntries: 4 }));
      const none = new Uint8Array(0);
      mapUpdate(fd, none, u32(11));
      mapUpdate(fd, none, u32(22));
      const value = new Uint8Array(4);
      expect(mapLookup(fd, none, value)).toBe(true); // a look without taking
      expect(mapLookupAndDelete(fd, none, value)).toBe(true);
      expect(value).toEqual(u32(11));
      expect(mapLookupAndDelete(fd, none, value)).toBe(true);
      expect(value).toEqual(u32(22));
      expect(mapLookupAndDelete(fd, none, value)).toBe(false);
    }));

  it('describes itself', () =>
    withFds((own) => {
      expect(mapInfo(own(hash(8, 12)))).toMatchObject({
        type: BPF_MAP_TYPE_HASH,
        name: 'test_hash',
        keySize: 4,
        valueSize: 12,
        maxEntries: 8,
        flags: 0,
        btfId: 0,
        extra: 0n,
      });
    }));

  it('passes the hash functions of a bloom filter', () =>
    withFds((own) => {
      const type = BPF_MAP_TYPE.BPF_MAP_TYPE_BLOOM_FILTER;
      const fd = own(mapCreate({ type, valueSize: 4, maxEntries: 10, extra: 3 }));
      expect(mapInfo(fd).extra).toBe(3n);
    }));

  it('holds maps in a map', () =>
    withFds((own) => {
      const inner = own(hash());
      const type = BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY_OF_MAPS;
      const outer = own(
        mapCreate({ type, keySize: 4, valueSize: 4, maxEntries: 2, innerMapFd: inner }),
      );
      mapUpdate(outer, u32(1), u32(inner));
      const id = new Uint8Array(4);
      expect(mapLookup(outer, u32(1), id)).toBe(true);
      expect(new DataView(id.buffer).getUint32(0, true)).toBe(mapInfo(inner).id);
    }));

  it('cannot be written once it is frozen', () =>
    withFds((own) => {
      const fd = own(
        mapCreate({ type: BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 }),
      );
      mapFreeze(fd);
      const error = thrownBy<BpfError>(() => mapUpdate(fd, u32(0), u64(1n)));
      expect(error).toMatchObject({
        name: 'BpfError',
        command: 'BPF_MAP_UPDATE_ELEM',
        code: 'EPERM',
      });
      expect(error.message).toContain('The map is frozen');
    }));

  it('says what is wrong in a sentence', () =>
    withFds((own) => {
      const array = own(
        mapCreate({ type: BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 }),
      );
      expect(thrownBy(() => mapDelete(array, u32(0))).message).toBe(
        'cannot delete an element of the map: EINVAL (invalid argument). ' +
          'Elements of an array cannot be deleted',
      );
      expect(thrownBy(() => mapUpdate(array, u32(1), u64(1n))).message).toBe(
        'cannot update an element of the map: E2BIG (argument list too long). ' +
          'The map is full, or the index is not below max_entries',
      );
      expect(thrownBy(() => mapLookup(0x7fff, u32(1), u64(1n))).message).toBe(
        'cannot look up a key in the map: EBADF (bad file descriptor). ' +
          'A descriptor is closed, or is not of the kind that is needed here',
      );
      expect(thrownBy(() => mapCreate({ type: 9999, name: 'strange' }))).toMatchObject({
        message:
          "cannot create the type 9999 map 'strange': EINVAL (invalid argument). This kernel does not " +
          'know the type of the map, or does not take this combination of key size, value size, ' +
          'max_entries and flags',
        command: 'BPF_MAP_CREATE',
        errno: 22,
        code: 'EINVAL',
      });
    }));

  it('refuses a name that the kernel would not take or would cut', () => {
    const create = (name: string) => () => mapCreate({ type: 1, name });
    expect(create('a name')).toThrow(
      "expected up to 15 letters, digits, '_' and '.', got 'a name'",
    );
    expect(create('sixteen_letters_')).toThrow(RangeError);
  });
});
