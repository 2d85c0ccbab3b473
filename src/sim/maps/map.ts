/**
 * @module
 * What all simulated maps share: a name, a spec, a pointer that programs hold, and the operations that helpers call.
 * Keys and values are passed by their place in the machine's heap; results are pointers, or negative error numbers.
 */
import { decoder, encodeInto, type Layout } from '../../layout/index.ts';
import type { AnyMapSpec } from '../../object/index.ts';
import { type Memory, pointerTo, type Region } from '../memory.ts';
import { EINVAL, EOPNOTSUPP } from './errors.ts';

/** What maps know of the machine. */
export interface MapHost {
  readonly memory: Memory;
  /** The number of CPUs, and the one that runs. */
  readonly cpus: number;
  readonly cpu: number;
}

/** BPF_NOEXIST and BPF_EXIST: only new keys, only existing ones. */
export const ONLY_NEW = 1;
export const ONLY_EXISTING = 2;
/** BPF_F_LOCK, for values with a lock: one program runs at a time, so that it changes nothing. */
export const WITH_LOCK = 4;

export interface SetOptions {
  readonly only?: 'new' | 'existing' | undefined;
}

export abstract class SimulatedMap {
  readonly name: string;
  readonly spec: AnyMapSpec;
  /** What pointers to the map point to; nothing in it can be read. */
  readonly region: Region;
  readonly keySize: number;
  readonly valueSize: number;
  readonly #host: MapHost;

  constructor(host: MapHost, name: string, spec: AnyMapSpec) {
    this.#host = host;
    this.name = name;
    this.spec = spec;
    this.region = host.memory.allocate({ kind: 'map', name, size: 8, virtual: true });
    this.keySize = (spec.key as Layout | undefined)?.size ?? 0;
    this.valueSize = (spec.value as Layout | undefined)?.size ?? 0;
  }

  /** The flags of an update, without that of the lock; undefined for flags that the map does not take. */
  protected updateFlags(flags: number): number | undefined {
    if (flags < 0 || flags > (WITH_LOCK | ONLY_EXISTING)) return undefined;
    const takesLock = !this.spec.type.includes('percpu') && holdsLock(this.spec.value as Layout);
    const kept = takesLock ? flags & ~WITH_LOCK : flags;
    return kept > ONLY_EXISTING ? undefined : kept;
  }

  protected get host(): MapHost {
    return this.#host;
  }

  /** The pointer that a program loads with the map's reference. */
  get pointer(): number {
    return pointerTo(this.region);
  }

  // What helpers do. A map that has no such operation refuses it as the kernel does.

  /** The pointer to the value of a key, or 0. */
  lookup(_key: number, _cpu: number): number {
    return 0;
  }

  update(_key: number, _value: number, _flags: number): number {
    return -EINVAL;
  }

  remove(_key: number): number {
    return -EINVAL;
  }

  pushAt(_value: number, _flags: number): number {
    return -EOPNOTSUPP;
  }

  /** Copies the next value to a place in the heap; `take` removes it. */
  nextAt(_value: number, _take: boolean): number {
    return -EOPNOTSUPP;
  }

  /** Pointers to the keys and values, for a helper that visits all. */
  pointers(): Iterable<readonly [key: number, value: number]> {
    return [];
  }
}

const holdsLock = (layout: Layout | undefined): boolean =>
  layout?.kind === 'struct' &&
  (layout.name === 'bpf_spin_lock' || layout.members.some((member) => holdsLock(member.layout)));

export const flagsOf = ({ only }: SetOptions = {}): number =>
  only === 'new' ? ONLY_NEW : only === 'existing' ? ONLY_EXISTING : 0;

/** A place in the heap through which user space passes keys or values of one layout. */
export class Scratch {
  readonly #memory: Memory;
  readonly #layout: Layout;
  readonly #what: string;
  readonly at: number;

  constructor(memory: Memory, layout: Layout, what: string) {
    this.#memory = memory;
    this.#layout = layout;
    this.#what = what;
    this.at = memory.allocate({ kind: 'kernel', name: what, size: layout.size }).base;
  }

  /** Encodes, and says where it is. */
  put(value: unknown): number {
    try {
      encodeInto(this.#layout, value as never, this.#memory.view, this.at);
      return this.at;
    } catch (cause) {
      const message = `${this.#what}: ${(cause as Error).message}`;
      throw cause instanceof TypeError
        ? new TypeError(message, { cause })
        : new RangeError(message, { cause });
    }
  }

  /** Decodes what is at a place in the heap. */
  take(at: number): unknown {
    return decoder(this.#layout)(this.#memory.view, at, at + this.#layout.size);
  }
}

/** The bytes of a key as something that a Map compares. */
export const keyOf = (bytes: Uint8Array, at: number, size: number): number | string => {
  if (size <= 4) {
    let key = 0;
    for (let index = size - 1; index >= 0; index--) key = key * 256 + bytes[at + index]!;
    return key;
  }
  return String.fromCharCode(...bytes.subarray(at, at + size));
};
