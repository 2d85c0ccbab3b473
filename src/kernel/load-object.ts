/**
 * @module
 * From an object's spec to programs and maps in the kernel.
 * @example
 * using tool = loadObject(exitsnoop({ failed: true }));
 * tool.attach();
 * for await (const { pid, comm } of tool.maps.events.read({ signal })) console.log(pid, comm);
 */
import type { AnyMap } from '../asm/index.ts';
import { BTF_FEATURES, type BtfFeature } from '../btf/index.ts';
import {
  type AnyMapSpec,
  type LinkedObject,
  link,
  type ObjectSpec,
  type Optional,
  type ProgramEntry,
} from '../object/index.ts';
import {
  BpfError,
  btfLoad,
  FileDescriptor,
  isAtLeast,
  kernelVersion,
  setMemlockLimit,
  UNLIMITED,
  waitForRunningPrograms,
} from '../syscall/index.ts';
import { KernelWorld } from './kernel-world.ts';
import { attach, type Link } from './link.ts';
import { createLiveMap, type Live, type LiveMap } from './live-map.ts';
import { loadProgram, type Program } from './program.ts';
import { type Feature, featuresWithout } from './without.ts';

export interface LoadOptions {
  /** Features of the kernel to do without, to test what older kernels get. BEESPOKE_WITHOUT adds to them. */
  readonly without?: readonly Feature[] | undefined;
  /** Send the kernel line info at once, so that bpftool shows our lines; else only after a refusal. */
  readonly lines?: boolean | undefined;
}

/** What was lost since the object was loaded, by where. */
export interface Losses {
  /** By map: reservations and outputs that a full buffer refused, updates that a full map refused. */
  readonly refused: Readonly<Record<string, number>>;
  /** By program: runs that the kernel skipped because another program was running on that CPU. Linux 5.12. */
  readonly missed: Readonly<Record<string, number>>;
  readonly total: number;
}

type LiveProgram<E extends ProgramEntry> = E extends Optional ? Program | undefined : Program;

/** An object in the kernel. It owns its maps, programs and links, and ends with `close()`. */
export class LoadedObject<
  M extends Record<string, AnyMapSpec> = Record<string, AnyMapSpec>,
  P extends Record<string, ProgramEntry> = Record<string, ProgramEntry>,
> {
  /** The maps under the names of the spec. */
  readonly maps: { readonly [K in keyof M]: LiveMap<M[K]> };
  /** The programs under the names of the spec; undefined for optional ones whose hook is missing. */
  readonly programs: { readonly [K in keyof P]: LiveProgram<P[K]> };
  /** Optional programs that were left out, because the kernel does not have their hooks. */
  readonly missing: readonly string[];
  readonly #world: KernelWorld;
  readonly #counters: ReadonlyMap<string, () => number>;
  readonly #owned: readonly { close(): void }[];
  #links: Link[] = [];
  #closed = false;
  #lastLosses: Losses = { refused: {}, missed: {}, total: 0 };

  /** @internal Use loadObject. */
  constructor(parts: {
    readonly maps: Readonly<Record<string, Live>>;
    readonly programs: Readonly<Record<string, Program>>;
    readonly missing: readonly string[];
    readonly world: KernelWorld;
    readonly counters: ReadonlyMap<string, () => number>;
    readonly owned: readonly { close(): void }[];
  }) {
    this.maps = parts.maps as never;
    this.programs = parts.programs as never;
    this.missing = parts.missing;
    this.#world = parts.world;
    this.#counters = parts.counters;
    this.#owned = parts.owned;
  }

  /** The links of attached programs. */
  get links(): readonly Link[] {
    return this.#links;
  }

  /** Attaches every program. When one cannot be attached, none is. */
  attach(): void {
    this.#check();
    if (this.#links.length > 0) throw new Error('the object is attached already');
    const links: Link[] = [];
    try {
      for (const program of Object.values(this.programs) as (Program | undefined)[]) {
        if (program) links.push(attach(program, this.#world));
      }
    } catch (error) {
      for (const each of links) each.close();
      throw error;
    }
    this.#links = links;
  }

  /** Detaches every program and waits until none of them runs any more: what they sent can then be read to the end. */
  detach(): void {
    if (this.#links.length === 0) return;
    for (const each of this.#links.toReversed()) each.close();
    this.#links = [];
    waitForRunningPrograms();
  }

  /** What was lost so far; after close(), what was lost until then. */
  losses(): Losses {
    if (this.#closed) return this.#lastLosses;
    const refused: Record<string, number> = {};
    for (const [map, count] of this.#counters) refused[map] = count();
    const missed: Record<string, number> = {};
    for (const program of Object.values(this.programs) as (Program | undefined)[]) {
      if (program) missed[program.name] = Number(program.info().recursionMisses ?? 0);
    }
    const total = [...Object.values(refused), ...Object.values(missed)].reduce(
      (sum, count) => sum + count,
      0,
    );
    return { refused, missed, total };
  }

  /** Detaches, then gives back every descriptor and mapping. The second time does nothing. */
  close(): void {
    if (this.#closed) return;
    this.detach();
    this.#lastLosses = this.losses();
    this.#closed = true;
    closeAll(this.#owned);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #check(): void {
    if (this.#closed) throw new Error('the object is closed');
  }
}

const closeAll = (owned: readonly { close(): void }[]): void => {
  for (const each of owned.toReversed()) each.close();
};

/**
 * Loads an object: decides variants and choices, resolves CO-RE, creates maps, loads programs. Synchronous, as bpf(2)
 * is. Throws a VerifierError, a BpfError or a RequirementError, and then leaves nothing behind.
 */
export const loadObject = <
  M extends Record<string, AnyMapSpec>,
  P extends Record<string, ProgramEntry>,
>(
  spec: ObjectSpec<M, P>,
  options: LoadOptions = {},
): LoadedObject<M, P> => {
  const world = new KernelWorld(featuresWithout(options.without));
  const linked = link(spec, world);
  raiseMemlock();
  const owned: { close(): void }[] = [];
  try {
    const btf = new ObjectBtf(linked);
    owned.push(btf);
    const { maps, fds, counters } = createMaps(linked, btf, world, owned);
    const programs: Record<string, Program> = {};
    for (const each of linked.programs) {
      const program = loadProgram(each, {
        world,
        license: linked.license,
        types: linked.types,
        fdOf: (map) => fds.get(map)!,
        btfFd: () => btf.fd,
        lines: options.lines ?? false,
      });
      owned.push(program);
      programs[each.name] = program;
    }
    const visible = Object.fromEntries(Object.keys(spec.maps).map((name) => [name, maps[name]!]));
    return new LoadedObject<M, P>({
      maps: visible,
      programs,
      missing: linked.missing,
      world,
      counters,
      owned,
    });
  } catch (error) {
    closeAll(owned);
    throw error;
  }
};

/** Before 5.11 maps and programs count as locked memory, of which processes may have little. */
const raiseMemlock = (): void => {
  if (isAtLeast(kernelVersion(), 5, 11)) return;
  try {
    setMemlockLimit({ soft: UNLIMITED, hard: UNLIMITED });
  } catch {
    // Loading says what it lacks, if it does.
  }
};

/** Creates all maps, the counters of losses first: buffers report them. */
const createMaps = (
  linked: LinkedObject,
  btf: ObjectBtf,
  world: KernelWorld,
  owned: { close(): void }[],
) => {
  const maps: Record<string, Live> = {};
  const fds = new Map<AnyMap, number>();
  const counters = new Map<string, () => number>();
  const isCounter = (name: string) => name.endsWith('.lost');
  const names = Object.keys(linked.maps);
  for (const name of [...names.filter(isCounter), ...names.filter((each) => !isCounter(each))]) {
    const spec = linked.maps[name]!;
    const lost = counters.get(name) ?? (() => 0);
    const { live, fd } = createLiveMap(name, spec, { btf: btf.ofMap(spec), without: world.without, lost });
    owned.push(live);
    maps[name] = live;
    fds.set(spec, fd);
    if (isCounter(name)) {
      const counter = live as unknown as { get(field: 'refused'): number };
      counters.set(name.replace(/\.lost$/, ''), () => counter.get('refused'));
    }
  }
  return { maps, fds, counters };
};

/** The object's BTF in the kernel: loaded when it is first needed, and again when line info has added strings. */
class ObjectBtf {
  readonly #linked: LinkedObject;
  #descriptor: FileDescriptor | undefined;
  #loaded: Uint8Array | undefined;
  #refused = false;

  constructor(linked: LinkedObject) {
    this.#linked = linked;
    for (const { key, value } of Object.values(linked.maps)) {
      if (key) linked.types.idOf(key);
      if (value) linked.types.idOf(value);
    }
  }

  /** undefined on kernels that take no BTF: they have neither callbacks nor timers that would need it. */
  get fd(): number | undefined {
    if (this.#refused) return undefined;
    const bytes = this.#linked.types.builder.encode({ without: missingBtf() });
    if (this.#loaded && this.#loaded.length === bytes.length) return this.#descriptor!.fd;
    try {
      const fd = btfLoad(bytes);
      this.#descriptor?.close();
      this.#descriptor = new FileDescriptor(fd, 'the BTF of the object');
      this.#loaded = bytes;
      return fd;
    } catch (error) {
      if (!(error instanceof BpfError) || error.code === 'EPERM') throw error;
      this.#refused = true;
      return undefined;
    }
  }

  ofMap({ key, value }: AnyMapSpec) {
    const { types } = this.#linked;
    const { fd } = this;
    if (fd === undefined || !key || !value) return undefined;
    return { fd, keyTypeId: types.idOf(key), valueTypeId: types.idOf(value) };
  }

  close(): void {
    this.#descriptor?.close();
  }
}

/** The kinds of BTF that this kernel does not know yet. */
const missingBtf = (): BtfFeature[] => {
  const kernel = kernelVersion();
  return (Object.keys(BTF_FEATURES) as BtfFeature[]).filter((feature) => {
    const [major, minor] = BTF_FEATURES[feature].split('.').map(Number);
    return !isAtLeast(kernel, major!, minor!);
  });
};
