/**
 * @module
 * From a map's spec to the live thing that user space holds: a map, or the reader of a buffer.
 */
import { type Decoder, decoder, type Layout, type Value } from '../layout/index.ts';
import type { AnyMapSpec, MapSpec } from '../object/index.ts';
import { type FileDescriptor, pageSize } from '../syscall/index.ts';
import { type LiveMap as LiveTable, openMap } from './map-create.ts';
import { inPages } from './map-descriptor.ts';
import { PerfBuffer } from './perf-buffer.ts';
import { RingBuffer } from './ring-buffer.ts';

/** What `loadObject` gives for a map's spec. */
export type LiveMap<S extends AnyMapSpec> =
  S extends MapSpec<'ringbuf', undefined, infer E>
    ? RingBuffer<Value<E>>
    : S extends MapSpec<'perf_event_array', undefined, infer E>
      ? PerfBuffer<Value<E>>
      : LiveTable<S>;

/** A live map of any type: programs refer to it by its descriptor. */
export interface Live {
  readonly fd: number;
  close(): void;
}

export interface LiveMapOptions {
  /** Features to do without: `batch`, `mmap`. */
  readonly without?: ReadonlySet<string> | undefined;
  /** How much the programs counted as refused by this map. */
  readonly lost: () => number;
}

/** The live thing around a map's descriptor, which it owns from here on. */
export const openLiveMap = (
  map: FileDescriptor,
  name: string,
  given: AnyMapSpec,
  { lost, without }: LiveMapOptions,
): Live => {
  const spec = inPages(given);
  if (spec.type !== 'ringbuf' && spec.type !== 'perf_event_array')
    return openMap(map, name, spec, without);
  try {
    const decode = hasEvents(spec) ? decoder(spec.value as Layout) : asBytes;
    return spec.type === 'ringbuf'
      ? new RingBuffer({ name, map, size: spec.maxEntries, decode, lost })
      : new PerfBuffer({ name, map, size: Math.max(spec.bufferSize, pageSize()), decode, lost });
  } catch (error) {
    map.close();
    throw error;
  }
};

/** Files say the size of a perf event array's descriptors where we say what the events are. */
const hasEvents = ({ type, key, value }: AnyMapSpec): boolean =>
  value !== undefined && (type === 'ringbuf' || key === undefined || value.kind === 'struct');

/** Records of which nothing is known. */
const asBytes: Decoder<Uint8Array> = (view, offset, end) =>
  new Uint8Array(view.buffer, view.byteOffset + offset, end - offset).slice();
