/**
 * @module
 * Maps that an object shares with others: pinned under their names, or given by the caller. They must fit what the
 * object was written for (libbpf's bpf_object__reuse_map and map_is_reuse_compat, tools/lib/bpf/libbpf.c).
 */
import { readlinkSync } from 'node:fs';
import {
  type AnyMapSpec,
  BPF_F_RDONLY_PROG,
  MAP_TYPES,
  RequirementError,
} from '../object/index.ts';
import { BPF_MAP_TYPE, BpfError, FileDescriptor, mapInfo, typeName } from '../syscall/index.ts';
import { entriesOf, inPages, keySizeOf, valueSizeOf } from './map-descriptor.ts';
import { openPinned, pin } from './pins.ts';

export interface PinnedMapOptions {
  /** Where pinned maps are. */
  readonly directory: string;
  readonly create: () => FileDescriptor;
  /** Told the path if the map was not there before. */
  readonly pinned: (path: string) => void;
}

/** The map that is pinned under a name; created and pinned if there is none. */
export const pinnedMap = (
  name: string,
  spec: AnyMapSpec,
  { directory, create, pinned }: PinnedMapOptions,
): FileDescriptor => {
  // File names there have no dots, and a file's names are anyone's.
  const path = `${directory}/${name.replaceAll(/[./]/g, '_')}`;
  const found = existing(name, spec, path);
  if (found) return found;
  const created = create();
  try {
    pin(created.fd, path);
    pinned(path);
    return created;
  } catch (error) {
    created.close();
    if (!(error instanceof BpfError && error.code === 'EEXIST')) throw error;
    // Someone else was faster.
    const theirs = existing(name, spec, path);
    if (theirs) return theirs;
    throw error;
  }
};

const existing = (name: string, spec: AnyMapSpec, path: string): FileDescriptor | undefined => {
  const fd = openPinned(path);
  if (fd === undefined) return undefined;
  const map = new FileDescriptor(fd, `map ${name}`);
  try {
    const shape = shapeDifferences(name, spec, fd);
    const differences = isMap(fd) ? [...shape, ...otherDifferences(spec, fd)] : shape;
    if (differences.length === 0) return map;
    throw new RequirementError(
      `map ${name}: what is pinned at ${path} is another map: ${differences.join(', ')}; remove it, or give another pinPath`,
    );
  } catch (error) {
    map.close();
    throw error;
  }
};

/** Refuses a map in place of another of which programs and user space would read the wrong bytes. */
export const checkReplacement = (name: string, spec: AnyMapSpec, fd: number): void => {
  const differences = shapeDifferences(name, spec, fd);
  if (differences.length === 0) return;
  throw new TypeError(
    `map ${name}: the map to use in its place differs: ${differences.join(', ')}`,
  );
};

type Compared = readonly [what: string, there: unknown, here: unknown];

const differences = (compared: readonly Compared[]): string[] =>
  compared
    .filter(([, there, here]) => there !== here)
    .map(([what, there, here]) => `${what} ${there}, not ${here}`);

const shapeDifferences = (name: string, spec: AnyMapSpec, fd: number): string[] => {
  if (!isMap(fd)) return ['it is no map'];
  const { type, keySize, valueSize } = mapInfo(fd);
  return differences([
    ['type', typeName(BPF_MAP_TYPE, type), typeName(BPF_MAP_TYPE, MAP_TYPES[spec.type].number)],
    ['key size', keySize, keySizeOf(name, spec)],
    ['value size', valueSize, valueSizeOf(name, spec)],
  ]);
};

const otherDifferences = (given: AnyMapSpec, fd: number): string[] => {
  const spec = inPages(given);
  const { maxEntries, flags, extra = 0n } = mapInfo(fd);
  // The kernel adds this one itself.
  const ignored = spec.type.startsWith('devmap') ? BPF_F_RDONLY_PROG : 0;
  return differences([
    ['max_entries', maxEntries, entriesOf(spec)],
    ['flags', flags & ~ignored, spec.flags & ~ignored],
    ['map_extra', extra, BigInt(spec.extra)],
  ]);
};

/** The kernel tells about anything that has a descriptor, so that a program would look like a map. */
const isMap = (fd: number): boolean => readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:bpf-map';
