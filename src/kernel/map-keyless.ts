/**
 * Maps without keys: queues, stacks and bloom filters.
 *
 *     const jobs = createMap('jobs', queueMap(u32, { maxEntries: 64 }));
 *     jobs.push(1);
 *     jobs.pop(); // 1
 * @module
 */
import type { Input, Layout, Value } from '../layout/index.ts';
import type { MapSpec } from '../object/index.ts';
import { type FileDescriptor, mapLookup, mapLookupAndDelete, mapUpdate } from '../syscall/index.ts';
import { MapBase, refused } from './map-base.ts';
import { type Codec, codecOf, putInto } from './map-codec.ts';

const NO_KEY = /* @__PURE__ */ new Uint8Array(0);

/**
 * First in, first out (queue) or last in, first out (stack). Linux 4.20.
 * @example
 * const jobs = createMap('jobs', stackMap(u32, { maxEntries: 64 }));
 * jobs.push(1);
 * jobs.push(2);
 * jobs.pop(); // 2
 */
export class BpfQueue<V extends Layout> extends MapBase<MapSpec<'queue' | 'stack', undefined, V>> {
  readonly #value: Codec<Input<V>, Value<V>>;

  constructor(
    descriptor: FileDescriptor,
    name: string,
    spec: MapSpec<'queue' | 'stack', undefined, V>,
  ) {
    super(descriptor, name, spec);
    this.#value = codecOf<V>(spec.value, `map ${name}, value`);
  }

  /** Puts a value in; throws a BpfError with the code E2BIG when it is full. */
  push(value: Input<V>): void {
    const { fd } = this;
    this.#value.put(value);
    try {
      mapUpdate(fd, NO_KEY, this.#value.bytes);
    } catch (error) {
      throw refused(this, 'push to', error);
    }
  }

  /** Takes the next value out; undefined when there is none. */
  pop(): Value<V> | undefined {
    return this.#next(mapLookupAndDelete);
  }

  /** The next value, which stays. */
  peek(): Value<V> | undefined {
    return this.#next(mapLookup);
  }

  #next(read: typeof mapLookup): Value<V> | undefined {
    const { fd } = this;
    try {
      return read(fd, NO_KEY, this.#value.bytes) ? this.#value.take() : undefined;
    } catch (error) {
      throw refused(this, 'read', error);
    }
  }
}

/** Output buffers up to this size travel through the scratch memory of syscall/, which carries nothing in. */
const BEYOND_SCRATCH = 16_384 + 8;

/**
 * Says whether a value may have been added: a no is certain. Values cannot be taken out or listed. Linux 5.16.
 * @example
 * const seen = createMap('seen', bloomFilter(u32, { maxEntries: 1000 }));
 * seen.add(4711);
 * seen.mayHave(4711); // true
 */
export class BloomFilter<V extends Layout> extends MapBase<MapSpec<'bloom_filter', undefined, V>> {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(
    descriptor: FileDescriptor,
    name: string,
    spec: MapSpec<'bloom_filter', undefined, V>,
  ) {
    super(descriptor, name, spec);
    // The kernel reads the value of a look-up, from where it is for arrays of this size.
    this.#bytes = new Uint8Array(Math.max(spec.value.size, BEYOND_SCRATCH));
    this.#view = new DataView(this.#bytes.buffer);
  }

  add(value: Input<V>): void {
    const { fd } = this;
    this.#put(value);
    try {
      mapUpdate(fd, NO_KEY, this.#bytes.subarray(0, this.spec.value.size));
    } catch (error) {
      throw refused(this, 'add to', error);
    }
  }

  /** False when the value was never added; true when it was, and sometimes when it was not. */
  mayHave(value: Input<V>): boolean {
    const { fd } = this;
    this.#put(value);
    try {
      return mapLookup(fd, NO_KEY, this.#bytes);
    } catch (error) {
      throw refused(this, 'look up a value in', error);
    }
  }

  #put(value: Input<V>): void {
    putInto<V>(`map ${this.name}, value`, this.spec.value, value, this.#view, 0);
  }
}
