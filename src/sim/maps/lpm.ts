/**
 * @module
 * Tries of prefixes (kernel/bpf/lpm_trie.c): a key is the length of the prefix in bits, a u32, and its bytes, the most
 * significant bit first. A look-up finds the longest prefix of what it is given.
 */
import { pointerTo, type Region } from '../memory.ts';
import { EEXIST, EINVAL, ENOENT, ENOSPC } from './errors.ts';
import { ONLY_EXISTING, ONLY_NEW } from './map.ts';
import { SimulatedTable } from './table.ts';

interface Node {
  readonly key: Uint8Array;
  readonly value: Region;
}

const LENGTH = 4;

export class SimulatedLpmTrie<KI, K, VI, V> extends SimulatedTable<KI, K, VI, V> {
  readonly #nodes = new Map<string, Node>();

  override lookup(key: number): number {
    const value = this.#longest(key);
    return value ? pointerTo(value) : 0;
  }

  override update(key: number, value: number, flags: number): number {
    const only = this.updateFlags(flags);
    const length = this.#lengthOf(key);
    if (only === undefined || length > this.#most) return -EINVAL;
    const name = this.#nameOf(key, length);
    const old = this.#nodes.get(name);
    if (old && only === ONLY_NEW) return -EEXIST;
    if (!old && only === ONLY_EXISTING) return -ENOENT;
    if (!old && this.#nodes.size >= this.spec.maxEntries) return -ENOSPC;
    const { memory } = this.host;
    const size = this.valueSize;
    const region = memory.allocate({ kind: 'map value', name: this.name, size, writable: true });
    memory.bytes.copyWithin(region.base, value, value + size);
    if (old) memory.retire(old.value);
    // The kernel keeps the bytes as they were given, those behind the prefix too.
    this.#nodes.set(name, { key: memory.bytes.slice(key, key + this.keySize), value: region });
    return 0;
  }

  override remove(key: number): number {
    const length = this.#lengthOf(key);
    if (length > this.#most) return -EINVAL;
    const name = this.#nameOf(key, length);
    const node = this.#nodes.get(name);
    if (!node) return -ENOENT;
    this.#nodes.delete(name);
    this.host.memory.retire(node.value);
    return 0;
  }

  protected override valueAt(key: number): V | undefined {
    const value = this.#longest(key);
    return value && (this.value.take(value.base) as V);
  }

  protected override put(key: number, value: VI, flags: number): number {
    return this.update(key, this.value.put(value), flags);
  }

  protected override *keyBytes(): Iterable<Uint8Array> {
    for (const { key } of [...this.#nodes.values()]) yield key;
  }

  /** The bits that keys have. */
  get #most(): number {
    return 8 * (this.keySize - LENGTH);
  }

  #lengthOf(key: number): number {
    return this.host.memory.view.getUint32(key, true);
  }

  #longest(key: number): Region | undefined {
    const given = this.#lengthOf(key);
    if (given > this.#most) return undefined;
    for (let length = given; length >= 0; length--) {
      const node = this.#nodes.get(this.#nameOf(key, length));
      if (node) return node.value;
    }
    return undefined;
  }

  /** The first `length` bits of a key, as a string. */
  #nameOf(key: number, length: number): string {
    const start = key + LENGTH;
    const bytes = this.host.memory.bytes.slice(start, start + Math.ceil(length / 8));
    const rest = length % 8;
    if (rest !== 0) bytes[bytes.length - 1]! &= 0xff << (8 - rest);
    return `${length}:${String.fromCharCode(...bytes)}`;
  }
}
