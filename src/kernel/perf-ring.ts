/**
 * The buffer of one perf event: what one CPU put out.
 *
 * Follows include/uapi/linux/perf_event.h and kernel/events/ring_buffer.c (Linux 6.18): a page with the
 * positions `data_head` and `data_tail`, then 2^n pages of records. A record that reaches the end of the
 * buffer goes on at its start. In a sample, the size of the data is at byte 8 and the data at byte 12: it is
 * aligned to 4 bytes only, and up to 7 bytes of padding count as data.
 * @module
 */

import type { Decoder } from '../layout/index.ts';
import {
  closeFd,
  type Mapping,
  mmap,
  PERF_COUNT_SW,
  PERF_SAMPLE,
  PERF_TYPE,
  pageSize,
  perfEventEnable,
  perfEventOpen,
} from '../syscall/index.ts';
import type { Batch } from './event-source.ts';

const PERF_RECORD_LOST = 2;
const PERF_RECORD_SAMPLE = 9;
/** struct perf_event_mmap_page */
const DATA_HEAD = 1024;
const DATA_TAIL = 1032;
/** After the header: the size of the data. */
const RAW_SIZE = 8;
const RAW_DATA = 12;
/** After the header and the id. */
const LOST_COUNT = 16;

/** The size of a record, in the second word of its header. */
const sizeOf = (word: number): number => word >>> 16;

export interface PerfRingOptions<T> {
  readonly name: string;
  readonly cpu: number;
  /** Bytes of data: a power of two of pages. */
  readonly size: number;
  readonly decode: Decoder<T>;
}

export class PerfRing<T> {
  readonly name: string;
  readonly cpu: number;
  readonly fd: number;
  readonly #memory: Mapping;
  readonly #decode: Decoder<T>;
  readonly #size: number;
  /** The low half: as much as is needed, and no BigInt. */
  readonly #head: Int32Array;
  readonly #tail: BigUint64Array;
  readonly #words: Int32Array;
  readonly #view: DataView;
  #position = 0;
  #end = Number.POSITIVE_INFINITY;
  /** The events that did not fit in, as far as the kernel has told: it does with the next one that does. */
  lost = 0;

  constructor({ name, cpu, size, decode }: PerfRingOptions<T>) {
    this.name = `${name}, CPU ${cpu}`;
    this.cpu = cpu;
    this.#size = size;
    this.#decode = decode;
    this.fd = perfEventOpen({
      type: PERF_TYPE.PERF_TYPE_SOFTWARE,
      config: PERF_COUNT_SW.PERF_COUNT_SW_BPF_OUTPUT,
      sampleType: PERF_SAMPLE.PERF_SAMPLE_RAW,
      samplePeriod: 1,
      wakeupEvents: 1,
      pid: -1,
      cpu,
    });
    const page = pageSize();
    try {
      this.#memory = mmap({ fd: this.fd, length: page + size, writable: true, name: this.name });
      perfEventEnable(this.fd);
    } catch (error) {
      closeFd(this.fd);
      throw error;
    }
    const { buffer } = this.#memory;
    this.#head = new Int32Array(buffer, DATA_HEAD, 1);
    this.#tail = new BigUint64Array(buffer, DATA_TAIL, 1);
    this.#words = new Int32Array(buffer, page);
    this.#view = new DataView(buffer, page);
  }

  /** As {@link EventSource.take}. */
  take(batch: Batch<T>, limit: number): boolean {
    const words = this.#words;
    const mask = this.#size - 1;
    const start = this.#position;
    const all = Math.min(this.#available(), this.#end - start, this.#size >>> 2);
    let offset = start & mask;
    let left = all;
    try {
      for (let n = 0; n < limit && left > 0; n++) {
        const type = words[offset >>> 2]!;
        const size = sizeOf(words[(offset >>> 2) + 1]!);
        if (type === PERF_RECORD_SAMPLE) batch.add(this.#decodeAt(offset, size));
        else if (type === PERF_RECORD_LOST) this.lost += this.#lostAt((offset + LOST_COUNT) & mask);
        offset = (offset + size) & mask;
        left -= size;
      }
    } catch (cause) {
      const position = start + all - left;
      left -= sizeOf(words[(offset >>> 2) + 1]!);
      const why = (cause as Error).message;
      throw new Error(`${this.name}: the record at position ${position}: ${why}`, { cause });
    } finally {
      this.#position = start + all - left;
      if (left !== all) Atomics.store(this.#tail, 0, BigInt(this.#position));
    }
    return left !== all;
  }

  #available(): number {
    return (Atomics.load(this.#head, 0) - this.#position) >>> 0;
  }

  #decodeAt(at: number, size: number): T {
    let view = this.#view;
    let start = at;
    if (at + size > this.#size) {
      view = this.#join(at, size);
      start = 0;
    }
    const data = start + RAW_DATA;
    return this.#decode(view, data, data + view.getUint32(start + RAW_SIZE, true));
  }

  /** A record that is cut at the end of the buffer, in one piece. */
  #join(at: number, size: number): DataView {
    const record = new Uint8Array(size);
    const first = this.#size - at;
    const memory = new Uint8Array(this.#view.buffer, this.#view.byteOffset, this.#size);
    record.set(memory.subarray(at));
    record.set(memory.subarray(0, size - first), first);
    return new DataView(record.buffer);
  }

  /** A u64 that is aligned to 8 bytes, and so never cut. */
  #lostAt(at: number): number {
    return Number(this.#view.getBigUint64(at, true));
  }

  mark(): void {
    this.#end = this.#position + this.#available();
  }

  unmark(): void {
    this.#end = Number.POSITIVE_INFINITY;
  }

  close(): void {
    this.#memory.close();
    closeFd(this.fd);
  }
}
