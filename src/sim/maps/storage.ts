/**
 * @module
 * Storage that belongs to a task, socket, inode or cgroup (kernel/bpf/bpf_local_storage.c): a value for each, by the
 * address of the kernel's object.
 */
import { decode, encode, type Layout } from '../../layout/index.ts';
import { pointerTo, type Region } from '../memory.ts';
import { ENOENT } from './errors.ts';
import { SimulatedMap } from './map.ts';

export class SimulatedStorage<VI, V> extends SimulatedMap {
  readonly #values = new Map<bigint, Region>();

  /** The pointer to an object's value, made when `create`; else 0. */
  valueFor(object: bigint, create: boolean, initial?: Uint8Array): number {
    const value = this.#values.get(object) ?? (create ? this.#make(object, initial) : undefined);
    return value ? pointerTo(value) : 0;
  }

  forget(object: bigint): number {
    const value = this.#values.get(object);
    if (!value) return -ENOENT;
    this.#values.delete(object);
    this.host.memory.retire(value);
    return 0;
  }

  /** The value of a kernel object, by its address. */
  get(object: bigint): V | undefined {
    const value = this.#values.get(object);
    return value && (decode(this.spec.value as Layout, this.host.memory.of(value)) as V);
  }

  set(object: bigint, value: VI): void {
    const region = this.#values.get(object) ?? this.#make(object);
    this.host.memory.of(region).set(encode(this.spec.value as Layout, value as never));
  }

  delete(object: bigint): boolean {
    return this.forget(object) === 0;
  }

  #make(object: bigint, initial?: Uint8Array): Region {
    const { name, valueSize: size } = this;
    const { memory } = this.host;
    const region = memory.allocate({ kind: 'map value', name, size, writable: true });
    if (initial) memory.of(region).set(initial);
    this.#values.set(object, region);
    return region;
  }
}
