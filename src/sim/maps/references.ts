/**
 * @module
 * Maps that hold other things: maps (kernel/bpf/map_in_map.c), programs, cgroups, devices, sockets. Tests set the things
 * themselves; programs get what the kernel would give them for those.
 */
import type { Layout } from '../../layout/index.ts';
import type { AnyMapSpec } from '../../object/index.ts';
import { pointerTo } from '../memory.ts';
import { ENOENT } from './errors.ts';
import { keyOf, type MapHost, Scratch, SimulatedMap } from './map.ts';

/** Things by key. `pointer` says what a look-up of a program gives. */
export class SimulatedReferences<KI, T> extends SimulatedMap {
  readonly #key: Scratch;
  readonly #things = new Map<number | string, T>();
  readonly #pointer: (thing: T) => number;

  constructor(host: MapHost, name: string, spec: AnyMapSpec, pointer: (thing: T) => number) {
    super(host, name, spec);
    this.#key = new Scratch(host.memory, spec.key as Layout, `map ${name}, key`);
    this.#pointer = pointer;
  }

  override lookup(key: number): number {
    const thing = this.thingAt(key);
    return thing === undefined ? 0 : this.#pointer(thing);
  }

  override remove(key: number): number {
    return this.#things.delete(this.#keyOf(key)) ? 0 : -ENOENT;
  }

  /** What a key in the heap stands for. */
  thingAt(key: number): T | undefined {
    return this.#things.get(this.#keyOf(key));
  }

  /** What an index stands for, in maps that have one. */
  thing(index: number): T | undefined {
    return this.#things.get(index);
  }

  set(key: KI, thing: T): void {
    const at = this.#key.put(key);
    const index = this.host.memory.view.getUint32(at, true);
    if (!this.spec.type.includes('hash') && index >= this.spec.maxEntries)
      throw new RangeError(
        `map ${this.name}: an index below ${this.spec.maxEntries}, got ${index}`,
      );
    if (this.#things.size >= this.spec.maxEntries && !this.#things.has(this.#keyOf(at)))
      throw new RangeError(
        `map ${this.name} has no room: it takes ${this.spec.maxEntries} entries`,
      );
    this.#things.set(this.#keyOf(at), thing);
  }

  get(key: KI): T | undefined {
    return this.thingAt(this.#key.put(key));
  }

  delete(key: KI): boolean {
    return this.remove(this.#key.put(key)) === 0;
  }

  #keyOf(at: number): number | string {
    return keyOf(this.host.memory.bytes, at, this.keySize);
  }
}

/** Devices by their numbers, which a look-up of a program finds (kernel/bpf/devmap.c). */
export class SimulatedDevices extends SimulatedReferences<number, number> {
  constructor(host: MapHost, name: string, spec: AnyMapSpec) {
    super(host, name, spec, (device) => {
      const { memory } = host;
      const value = memory.allocate({ kind: 'map value', name, size: this.valueSize });
      memory.view.setUint32(value.base, device, true);
      memory.retire(value);
      return pointerTo(value);
    });
  }
}
