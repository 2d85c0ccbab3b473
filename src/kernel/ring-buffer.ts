/**
 * BPF_MAP_TYPE_RINGBUF: events of all CPUs in the order of their reservation, read from shared memory
 * without copying and without a system call. Linux 5.8.
 *
 * Follows kernel/bpf/ringbuf.c (Linux 6.18): a page with the consumer's position, one with the producer's,
 * and the data, mapped twice in a row so that no record is ever cut. A record is a header of 8 bytes (the
 * length, with a bit for "still being written" and one for "discarded") and data padded to 8 bytes.
 * @module
 */

import type { Decoder } from '../layout/index.ts';
import { type FileDescriptor, type Mapping, mmap, pageSize } from '../syscall/index.ts';
import { EventReader } from './event-reader.ts';
import type { Batch, EventSource } from './event-source.ts';

export interface RingBufferOptions<T> {
  /** For errors. */
  readonly name: string;
  /** The map, which the ring buffer closes. If the constructor throws, it is still its caller's. */
  readonly map: FileDescriptor;
  /** Its size in bytes: max_entries. */
  readonly size: number;
  /** From `decoder(layout)`. */
  readonly decode: Decoder<T>;
  /** How many reservations and outputs were refused: see `lossOf`. */
  readonly lost: () => number;
}

/**
 * A ring buffer that is read.
 * @example
 * using events = new RingBuffer({ name: 'events', map, size: 256 * KiB, decode: decoder(Event), lost: () => 0 });
 * for await (const { pid, comm } of events) console.log(pid, comm);
 */
export class RingBuffer<T> extends EventReader<T> {
  readonly #map: FileDescriptor;

  constructor(options: RingBufferOptions<T>) {
    super(new RingSource(options), options.lost);
    this.#map = options.map;
  }

  /** The number of the map's descriptor; throws when it is closed. */
  get fd(): number {
    return this.#map.fd;
  }
}

/** BPF_RINGBUF_BUSY_BIT is the sign; what has the second bit, or more, is no event. */
const BPF_RINGBUF_DISCARD_BIT = 1 << 30;
const LENGTH = BPF_RINGBUF_DISCARD_BIT - 1;
const HEADER_SIZE = 8;

/** Bytes from the record of this header to the next. */
const stepOf = (header: number): number => ((header & LENGTH) + HEADER_SIZE + 7) & ~7;

class RingSource<T> implements EventSource<T> {
  readonly name: string;
  readonly fds: readonly number[];
  readonly #map: FileDescriptor;
  readonly #memory: readonly Mapping[];
  readonly #decode: Decoder<T>;
  readonly #size: number;
  readonly #consumer: BigUint64Array;
  /** The low half of the producer's position: as much as is needed, and no BigInt. */
  readonly #producer: Int32Array;
  readonly #words: Int32Array;
  readonly #view: DataView;
  /** Up to where records are handed out; as the kernel's positions, it only ever grows. */
  #position: number;
  #end = Number.POSITIVE_INFINITY;

  constructor({ name, map, size, decode }: RingBufferOptions<T>) {
    if (!Number.isInteger(Math.log2(size)) || size < pageSize() || size > MAX_SIZE) {
      const wanted = `a power of two of bytes from ${pageSize()} to ${MAX_SIZE}`;
      throw new RangeError(`ring buffer ${name}: expected ${wanted}, got ${size}`);
    }
    this.name = `ring buffer ${name}`;
    this.fds = [map.fd];
    this.#map = map;
    this.#size = size;
    this.#decode = decode;
    const page = pageSize();
    const consumer = mmap({ fd: map.fd, length: page, writable: true, name: this.name });
    let data: Mapping;
    try {
      data = mmap({ fd: map.fd, offset: page, length: page + 2 * size, name: this.name });
    } catch (error) {
      consumer.close();
      throw error;
    }
    this.#memory = [consumer, data];
    this.#consumer = new BigUint64Array(consumer.buffer, 0, 1);
    this.#producer = new Int32Array(data.buffer, 0, 1);
    this.#words = new Int32Array(data.buffer, page);
    this.#view = new DataView(data.buffer, page);
    // Not 0 for a map that someone has read before.
    this.#position = Number(Atomics.load(this.#consumer, 0));
  }

  take(batch: Batch<T>, limit: number): boolean {
    const { events } = batch;
    let { count } = batch;
    const words = this.#words;
    const view = this.#view;
    const decode = this.#decode;
    const mask = this.#size - 1;
    const start = this.#position;
    // At most a quarter of the ring, so that the kernel has room again while the rest is decoded.
    const all = Math.min(this.#available(), this.#end - start, this.#size >>> 2);
    // Within the ring these are small integers, which the positions are not.
    let offset = start & mask;
    let left = all;
    try {
      for (let n = 0; n < limit && left > 0; n++) {
        // An acquire: the record is read after its header.
        const header = Atomics.load(words, offset >>> 2);
        if (header < 0) break;
        if (header < BPF_RINGBUF_DISCARD_BIT) {
          const at = offset + HEADER_SIZE;
          events[count] = decode(view, at, at + header);
          count++;
        }
        const step = stepOf(header);
        offset = (offset + step) & mask;
        left -= step;
      }
    } catch (cause) {
      const position = start + all - left;
      left -= stepOf(words[offset >>> 2]!);
      const why = (cause as Error).message;
      throw new Error(`${this.name}: the record at position ${position}: ${why}`, { cause });
    } finally {
      batch.count = count;
      if (left !== all) this.#publish(start + all - left);
    }
    return left !== all;
  }

  /** Bytes that are there; some of them may still be written. */
  #available(): number {
    // Both positions are within 32 bits of each other, so the difference of their low halves is enough.
    return (Atomics.load(this.#producer, 0) - this.#position) >>> 0;
  }

  /**
   * Gives room back to the kernel, which wakes up a reader only for a record at the published position:
   * who then waits must have looked for records after this. `take` until it returns false does.
   */
  #publish(position: number): void {
    this.#position = position;
    Atomics.store(this.#consumer, 0, BigInt(position));
  }

  mark(): void {
    this.#end = this.#position + this.#available();
  }

  unmark(): void {
    this.#end = Number.POSITIVE_INFINITY;
  }

  close(): void {
    for (const mapping of this.#memory) mapping.close();
    this.#map.close();
  }
}

/** Twice this and a page is more than Node 20 can map. */
const MAX_SIZE = 2 ** 30;
