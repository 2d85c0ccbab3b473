/**
 * @module
 * From a map's spec to the live thing that user space holds: a map, or the reader of a buffer.
 */
import { decoder, type Layout, type Value } from '../layout/index.ts';
import type { AnyMapSpec, MapSpec } from '../object/index.ts';
import { pageSize } from '../syscall/index.ts';
import { type LiveMap as LiveTable, openMap } from './map-create.ts';
import { createMapDescriptor, type MapDescriptorOptions } from './map-descriptor.ts';
import { PerfBuffer } from './perf-buffer.ts';
import { RingBuffer } from './ring-buffer.ts';

/** What `loadObject` gives for a map's spec. */
export type LiveMap<S extends AnyMapSpec> =
  S extends MapSpec<'ringbuf', undefined, infer E>
    ? RingBuffer<Value<E>>
    : S extends MapSpec<'perf_event_array', undefined, infer E>
      ? PerfBuffer<Value<E>>
      : LiveTable<S>;

/** A live map of any type. */
export interface Live {
  close(): void;
}

export interface LiveMapOptions extends MapDescriptorOptions {
  /** How much the programs counted as refused by this map. */
  readonly lost: () => number;
}

/** Creates the map. `fd` is what programs refer to it by. */
export const createLiveMap = (
  name: string,
  given: AnyMapSpec,
  { lost, ...options }: LiveMapOptions,
): { readonly live: Live; readonly fd: number } => {
  const spec = inPages(given);
  const map = createMapDescriptor(name, spec, options);
  const { fd } = map;
  if (spec.type !== 'ringbuf' && spec.type !== 'perf_event_array')
    return { live: openMap(map, name, spec, options.without), fd };
  try {
    const decode = decoder(spec.value as Layout);
    const live =
      spec.type === 'ringbuf'
        ? new RingBuffer({ name, map, size: spec.maxEntries, decode, lost })
        : new PerfBuffer({ name, map, size: spec.bufferSize, decode, lost });
    return { live, fd };
  } catch (error) {
    map.close();
    throw error;
  }
};

/** Specs know pages of 4 KiB; a buffer has at least one of those that this kernel has. */
const inPages = (spec: AnyMapSpec): AnyMapSpec => {
  if (spec.type === 'ringbuf')
    return { ...spec, maxEntries: Math.max(spec.maxEntries, pageSize()) };
  if (spec.type === 'perf_event_array')
    return { ...spec, bufferSize: Math.max(spec.bufferSize, pageSize()) };
  return spec;
};
