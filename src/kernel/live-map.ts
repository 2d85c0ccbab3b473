/**
 * @module
 * From a map's spec to the live thing that user space holds: a map, or the reader of a buffer.
 */
import { decoder, type Layout, type Value } from '../layout/index.ts';
import type { AnyMapSpec, MapSpec } from '../object/index.ts';
import { createMapDescriptor, type MapDescriptorOptions } from './map-descriptor.ts';
import { type LiveMap as Map_, openMap } from './map-create.ts';
import { PerfBuffer } from './perf-buffer.ts';
import { RingBuffer } from './ring-buffer.ts';

/** What `loadObject` gives for a map's spec. */
export type LiveMap<S extends AnyMapSpec> =
  S extends MapSpec<'ringbuf', undefined, infer E>
    ? RingBuffer<Value<E>>
    : S extends MapSpec<'perf_event_array', undefined, infer E>
      ? PerfBuffer<Value<E>>
      : Map_<S>;

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
  spec: AnyMapSpec,
  { lost, ...options }: LiveMapOptions,
): { readonly live: Live; readonly fd: number } => {
  const descriptor = createMapDescriptor(name, spec, options);
  const { fd } = descriptor;
  try {
    switch (spec.type) {
      case 'ringbuf': {
        const decode = decoder(spec.value as Layout);
        return { live: new RingBuffer({ name, map: descriptor, size: spec.maxEntries, decode, lost }), fd };
      }
      case 'perf_event_array': {
        const decode = decoder(spec.value as Layout);
        return { live: new PerfBuffer({ name, map: descriptor, size: spec.bufferSize, decode, lost }), fd };
      }
      default:
        return { live: openMap(descriptor, name, spec, options.without), fd };
    }
  } catch (error) {
    descriptor.close();
    throw error;
  }
};
