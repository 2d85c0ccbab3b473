import { describe, expectTypeOf, it } from 'vitest';
import type { Globals } from '../../src/kernel/globals.ts';
import type { BpfArray, BpfMap, PerCpuArray, PerCpuMap } from '../../src/kernel/map.ts';
import type { MapBase } from '../../src/kernel/map-base.ts';
import type { LiveMap } from '../../src/kernel/map-create.ts';
import type { BloomFilter, BpfQueue } from '../../src/kernel/map-keyless.ts';
import type { CgroupArray, MapOfMaps, ProgArray } from '../../src/kernel/map-references.ts';
import type { StackTraceMap } from '../../src/kernel/map-stack-trace.ts';
import { array, chars, type Struct, struct, u32, u64 } from '../../src/layout/index.ts';
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
  percpuArray,
  percpuHash,
  progArray,
  queueMap,
  stackTrace,
} from '../../src/object/index.ts';

const Key = struct('key', { pid: u32, comm: chars(16) });
const Counters = struct('counters', { calls: u64.number, limit: u32 });
const Prefix = struct('prefix', { length: u32, address: u32 });

describe('the live map of a spec', () => {
  it('has the values of its layouts', () => {
    const spec = hash(Key, u64);
    type Live = LiveMap<typeof spec>;
    expectTypeOf<Live>().toEqualTypeOf<BpfMap<typeof Key, typeof u64>>();
    expectTypeOf<ReturnType<Live['get']>>().toEqualTypeOf<bigint | undefined>();
    expectTypeOf<Parameters<Live['set']>[1]>().toEqualTypeOf<bigint | number>();
    expectTypeOf<ReturnType<Live['drain']>>().toEqualTypeOf<
      [{ pid: number; comm: string }, bigint][]
    >();
    const live = {} as Live;
    for (const [{ comm }, value] of live) {
      expectTypeOf(comm).toEqualTypeOf<string>();
      expectTypeOf(value).toEqualTypeOf<bigint>();
    }
  });

  it('is the class of its type', () => {
    const lru = lruHash(u32, u64);
    expectTypeOf<LiveMap<typeof lru>>().toEqualTypeOf<BpfMap<typeof u32, typeof u64>>();
    const trie = lpmTrie(Prefix, u32);
    expectTypeOf<LiveMap<typeof trie>>().toEqualTypeOf<BpfMap<typeof Prefix, typeof u32>>();
    const slots = arrayMap(u64, { maxEntries: 2 });
    expectTypeOf<LiveMap<typeof slots>>().toEqualTypeOf<BpfArray<typeof u64>>();
    const perCpu = percpuHash(u32, u64);
    expectTypeOf<LiveMap<typeof perCpu>>().toEqualTypeOf<PerCpuMap<typeof u32, typeof u64>>();
    const perCpuSlots = percpuArray(u64, { maxEntries: 2 });
    expectTypeOf<LiveMap<typeof perCpuSlots>>().toEqualTypeOf<PerCpuArray<typeof u64>>();
    const queue = queueMap(u32);
    expectTypeOf<LiveMap<typeof queue>>().toEqualTypeOf<BpfQueue<typeof u32>>();
    const bloom = bloomFilter(u32);
    expectTypeOf<LiveMap<typeof bloom>>().toEqualTypeOf<BloomFilter<typeof u32>>();
    const maps = arrayOfMaps(lru, { maxEntries: 2 });
    expectTypeOf<LiveMap<typeof maps>>().toEqualTypeOf<MapOfMaps<typeof u32>>();
    const byKey = hashOfMaps(Key, lru);
    expectTypeOf<LiveMap<typeof byKey>>().toEqualTypeOf<MapOfMaps<typeof Key>>();
    const programs = progArray({ maxEntries: 2 });
    expectTypeOf<LiveMap<typeof programs>>().toEqualTypeOf<ProgArray>();
    const cgroups = cgroupArray({ maxEntries: 2 });
    expectTypeOf<LiveMap<typeof cgroups>>().toEqualTypeOf<CgroupArray>();
    expectTypeOf<LiveMap<AnyMapSpec>>().toEqualTypeOf<MapBase>();
  });

  it('gives one value per CPU, and takes one for all', () => {
    const spec = percpuHash(u32, u64);
    const live = {} as LiveMap<typeof spec>;
    expectTypeOf(live.get).returns.toEqualTypeOf<bigint[] | undefined>();
    expectTypeOf(live.set)
      .parameter(1)
      .toEqualTypeOf<bigint | number | readonly (bigint | number)[]>();
  });

  it('has the frames of its layout', () => {
    const spec = stackTrace(array(u64, 127));
    type Live = LiveMap<typeof spec>;
    expectTypeOf<Live>().toExtend<StackTraceMap<(typeof spec)['value']>>();
    expectTypeOf<ReturnType<Live['get']>>().toEqualTypeOf<bigint[] | undefined>();
  });

  it('has global variables by name', () => {
    type Fields = typeof Counters extends Struct<infer F> ? F : never;
    const spec = globals(Counters, { readonly: true });
    type Live = LiveMap<typeof spec>;
    expectTypeOf<Live>().toEqualTypeOf<Globals<Fields>>();
    const live = {} as Live;
    expectTypeOf(live.get('calls')).toEqualTypeOf<number>();
    expectTypeOf(live.values()).toEqualTypeOf<{ calls: number; limit: number }>();
    // @ts-expect-error there is no such variable
    live.get('other');
    // @ts-expect-error a string is not a number
    live.set('limit', '1');
  });

  it('refuses to delete from arrays', () => {
    const spec = arrayMap(u64, { maxEntries: 2 });
    const live = {} as LiveMap<typeof spec>;
    // @ts-expect-error arrays keep all their entries
    (() => live.delete(0))();
    expectTypeOf(live).not.toHaveProperty('drain');
  });
});
