/**
 * Hash tables, tries and arrays in the kernel, read and written from user space.
 *
 * They have Map's method names, not its interface: `get`, `set`, `has`, `delete`, `clear`, `keys`, `values`,
 * `entries`, and `count()`, which has to look. Keys are equal when their bytes are. Every value is a copy.
 *
 *     const starts = createMap('starts', hash(u32, u64));
 *     starts.set(4711, 1n);
 *     for (const [pid, ns] of starts) console.log(pid, ns);
 *     starts.drain(); // [[4711, 1n]], and the map is empty
 * @module
 */
import type { Input, Layout, u32, Value } from '../layout/index.ts';
import type { MapSpec } from '../object/index.ts';
import type { FileDescriptor } from '../syscall/index.ts';
import { codecOf, perCpuCodec } from './map-codec.ts';
import { HashTable, IndexedTable } from './map-table.ts';

/** Features to do without: `batch`, `lookupAndDelete`. */
export type Without = ReadonlySet<string> | undefined;

/**
 * A hash table, an LRU hash table or a trie of prefixes. Linux 3.19, 4.10 and 4.11; batches since 5.6.
 * @example
 * const starts = createMap('starts', hash(u32, u64));
 * starts.set(4711, 1n, { only: 'new' }); // true
 * starts.get(4711);                      // 1n
 * starts.delete(4711);                   // true
 */
export class BpfMap<K extends Layout, V extends Layout> extends HashTable<
  Input<K>,
  Value<K>,
  Input<V>,
  Value<V>
> {
  constructor(
    descriptor: FileDescriptor,
    name: string,
    spec: MapSpec<'hash' | 'lru_hash' | 'lpm_trie', K, V>,
    without?: Without,
  ) {
    const key = codecOf<K>(spec.key, `map ${name}, key`);
    const value = codecOf<V>(spec.value, `map ${name}, value`);
    super({ descriptor, name, spec, key, value, without });
  }
}

/**
 * A hash table with a value for each possible CPU, in the order of their numbers. Linux 4.6; batches since 5.6.
 * @example
 * const calls = createMap('calls', percpuHash(u32, u64.number));
 * calls.set(4711, 0);                        // on all CPUs
 * calls.get(4711)?.reduce((a, b) => a + b);  // the sum
 */
export class PerCpuMap<K extends Layout, V extends Layout> extends HashTable<
  Input<K>,
  Value<K>,
  Input<V> | readonly Input<V>[],
  Value<V>[]
> {
  constructor(
    descriptor: FileDescriptor,
    name: string,
    spec: MapSpec<'percpu_hash' | 'lru_percpu_hash', K, V>,
    without?: Without,
  ) {
    const key = codecOf<K>(spec.key, `map ${name}, key`);
    const value = perCpuCodec<V>(spec.value, `map ${name}, value`);
    super({ descriptor, name, spec, key, value, without });
  }
}

/**
 * Values by index; all are there from the start, as zeros. Linux 3.19; batches since 5.6.
 * @example
 * const slots = createMap('slots', arrayMap(u64.number, { maxEntries: 64 }));
 * slots.set(3, 1);
 * [...slots.values()];
 */
export class BpfArray<V extends Layout> extends IndexedTable<Input<V>, Value<V>> {
  constructor(
    descriptor: FileDescriptor,
    name: string,
    spec: MapSpec<'array', typeof u32, V>,
    without?: Without,
  ) {
    const key = codecOf(spec.key, `map ${name}, index`);
    const value = codecOf<V>(spec.value, `map ${name}, value`);
    super({ descriptor, name, spec, key, value, without });
  }
}

/**
 * An array with a value for each possible CPU, in the order of their numbers. Linux 4.6; batches since 5.13.
 * @example
 * const slots = createMap('slots', percpuArray(u64.number, { maxEntries: 64 }));
 * slots.get(3)?.reduce((a, b) => a + b);
 */
export class PerCpuArray<V extends Layout> extends IndexedTable<
  Input<V> | readonly Input<V>[],
  Value<V>[]
> {
  constructor(
    descriptor: FileDescriptor,
    name: string,
    spec: MapSpec<'percpu_array', typeof u32, V>,
    without?: Without,
  ) {
    const key = codecOf(spec.key, `map ${name}, index`);
    const value = perCpuCodec<V>(spec.value, `map ${name}, value`);
    super({ descriptor, name, spec, key, value, without });
  }
}
