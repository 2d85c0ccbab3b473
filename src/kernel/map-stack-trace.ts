/**
 * Call stacks by the ids that bpf_get_stackid returns. Follows kernel/bpf/stackmap.c (Linux 6.18).
 *
 *     const stacks = createMap('stacks', stackTrace(array(u64, 127)));
 *     stacks.get(event.stackId); // [0xffffffff81234567n, ...], the innermost frame first
 * @module
 */
import { type ArrayOf, decoder, type Layout, type u32, u64, type Value } from '../layout/index.ts';
import type { MapSpec } from '../object/index.ts';
import { type FileDescriptor, mapDelete, mapLookup } from '../syscall/index.ts';
import { MapBase, refused } from './map-base.ts';
import { codecOf } from './map-codec.ts';

/** A frame of a stack: an element of the value, or an address where the value is bytes. */
export type Frame<V> = V extends ArrayOf<infer E> ? Value<E> : bigint;

/**
 * Call stacks by their ids. Linux 4.6; read from user space since 4.6 too.
 * @example
 * const stacks = createMap('stacks', stackTrace(array(u64, 127)));
 * for (const address of stacks.get(id) ?? []) console.log(address.toString(16));
 */
export class StackTraceMap<V extends Layout> extends MapBase<
  MapSpec<'stack_trace', typeof u32, V>
> {
  readonly #key;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #element: Layout;

  constructor(
    descriptor: FileDescriptor,
    name: string,
    spec: MapSpec<'stack_trace', typeof u32, V>,
  ) {
    super(descriptor, name, spec);
    this.#key = codecOf(spec.key, `map ${name}, id`);
    this.#bytes = new Uint8Array(spec.value.size);
    this.#view = new DataView(this.#bytes.buffer);
    this.#element = spec.value.kind === 'array' ? spec.value.element : u64;
  }

  /**
   * The frames of a stack, the innermost first; undefined when there is no such id (any more), and for the negative
   * numbers that bpf_get_stackid returns when it fails.
   */
  get(id: number): Frame<V>[] | undefined {
    const { fd } = this;
    if (id < 0) return undefined;
    this.#key.put(id);
    try {
      return mapLookup(fd, this.#key.bytes, this.#bytes) ? this.#frames() : undefined;
    } catch (error) {
      throw refused(this, 'look up a stack in', error);
    }
  }

  /** Forgets a stack, whose slot can be used again. False when there was none. */
  delete(id: number): boolean {
    const { fd } = this;
    if (id < 0) return false;
    this.#key.put(id);
    try {
      return mapDelete(fd, this.#key.bytes);
    } catch (error) {
      throw refused(this, 'delete a stack of', error);
    }
  }

  /** The kernel fills what a stack does not need with zeros. */
  #frames(): Frame<V>[] {
    const { size } = this.#element;
    const decode = decoder(this.#element);
    const bytes = this.#bytes;
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === 0) end--;
    const frames: Frame<V>[] = [];
    for (let at = 0; at < end && at + size <= bytes.length; at += size) {
      frames.push(decode(this.#view, at, at + size) as Frame<V>);
    }
    return frames;
  }
}
