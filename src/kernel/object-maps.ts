/**
 * @module
 * The maps of an object in the kernel: created with their first values, found where they are pinned, or given by the
 * caller. Follows bpf_object__create_maps of libbpf (tools/lib/bpf/libbpf.c).
 */
import type { AnyMap } from '../asm/index.ts';
import { bytes, type Layout } from '../layout/index.ts';
import {
  type AnyMapSpec,
  configurationBytes,
  counterName,
  globalBytes,
  kernelOperations,
  type LinkedObject,
} from '../object/index.ts';
import type { FileDescriptor } from '../syscall/index.ts';
import type { Attachment, KernelWorld } from './kernel-world.ts';
import { type Live, openLiveMap } from './live-map.ts';
import { createMapDescriptor } from './map-descriptor.ts';
import { checkReplacement, pinnedMap } from './map-sharing.ts';
import { fillWithMaps, fillWithPrograms, holdsMaps, holdsPrograms } from './map-slots.ts';
import type { ModuleDescriptors } from './module-descriptors.ts';
import type { ObjectBtf } from './object-btf.ts';
import type { Program } from './program.ts';
import { StructOps } from './struct-ops.ts';

/** What takes the place of the sizes of a map's spec. */
export interface MapSize {
  /** Entries; bytes for a ring buffer. */
  readonly maxEntries?: number | undefined;
  /** Bytes; the value is then bytes for user space as well. */
  readonly valueSize?: number | undefined;
}

/** What maps are created with. */
export interface MapContext {
  readonly btf: ObjectBtf;
  readonly world: KernelWorld;
  readonly modules: ModuleDescriptors;
  readonly tokenFd: number | undefined;
  /** Values of global variables, by name. */
  readonly globals: Readonly<Record<string, unknown>>;
  /** Sizes in place of those of the specs, by name. */
  readonly sizes: Readonly<Record<string, MapSize>>;
  /** Live maps to use in place of new ones, by name. */
  readonly replacements: Readonly<Record<string, Live>>;
  /** The directory of pinned maps; '' to pin none. */
  readonly pinPath: string;
  /** Takes what the object owns from here on. */
  readonly own: (thing: { close(): void }) => void;
  /** Takes the paths that were pinned to. */
  readonly pinned: (path: string) => void;
}

export interface ObjectMaps {
  readonly maps: Readonly<Record<string, Live>>;
  readonly fdOf: (map: AnyMap) => number;
  /** How much each map refused, by name. */
  readonly counters: ReadonlyMap<string, () => number>;
  /** The descriptors of maps of constants, which every program keeps, used or not: bpftool reads names from them. */
  readonly constants: readonly number[];
  /** What struct_ops programs are attached to, by their names. */
  readonly attachments: ReadonlyMap<string, Attachment>;
  /** Fills program arrays, once programs are loaded. `names` are those of all programs of the object. */
  readonly fill: (names: readonly string[], loaded: Readonly<Record<string, Program>>) => void;
}

/** Creates all maps, each after the hidden counter of its losses, which it reports. */
export const createMaps = (linked: LinkedObject, context: MapContext): ObjectMaps => {
  const { maps: specs, hidden } = linked;
  const { sizes } = context;
  checkNames('resize', Object.keys(sizes), specs);
  const first = firstValues(linked, context);
  const maps: Record<string, Live> = {};
  const fds = new Map<AnyMap, number>();
  /** The names of new maps of maps. */
  const empty: string[] = [];
  const create = (name: string, spec: AnyMapSpec, lost: () => number): Live => {
    const value = first.get(name);
    const sized = resized(spec, sizes[name]);
    const given = value ? { ...sized, initial: [value] } : sized;
    const { live, isNew } = open(name, given, lost, context);
    fds.set(spec, live.fd);
    if (isNew && holdsMaps(spec)) empty.push(name);
    return live;
  };
  const counters = new Map<string, () => number>();
  for (const [name, spec] of Object.entries(specs)) {
    const loss = hidden[counterName(name)];
    if (loss) {
      const counter = create(counterName(name), loss, none) as Counter;
      counters.set(name, () => counter.get('refused'));
    }
    maps[name] = create(name, spec, counters.get(name) ?? none);
  }
  const fdOf = (map: AnyMap): number => fds.get(map)!;
  for (const name of empty) fillWithMaps(name, specs[name]!, maps[name]!.fd, fdOf);
  const fill: ObjectMaps['fill'] = (names, loaded) => {
    const programs = new Map(names.map((name) => [name, loaded[name]?.fd]));
    for (const [name, spec] of Object.entries(specs)) {
      const map = maps[name];
      if (map instanceof StructOps) map.fill(programs);
      if (holdsPrograms(spec)) fillWithPrograms(name, spec, fdOf(spec), programs);
    }
  };
  const constants = Object.values(specs)
    .filter(({ section }) => section === 'rodata')
    .map(fdOf);
  const attachments = new Map(
    Object.values(maps).flatMap((map) => (map instanceof StructOps ? map.attachments : [])),
  );
  return { maps, fdOf, counters, constants, attachments, fill };
};

const checkNames = (
  what: string,
  names: readonly string[],
  maps: Readonly<Record<string, AnyMapSpec>>,
): void => {
  const unknown = names.find((name) => !Object.hasOwn(maps, name));
  if (unknown === undefined) return;
  const known = Object.keys(maps).join(', ');
  throw new TypeError(`there is no map ${JSON.stringify(unknown)} to ${what}: ${known}`);
};

const resized = (spec: AnyMapSpec, { maxEntries, valueSize }: MapSize = {}): AnyMapSpec => ({
  ...spec,
  ...(maxEntries !== undefined && { maxEntries }),
  ...(valueSize !== undefined && { value: bytes(valueSize), typeIds: undefined }),
});

/** The globals that macros count refusals in. */
type Counter = Live & { get(variable: 'refused'): number };

const none = (): number => 0;

/** What the caller and the kernel's configuration say of the values of global variables, by map. */
const firstValues = (
  { maps, config }: LinkedObject,
  { globals, replacements, world }: MapContext,
): ReadonlyMap<string, Uint8Array> => {
  const found = new Map(globalBytes(maps, globals));
  checkNames('replace', Object.keys(replacements), maps);
  for (const name of Object.keys(replacements)) {
    if (found.has(name))
      throw new TypeError(
        `map ${name} is replaced by one that has its values: set its variables there`,
      );
  }
  for (const [name, { section, value }] of Object.entries(maps)) {
    if (section !== 'kconfig') continue;
    const { size } = value as Layout;
    found.set(
      name,
      configurationBytes(config, size, (variable) => world.configuration(variable)),
    );
  }
  return found;
};

interface Opened {
  readonly live: Live;
  readonly isNew: boolean;
}

/** One map: the caller's, the one that is pinned, or a new one. */
const open = (name: string, spec: AnyMapSpec, lost: () => number, context: MapContext): Opened => {
  const { replacements, world, own } = context;
  const given = Object.hasOwn(replacements, name) ? replacements[name] : undefined;
  if (given) {
    checkReplacement(name, spec, given.fd);
    return { live: given, isNew: false };
  }
  if (spec.type === 'struct_ops') {
    const live = structOps(name, spec, context);
    own(live);
    return { live, isNew: true };
  }
  let isNew = false;
  const create = (): FileDescriptor => {
    isNew = true;
    return createDescriptor(name, spec, context);
  };
  const { pinPath: directory, pinned } = context;
  const map =
    spec.pinned && directory !== ''
      ? pinnedMap(name, spec, { directory, create, pinned })
      : create();
  const live = openLiveMap(map, name, spec, { without: world.without, lost });
  own(live);
  return { live, isNew };
};

const structOps = (
  name: string,
  spec: AnyMapSpec,
  { btf, world, modules, tokenFd }: MapContext,
): StructOps => {
  const types = btf.ofMap(name, spec)!;
  const typeIds = { key: types.keyTypeId, value: types.valueTypeId };
  const operations = kernelOperations(name, { ...spec, typeIds }, btf.types, world);
  return new StructOps(name, spec, { operations, btf: types, modules, tokenFd });
};

const createDescriptor = (
  name: string,
  spec: AnyMapSpec,
  { btf, world, tokenFd }: MapContext,
): FileDescriptor => {
  const { inner } = spec;
  // These are filled when all maps and programs are there, and an arena when it is mapped.
  const later = holdsMaps(spec) || holdsPrograms(spec) || spec.type === 'arena';
  const plain = later ? { ...spec, initial: undefined } : spec;
  return createMapDescriptor(name, plain, {
    btf: btf.ofMap(name, spec),
    innerBtf: inner && btf.ofMap(`${name}.inner`, inner),
    without: world.without,
    tokenFd,
  });
};
