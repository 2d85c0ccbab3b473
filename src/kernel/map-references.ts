/**
 * Maps that hold other things of the kernel: maps, programs, cgroups. What goes in is a descriptor, which may be
 * closed afterwards: the map keeps the thing alive.
 *
 *     const byCpu = createMap('byCpu', arrayOfMaps(hash(u32, u64), { maxEntries: 2 }));
 *     byCpu.set(0, createMap('first', hash(u32, u64)));
 *     byCpu.get(0); // its id
 * @module
 */
import type { Input, Layout, u32 } from '../layout/index.ts';
import type { MapSpec } from '../object/index.ts';
import {
  BpfError,
  type FileDescriptor,
  mapDelete,
  mapLookup,
  mapUpdate,
} from '../syscall/index.ts';
import { openCgroup } from './cgroup-directory.ts';
import { MapBase, refused, reworded } from './map-base.ts';
import { type Codec, codecOf } from './map-codec.ts';

/** Something with a descriptor: a map, a program. */
export interface HasFd {
  readonly fd: number;
}

type ReferenceType = 'array_of_maps' | 'hash_of_maps' | 'prog_array' | 'cgroup_array';

/** What the maps of this file share. */
abstract class References<T extends ReferenceType, K extends Layout> extends MapBase<
  MapSpec<T, K, typeof u32>
> {
  readonly #key: Codec<Input<K>, unknown>;
  readonly #value = new Uint8Array(4);
  readonly #view = new DataView(this.#value.buffer);

  constructor(descriptor: FileDescriptor, name: string, spec: MapSpec<T, K, typeof u32>) {
    super(descriptor, name, spec);
    this.#key = codecOf<K>(
      spec.key,
      `map ${name}, ${spec.type === 'hash_of_maps' ? 'key' : 'index'}`,
    );
  }

  /** Removes an entry. False when there was none. */
  delete(key: Input<K>): boolean {
    const { fd } = this;
    this.#key.put(key);
    try {
      return mapDelete(fd, this.#key.bytes);
    } catch (error) {
      throw refused(this, 'delete an entry of', error);
    }
  }

  protected put(key: Input<K>, target: number, explain: (error: BpfError) => string | undefined) {
    const { fd } = this;
    this.#key.put(key);
    this.#view.setUint32(0, target, true);
    try {
      mapUpdate(fd, this.#key.bytes, this.#value);
    } catch (error) {
      const better = refused(this, 'set an entry of', error, key);
      const why = better instanceof BpfError ? explain(better) : undefined;
      throw why === undefined ? better : reworded(better as BpfError, why);
    }
  }

  /** The id that the kernel gives for an entry. */
  protected idOf(key: Input<K>): number | undefined {
    const { fd } = this;
    this.#key.put(key);
    try {
      return mapLookup(fd, this.#key.bytes, this.#value)
        ? this.#view.getUint32(0, true)
        : undefined;
    } catch (error) {
      throw refused(this, 'look up a key in', error);
    }
  }
}

/**
 * Maps by index or by key, all shaped as the spec's `inner`. Linux 4.12.
 * @example
 * const tables = createMap('tables', hashOfMaps(u32, hash(u32, u64)));
 * using table = createMap('table', hash(u32, u64));
 * tables.set(4711, table);
 * tables.get(4711); // the id of table
 */
export class MapOfMaps<K extends Layout> extends References<'array_of_maps' | 'hash_of_maps', K> {
  /** Sets the map of a key, or replaces it; programs see one or the other. */
  set(key: Input<K>, map: HasFd): void {
    this.put(key, map.fd, ({ code }) =>
      code === 'EINVAL'
        ? `map ${this.name}: what it holds is shaped as its inner map, a ${this.spec.inner?.type}, in type, sizes and flags`
        : undefined,
    );
  }

  /** The id of a key's map, as in `info().id`. */
  get(key: Input<K>): number | undefined {
    return this.idOf(key);
  }
}

/**
 * Programs by index, for tail calls. They must be of one type and load alike. Linux 4.2.
 * @example
 * const next = createMap('next', progArray({ maxEntries: 4 }));
 * next.set(0, program);
 */
export class ProgArray extends References<'prog_array', typeof u32> {
  set(index: number, program: HasFd): void {
    this.put(index, program.fd, ({ code }) =>
      code === 'EINVAL'
        ? `map ${this.name}: its programs are of the type of the first one, and of the programs that use it`
        : undefined,
    );
  }

  /** The id of the program at an index. */
  get(index: number): number | undefined {
    return this.idOf(index);
  }
}

/**
 * Cgroups by index, for bpf_current_task_under_cgroup. Linux 4.8.
 * @example
 * const cgroups = createMap('cgroups', cgroupArray({ maxEntries: 1 }));
 * cgroups.set(0, '/sys/fs/cgroup/system.slice');
 */
export class CgroupArray extends References<'cgroup_array', typeof u32> {
  /** Sets a cgroup by its directory, or by a descriptor of it, which stays open. */
  set(index: number, cgroup: string | number): void {
    if (typeof cgroup === 'number') {
      this.#put(index, cgroup, `descriptor ${cgroup}`);
      return;
    }
    // Before the directory is opened: a closed map says so.
    void this.fd;
    const directory = openCgroup(cgroup);
    try {
      this.#put(index, directory.fd, cgroup);
    } finally {
      directory.close();
    }
  }

  #put(index: number, fd: number, what: string): void {
    this.put(index, fd, ({ code }) =>
      code === 'EBADF' || code === 'EINVAL' || code === 'ENOENT'
        ? `map ${this.name}: ${what} is not a directory of a cgroup2 file system (mount -t cgroup2 lists those)`
        : undefined,
    );
  }
}
