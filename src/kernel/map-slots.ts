/**
 * @module
 * What maps of maps and of programs hold from the start: filled by descriptor once all maps are created and all
 * programs loaded (libbpf's init_map_in_map_slots and init_prog_array_slots, tools/lib/bpf/libbpf.c).
 */
import type { AnyMap } from '../asm/index.ts';
import type { AnyMapSpec } from '../object/index.ts';
import { BpfError, mapUpdate } from '../syscall/index.ts';
import { reworded } from './map-base.ts';

/** Whether a map holds maps. */
export const holdsMaps = ({ type }: AnyMapSpec): boolean =>
  type === 'array_of_maps' || type === 'hash_of_maps';

/** Whether a map holds programs. */
export const holdsPrograms = ({ type }: AnyMapSpec): boolean => type === 'prog_array';

/** Puts maps of the same object into a map of maps. */
export const fillWithMaps = (
  name: string,
  { initial, key }: AnyMapSpec,
  fd: number,
  fdOf: (map: AnyMap) => number | undefined,
): void => {
  if (initial && key?.size !== 4)
    throw new TypeError(
      `map ${name}: maps that it holds from the start are found by index, but its keys have ${key?.size} bytes`,
    );
  initial?.forEach((map, index) => {
    if (map === undefined) return;
    const target = fdOf(map as AnyMap);
    if (target === undefined)
      throw new TypeError(`map ${name}: what it holds at ${index} is no map of the same object`);
    put(name, fd, index, target);
  });
};

/**
 * Puts programs into a program array. The slot of one that is not loaded stays empty: tail calls to it fail.
 * @param programs the descriptors of those that are loaded, by name; undefined for the others of the object.
 */
export const fillWithPrograms = (
  name: string,
  { initial }: AnyMapSpec,
  fd: number,
  programs: ReadonlyMap<string, number | undefined>,
): void =>
  initial?.forEach((program, index) => {
    if (program === undefined) return;
    if (typeof program !== 'string' || !programs.has(program))
      throw new TypeError(
        `map ${name}: what it holds at ${index} is ${JSON.stringify(program)}, which is no program of the object`,
      );
    const target = programs.get(program);
    if (target !== undefined) put(name, fd, index, target);
  });

const put = (name: string, fd: number, index: number, target: number): void => {
  try {
    mapUpdate(fd, bytesOf(index), bytesOf(target));
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    throw reworded(error, `map ${name}, slot ${index}: ${error.message}`);
  }
};

const bytesOf = (number: number): Uint8Array => new Uint8Array(Uint32Array.of(number).buffer);
