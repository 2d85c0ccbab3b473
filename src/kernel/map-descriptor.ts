/**
 * Creates the map that a spec describes, as the kernel has it: a descriptor, its first values written, and
 * frozen if it is read-only. The classes that user space reads maps with are put around it in map-create.ts.
 *
 * Follows kernel/bpf/syscall.c (map_create) of Linux 6.18, and the order of libbpf's bpf_object__create_map.
 *
 *     using map = createMapDescriptor('starts', hash(u32, u64));
 *     map.fd;
 * @module
 */
import { encode, type Layout, maxSize } from '../layout/index.ts';
import { type AnyMapSpec, BPF_F_MMAPABLE, MAP_TYPES, type MapType } from '../object/index.ts';
import {
  BpfError,
  FileDescriptor,
  mapCreate,
  mapFreeze,
  mapUpdate,
  objectName,
  pageSize,
  possibleCpus,
} from '../syscall/index.ts';
import { perCpuCodec } from './map-codec.ts';

/** The types of a map's key and value, in BTF that is loaded. */
export interface MapBtf {
  readonly fd: number;
  readonly keyTypeId: number;
  readonly valueTypeId: number;
  /** Why the map is nothing without them; undefined where they only tell people what is in it. */
  readonly needed?: string | undefined;
}

/** What a loader knows beyond the spec. */
export interface MapDescriptorOptions {
  /** The types of keys and values, for the map types that take them; left out where the kernel refuses it. */
  readonly btf?: MapBtf | undefined;
  /** Those of the maps that it holds. */
  readonly innerBtf?: MapBtf | undefined;
  /** Features that shall not be used, as if the kernel did not have them: `mmap` here. */
  readonly without?: ReadonlySet<string> | undefined;
  /** The descriptor of a map to take the shape of inner maps from, in place of one made for it. */
  readonly innerFd?: number | undefined;
  /** From `tokenCreate`. */
  readonly tokenFd?: number | undefined;
}

/** Types of maps that libbpf does not tell the kernel types for: most answer ENOTSUPP (`map_check_no_btf`). */
const TAKES_NO_BTF: ReadonlySet<MapType> = /* @__PURE__ */ new Set([
  'perf_event_array',
  'cgroup_array',
  'stack_trace',
  'array_of_maps',
  'hash_of_maps',
  'devmap',
  'devmap_hash',
  'cpumap',
  'xskmap',
  'sockmap',
  'sockhash',
  'queue',
  'stack',
  'arena',
]);

/** Values of these are descriptors, whatever is put in; a perf event array holds no event itself. */
const HOLDS_DESCRIPTORS: ReadonlySet<MapType> = /* @__PURE__ */ new Set([
  'prog_array',
  'perf_event_array',
  'cgroup_array',
  'array_of_maps',
  'hash_of_maps',
]);

/**
 * A new map in the kernel, with its initial values. Names are cut to 15 valid characters, and a perf event
 * array without a size gets one slot for each possible CPU. What newer kernels know and this one refuses
 * (BTF before 4.18, BPF_F_MMAPABLE before 5.5) is left out.
 * @example
 * using events = createMapDescriptor('events', ringbuf(Event, { maxEntries: 256 * KiB }));
 */
export function createMapDescriptor(
  name: string,
  given: AnyMapSpec,
  options: MapDescriptorOptions = {},
): FileDescriptor {
  const spec = inPages(given);
  const template = createTemplate(name, spec, options);
  try {
    const descriptor = new FileDescriptor(
      create(name, spec, options, options.innerFd ?? template?.fd),
      `map ${name}`,
    );
    try {
      writeInitial(descriptor, spec);
      if (isReadOnly(spec)) mapFreeze(descriptor.fd);
      return descriptor;
    } catch (error) {
      descriptor.close();
      throw error;
    }
  } finally {
    // The kernel has copied its shape.
    template?.close();
  }
}

/** An inner map that is there only to show its shape. */
function createTemplate(
  name: string,
  { type, inner }: AnyMapSpec,
  { innerFd, innerBtf, without, tokenFd }: MapDescriptorOptions,
): FileDescriptor | undefined {
  if ((type !== 'array_of_maps' && type !== 'hash_of_maps') || innerFd !== undefined) return;
  if (!inner) throw new TypeError(`map ${name}: ${type} needs the spec of what it holds`);
  return createMapDescriptor(`${name}.inner`, inner, { btf: innerBtf, without, tokenFd });
}

/** Whether its values never change once it is loaded. */
export const isReadOnly = ({ section }: AnyMapSpec): boolean =>
  section === 'rodata' || section === 'kconfig';

/** Ring buffers as the kernel takes them: a power of two of pages, of the size that they have here. */
export const inPages = (spec: AnyMapSpec): AnyMapSpec => {
  const { type, maxEntries } = spec;
  if ((type !== 'ringbuf' && type !== 'user_ringbuf') || maxEntries === 0) return spec;
  const size = Math.max(pageSize(), 2 ** Math.ceil(Math.log2(maxEntries)));
  // What is too large is refused under its own name.
  return size > 2 ** 31 ? spec : { ...spec, maxEntries: size };
};

function create(
  name: string,
  spec: AnyMapSpec,
  { btf, without, tokenFd }: MapDescriptorOptions,
  innerMapFd: number | undefined,
): number {
  const types = btf && !TAKES_NO_BTF.has(spec.type) ? btf : undefined;
  const flags = without?.has('mmap') ? spec.flags & ~BPF_F_MMAPABLE : spec.flags;
  const attempt = (btfIds: typeof types, mapFlags: number): number =>
    mapCreate({
      type: MAP_TYPES[spec.type].number,
      name: objectName(spec.kernelName ?? name),
      keySize: keySizeOf(name, spec),
      valueSize: valueSizeOf(name, spec),
      maxEntries: entriesOf(spec),
      flags: mapFlags,
      extra: spec.extra,
      numaNode: spec.numaNode,
      tokenFd,
      innerMapFd,
      btfFd: btfIds?.fd,
      btfKeyTypeId: btfIds?.keyTypeId,
      btfValueTypeId: btfIds?.valueTypeId,
    });
  const attempts = [() => attempt(types, flags)];
  const least = types?.needed === undefined ? undefined : types;
  if (types !== least) attempts.push(() => attempt(least, flags));
  if (flags & BPF_F_MMAPABLE && spec.type === 'array')
    attempts.push(() => attempt(least, flags & ~BPF_F_MMAPABLE));
  return firstAccepted(attempts);
}

/** Of several refusals the first that is not about what was left out later: the first of all. */
function firstAccepted(attempts: readonly (() => number)[]): number {
  let refusal: unknown;
  for (const attempt of attempts) {
    try {
      return attempt();
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      refusal ??= error;
      // Privileges and memory do not come back by asking for less.
      if (error.code === 'EPERM' || error.code === 'ENOMEM') break;
    }
  }
  throw refusal;
}

/** Bytes of a key; 0 where there is none. */
export function keySizeOf(name: string, { type, key }: AnyMapSpec): number {
  if (type === 'perf_event_array') return 4;
  return key ? fixedSize(`map ${name}, key`, key as Layout) : 0;
}

/** Bytes of one value, of one CPU. */
export function valueSizeOf(name: string, { type, value }: AnyMapSpec): number {
  if (HOLDS_DESCRIPTORS.has(type)) return 4;
  // The size of a record in a ring buffer is not the map's.
  if (type === 'ringbuf') return 0;
  return value ? fixedSize(`map ${name}, value`, value as Layout) : 0;
}

function fixedSize(what: string, layout: Layout): number {
  if (maxSize(layout) === layout.size) return layout.size;
  throw new TypeError(
    `${what}: expected a layout of one size, got one that ends in text; use chars()`,
  );
}

/** Perf event arrays are indexed by the number of the CPU, and numbers may be left out. */
export const entriesOf = ({ type, maxEntries }: AnyMapSpec): number =>
  type === 'perf_event_array' && maxEntries === 0 ? possibleCpus().at(-1)! + 1 : maxEntries;

function writeInitial({ fd, name }: FileDescriptor, spec: AnyMapSpec): void {
  const { initial, type } = spec;
  if (initial === undefined) return;
  if (type !== 'array' && type !== 'percpu_array') {
    throw new TypeError(`${name}: initial values are for arrays, got a ${type}`);
  }
  const layout = spec.value as Layout;
  initial.forEach((value, index) => {
    if (value === undefined) return;
    const key = new Uint8Array(Uint32Array.of(index).buffer);
    mapUpdate(fd, key, initialBytes(`${name}, initial value ${index}`, type, layout, value));
  });
}

function initialBytes(
  what: string,
  type: 'array' | 'percpu_array',
  layout: Layout,
  value: unknown,
): Uint8Array {
  if (type === 'array' && value instanceof Uint8Array) {
    if (value.length === layout.size) return value;
    throw new RangeError(`${what}: expected ${layout.size} bytes, got ${value.length}`);
  }
  if (type === 'array') return encode(layout, value as never);
  const codec = perCpuCodec(layout, what);
  codec.put(value as never);
  return codec.bytes;
}
