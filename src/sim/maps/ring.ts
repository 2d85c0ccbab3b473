/**
 * @module
 * Buffers of events: the ring that all CPUs share, and the perf buffer of each CPU (kernel/bpf/ringbuf.c,
 * kernel/trace/bpf_trace.c). Records are read as the live readers of beespoke/kernel give them.
 */
import { decoder, type Layout } from '../../layout/index.ts';
import type { AnyMapSpec } from '../../object/index.ts';
import { pointerTo, type Region } from '../memory.ts';
import { E2BIG, EAGAIN, EINVAL, ENOENT, ENOSPC, EOPNOTSUPP } from './errors.ts';
import { type MapHost, SimulatedMap } from './map.ts';

/** Reads records as values: `for (const event of ring.read())`, or `for await`, as from a live one. */
abstract class SimulatedBuffer<T> extends SimulatedMap {
  /** How often the programs counted that the buffer refused them: set by the machine that holds the counter. */
  countLost: () => number = () => 0;
  readonly #decode: (record: Uint8Array) => T;

  constructor(host: MapHost, name: string, spec: AnyMapSpec) {
    super(host, name, spec);
    const layout = spec.value as Layout | undefined;
    const known = layout && (spec.type === 'ringbuf' || spec.key === undefined);
    this.#decode = known
      ? (record) =>
          decoder(layout)(new DataView(record.buffer, record.byteOffset), 0, record.length) as T
      : (record) => record as T;
  }

  /** Takes the oldest record; undefined where there is none. */
  protected abstract take(): Uint8Array | undefined;

  /** The events that are there, oldest first; each is taken out. */
  *read(): Generator<T, void, undefined> {
    for (let record = this.take(); record; record = this.take()) yield this.#decode(record);
  }

  [Symbol.iterator](): Generator<T, void, undefined> {
    return this.read();
  }

  /** The refusals that programs counted. */
  get lost(): number {
    return this.countLost();
  }
}

interface Record {
  readonly bytes: Uint8Array | undefined;
  /** Bytes of the ring that it takes. */
  readonly room: number;
  /** What a program fills; undefined when it is done. */
  region: Region | undefined;
  /** Where it was reserved. */
  readonly by: string;
}

const HEADER = 8;
const roomOf = (size: number): number => (size + HEADER + 7) & ~7;

/** The ring that all CPUs share. A record that is reserved holds up those behind it. */
export class SimulatedRing<T> extends SimulatedBuffer<T> {
  readonly #records: Record[] = [];
  #used = 0;
  #produced = 0;

  /** A pointer to a new record, or 0 when the ring is full. */
  reserve(size: number, by: string): number {
    const room = roomOf(size);
    if (!this.#hasRoom(room)) return 0;
    const { memory } = this.host;
    const region = memory.allocate({ kind: 'record', name: this.name, size, writable: true });
    this.#add({ bytes: undefined, room, region, by });
    return pointerTo(region);
  }

  /** Hands a record over to the reader, or drops it; false when it is none of this ring's. */
  submit(region: Region, keep: boolean): boolean {
    const index = this.#records.findIndex((record) => record.region === region);
    const record = this.#records[index];
    if (!record) return false;
    const bytes = keep ? this.host.memory.of(region).slice() : undefined;
    this.#records[index] = { ...record, bytes, region: undefined };
    this.host.memory.free(region);
    return true;
  }

  /** A record in one go: 0, or a negative error number. */
  output(bytes: Uint8Array): number {
    const room = roomOf(bytes.length);
    if (!this.#hasRoom(room)) return -EAGAIN;
    this.#add({ bytes: bytes.slice(), room, region: undefined, by: '' });
    return 0;
  }

  /** The records that are reserved and neither submitted nor discarded: the lines that reserved them. */
  get open(): readonly string[] {
    return this.#records.filter(({ region }) => region).map(({ by }) => by);
  }

  /** BPF_RB_AVAIL_DATA, RING_SIZE, CONS_POS, PROD_POS. */
  query(what: number): number {
    const consumed = this.#produced - this.#used;
    return [this.#used, this.spec.maxEntries, consumed, this.#produced][what] ?? 0;
  }

  #hasRoom(room: number): boolean {
    return this.#used + room < this.spec.maxEntries;
  }

  #add(record: Record): void {
    this.#records.push(record);
    this.#used += record.room;
    this.#produced += record.room;
  }

  protected override take(): Uint8Array | undefined {
    while (this.#records.length > 0 && !this.#records[0]!.region) {
      const { bytes, room } = this.#records.shift()!;
      this.#used -= room;
      if (bytes) return bytes;
    }
    return undefined;
  }
}

/** A page. */
const PAGE = 4096;

/** A buffer for each CPU; what one CPU sent comes in order. */
export class SimulatedPerf<T> extends SimulatedBuffer<T> {
  readonly #records: { readonly bytes: Uint8Array; readonly room: number; cpu: number }[] = [];
  readonly #used = new Map<number, number>();

  output(index: number, bytes: Uint8Array): number {
    if (index >= (this.spec.maxEntries || this.host.cpus)) return -E2BIG;
    if (index >= this.host.cpus) return -ENOENT;
    if (index !== this.host.cpu) return -EOPNOTSUPP;
    // The size before the data takes four bytes, and both together a multiple of eight.
    const size = ((bytes.length + 4 + 7) & ~7) - 4;
    if (size > 0xffff) return -E2BIG;
    const room = size + 4 + HEADER;
    const used = (this.#used.get(index) ?? 0) + room;
    if (used > Math.max(this.spec.bufferSize, PAGE)) return -ENOSPC;
    this.#used.set(index, used);
    const padded = new Uint8Array(size);
    padded.set(bytes);
    this.#records.push({ bytes: padded, room, cpu: index });
    return 0;
  }

  protected override take(): Uint8Array | undefined {
    const record = this.#records.shift();
    if (!record) return undefined;
    const { bytes, room, cpu } = record;
    this.#used.set(cpu, this.#used.get(cpu)! - room);
    return bytes;
  }

  override update(): number {
    return -EINVAL;
  }
}
