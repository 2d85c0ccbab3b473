/**
 * @module
 * Maps without keys: queues and stacks (kernel/bpf/queue_stack_maps.c), and bloom filters (bloom_filter.c), which here
 * remember all and so never say yes wrongly.
 */
import type { Layout } from '../../layout/index.ts';
import type { AnyMapSpec } from '../../object/index.ts';
import { E2BIG, EINVAL, ENOENT } from './errors.ts';
import { keyOf, type MapHost, ONLY_EXISTING, Scratch, SimulatedMap } from './map.ts';

/** First in, first out; or last in, first out. */
export class SimulatedQueue<VI, V> extends SimulatedMap {
  readonly #values: Uint8Array[] = [];
  readonly #value: Scratch;

  constructor(host: MapHost, name: string, spec: AnyMapSpec) {
    super(host, name, spec);
    this.#value = new Scratch(host.memory, spec.value as Layout, `map ${name}, value`);
  }

  /** BPF_EXIST makes room by dropping the oldest. */
  override pushAt(value: number, flags: number): number {
    if (flags !== 0 && flags !== ONLY_EXISTING) return -EINVAL;
    if (this.#values.length >= this.spec.maxEntries) {
      if (flags === 0) return -E2BIG;
      this.#values.shift();
    }
    this.#values.push(this.host.memory.bytes.slice(value, value + this.valueSize));
    return 0;
  }

  override update(_key: number, value: number, flags: number): number {
    return this.pushAt(value, flags);
  }

  override nextAt(value: number, take: boolean): number {
    const { memory } = this.host;
    const index = this.spec.type === 'queue' ? 0 : this.#values.length - 1;
    const bytes = this.#values[index];
    if (bytes) memory.bytes.set(bytes, value);
    else memory.bytes.fill(0, value, value + this.valueSize);
    if (bytes && take) this.#values.splice(index, 1);
    return bytes ? 0 : -ENOENT;
  }

  /** Throws a RangeError when it is full. */
  push(value: VI): void {
    if (this.pushAt(this.#value.put(value), 0) !== 0)
      throw new RangeError(`map ${this.name} is full: it takes ${this.spec.maxEntries} values`);
  }

  pop(): V | undefined {
    return this.#read(true);
  }

  peek(): V | undefined {
    return this.#read(false);
  }

  #read(take: boolean): V | undefined {
    const { at } = this.#value;
    return this.nextAt(at, take) === 0 ? (this.#value.take(at) as V) : undefined;
  }
}

/** Values that may be in it, or are not. */
export class SimulatedBloom<VI> extends SimulatedMap {
  readonly #values = new Set<number | string>();
  readonly #value: Scratch;

  constructor(host: MapHost, name: string, spec: AnyMapSpec) {
    super(host, name, spec);
    this.#value = new Scratch(host.memory, spec.value as Layout, `map ${name}, value`);
  }

  override pushAt(value: number, flags: number): number {
    if (flags !== 0) return -EINVAL;
    this.#values.add(keyOf(this.host.memory.bytes, value, this.valueSize));
    return 0;
  }

  override nextAt(value: number, take: boolean): number {
    if (take) return super.nextAt(value, take);
    return this.#values.has(keyOf(this.host.memory.bytes, value, this.valueSize)) ? 0 : -ENOENT;
  }

  add(value: VI): void {
    this.pushAt(this.#value.put(value), 0);
  }

  mayHave(value: VI): boolean {
    return this.nextAt(this.#value.put(value), false) === 0;
  }
}
