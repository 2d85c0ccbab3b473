/**
 * Maps with keys, whatever their keys and values are in JavaScript: the look-ups, the updates and the loops that the
 * classes of map.ts share.
 * @module
 */
import type { AnyMapSpec } from '../object/index.ts';
import {
  BPF_ELEM_FLAG,
  type FileDescriptor,
  mapDelete,
  mapLookup,
  mapUpdate,
  mapUpdateBatch,
} from '../syscall/index.ts';
import { type Chunk, chunks, drained, type Source } from './batch.ts';
import { MapBase, refused } from './map-base.ts';
import type { Codec } from './map-codec.ts';

/** How `set` treats what is there. */
export interface SetOptions {
  /** `new`: only if the key is not there; `existing`: only if it is. */
  readonly only?: 'new' | 'existing' | undefined;
}

/** What a table is put around: a descriptor, and what turns keys and values into bytes. */
export interface TableParts<KI, K, VI, V> {
  readonly descriptor: FileDescriptor;
  readonly name: string;
  readonly spec: AnyMapSpec;
  readonly key: Codec<KI, K>;
  readonly value: Codec<VI, V>;
  /** `batch`, `lookupAndDelete`: not to be used. */
  readonly without?: ReadonlySet<string> | undefined;
}

/** A map with keys: `KI` and `VI` go in, `K` and `V` come out. */
export abstract class Table<KI, K, VI, V> extends MapBase implements Source {
  readonly #key: Codec<KI, K>;
  readonly #value: Codec<VI, V>;
  /** What is done without here, asked for or found missing. */
  readonly lacks: Set<string>;

  constructor({ descriptor, name, spec, key, value, without }: TableParts<KI, K, VI, V>) {
    super(descriptor, name, spec);
    this.#key = key;
    this.#value = value;
    this.lacks = new Set(without);
  }

  /** Bytes of a key. */
  get keySize(): number {
    return this.#key.size;
  }

  /** Bytes of a value; in a per-CPU map, of those of all CPUs. */
  get valueSize(): number {
    return this.#value.size;
  }

  /** The value of a key, a copy; undefined when the map does not have it. */
  get(key: KI): V | undefined {
    return this.#find(key) ? this.#value.take() : undefined;
  }

  /** Whether the map has a key. */
  has(key: KI): boolean {
    return this.#find(key);
  }

  /**
   * Sets the value of a key. False when `only` kept it from that. A map that is full throws a BpfError with the code
   * E2BIG: `map starts is full: 10240 entries`.
   */
  set(key: KI, value: VI, options?: SetOptions): boolean {
    const { fd } = this;
    // The value first: a getter in it may use this map.
    this.#value.put(value);
    this.#key.put(key);
    try {
      return mapUpdate(fd, this.#key.bytes, this.#value.bytes, options ? flagsOf(options) : 0);
    } catch (error) {
      throw refused(this, 'set an entry of', error, key);
    }
  }

  /** How many entries there are now. */
  count(): number {
    let count = 0;
    for (const chunk of this.#chunks()) count += chunk.count;
    return count;
  }

  /**
   * Keys with their values, in no order. Programs change the map meanwhile: what is added or removed may be among them
   * or not, but no key comes twice, and there are never more than the map can hold.
   */
  *entries(): Generator<[K, V], void, undefined> {
    for (const { keys, values, count } of this.#chunks()) {
      for (let i = 0; i < count; i++) yield this.#entry(keys, values, i);
    }
  }

  /** The keys; see {@link entries}. */
  *keys(): Generator<K, void, undefined> {
    for (const { keys, count } of this.#chunks()) {
      for (let i = 0; i < count; i++) yield this.#key.read(keys, i * this.keySize);
    }
  }

  /** The values; see {@link entries}. */
  *values(): Generator<V, void, undefined> {
    for (const { values, count } of this.#chunks()) {
      for (let i = 0; i < count; i++) yield this.#value.read(values, i * this.valueSize);
    }
  }

  [Symbol.iterator](): Generator<[K, V], void, undefined> {
    return this.entries();
  }

  /** Deletes one key; for tables whose keys can be deleted. */
  protected remove(key: KI): boolean {
    const { fd } = this;
    this.#key.put(key);
    try {
      return mapDelete(fd, this.#key.bytes);
    } catch (error) {
      throw refused(this, 'delete an entry of', error);
    }
  }

  /** Takes all entries out, and hands each chunk of them to `visit`. */
  protected takeAll(visit?: (entry: () => [K, V]) => void): void {
    try {
      for (const { keys, values, count } of drained(this)) {
        for (let i = 0; visit && i < count; i++) visit(() => this.#entry(keys, values, i));
      }
    } catch (error) {
      throw refused(this, 'take the entries out of', error);
    }
  }

  #entry(keys: DataView, values: DataView, index: number): [K, V] {
    return [
      this.#key.read(keys, index * this.keySize),
      this.#value.read(values, index * this.valueSize),
    ];
  }

  #find(key: KI): boolean {
    const { fd } = this;
    this.#key.put(key);
    try {
      return mapLookup(fd, this.#key.bytes, this.#value.bytes);
    } catch (error) {
      throw refused(this, 'look up a key in', error);
    }
  }

  *#chunks(): Generator<Chunk, void, undefined> {
    try {
      yield* chunks(this);
    } catch (error) {
      throw refused(this, 'read the entries of', error);
    }
  }
}

const flagsOf = ({ only }: SetOptions): number =>
  only === undefined
    ? BPF_ELEM_FLAG.BPF_ANY
    : only === 'new'
      ? BPF_ELEM_FLAG.BPF_NOEXIST
      : BPF_ELEM_FLAG.BPF_EXIST;

/** A table whose entries come and go. */
export abstract class HashTable<KI, K, VI, V> extends Table<KI, K, VI, V> {
  /** Removes a key. False when the map did not have it. */
  delete(key: KI): boolean {
    return this.remove(key);
  }

  /**
   * Takes all entries out and returns them: what a program adds meanwhile is in the result or stays in the map, and
   * nothing that was taken out is missing from the result. Where the kernel cannot look up and delete in one step
   * (tries; hash tables before Linux 5.14 without batches), a change in between is lost.
   */
  drain(): [K, V][] {
    const entries: [K, V][] = [];
    this.takeAll((entry) => entries.push(entry()));
    return entries;
  }

  /** Removes all entries. */
  clear(): void {
    this.takeAll();
  }
}

/** A table whose keys are the numbers below its size, all of them there from the start. */
export abstract class IndexedTable<VI, V> extends Table<number, number, VI, V> {
  /** The number of indices. */
  override count(): number {
    return this.info().maxEntries;
  }

  override *keys(): Generator<number, void, undefined> {
    const count = this.count();
    for (let index = 0; index < count; index++) yield index;
  }

  /** Arrays cannot: the kernel refuses it. `set` zeros, or `clear()` them all. */
  delete(_index: never): never {
    throw new TypeError(
      `map ${this.name}: arrays keep all their entries; set zeros, or clear() them all`,
    );
  }

  /** Sets all values to zeros. */
  clear(): void {
    const count = this.count();
    // One value at least, and as many as 128 KiB hold.
    const step = Math.min(count, Math.max(1, Math.floor((128 * 1024) / (4 + this.valueSize))));
    const zeros = new Uint8Array(step * this.valueSize);
    try {
      for (let start = 0; start < count; start += step) {
        this.#zero(start, Math.min(step, count - start), zeros);
      }
    } catch (error) {
      throw refused(this, 'clear', error);
    }
  }

  #zero(start: number, count: number, zeros: Uint8Array): void {
    const keys = Uint32Array.from({ length: count }, (_, i) => start + i);
    const bytes = new Uint8Array(keys.buffer);
    if (!this.lacks.has('batch') && !this.lacks.has('updateBatch')) {
      try {
        mapUpdateBatch(this.fd, bytes, zeros, count);
        return;
      } catch (error) {
        // Before Linux 5.6; the reason of any other refusal comes again below.
        if (this.closed) throw error;
        this.lacks.add('updateBatch');
      }
    }
    for (let i = 0; i < count; i++) {
      mapUpdate(this.fd, bytes.subarray(i * 4, i * 4 + 4), zeros.subarray(0, this.valueSize));
    }
  }
}
