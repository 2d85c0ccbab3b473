/**
 * @module
 * The maps of an object, with what they hold from the start.
 */
import type { AnyMap } from '../asm/index.ts';
import { encode, type Layout, u32 } from '../layout/index.ts';
import {
  type AnyMapSpec,
  configurationBytes,
  counterName,
  type LinkedObject,
  type World,
} from '../object/index.ts';
import { SimulatedArray } from './maps/array.ts';
import { createSimulated } from './maps/create.ts';
import type { MapHost, SimulatedMap } from './maps/map.ts';
import { SimulatedReferences } from './maps/references.ts';
import { SimulatedPerf, SimulatedRing } from './maps/ring.ts';

export interface ObjectMaps {
  readonly byName: ReadonlyMap<string, SimulatedMap>;
  /** By their specs, as instructions refer to them. */
  readonly bySpec: ReadonlyMap<AnyMap, SimulatedMap>;
  /** How often each map refused what programs gave it, where they count it. */
  refusals(): (readonly [map: string, count: number])[];
}

export const objectMaps = (host: MapHost, linked: LinkedObject, world: World): ObjectMaps => {
  const byName = new Map<string, SimulatedMap>();
  const bySpec = new Map<AnyMap, SimulatedMap>();
  const all = { ...linked.maps, ...linked.hidden };
  for (const [name, spec] of Object.entries(all)) {
    const map = createSimulated(host, name, withIndex(spec));
    byName.set(name, map);
    bySpec.set(spec, map);
  }
  for (const [spec, map] of bySpec) fill(map, spec as AnyMapSpec, bySpec);
  const counters = [...byName].flatMap(([name, map]) => {
    const counter = byName.get(counterName(name));
    if (!(counter instanceof SimulatedArray)) return [];
    const count = () => readCounter(counter);
    if (map instanceof SimulatedRing || map instanceof SimulatedPerf) map.countLost = count;
    return [[name, count] as const];
  });
  const kconfig = linked.maps['.kconfig'];
  const target = kconfig && bySpec.get(kconfig);
  if (target instanceof SimulatedArray)
    target
      .bytes(0)
      .set(
        configurationBytes(linked.config, target.valueSize, (name) => world.configuration(name)),
      );
  const refusals = () => counters.map(([name, count]) => [name, count()] as const);
  return { byName, bySpec, refusals };
};

/** Files may say of an index no more than that it has 4 bytes. */
const withIndex = (spec: AnyMapSpec): AnyMapSpec => {
  const key = spec.key as Layout | undefined;
  const indexed = spec.type.includes('array') || spec.type === 'stack_trace';
  return indexed && key?.kind === 'bytes' && key.size === 4 ? { ...spec, key: u32 } : spec;
};

const fill = (
  map: SimulatedMap,
  { initial }: AnyMapSpec,
  bySpec: ReadonlyMap<AnyMap, SimulatedMap>,
): void =>
  initial?.forEach((value, index) => {
    if (value === undefined) return;
    if (map instanceof SimulatedArray) {
      const { value: layout } = map.spec;
      map
        .bytes(index)
        .set(value instanceof Uint8Array ? value : encode(layout as Layout, value as never));
    } else if (map instanceof SimulatedReferences)
      map.set(index, map.spec.type === 'prog_array' ? value : bySpec.get(value as AnyMap));
  });

const readCounter = (counter: SimulatedArray<unknown, unknown>): number =>
  Number(new DataView(counter.bytes(0).slice().buffer).getBigUint64(0, true));
