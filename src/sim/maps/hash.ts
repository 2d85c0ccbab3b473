/**
 * @module
 * Hash tables: plain, of the least recently used, and with a value for each CPU (kernel/bpf/hashtab.c).
 *
 * An update of a plain one puts a new value in the place of the old: pointers to the old one still lead to it, until
 * the program ends. Of an LRU table the entry that was used least recently goes; the kernel's choice is roughly that.
 */
import { pointerTo, type Region } from '../memory.ts';
import { E2BIG, EEXIST, EINVAL, ENOENT } from './errors.ts';
import { keyOf, ONLY_EXISTING, ONLY_NEW } from './map.ts';
import { SimulatedTable } from './table.ts';

interface Entry {
  readonly key: Region;
  /** One, or one for each CPU. */
  readonly values: readonly Region[];
}

abstract class HashTable<KI, K, VI, V> extends SimulatedTable<KI, K, VI, V> {
  /** In the order of use, for LRU tables; else of insertion. */
  protected readonly found = new Map<number | string, Entry>();
  protected abstract readonly places: number;

  protected get isLru(): boolean {
    return this.spec.type.startsWith('lru_');
  }

  override lookup(key: number, cpu: number): number {
    const entry = this.entryAt(key);
    if (!entry) return 0;
    if (this.isLru) this.#use(entry);
    return pointerTo(entry.values[cpu % this.places]!);
  }

  override update(key: number, value: number, flags: number): number {
    const entry = this.prepare(key, flags);
    if (typeof entry === 'number') return entry;
    const { memory, cpu } = this.host;
    const { base } = entry.values[cpu % this.places]!;
    memory.bytes.copyWithin(base, value, value + this.valueSize);
    return 0;
  }

  override remove(key: number): number {
    const entry = this.entryAt(key);
    if (!entry) return -ENOENT;
    this.#drop(entry);
    return 0;
  }

  override *pointers(): Iterable<readonly [number, number]> {
    for (const { key, values } of [...this.found.values()])
      yield [pointerTo(key), pointerTo(values[this.host.cpu % this.places]!)];
  }

  protected entryAt(key: number): Entry | undefined {
    return this.found.get(keyOf(this.host.memory.bytes, key, this.keySize));
  }

  /** The entry whose value is to be set, made or renewed; or a negative error number. */
  protected prepare(key: number, flags: number): Entry | number {
    const only = this.updateFlags(flags);
    if (only === undefined) return -EINVAL;
    const old = this.entryAt(key);
    if (old && only === ONLY_NEW) return -EEXIST;
    if (!old && only === ONLY_EXISTING) return -ENOENT;
    // The values of CPUs are set in their places.
    if (old && this.places > 1) return old;
    if (!old && this.found.size >= this.spec.maxEntries) {
      if (!this.isLru) return -E2BIG;
      const [least] = this.found.values();
      this.#drop(least!);
    }
    return this.#make(key, old);
  }

  #make(key: number, old: Entry | undefined): Entry {
    const { memory } = this.host;
    const { name } = this;
    const region = memory.allocate({ kind: 'kernel', name: `key of ${name}`, size: this.keySize });
    memory.bytes.copyWithin(region.base, key, key + this.keySize);
    const values = Array.from({ length: this.places }, () =>
      memory.allocate({ kind: 'map value', name, size: this.valueSize, writable: true }),
    );
    if (old) this.#drop(old);
    const entry = { key: region, values };
    this.found.set(keyOf(memory.bytes, region.base, this.keySize), entry);
    return entry;
  }

  #use(entry: Entry): void {
    const key = keyOf(this.host.memory.bytes, entry.key.base, this.keySize);
    this.found.delete(key);
    this.found.set(key, entry);
  }

  #drop({ key, values }: Entry): void {
    this.found.delete(keyOf(this.host.memory.bytes, key.base, this.keySize));
    for (const region of [key, ...values]) this.host.memory.retire(region);
  }

  protected override *keyBytes(): Iterable<Uint8Array> {
    for (const { key } of [...this.found.values()]) yield this.host.memory.of(key).slice();
  }
}

/** A hash table, or one of the least recently used. */
export class SimulatedHash<KI, K, VI, V> extends HashTable<KI, K, VI, V> {
  protected override readonly places = 1;

  protected override valueAt(key: number): V | undefined {
    const entry = this.entryAt(key);
    return entry && (this.value.take(entry.values[0]!.base) as V);
  }

  protected override put(key: number, value: VI, flags: number): number {
    return this.update(key, this.value.put(value), flags);
  }
}

/** A hash table with a value for each CPU. */
export class SimulatedPerCpuHash<KI, K, VI, V> extends HashTable<KI, K, VI | readonly VI[], V[]> {
  protected override get places(): number {
    return this.host.cpus;
  }

  protected override valueAt(key: number): V[] | undefined {
    const entry = this.entryAt(key);
    return entry && (this.takeAll(entry.values.map(({ base }) => base)) as V[]);
  }

  protected override put(key: number, value: VI | readonly VI[], flags: number): number {
    const entry = this.prepare(key, flags);
    if (typeof entry === 'number') return entry;
    entry.values.forEach(({ base }, cpu) => {
      const from = this.value.put(Array.isArray(value) ? value[cpu] : value);
      this.host.memory.bytes.copyWithin(base, from, from + this.valueSize);
    });
    return 0;
  }
}
