/**
 * @module
 * What user space does with the maps that have keys, under the names that the live maps of beespoke/kernel have.
 */
import type { Layout } from '../../layout/index.ts';
import type { AnyMapSpec } from '../../object/index.ts';
import { E2BIG, EEXIST, ENOENT, ENOSPC } from './errors.ts';
import { flagsOf, type MapHost, Scratch, type SetOptions, SimulatedMap } from './map.ts';

/** A map with keys. `KI` and `VI` are what it takes, `K` and `V` what it gives. */
export abstract class SimulatedTable<KI, K, VI, V> extends SimulatedMap {
  protected readonly key: Scratch;
  protected readonly value: Scratch;

  constructor(host: MapHost, name: string, spec: AnyMapSpec) {
    super(host, name, spec);
    this.key = new Scratch(host.memory, spec.key as Layout, `map ${name}, key`);
    this.value = new Scratch(host.memory, spec.value as Layout, `map ${name}, value`);
  }

  /** The value that user space sees for a key in the heap. */
  protected abstract valueAt(key: number): V | undefined;
  /** Sets it, as the update of a program does. */
  protected abstract put(key: number, value: VI, flags: number): number;
  /** Copies of the keys that there are. */
  protected abstract keyBytes(): Iterable<Uint8Array>;

  get(key: KI): V | undefined {
    return this.valueAt(this.key.put(key));
  }

  has(key: KI): boolean {
    return this.get(key) !== undefined;
  }

  /** False when `only` kept it from being set. */
  set(key: KI, value: VI, options?: SetOptions): boolean {
    const error = -this.put(this.key.put(key), value, flagsOf(options));
    if (error === 0) return true;
    if (error === EEXIST || error === ENOENT) return false;
    const full = error === E2BIG || error === ENOSPC;
    throw new RangeError(
      full
        ? `map ${this.name} has no room: it takes ${this.spec.maxEntries} entries`
        : `map ${this.name} refuses the update: error ${error}`,
    );
  }

  /** Whether it was there. */
  delete(key: KI): boolean {
    const error = -this.remove(this.key.put(key));
    if (error === 0 || error === ENOENT) return error === 0;
    throw new TypeError(`map ${this.name}: a ${this.spec.type} keeps its entries`);
  }

  count(): number {
    return [...this.keyBytes()].length;
  }

  *entries(): Generator<[K, V], void, undefined> {
    for (const bytes of this.keyBytes()) {
      this.host.memory.bytes.set(bytes, this.key.at);
      const value = this.valueAt(this.key.at);
      if (value === undefined) continue;
      this.host.memory.bytes.set(bytes, this.key.at);
      yield [this.key.take(this.key.at) as K, value];
    }
  }

  *keys(): Generator<K, void, undefined> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): Generator<V, void, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<[K, V], void, undefined> {
    return this.entries();
  }

  /** Takes all out. */
  drain(): [K, V][] {
    const all = [...this.entries()];
    this.clear();
    return all;
  }

  clear(): void {
    for (const bytes of [...this.keyBytes()]) {
      this.host.memory.bytes.set(bytes, this.key.at);
      this.remove(this.key.at);
    }
  }

  /** The values of all CPUs as they lie at their places in the heap. */
  protected takeAll(places: readonly number[]): unknown[] {
    return places.map((at) => this.value.take(at));
  }
}
