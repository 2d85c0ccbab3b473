import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMap, openMap } from '../../src/kernel/map-create.ts';
import { createMapDescriptor } from '../../src/kernel/map-descriptor.ts';
import { array, type Layout, struct, text, u8, u32, u64 } from '../../src/layout/index.ts';
import {
  type AnyMapSpec,
  arrayMap,
  arrayOfMaps,
  bloomFilter,
  cgroupArray,
  globals,
  hash,
  hashOfMaps,
  lpmTrie,
  lruHash,
  lruPercpuHash,
  MAP_TYPES,
  percpuArray,
  percpuHash,
  perfEventArray,
  progArray,
  queueMap,
  ringbuf,
  stackMap,
  stackTrace,
  TypeInfo,
} from '../../src/object/index.ts';
import {
  btfLoad,
  FileDescriptor,
  fdById,
  mapInfo,
  openDescriptors,
  possibleCpus,
} from '../../src/syscall/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';

const Prefix = struct('prefix', { length: u32, address: array(u8, 4) });
const Counters = struct('counters', { calls: u64.number });
const inner = hash(u32, u64, { maxEntries: 8 });
const few = { maxEntries: 4 };

/** Every type but the buffers. */
const SPECS: readonly AnyMapSpec[] = noBpf
  ? []
  : [
      hash(u32, u64, few),
      arrayMap(u64, few),
      progArray(few),
      percpuHash(u32, u64, few),
      percpuArray(u64, few),
      stackTrace(array(u64, 10), few),
      cgroupArray(few),
      lruHash(u32, u64, few),
      lruPercpuHash(u32, u64, few),
      lpmTrie(Prefix, u64, few),
      arrayOfMaps(inner, few),
      hashOfMaps(u32, inner, few),
      queueMap(u64, few),
      stackMap(u64, few),
      bloomFilter(u64, few),
      globals(Counters),
      globals(Counters, { initial: { calls: 1 }, readonly: true }),
    ];

/** Loads the BTF of a map's key and value. */
function withTypes<T>(
  { key, value }: AnyMapSpec,
  run: (btf: { fd: number; keyTypeId: number; valueTypeId: number }) => T,
): T {
  const types = new TypeInfo();
  const keyTypeId = types.idOf((key ?? u32) as Layout);
  const valueTypeId = types.idOf(value as Layout);
  using btf = new FileDescriptor(btfLoad(types.builder.encode()), 'BTF');
  return run({ fd: btf.fd, keyTypeId, valueTypeId });
}

describe.skipIf(noBpf)(kernel('creating maps'), () => {
  it.each(SPECS)('makes a $type', (spec) => {
    using map = createMap('made', spec);
    expect(map.info()).toMatchObject({ type: MAP_TYPES[spec.type].number, name: 'made' });
    expect(map.closed).toBe(false);
  });

  it.each(SPECS)('makes a $type with types where it takes them', (spec) => {
    withTypes(spec, (btf) => {
      using map = createMap('typed', spec, { btf });
      const typed = /hash|array|trie/.test(spec.type) && !/cgroup|_of_maps/.test(spec.type);
      expect(map.info()).toMatchObject(
        typed
          ? { btfKeyTypeId: btf.keyTypeId, btfValueTypeId: btf.valueTypeId }
          : { btfKeyTypeId: 0, btfValueTypeId: 0 },
      );
    });
  });

  it('does without types that the kernel refuses', () => {
    const spec = hash(u32, u64, few);
    withTypes(spec, (btf) => {
      using map = createMap('untyped', spec, { btf: { ...btf, valueTypeId: btf.keyTypeId } });
      expect(map.info()).toMatchObject({ btfId: 0, name: 'untyped' });
      using other = createMap('untyped', spec, { btf: { ...btf, fd: 0x7fff } });
      expect(other.info().btfId).toBe(0);
    });
  });

  it('cuts names to what the kernel takes, and keeps them for people', () => {
    using map = createMap('a name that-is long', hash(u32, u64, few));
    expect(map.info().name).toBe('a_name_that_is_');
    map.close();
    expect(() => map.get(1)).toThrow('map a name that-is long is closed');
  });

  it('makes the buffers too, as descriptors', () => {
    using ring = createMapDescriptor('events', ringbuf(u64));
    expect(mapInfo(ring.fd)).toMatchObject({ keySize: 0, valueSize: 0, maxEntries: 256 * 1024 });
    using perf = createMapDescriptor('events', perfEventArray(struct('large', { a: u64, b: u64 })));
    const maxEntries = possibleCpus().at(-1)! + 1;
    expect(mapInfo(perf.fd)).toMatchObject({ keySize: 4, valueSize: 4, maxEntries });
    perf.close();
    expect(() => perf.fd).toThrow('map events is closed');
  });

  it('has no class for the buffers', () => {
    const before = openDescriptors();
    expect(() => createMap('events', ringbuf(u64))).toThrow(
      'map events: a ringbuf is read by a RingBuffer',
    );
    expect(() => createMap('events', perfEventArray(u64))).toThrow('read by a PerfBuffer');
    expect(openDescriptors()).toBe(before);
  });

  it('writes initial values', () => {
    using map = createMap('first', { ...arrayMap(u64, few), initial: [5n, undefined, 7n] });
    expect([...map.values()]).toEqual([5n, 0n, 7n, 0n]);
    using cpus = createMap('first', { ...percpuArray(u32, few), initial: [5] });
    expect(cpus.get(0)).toEqual(possibleCpus().map(() => 5));
  });

  it('leaves nothing behind when it fails', () => {
    const before = openDescriptors();
    const fds = readdirSync('/proc/self/fd').length;
    const fail = (spec: AnyMapSpec) => () => createMap('failing', spec);
    expect(fail({ ...arrayMap(u64, few), initial: ['x'] })).toThrow(TypeError);
    expect(fail({ ...arrayMap(u64, few), initial: [1, 2, 3, 4, 5] })).toThrow(/E2BIG/);
    expect(fail({ ...hash(u32, u64), initial: [1] })).toThrow(
      'map failing: initial values are for arrays, got a hash',
    );
    expect(fail({ ...hash(u32, u64), maxEntries: 0 })).toThrow(
      "cannot create the hash map 'failing': EINVAL",
    );
    expect(fail({ ...arrayOfMaps(inner, few), maxEntries: 0 })).toThrow(/EINVAL/);
    expect(openDescriptors()).toBe(before);
    expect(readdirSync('/proc/self/fd').length).toBe(fds);
  });

  it('refuses values that have no size of their own', () => {
    const Line = struct('line', { pid: u32, path: text(64) });
    expect(() => createMap('lines', { ...hash(u32, u32), value: Line } as AnyMapSpec)).toThrow(
      'map lines, value: expected a layout of one size, got one that ends in text; use chars()',
    );
    expect(() => createMapDescriptor('lines', ringbuf(Line)).close()).not.toThrow();
  });

  it('opens a map that is there already', () => {
    const spec = hash(u32, u64, few);
    using map = createMap('first', spec);
    map.set(1, 2n);
    const fd = fdById('map', map.info().id)!;
    using again = openMap(new FileDescriptor(fd, 'map again'), 'again', spec);
    expect([...again]).toEqual([[1, 2n]]);
  });

  it('creates and closes a thousand times, and leaves nothing', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const lines = () => readFileSync('/proc/self/maps', 'utf8').split('\n');
    const ofMaps = () => lines().filter((line) => line.includes('bpf')).length;
    const round = (i: number) => {
      const spec = SPECS[i % SPECS.length]!;
      createMap('round', spec).close();
      using vars = createMap('round', globals(Counters));
      void vars.info();
      using table = createMap('round', inner);
      table.set(1, 1n);
      void [...table];
      const iterator = table.entries();
      iterator.next();
    };
    for (let i = 0; i < 50; i++) round(i);
    await new Promise(setImmediate);
    const before = { descriptors: descriptors(), open: openDescriptors(), maps: ofMaps() };
    const all = lines().length;
    for (let i = 0; i < 1000; i++) {
      round(i);
      if (i % 50 === 0) await new Promise(setImmediate);
    }
    await new Promise(setImmediate);
    expect({ descriptors: descriptors(), open: openDescriptors(), maps: ofMaps() }).toEqual(before);
    // Node's own heap grows and shrinks by some; one mapping a round would be 1000.
    expect(lines().length - all).toBeLessThan(100);
  }, 60_000);
});
