/**
 * BPF_MAP_TYPE_PERF_EVENT_ARRAY: one buffer for each CPU, as programs send events before Linux 5.8 had ring
 * buffers. Linux 4.4.
 *
 * Events of one CPU come in order. Events of several come in no order among each other: whoever needs one
 * sorts by a time in the event. A buffer is opened for each CPU that is online now; what a CPU puts out that
 * comes later is refused, and counted as lost by `perfOutput`.
 * @module
 */

import type { Decoder } from '../layout/index.ts';
import {
  type FileDescriptor,
  mapDelete,
  mapUpdate,
  onlineCpus,
  pageSize,
} from '../syscall/index.ts';
import { EventReader } from './event-reader.ts';
import type { Batch, EventSource } from './event-source.ts';
import { PerfRing } from './perf-ring.ts';

export interface PerfBufferOptions<T> {
  /** For errors. */
  readonly name: string;
  /** The map, which the perf buffer closes. If the constructor throws, it is still its caller's. */
  readonly map: FileDescriptor;
  /** From `decoder(layout)`. */
  readonly decode: Decoder<T>;
  /** Bytes for each CPU, rounded up to a power of two of pages; 64 pages if nothing is said. */
  readonly size?: number | undefined;
  /** How many outputs were refused: see `lossOf`. */
  readonly lost: () => number;
}

const DEFAULT_PAGES = 64;

/**
 * The perf buffers of all CPUs, read as one.
 *
 * The kernel pads records to 8 bytes without clearing the padding: a string at the end must have its NUL.
 * @example
 * using events = new PerfBuffer({ name: 'events', map, decode: decoder(Event), lost: () => 0 });
 * for await (const { pid, comm } of events) console.log(pid, comm);
 */
export class PerfBuffer<T> extends EventReader<T> {
  readonly #map: FileDescriptor;
  readonly #source: PerfSource<T>;

  constructor(options: PerfBufferOptions<T>) {
    const source = new PerfSource(options);
    super(source, options.lost);
    this.#map = options.map;
    this.#source = source;
  }

  /** The number of the map's descriptor; throws when it is closed. */
  get fd(): number {
    return this.#map.fd;
  }

  /**
   * How many events the kernel says did not fit in (PERF_RECORD_LOST). It says so with the next event that
   * does, or never: {@link lost} is the number to report, and this is never more.
   */
  get kernelLost(): number {
    return this.#source.lost;
  }
}

class PerfSource<T> implements EventSource<T> {
  readonly name: string;
  readonly fds: readonly number[];
  readonly #map: FileDescriptor;
  readonly #rings: PerfRing<T>[] = [];
  /** Where the next turn starts, so that one busy CPU does not keep the others waiting. */
  #first = 0;

  constructor({ name, map, decode, size = DEFAULT_PAGES * pageSize() }: PerfBufferOptions<T>) {
    this.name = `perf buffer ${name}`;
    this.#map = map;
    const bytes = roundUp(this.name, size);
    try {
      for (const cpu of onlineCpus()) {
        const ring = new PerfRing({ name: this.name, cpu, size: bytes, decode });
        this.#rings.push(ring);
        mapUpdate(map.fd, keyOf(cpu), keyOf(ring.fd));
      }
    } catch (error) {
      this.#closeRings();
      throw error;
    }
    this.fds = this.#rings.map(({ fd }) => fd);
  }

  get lost(): number {
    return this.#rings.reduce((sum, ring) => sum + ring.lost, 0);
  }

  take(batch: Batch<T>, limit: number): boolean {
    const rings = this.#rings;
    const { length } = rings;
    const share = Math.max(MIN_SHARE, Math.ceil(limit / length));
    let moved = false;
    for (let n = 0; n < length; n++) {
      const ring = rings[this.#first]!;
      this.#first = (this.#first + 1) % length;
      if (ring.take(batch, share)) moved = true;
    }
    // Not where this turn has started.
    this.#first = (this.#first + 1) % length;
    return moved;
  }

  mark(): void {
    for (const ring of this.#rings) ring.mark();
  }

  unmark(): void {
    for (const ring of this.#rings) ring.unmark();
  }

  close(): void {
    this.#closeRings();
    this.#map.close();
  }

  #closeRings(): void {
    for (const ring of this.#rings) {
      // The map would keep the event while a program keeps the map.
      if (!this.#map.closed) mapDelete(this.#map.fd, keyOf(ring.cpu));
      ring.close();
    }
  }
}

/** Records that each CPU may deliver in its turn, at least. */
const MIN_SHARE = 64;

const keyOf = (number: number): Uint8Array => new Uint8Array(Uint32Array.of(number).buffer);

const MAX_SIZE = 2 ** 30;

function roundUp(name: string, size: number): number {
  if (!(size > 0 && size <= MAX_SIZE)) {
    throw new RangeError(`${name}: expected a size of 1 to ${MAX_SIZE} bytes, got ${size}`);
  }
  let rounded = pageSize();
  while (rounded < size) rounded *= 2;
  return rounded;
}
