import { describe, expect, it } from 'vitest';
import {
  type AnyMapSpec,
  arrayMap,
  arrayOfMaps,
  bitfield,
  bloomFilter,
  bytes,
  cgroupArray,
  chars,
  eventBuffer,
  globals,
  hash,
  hashOfMaps,
  KiB,
  kernelStruct,
  lpmTrie,
  lruHash,
  lruPercpuHash,
  MAP_TYPES,
  MiB,
  percpuArray,
  percpuHash,
  perfEventArray,
  progArray,
  queueMap,
  ringbuf,
  stackMap,
  stackTrace,
  struct,
  text,
  u32,
  u64,
} from '../../src/index.ts';
import { isMapType } from '../../src/object/index.ts';
import { messageOf, withoutLine } from './support.ts';

const Prefix = struct('prefix', { bits: u32, address: u32 });
const refusal = (run: () => unknown) => withoutLine(messageOf(run));

describe('map specs', () => {
  const all: Record<string, AnyMapSpec> = {
    hash: hash(u32, u64),
    array: arrayMap(u64, { maxEntries: 1 }),
    prog_array: progArray({ maxEntries: 1 }),
    perf_event_array: perfEventArray(u64),
    percpu_hash: percpuHash(u32, u64),
    percpu_array: percpuArray(u64, { maxEntries: 1 }),
    stack_trace: stackTrace(u64),
    cgroup_array: cgroupArray({ maxEntries: 1 }),
    lru_hash: lruHash(u32, u64),
    lru_percpu_hash: lruPercpuHash(u32, u64),
    lpm_trie: lpmTrie(Prefix, u64),
    array_of_maps: arrayOfMaps(hash(u32, u64), { maxEntries: 1 }),
    hash_of_maps: hashOfMaps(u32, hash(u32, u64)),
    queue: queueMap(u64),
    stack: stackMap(u64),
    ringbuf: ringbuf(u64),
    bloom_filter: bloomFilter(u64),
  };

  it('are named as in the table of the kernel', () => {
    expect(Object.keys(MAP_TYPES)).toEqual(expect.arrayContaining(Object.keys(all)));
    for (const [type, spec] of Object.entries(all)) expect(spec.type).toBe(type);
    expect(isMapType('ringbuf')).toBe(true);
    expect(isMapType('constructor')).toBe(false);
  });

  it('are plain frozen data', () => {
    expect(hash(u32, u64, { maxEntries: 7, flags: 1 })).toStrictEqual({
      kind: 'map',
      type: 'hash',
      key: u32,
      value: u64,
      maxEntries: 7,
      flags: 1,
      extra: 0,
      bufferSize: 0,
    });
    for (const spec of Object.values(all)) expect(Object.isFrozen(spec)).toBe(true);
  });

  it('have 10,240 entries when nothing is said', () => {
    expect(all.hash!.maxEntries).toBe(10_240);
  });

  it('never preallocate a trie, which the kernel insists on', () => {
    expect(lpmTrie(Prefix, u64, { flags: 128 }).flags).toBe(129);
  });

  it('carry the hash functions of a bloom filter: 5, or as many as asked for', () => {
    expect([bloomFilter(u64).extra, bloomFilter(u64, { hashes: 3 }).extra]).toEqual([5, 3]);
  });

  it('carry the shape of inner maps', () => {
    const inner = hash(u32, u64);
    expect(arrayOfMaps(inner, { maxEntries: 2 }).inner).toBe(inner);
  });
});

describe('sizes of buffers', () => {
  it('are powers of two from a page on', () => {
    const sizes = [1, 4096, 4097, 256 * KiB, 3 * MiB, 2 ** 31];
    expect(sizes.map((maxEntries) => ringbuf(u64, { maxEntries }).maxEntries)).toEqual([
      4096,
      4096,
      8192,
      262_144,
      4 * MiB,
      2 ** 31,
    ]);
    expect(sizes.map((bufferSize) => perfEventArray(u64, { bufferSize }).bufferSize)).toEqual([
      4096,
      4096,
      8192,
      262_144,
      4 * MiB,
      2 ** 31,
    ]);
  });

  it('are 256 KiB when nothing is said', () => {
    expect([ringbuf(u64).maxEntries, perfEventArray(u64).bufferSize]).toEqual([262_144, 262_144]);
  });

  it('are the same for both buffers that an event buffer may become', () => {
    const { type, maxEntries, otherwise } = eventBuffer(u64, { size: 5000 });
    expect([type, maxEntries]).toEqual(['ringbuf', 8192]);
    expect([otherwise!.type, otherwise!.bufferSize]).toEqual(['perf_event_array', 8192]);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31 + 1])('are refused: %d', (size) => {
    expect(refusal(() => ringbuf(u64, { maxEntries: size }))).toBe(
      `ringbuf: maxEntries: a whole number from 1 to 2147483648, got ${size} (map-spec.test.ts)`,
    );
    expect(refusal(() => perfEventArray(u64, { bufferSize: size }))).toBe(
      `perf_event_array: bufferSize: a whole number from 1 to 2147483648, got ${size} (map-spec.test.ts)`,
    );
    expect(refusal(() => eventBuffer(u64, { size }))).toBe(
      `ringbuf: maxEntries: a whole number from 1 to 2147483648, got ${size} (map-spec.test.ts)`,
    );
  });
});

describe('global variables', () => {
  const Settings = struct('settings', { limit: u32 });

  it('are an array of one struct that can be mapped', () => {
    const { type, maxEntries, flags, section, initial } = globals(Settings);
    expect([type, maxEntries, flags, section, initial]).toEqual([
      'array',
      1,
      1024,
      'bss',
      undefined,
    ]);
  });

  it('are data with initial values, and rodata when programs may not write them', () => {
    const data = globals(Settings, { initial: { limit: 7 } });
    const rodata = globals(Settings, { initial: { limit: 7 }, readonly: true });
    expect([data.section, data.flags, data.initial]).toEqual(['data', 1024, [{ limit: 7 }]]);
    expect([rodata.section, rodata.flags]).toEqual(['rodata', 1024 | 128]);
  });
});

describe('a map is refused with the line that wrote it, when', () => {
  it.each([
    [
      'it has no entries',
      () => hash(u32, u64, { maxEntries: 0 }),
      'hash: maxEntries: a whole number from 1 to 4294967295, got 0 (map-spec.test.ts)',
    ],
    [
      'it has more entries than 32 bits hold',
      () => arrayMap(u64, { maxEntries: 2 ** 32 }),
      'array: maxEntries: a whole number from 1 to 4294967295, got 4294967296 (map-spec.test.ts)',
    ],
    [
      'it has half an entry',
      () => queueMap(u64, { maxEntries: 1.5 }),
      'queue: maxEntries: a whole number from 1 to 4294967295, got 1.5 (map-spec.test.ts)',
    ],
    [
      'its flags are no flags',
      () => hash(u32, u64, { flags: -1 }),
      'hash: flags: a whole number from 0 to 4294967295, got -1 (map-spec.test.ts)',
    ],
    [
      "its value is the kernel's",
      () => hash(u32, kernelStruct('task_struct', { pid: u32 })),
      'hash: task_struct has the size that each kernel gives it; keep a struct() of your own (map-spec.test.ts)',
    ],
    [
      'its value ends in a text',
      () => hash(u32, struct('named', { id: u32, name: text(64) })),
      'hash: a value has one size, but named ends in a text(); use chars() (map-spec.test.ts)',
    ],
    [
      'its key is a bare text',
      () => hash(text(8), u64),
      'hash: a key cannot be a text by itself; put it into a struct (map-spec.test.ts)',
    ],
    [
      'its value is a bare bitfield',
      () => arrayMap(bitfield(u32, 3), { maxEntries: 1 }),
      'array: a value cannot be a bitfield by itself; put it into a struct (map-spec.test.ts)',
    ],
    [
      'the key of a trie does not start with its length',
      () => lpmTrie(struct('address', { bytes: bytes(8) }), u64),
      'lpm_trie: the key starts with a u32, the number of bits that count (map-spec.test.ts)',
    ],
    [
      'a bloom filter has too many hash functions',
      () => bloomFilter(u64, { hashes: 16 }),
      'bloom_filter: hashes: a whole number from 1 to 15, got 16 (map-spec.test.ts)',
    ],
    [
      'a map of maps holds another',
      () => hashOfMaps(u32, arrayOfMaps(hash(u32, u64), { maxEntries: 1 })),
      'hash_of_maps: its maps cannot be of type array_of_maps (map-spec.test.ts)',
    ],
    [
      'a map of maps holds programs',
      () => arrayOfMaps(progArray({ maxEntries: 1 }), { maxEntries: 1 }),
      'array_of_maps: its maps cannot be of type prog_array (map-spec.test.ts)',
    ],
  ])('%s', (_title, run, message) => {
    expect(refusal(run)).toBe(message);
  });

  it('but events may end in a text', () => {
    const Named = struct('named', { id: u32, comm: chars(16), name: text(64) });
    expect([ringbuf(Named).value, perfEventArray(Named).value]).toEqual([Named, Named]);
  });
});
