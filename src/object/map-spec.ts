/**
 * @module
 * Maps as data: what is created in the kernel when an object is loaded. Keys and values are typed by layouts.
 *
 * Types and their rules: Documentation/bpf/maps.rst and the `map_*.rst` beside it.
 * @example
 * const starts = hash(u32, u64, { maxEntries: 10_240 });
 * const events = ringbuf(Event, { maxEntries: 256 * KiB });
 */
import { type AnyMap, AssemblerError, callSite } from '../asm/index.ts';
import { type Fields, type Input, type Layout, type Struct, u32 } from '../layout/index.ts';
import type { MapType } from './map-types.ts';

/** Flags of BPF_MAP_CREATE (include/uapi/linux/bpf.h). */
export const BPF_F_NO_PREALLOC = 1;
export const BPF_F_RDONLY_PROG = 1 << 7;
export const BPF_F_MMAPABLE = 1 << 10;

/** What global variables are for the linker: zeroed, initialised, read-only, or of the kernel's configuration. */
export type Section = 'bss' | 'data' | 'rodata' | 'kconfig';

/** A map to be created. */
export interface MapSpec<T extends MapType = MapType, K = unknown, V = unknown> extends AnyMap {
  readonly kind: 'map';
  readonly type: T;
  readonly key: K & (Layout | undefined);
  readonly value: V & (Layout | undefined);
  /** Entries; bytes for a ring buffer. 0 for a perf event array stands for the number of possible CPUs. */
  readonly maxEntries: number;
  /** `BPF_F_*` of map creation. */
  readonly flags: number;
  /** Depends on the type: the number of hash functions of a bloom filter, the address of an arena. */
  readonly extra: number | bigint;
  /** Bytes of each CPU's buffer, for a perf event array. */
  readonly bufferSize: number;
  /** What an array or hash of maps holds. */
  readonly inner?: MapSpec | undefined;
  /** What is created where the kernel does not have maps of this type. */
  readonly otherwise?: MapSpec | undefined;
  /** Set on maps that hold global variables. */
  readonly section?: Section | undefined;
  /**
   * The values that a map starts with, by index: of an array values or their bytes, of an array of maps their specs, of
   * a program array the names of programs.
   */
  readonly initial?: readonly unknown[] | undefined;
  /** The NUMA node of its memory. */
  readonly numaNode?: number | undefined;
  /** Whether it is shared under its name in the BPF file system: LIBBPF_PIN_BY_NAME. */
  readonly pinned?: boolean | undefined;
  /** What the kernel calls it in place of its name: libbpf puts the object's name before `.rodata`. */
  readonly kernelName?: string | undefined;
  /** Of a struct_ops map: the programs that are its functions, by the names of the members. */
  readonly operations?: Readonly<Record<string, string>> | undefined;
  /** Its types in the BTF of the file that it was read from; 0 where it has none. */
  readonly typeIds?: { readonly key: number; readonly value: number } | undefined;
}
export type AnyMapSpec = MapSpec<MapType, unknown, unknown>;

export const KiB = 1024;
export const MiB = 1024 * KiB;

/** Options of most maps. */
export interface MapOptions {
  /** How many entries it can hold. Default 10,240. */
  readonly maxEntries?: number | undefined;
  /** More `BPF_F_*` flags of map creation. */
  readonly flags?: number | undefined;
}

const DEFAULT_ENTRIES = 10_240;

/** The constructor that a user called, whose line a refusal names. */
type Constructor = (...args: never[]) => unknown;

const make = <T extends MapType, K, V>(
  by: Constructor,
  type: T,
  key: K & (Layout | undefined),
  value: V & (Layout | undefined),
  { maxEntries = DEFAULT_ENTRIES, flags = 0 }: MapOptions = {},
  more: Partial<Pick<AnyMapSpec, 'extra' | 'bufferSize' | 'inner' | 'section' | 'initial'>> = {},
): MapSpec<T, K, V> => {
  const refuse: Refuse = (why) => {
    throw new AssemblerError(`${type}: ${why}`, callSite(by));
  };
  if (type !== 'perf_event_array' || maxEntries !== 0)
    checkNumber('maxEntries', maxEntries, 1, type === 'ringbuf' ? 2 ** 31 : 0xffff_ffff, refuse);
  checkNumber('flags', flags, 0, 0xffff_ffff, refuse);
  checkLayout('a key', key, false, refuse);
  checkLayout('a value', value, type === 'ringbuf' || type === 'perf_event_array', refuse);
  checkKind(type, key, more, refuse);
  if (type === 'perf_event_array') checkNumber('bufferSize', more.bufferSize!, 1, 2 ** 31, refuse);
  return Object.freeze({
    kind: 'map',
    type,
    key,
    value,
    maxEntries,
    flags,
    extra: 0,
    bufferSize: 0,
    ...more,
  });
};

type Refuse = (why: string) => never;

const checkNumber = (
  what: string,
  value: number,
  least: number,
  most: number,
  refuse: Refuse,
): void => {
  if (!Number.isInteger(value) || value < least || value > most)
    refuse(`${what}: a whole number from ${least} to ${most}, got ${value}`);
};

/** What is kept in a map has one size, on every kernel. Events may end in a text. */
const checkLayout = (
  what: string,
  layout: Layout | undefined,
  mayEndInText: boolean,
  refuse: Refuse,
): void => {
  if (layout?.kind === 'text' || layout?.kind === 'bitfield')
    refuse(`${what} cannot be a ${layout.kind} by itself; put it into a struct`);
  if (layout?.kind !== 'struct') return;
  if (layout.origin !== 'local')
    refuse(`${layout.name} has the size that each kernel gives it; keep a struct() of your own`);
  if (!mayEndInText && layout.members.at(-1)?.layout.kind === 'text')
    refuse(`${what} has one size, but ${layout.name} ends in a text(); use chars()`);
};

/** What single types ask for (map_create and the map_alloc_check functions of kernel/bpf). */
const checkKind = (
  type: MapType,
  key: Layout | undefined,
  { extra, inner }: Partial<Pick<AnyMapSpec, 'extra' | 'inner'>>,
  refuse: Refuse,
): void => {
  const prefix = key?.kind === 'struct' ? key.members[0] : undefined;
  if (type === 'lpm_trie' && !(prefix?.layout.kind === 'scalar' && prefix.layout.size === 4))
    refuse('the key starts with a u32, the number of bits that count');
  if (type === 'bloom_filter') checkNumber('hashes', Number(extra), 1, 15, refuse);
  if (inner && (inner.inner || inner.type === 'prog_array'))
    refuse(`its maps cannot be of type ${inner.type}`);
};

/** Any key to any value. */
export const hash = <K extends Layout, V extends Layout>(key: K, value: V, options?: MapOptions) =>
  make(hash, 'hash', key, value, options) as MapSpec<'hash', K, V>;

/** A hash that makes room by dropping what was used least recently: updates do not fail when it is full. */
export const lruHash = <K extends Layout, V extends Layout>(
  key: K,
  value: V,
  options?: MapOptions,
) => make(lruHash, 'lru_hash', key, value, options) as MapSpec<'lru_hash', K, V>;

/** A hash with one value for each CPU. */
export const percpuHash = <K extends Layout, V extends Layout>(
  key: K,
  value: V,
  options?: MapOptions,
) => make(percpuHash, 'percpu_hash', key, value, options) as MapSpec<'percpu_hash', K, V>;

export const lruPercpuHash = <K extends Layout, V extends Layout>(
  key: K,
  value: V,
  options?: MapOptions,
) =>
  make(lruPercpuHash, 'lru_percpu_hash', key, value, options) as MapSpec<'lru_percpu_hash', K, V>;

/** Values by index from 0 on; all are there from the start, as zeros. */
export const arrayMap = <V extends Layout>(
  value: V,
  options: MapOptions & { readonly maxEntries: number },
) => make(arrayMap, 'array', u32, value, options) as MapSpec<'array', typeof u32, V>;

/** An array with one value for each CPU. */
export const percpuArray = <V extends Layout>(
  value: V,
  options: MapOptions & { readonly maxEntries: number },
) =>
  make(percpuArray, 'percpu_array', u32, value, options) as MapSpec<'percpu_array', typeof u32, V>;

/** Longest prefix match: the key is a struct that starts with the length of the prefix in bits, a u32. */
export const lpmTrie = <F extends Fields, V extends Layout>(
  key: Struct<F>,
  value: V,
  options: MapOptions = {},
) =>
  make(lpmTrie, 'lpm_trie', key, value, {
    ...options,
    flags: (options.flags ?? 0) | BPF_F_NO_PREALLOC,
  }) as MapSpec<'lpm_trie', Struct<F>, V>;

/** Call stacks by their ids; the value is an array of u64, or bytes. */
export const stackTrace = <V extends Layout>(value: V, options?: MapOptions) =>
  make(stackTrace, 'stack_trace', u32, value, options) as MapSpec<'stack_trace', typeof u32, V>;

/** First in, first out. */
export const queueMap = <V extends Layout>(value: V, options?: MapOptions) =>
  make(queueMap, 'queue', undefined, value, options) as MapSpec<'queue', undefined, V>;

/** Last in, first out. */
export const stackMap = <V extends Layout>(value: V, options?: MapOptions) =>
  make(stackMap, 'stack', undefined, value, options) as MapSpec<'stack', undefined, V>;

/** Says whether a value may have been put in: never a false no. `hashes` 1 to 15. Linux 5.16. */
export const bloomFilter = <V extends Layout>(
  value: V,
  options: MapOptions & { readonly hashes?: number } = {},
) =>
  make(bloomFilter, 'bloom_filter', undefined, value, options, {
    extra: options.hashes ?? 5,
  }) as MapSpec<'bloom_filter', undefined, V>;

/** Maps by index, all shaped as `inner`. */
export const arrayOfMaps = <I extends AnyMapSpec>(
  inner: I,
  options: MapOptions & { readonly maxEntries: number },
) =>
  make(arrayOfMaps, 'array_of_maps', u32, u32, options, { inner }) as MapSpec<
    'array_of_maps',
    typeof u32,
    typeof u32
  >;

/** Maps by key, all shaped as `inner`. */
export const hashOfMaps = <K extends Layout, I extends AnyMapSpec>(
  key: K,
  inner: I,
  options?: MapOptions,
) =>
  make(hashOfMaps, 'hash_of_maps', key, u32, options, { inner }) as MapSpec<
    'hash_of_maps',
    K,
    typeof u32
  >;

/** Programs by index, for tail calls. */
export const progArray = (options: MapOptions & { readonly maxEntries: number }) =>
  make(progArray, 'prog_array', u32, u32, options) as MapSpec<'prog_array', typeof u32, typeof u32>;

/** Cgroups by index, for current_task_under_cgroup. Values are descriptors of cgroup directories. */
export const cgroupArray = (options: MapOptions & { readonly maxEntries: number }) =>
  make(cgroupArray, 'cgroup_array', u32, u32, options) as MapSpec<
    'cgroup_array',
    typeof u32,
    typeof u32
  >;

/**
 * One buffer for each CPU, read with PerfBuffer: the way of kernels before 5.8.
 * @param options `bufferSize` is the size of each CPU's buffer in bytes, rounded up to a power of two of at least a
 * page. Default 256 KiB.
 */
export const perfEventArray = <V extends Layout>(
  event: V,
  { bufferSize }: { readonly bufferSize?: number | undefined } = {},
): MapSpec<'perf_event_array', undefined, V> => perfOf(perfEventArray, event, bufferSize);

const perfOf = <V extends Layout>(by: Constructor, event: V, size = 256 * KiB) => {
  const more = { bufferSize: powerOfTwo(size) };
  return make(by, 'perf_event_array', undefined, event, { maxEntries: 0 }, more) as MapSpec<
    'perf_event_array',
    undefined,
    V
  >;
};

/** The next power of two from a page on; what is no size at all stays, to be refused. */
const powerOfTwo = (bytes: number): number =>
  bytes > 0 && bytes <= 2 ** 31 ? Math.max(4 * KiB, 2 ** Math.ceil(Math.log2(bytes))) : bytes;

/**
 * Events in the order of their reservation, shared by all CPUs. Linux 5.8.
 * @param options `maxEntries` is its size in bytes, rounded up to a power of two of at least a page. Default 256 KiB.
 */
export const ringbuf = <V extends Layout>(
  event: V,
  { maxEntries }: { readonly maxEntries?: number | undefined } = {},
): MapSpec<'ringbuf', undefined, V> => ringOf(ringbuf, event, maxEntries);

const ringOf = <V extends Layout>(by: Constructor, event: V, size = 256 * KiB) =>
  make(by, 'ringbuf', undefined, event, { maxEntries: powerOfTwo(size) }) as MapSpec<
    'ringbuf',
    undefined,
    V
  >;

/**
 * A ring buffer, or a perf buffer for each CPU where the kernel has no ring buffers (before 5.8): what `output` sends
 * to, and user space reads either in the same way.
 * @param options `size` in bytes, of the ring buffer or of each CPU's perf buffer.
 */
export const eventBuffer = <V extends Layout>(
  event: V,
  { size }: { readonly size?: number | undefined } = {},
): MapSpec<'ringbuf', undefined, V> =>
  Object.freeze({
    ...ringOf(eventBuffer, event, size),
    otherwise: perfOf(eventBuffer, event, size),
  });

/** The map that holds global variables. */
export type GlobalsSpec<F extends Fields> = MapSpec<'array', typeof u32, Struct<F>> & {
  readonly section: Section;
};

/**
 * Global variables: one struct that programs address with `lea(r1, it)` and user space reads and writes while they
 * run, through shared memory. Linux 5.5.
 * @param options `initial`: values at load, zeros when left out. `readonly`: programs cannot write it, and the verifier
 * knows the values.
 */
export const globals = <F extends Fields>(
  variables: Struct<F>,
  {
    initial,
    readonly = false,
  }: { readonly initial?: Input<Struct<F>> | undefined; readonly readonly?: boolean } = {},
) => {
  const section: Section = readonly ? 'rodata' : initial === undefined ? 'bss' : 'data';
  const flags = BPF_F_MMAPABLE | (readonly ? BPF_F_RDONLY_PROG : 0);
  return make(
    globals,
    'array',
    u32,
    variables,
    { maxEntries: 1, flags },
    {
      section,
      initial: initial === undefined ? undefined : [initial],
    },
  ) as GlobalsSpec<F>;
};
