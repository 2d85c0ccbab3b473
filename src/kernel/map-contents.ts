/**
 * @module
 * What is in a map that somebody else has made: its entries, typed by the BTF that it was created with. Maps without
 * types give bytes.
 *
 *     using contents = new MapContents(474209);
 *     for (const { key, value } of contents.entries()) console.log(key, value);
 */
import { type Btf, BtfError } from '../btf/index.ts';
import {
  array,
  bytes,
  decode,
  decoder,
  type Layout,
  pointer,
  toJson,
  u32,
} from '../layout/index.ts';
import { layoutOf, type MapType, RequirementError } from '../object/index.ts';
import {
  BpfError,
  FileDescriptor,
  fdById,
  type MapInfo,
  mapInfo,
  mapLookup,
  possibleCpus,
} from '../syscall/index.ts';
import { chunks, type Source } from './batch.ts';
import { kernelBtf } from './kernel-btf.ts';
import { type LoadedMap, loadedBtf } from './loaded.ts';

/** One entry, as its layouts decode it. */
export interface MapEntry {
  /** undefined in queues and stacks. */
  readonly key: unknown;
  /** The values of all possible CPUs where each has its own. */
  readonly value: unknown;
}

const PER_CPU: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'percpu_hash',
  'percpu_array',
  'lru_percpu_hash',
  'percpu_cgroup_storage',
]);

/** Only the next of these can be looked at without taking it out. */
const KEYLESS: ReadonlySet<string> = /* @__PURE__ */ new Set(['queue', 'stack']);

/** What keeps its entries to itself, and why. */
const CLOSED: Readonly<Record<string, string>> = {
  ringbuf: 'its records go to the process that reads it',
  user_ringbuf: 'its records go to programs',
  perf_event_array: 'the kernel shows no events; their records go to the process that reads them',
  bloom_filter: 'it can only be asked whether a value is in it',
  arena: 'it is memory, without entries',
  cgroup_array: 'the kernel does not tell which control groups are in it',
  sk_storage: 'its values are kept with sockets, which are the keys',
  inode_storage: 'its values are kept with files, which are the keys',
  task_storage: 'its values are kept with tasks, which are the keys',
  cgrp_storage: 'its values are kept with control groups, which are the keys',
};

const SOCKETS = 'only values of 8 bytes show the cookies of sockets, and these have 4';

const hidesSockets = ({ type, valueSize }: LoadedMap): boolean =>
  /^sock(map|hash)$|^reuseport_sockarray$/.test(type) && valueSize !== 8;

/** A map that is looked into. */
export class MapContents implements Disposable {
  readonly #descriptor: FileDescriptor;
  readonly #map: LoadedMap;
  readonly #key: Layout;
  readonly #value: Layout;

  /**
   * @param map From `loaded('map')`.
   * @throws RequirementError for types of maps that cannot be looked into; Error when the map has ended.
   */
  constructor(map: LoadedMap) {
    const closed = CLOSED[map.type] ?? (hidesSockets(map) ? SOCKETS : undefined);
    if (closed) throw new RequirementError(`a ${map.type} cannot be looked into: ${closed}`);
    const fd = fdById('map', map.id);
    if (fd === undefined) throw new Error(`there is no map ${map.id}`);
    this.#descriptor = new FileDescriptor(fd, `map ${map.id}`);
    this.#map = map;
    try {
      const { key, value } = typesOf(mapInfo(fd), map.type);
      this.#key = key;
      this.#value = value;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** All entries, in no order; see `BpfMap.entries`. */
  *entries(): Generator<MapEntry, void, undefined> {
    try {
      yield* KEYLESS.has(this.#map.type) ? this.#next() : this.#all();
    } catch (error) {
      if (error instanceof BpfError && (error.code === 'ENOTSUPP' || error.code === 'EOPNOTSUPP'))
        throw new RequirementError(
          `this kernel does not let anybody look into maps of type ${this.#map.type}`,
          { cause: error },
        );
      throw error;
    }
  }

  *#next(): Generator<MapEntry, void, undefined> {
    const value = new Uint8Array(this.#map.valueSize);
    if (!mapLookup(this.#descriptor.fd, new Uint8Array(0), value)) return;
    yield { key: undefined, value: decode(this.#value, value) };
  }

  *#all(): Generator<MapEntry, void, undefined> {
    const { type, keySize, valueSize } = this.#map;
    const perCpu = PER_CPU.has(type);
    const stride = perCpu ? (valueSize + 7) & ~7 : valueSize;
    const cpus = perCpu ? possibleCpus().length : 1;
    const source: Source = {
      fd: this.#descriptor.fd,
      spec: { type: type as MapType },
      keySize,
      valueSize: stride * cpus,
      lacks: new Set(),
    };
    const readKey = decoder(this.#key);
    const readValue = decoder(this.#value);
    for (const { keys, values, count } of chunks(source)) {
      for (let i = 0; i < count; i++) {
        const at = i * stride * cpus;
        const each = Array.from({ length: cpus }, (_, cpu) => {
          const from = at + cpu * stride;
          return readValue(values, from, from + valueSize);
        });
        const from = i * keySize;
        yield { key: readKey(keys, from, from + keySize), value: perCpu ? each : each[0] };
      }
    }
  }

  /** The entry in what JSON can hold: 64-bit numbers are strings, bytes hexadecimal. */
  toJson({ key, value }: MapEntry): MapEntry {
    const convert = (each: unknown) => toJson(this.#value, each as never);
    return {
      key: key === undefined ? undefined : toJson(this.#key, key as never),
      value: PER_CPU.has(this.#map.type) ? (value as unknown[]).map(convert) : convert(value),
    };
  }

  close(): void {
    this.#descriptor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Maps whose keys are numbers, whatever is said of them. */
const INDEXED =
  /array$|^(array_of_maps|devmap|devmap_hash|cpumap|xskmap|sockmap|stack_trace|struct_ops)$/;

/** Maps whose values are the ids of what they hold. */
const HOLDS_IDS = /^(prog_array|array_of_maps|hash_of_maps)$/;

/** BPF_F_STACK_BUILD_ID: stacks of places in files, and not of addresses. */
const BY_BUILD_ID = 1 << 5;

/** The layouts of keys and values; bytes where there are no types, or none that layouts can have. */
const typesOf = (info: MapInfo, type: string): { readonly key: Layout; readonly value: Layout } => {
  const { btfId, btfKeyTypeId, btfValueTypeId, btfVmlinuxValueTypeId, keySize, valueSize } = info;
  const own = loadedBtf(btfId);
  const isOfKernel = btfVmlinuxValueTypeId !== 0;
  const hasNumber = INDEXED.test(type) || keySize === 0;
  const key = hasNumber ? u32 : typeOf(own, btfKeyTypeId, keySize);
  if (HOLDS_IDS.test(type)) return { key, value: u32 };
  if (type === 'stack_trace' && valueSize % 8 === 0 && (info.flags & BY_BUILD_ID) === 0)
    return { key, value: array(pointer(), valueSize / 8) };
  const value = isOfKernel
    ? typeOf(kernelBtf(), btfVmlinuxValueTypeId, valueSize)
    : typeOf(own, btfValueTypeId, valueSize);
  return { key, value };
};

const typeOf = (btf: Btf | undefined, id: number, size: number): Layout => {
  if (btf && id !== 0 && btf.has(id)) {
    try {
      const layout = layoutOf(btf, id);
      if (layout.size === size) return layout;
    } catch (error) {
      if (!(error instanceof BtfError)) throw error;
    }
  }
  return bytes(size);
};
