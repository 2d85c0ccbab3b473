/**
 * What all live maps are: a descriptor with a name and a spec, open until `close()`.
 *
 *     using starts = createMap('starts', hash(u32, u64));
 *     starts.info().id;     // as in `bpftool map list`
 *     starts.close();
 *     starts.get(1);        // Error: map starts is closed
 * @module
 */
import type { AnyMapSpec } from '../object/index.ts';
import { BpfError, type FileDescriptor, type MapInfo, mapInfo } from '../syscall/index.ts';
import { pin } from './pins.ts';

/** A map in the kernel. It stays there for the programs that use it, also after `close()`. */
export abstract class MapBase<S extends AnyMapSpec = AnyMapSpec> implements Disposable {
  /** Its name in the object; the kernel's is cut to 15 characters. */
  readonly name: string;
  readonly spec: S;
  readonly #descriptor: FileDescriptor;

  constructor(descriptor: FileDescriptor, name: string, spec: S) {
    this.#descriptor = descriptor;
    this.name = name;
    this.spec = spec;
  }

  /** The number of its descriptor; throws when it is closed. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  get closed(): boolean {
    return this.#descriptor.closed;
  }

  /** What the kernel says about it: id, sizes, flags. */
  info(): MapInfo {
    return mapInfo(this.fd);
  }

  /** Keeps it under a path in a BPF file system, until `unpin(path)`: it outlives this process. */
  pin(path: string): void {
    pin(this.fd, path);
  }

  /** Gives the descriptor back; the second time does nothing. */
  close(): void {
    this.#descriptor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * What a refused command on `map` throws: the kernel's errors by the name of the map, and "full" in so many
 * words (hash tables and queues answer E2BIG, tries ENOSPC). `attempt` completes "cannot ...".
 */
export function refused(map: MapBase, attempt: string, error: unknown, index?: unknown): unknown {
  if (!(error instanceof BpfError)) return error;
  const { call, errno, count, code } = error;
  const { name, spec } = map;
  const better = new BpfError({ call, attempt: `${attempt} map ${name}`, errno, count });
  const full = code === 'E2BIG' || (code === 'ENOSPC' && spec.type === 'lpm_trie');
  if (full && call === 'BPF_MAP_UPDATE_ELEM') {
    const { maxEntries } = map.info();
    return reworded(
      better,
      isIndexed(spec)
        ? `map ${name} has no index ${String(index)}: it has ${entries(maxEntries)}`
        : `map ${name} is full: ${entries(maxEntries)}`,
    );
  }
  return better;
}

/** An error with another message, which its stack begins with too. */
export function reworded<E extends Error>(error: E, message: string): E {
  error.message = message;
  Error.captureStackTrace(error, reworded);
  return error;
}

const entries = (count: number): string => (count === 1 ? '1 entry' : `${count} entries`);

/** Keys are the numbers below max_entries, and all are there. */
const isIndexed = ({ type }: AnyMapSpec): boolean => type.includes('array');
