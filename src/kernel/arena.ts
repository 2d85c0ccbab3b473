/**
 * @module
 * Arenas: sparse memory at one address for programs and for this process, so that pointers in it mean the same to both.
 * Follows kernel/bpf/arena.c (Linux 6.18).
 */
import type { AnyMapSpec } from '../object/index.ts';
import { type FileDescriptor, type Mapping, mmap, pageSize } from '../syscall/index.ts';
import { MapBase } from './map-base.ts';

/** Touching a page that no program has allocated ends the process, where it is allocated otherwise. */
const BPF_F_SEGV_ON_FAULT = 1 << 17;

/** An arena of `maxEntries` pages. Linux 6.9. */
export class Arena extends MapBase {
  readonly #memory: Mapping;

  constructor(descriptor: FileDescriptor, name: string, spec: AnyMapSpec) {
    super(descriptor, name, spec);
    // Programs can use it only once it has an address here.
    this.#memory = mmap({
      fd: descriptor.fd,
      length: spec.maxEntries * pageSize(),
      address: Number(spec.extra),
      writable: true,
      name: `arena ${name}`,
    });
    const [first] = spec.initial ?? [];
    if (first instanceof Uint8Array) this.#memory.bytes.set(first);
  }

  /** All of its memory. A page that is touched is allocated. Throws a TypeError for arenas where that ends the process. */
  get bytes(): Uint8Array {
    if ((this.spec.flags & BPF_F_SEGV_ON_FAULT) === 0) return this.#memory.bytes;
    throw new TypeError(
      `map ${this.name}: reading what no program has allocated would end this process (BPF_F_SEGV_ON_FAULT)`,
    );
  }

  override close(): void {
    this.#memory.close();
    super.close();
  }
}
