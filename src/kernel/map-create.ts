/**
 * From a map's spec to the map in the kernel, as the class that its type asks for. Ring buffers and perf event arrays
 * have readers of their own (ring-buffer.ts, perf-buffer.ts).
 *
 *     using starts = createMap('starts', hash(u32, u64, { maxEntries: 1024 }));
 *     starts.set(4711, 1n);
 * @module
 */
import { type Layout, u32 } from '../layout/index.ts';
import type { AnyMapSpec, GlobalsSpec, MapSpec, MapType } from '../object/index.ts';
import type { FileDescriptor } from '../syscall/index.ts';
import { Arena } from './arena.ts';
import { Globals } from './globals.ts';
import { BpfArray, BpfMap, PerCpuArray, PerCpuMap } from './map.ts';
import { MapBase } from './map-base.ts';
import { createMapDescriptor, type MapDescriptorOptions } from './map-descriptor.ts';
import { BloomFilter, BpfQueue } from './map-keyless.ts';
import { CgroupArray, MapOfMaps, ProgArray } from './map-references.ts';
import { StackTraceMap } from './map-stack-trace.ts';

/** The class for each type of map. */
interface LiveByType<K extends Layout, V extends Layout> {
  hash: BpfMap<K, V>;
  lru_hash: BpfMap<K, V>;
  lpm_trie: BpfMap<K, V>;
  array: BpfArray<V>;
  percpu_hash: PerCpuMap<K, V>;
  lru_percpu_hash: PerCpuMap<K, V>;
  percpu_array: PerCpuArray<V>;
  queue: BpfQueue<V>;
  stack: BpfQueue<V>;
  bloom_filter: BloomFilter<V>;
  stack_trace: StackTraceMap<V>;
  array_of_maps: MapOfMaps<K>;
  hash_of_maps: MapOfMaps<K>;
  prog_array: ProgArray;
  cgroup_array: CgroupArray;
}

/** The types of maps that {@link createMap} makes. */
export type CreatedType = keyof LiveByType<Layout, Layout>;

type LayoutOf<T> = T extends Layout ? T : never;

/** The live map of a spec; of a spec that is not known exactly, what all of them have in common. */
export type LiveMap<S extends AnyMapSpec> =
  S extends GlobalsSpec<infer F>
    ? Globals<F>
    : S extends MapSpec<infer T, infer K, infer V>
      ? MapType extends T
        ? MapBase
        : T extends CreatedType
          ? LiveByType<LayoutOf<K>, LayoutOf<V>>[T]
          : never
      : never;

export type CreateMapOptions = MapDescriptorOptions;

/**
 * Creates a map, with its initial values.
 * @param options `btf`: the types of keys and values; `without`: features to do without (`batch`, `mmap`,
 * `lookupAndDelete`), as if the kernel did not have them.
 * @example
 * using starts = createMap('starts', hash(u32, u64));
 * starts.set(4711, 1n);
 */
export function createMap<S extends AnyMapSpec>(
  name: string,
  spec: S,
  options: CreateMapOptions = {},
): LiveMap<S> {
  return openMap(createMapDescriptor(name, spec, options), name, spec, options.without);
}

/**
 * The live map around a descriptor, which it owns from here on: for maps that are pinned or were found by their id.
 * The spec must say what the kernel does: see `mapInfo`.
 * @example
 * const spec = hash(u32, u64);
 * using starts = openMap(new FileDescriptor(objGet('/sys/fs/bpf/starts'), 'map starts'), 'starts', spec);
 */
export function openMap<S extends AnyMapSpec>(
  descriptor: FileDescriptor,
  name: string,
  spec: S,
  without?: ReadonlySet<string>,
): LiveMap<S> {
  try {
    return wrap(descriptor, name, spec, without) as unknown as LiveMap<S>;
  } catch (error) {
    descriptor.close();
    throw error;
  }
}

function wrap(
  descriptor: FileDescriptor,
  name: string,
  spec: AnyMapSpec,
  without: ReadonlySet<string> | undefined,
): MapBase {
  // Each class reads only what specs of its type have.
  const typed = withIndex(spec) as never;
  switch (spec.type) {
    case 'hash':
    case 'lru_hash':
    case 'lpm_trie':
      return new BpfMap(descriptor, name, typed, without);
    case 'percpu_hash':
    case 'lru_percpu_hash':
      return new PerCpuMap(descriptor, name, typed, without);
    case 'array':
      return holdsVariables(spec)
        ? new Globals(descriptor, name, typed, without)
        : new BpfArray(descriptor, name, typed, without);
    case 'percpu_array':
      return new PerCpuArray(descriptor, name, typed, without);
    case 'queue':
    case 'stack':
      return new BpfQueue(descriptor, name, typed);
    case 'bloom_filter':
      return new BloomFilter(descriptor, name, typed);
    case 'stack_trace':
      return new StackTraceMap(descriptor, name, typed);
    case 'array_of_maps':
    case 'hash_of_maps':
      return new MapOfMaps(descriptor, name, typed);
    case 'prog_array':
      return new ProgArray(descriptor, name, typed);
    case 'cgroup_array':
      return new CgroupArray(descriptor, name, typed);
    case 'arena':
      return new Arena(descriptor, name, spec);
    case 'ringbuf':
    case 'perf_event_array':
      throw new TypeError(
        `map ${name}: a ${spec.type} is read by a ${spec.type === 'ringbuf' ? 'RingBuffer' : 'PerfBuffer'}`,
      );
    default:
      return new OpaqueMap(descriptor, name, spec);
  }
}

/** Files may say of an index no more than that it has 4 bytes. */
const withIndex = (spec: AnyMapSpec): AnyMapSpec => {
  const key = spec.key as Layout | undefined;
  const indexed = spec.type.includes('array') || spec.type === 'stack_trace';
  return indexed && key?.kind === 'bytes' && key.size === 4 ? { ...spec, key: u32 } : spec;
};

/** A map that user space has no methods for: programs use it, and `fd` and `info()` tell of it. */
class OpaqueMap extends MapBase {}

const holdsVariables = ({ section, value }: AnyMapSpec): boolean =>
  section !== undefined && (value as Layout).kind === 'struct';
