/**
 * @module
 * From a map's spec to what simulates it.
 */
import type { Fields, Input, Layout, Struct, Value } from '../../layout/index.ts';
import type { AnyMapSpec, GlobalsSpec, MapSpec, MapType } from '../../object/index.ts';
import { SimulatedArray, SimulatedPerCpuArray } from './array.ts';
import { SimulatedGlobals } from './globals.ts';
import { SimulatedHash, SimulatedPerCpuHash } from './hash.ts';
import { SimulatedLpmTrie } from './lpm.ts';
import { type MapHost, SimulatedMap } from './map.ts';
import { SimulatedBloom, SimulatedQueue } from './queue.ts';
import { SimulatedDevices, SimulatedReferences } from './references.ts';
import { SimulatedPerf, SimulatedRing } from './ring.ts';
import { SimulatedStacks } from './stack-trace.ts';
import { SimulatedStorage } from './storage.ts';

interface ByType<K extends Layout, V extends Layout> {
  hash: SimulatedHash<Input<K>, Value<K>, Input<V>, Value<V>>;
  lru_hash: SimulatedHash<Input<K>, Value<K>, Input<V>, Value<V>>;
  percpu_hash: SimulatedPerCpuHash<Input<K>, Value<K>, Input<V>, Value<V>>;
  lru_percpu_hash: SimulatedPerCpuHash<Input<K>, Value<K>, Input<V>, Value<V>>;
  lpm_trie: SimulatedLpmTrie<Input<K>, Value<K>, Input<V>, Value<V>>;
  array: SimulatedArray<Input<V>, Value<V>>;
  percpu_array: SimulatedPerCpuArray<Input<V>, Value<V>>;
  queue: SimulatedQueue<Input<V>, Value<V>>;
  stack: SimulatedQueue<Input<V>, Value<V>>;
  bloom_filter: SimulatedBloom<Input<V>>;
  ringbuf: SimulatedRing<Value<V>>;
  perf_event_array: SimulatedPerf<Value<V>>;
  stack_trace: SimulatedStacks;
  array_of_maps: SimulatedReferences<number, SimulatedMap>;
  hash_of_maps: SimulatedReferences<Input<K>, SimulatedMap>;
  prog_array: SimulatedReferences<number, string>;
  cgroup_array: SimulatedReferences<number, string>;
  sk_storage: SimulatedStorage<Input<V>, Value<V>>;
  inode_storage: SimulatedStorage<Input<V>, Value<V>>;
  task_storage: SimulatedStorage<Input<V>, Value<V>>;
  cgrp_storage: SimulatedStorage<Input<V>, Value<V>>;
  devmap: SimulatedDevices;
  devmap_hash: SimulatedDevices;
  cpumap: SimulatedReferences<number, number>;
  xskmap: SimulatedReferences<number, number>;
}

type LayoutOf<T> = T extends Layout ? T : never;

/** What simulates a spec, with the types of its keys and values. */
export type SimulatedMapOf<S extends AnyMapSpec> =
  S extends GlobalsSpec<infer F>
    ? SimulatedGlobals<Partial<Input<Struct<F>>>, Value<Struct<F>>>
    : S extends MapSpec<infer T, infer K, infer V>
      ? MapType extends T
        ? SimulatedMap
        : T extends keyof ByType<Layout, Layout>
          ? ByType<LayoutOf<K>, LayoutOf<V>>[T]
          : SimulatedMap
      : never;

/** A map of a type that helpers know nothing of: it is there to be named. */
class SimulatedOpaque extends SimulatedMap {}

export const createSimulated = (host: MapHost, name: string, spec: AnyMapSpec): SimulatedMap => {
  switch (spec.type) {
    case 'hash':
    case 'lru_hash':
      return new SimulatedHash(host, name, spec);
    case 'percpu_hash':
    case 'lru_percpu_hash':
      return new SimulatedPerCpuHash(host, name, spec);
    case 'lpm_trie':
      return new SimulatedLpmTrie(host, name, spec);
    case 'array':
      return new SimulatedArray(host, name, spec);
    case 'percpu_array':
      return new SimulatedPerCpuArray(host, name, spec);
    case 'queue':
    case 'stack':
      return new SimulatedQueue(host, name, spec);
    case 'bloom_filter':
      return new SimulatedBloom(host, name, spec);
    case 'ringbuf':
      return new SimulatedRing(host, name, spec);
    case 'perf_event_array':
      return new SimulatedPerf(host, name, spec);
    case 'stack_trace':
      return new SimulatedStacks(host, name, spec);
    case 'array_of_maps':
    case 'hash_of_maps':
      return new SimulatedReferences(host, name, spec, (map: SimulatedMap) => map.pointer);
    case 'prog_array':
    case 'cgroup_array':
    case 'cpumap':
    case 'xskmap':
      return new SimulatedReferences(host, name, spec, () => 0);
    case 'devmap':
    case 'devmap_hash':
      return new SimulatedDevices(host, name, spec);
    case 'sk_storage':
    case 'inode_storage':
    case 'task_storage':
    case 'cgrp_storage':
      return new SimulatedStorage(host, name, spec);
    default:
      return new SimulatedOpaque(host, name, spec);
  }
};

/** The map as user space sees it: variables by their names. */
export const openSimulated = (
  map: SimulatedMap,
): SimulatedMap | SimulatedGlobals<unknown, unknown> =>
  map instanceof SimulatedArray &&
  map.spec.section !== undefined &&
  (map.spec.value as Struct<Fields>).kind === 'struct'
    ? new SimulatedGlobals(map)
    : map;
