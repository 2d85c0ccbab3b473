/**
 * @module
 * From an object's spec to programs and maps in the kernel.
 * @example
 * using tool = loadObject(exitsnoop.object({ failed: true }));
 * tool.attach();
 * for await (const { pid, comm } of tool.maps.events.read({ signal })) console.log(pid, comm);
 */
import type { Btf } from '../btf/index.ts';
import {
  type AnyMapSpec,
  link,
  type ObjectSpec,
  type Optional,
  type ProgramEntry,
  variantsOf,
} from '../object/index.ts';
import {
  isAtLeast,
  progBindMap,
  SystemCallError,
  setMemlockLimit,
  UNLIMITED,
  waitForRunningPrograms,
} from '../syscall/index.ts';
import { type AttachOptions, canAttach } from './attach.ts';
import { type ExtensionTarget, functionOf } from './attach-extension.ts';
import { type Closable, closeAll } from './closable.ts';
import { type Attachment, KernelWorld } from './kernel-world.ts';
import { Link } from './link.ts';
import type { Live, LiveMap } from './live-map.ts';
import { ModuleDescriptors } from './module-descriptors.ts';
import { ObjectBtf } from './object-btf.ts';
import { createMaps, type MapSize } from './object-maps.ts';
import { BPF_FILE_SYSTEM, unpin } from './pins.ts';
import { type LoadContext, loadProgram, type Program } from './program.ts';
import { isOperation, StructOps } from './struct-ops.ts';
import { openToken } from './token.ts';
import { usdtSpecs } from './usdt-specs.ts';
import { type Feature, featuresWithout } from './without.ts';

export interface LoadOptions {
  /** Features of the kernel to do without, to test what older kernels get. BEESPOKE_WITHOUT adds to them. */
  readonly without?: readonly Feature[] | undefined;
  /** Send the kernel line info at once, so that bpftool shows our lines; else only after a refusal. */
  readonly lines?: boolean | undefined;
  /**
   * What the verifier is to write into the `log` of each program, also of those that it accepts: the sum of 1 for
   * instructions and states, 2 for all states, 4 for statistics.
   */
  readonly logLevel?: number | undefined;
  /** The programs to load; without it all but those that load only when they are asked for. */
  readonly programs?: readonly string[] | undefined;
  /**
   * Values of global variables, by name: of those in `.rodata`, `.data` and `.bss` of a file, and of `globals()`. What
   * the verifier knows of read-only ones it uses.
   */
  readonly globals?: Readonly<Record<string, unknown>> | undefined;
  /** Sizes that are known only now, by map: libbpf's bpf_map__set_max_entries and bpf_map__set_value_size. */
  readonly sizes?: Readonly<Record<string, MapSize>> | undefined;
  /** Live maps to use in place of new ones, by name. They stay the caller's, who closes them. */
  readonly maps?: Readonly<Record<string, Live>> | undefined;
  /**
   * The directory of the maps that are pinned by name, in a BPF file system. Default /sys/fs/bpf; '' for maps of the
   * object's own, which are not pinned.
   */
  readonly pinPath?: string | undefined;
  /**
   * A BPF file system that delegates rights to this user namespace (Linux 6.9). Without it LIBBPF_BPF_TOKEN_PATH, or
   * /sys/fs/bpf if that delegates any; '' for none.
   */
  readonly token?: string | undefined;
  /** By the names of freplace programs: the functions whose place they take, of programs that are loaded. */
  readonly targets?: Readonly<Record<string, ExtensionTarget>> | undefined;
  /** The types that CO-RE looks at in place of the kernel's: those of another kernel, or of one that has none. */
  readonly btf?: Btf | undefined;
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

interface Parts {
  readonly maps: Readonly<Record<string, Live>>;
  readonly programs: Readonly<Record<string, Program>>;
  readonly missing: readonly string[];
  readonly counters: ReadonlyMap<string, () => number>;
  readonly owned: readonly Closable[];
}

/** An object in the kernel. It owns its maps, programs and links, and ends with `close()`. */
export class LoadedObject<
  M extends Record<string, AnyMapSpec> = Record<string, AnyMapSpec>,
  P extends Record<string, ProgramEntry> = Record<string, ProgramEntry>,
> implements Disposable
{
  /** The maps under the names of the spec. One that this kernel does not know and no program needs is not there. */
  readonly maps: { readonly [K in keyof M]: LiveMap<M[K]> };
  /** The programs under the names of the spec; undefined for optional ones whose hook is missing. */
  readonly programs: { readonly [K in keyof P]: LiveProgram<P[K]> };
  /** What was left out: optional programs without a hook, and maps that this kernel does not know. */
  readonly missing: readonly string[];
  readonly #parts: Parts;
  /** The links, and the struct_ops maps that are registered without one. */
  #attached: readonly Closable[] = [];
  #lossesAtClose: Losses | undefined;

  /** @internal Use loadObject. */
  constructor(parts: Parts) {
    this.maps = parts.maps as never;
    this.programs = parts.programs as never;
    this.missing = parts.missing;
    this.#parts = parts;
  }

  /** The links of attached programs. */
  get links(): readonly Link[] {
    return this.#attached.filter((each) => each instanceof Link);
  }

  get closed(): boolean {
    return this.#lossesAtClose !== undefined;
  }

  /**
   * Attaches every program whose hook says where, or that has options here, and registers the struct_ops maps. When one
   * cannot be attached, none is. The result names the programs that are left: they are attached with options of their
   * own, `programs.NAME.attach({ ... })`. When all are of that kind, a RequirementError says so.
   * @param options by the names of programs. Those that were left out may have some.
   */
  attach(options: Readonly<Record<string, AttachOptions>> = {}): readonly string[] {
    if (this.closed) throw new Error('the object is closed');
    if (this.#attached.length > 0) throw new Error('the object is attached already');
    const { programs, maps } = this.#parts;
    const all = Object.values(programs).filter((program) => !isOperation(program));
    const left = all.filter(({ name, spec: { hook } }) => !options[name] && !canAttach(hook));
    const attached: Closable[] = [];
    try {
      for (const program of all)
        if (!left.includes(program)) attached.push(program.attach(options[program.name]));
      for (const map of Object.values(maps))
        if (map instanceof StructOps) attached.push(map.attach());
      // It knows best what it lacks.
      if (attached.length === 0 && left[0]) attached.push(left[0].attach());
    } catch (error) {
      closeAll(attached.reverse());
      throw error;
    }
    this.#attached = attached;
    return left.map(({ name }) => name);
  }

  /** Detaches every program and waits until none of them runs any more: what they sent can then be read to the end. */
  detach(): void {
    const attached = this.#attached;
    if (attached.length === 0) return;
    this.#attached = [];
    closeAll(attached.toReversed());
    waitForPrograms();
  }

  /** What was lost so far; after close(), what was lost until then. */
  losses(): Losses {
    if (this.#lossesAtClose) return this.#lossesAtClose;
    const { counters, programs } = this.#parts;
    const refused: Record<string, number> = {};
    for (const [map, count] of counters) refused[map] = count();
    const missed: Record<string, number> = {};
    for (const program of Object.values(programs))
      missed[program.name] = Number(program.info().recursionMisses ?? 0);
    const counts = [...Object.values(refused), ...Object.values(missed)];
    return { refused, missed, total: counts.reduce((sum, count) => sum + count, 0) };
  }

  /** Detaches, then gives back every descriptor and mapping. The second time does nothing. */
  close(): void {
    if (this.closed) return;
    try {
      this.detach();
    } finally {
      try {
        this.#lossesAtClose = this.losses();
      } finally {
        this.#lossesAtClose ??= { refused: {}, missed: {}, total: 0 };
        closeAll(this.#parts.owned.toReversed());
      }
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Long enough for a program to end: the longest that the verifier lets through run for some milliseconds. */
const PATIENCE_MS = 50;

/** Where the kernel has no barrier for it (nohz_full, or a seccomp filter), time has to do. */
const waitForPrograms = (): void => {
  try {
    waitForRunningPrograms();
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PATIENCE_MS);
  }
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
  const owned: Closable[] = [];
  const pinned: string[] = [];
  const modules = new ModuleDescriptors();
  const token = openToken(options.token);
  try {
    const world = new KernelWorld(featuresWithout(options.without), options.btf, token?.fd);
    const replaced = replacedFunctions(spec, options.targets ?? {});
    const linked = link(spec, world, { programs: options.programs, replaced });
    raiseMemlock();
    const btf = new ObjectBtf(linked, token?.fd);
    owned.push(btf);
    const { maps, fdOf, counters, constants, attachments, fill } = createMaps(linked, {
      btf,
      world,
      modules,
      tokenFd: token?.fd,
      globals: options.globals ?? {},
      sizes: options.sizes ?? {},
      replacements: options.maps ?? {},
      pinPath: options.pinPath ?? BPF_FILE_SYSTEM,
      own: (thing) => owned.push(thing),
      pinned: (path) => pinned.push(path),
    });
    const { license } = linked;
    const { lines = false, logLevel = 0 } = options;
    const context: LoadContext = {
      world,
      license,
      fdOf,
      attachments: new Map<string, Attachment>([
        ...attachments,
        ...[...replaced].map(
          ([name, { id, fd }]) => [name, { attachBtfId: id, attachProgFd: fd }] as const,
        ),
      ]),
      modules,
      btf,
      lines,
      logLevel,
      tokenFd: token?.fd,
      usdt: usdtSpecs(maps, world),
    };
    const programs: Record<string, Program> = {};
    for (const each of linked.programs) {
      const program = loadProgram(each, context);
      owned.push(program);
      programs[each.name] = program;
      for (const map of constants) bind(program, map);
    }
    fill(Object.keys(spec.programs), programs);
    const { missing } = linked;
    return new LoadedObject<M, P>({ maps, programs, missing, counters, owned });
  } catch (error) {
    const unpinned = pinned.map((path) => ({ close: () => unpin(path) }));
    closeAll([...owned, ...unpinned].reverse());
    throw error;
  } finally {
    // The kernel keeps what the programs need.
    modules.close();
    token?.close();
  }
};

/** What freplace programs are attached to, by their names. */
const replacedFunctions = (
  { programs }: ObjectSpec,
  targets: Readonly<Record<string, ExtensionTarget>>,
) =>
  new Map(
    Object.entries(targets).map(([name, target]) => {
      const hooks = Object.hasOwn(programs, name) ? variantsOf(programs[name]!) : [];
      const [replacing] = hooks.filter(({ hook }) => hook.type === 'freplace');
      if (!replacing)
        throw new TypeError(`targets: there is no freplace program ${JSON.stringify(name)}`);
      const found = functionOf({ function: replacing.hook.name, ...target });
      return [name, { ...found, fd: target.program.fd }] as const;
    }),
  );

/** Linux 5.10; nothing depends on it. */
const bind = ({ fd }: Program, map: number): void => {
  try {
    progBindMap(fd, map);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
  }
};

/** Before 5.11 maps and programs count as locked memory, of which processes may have little. */
export const raiseMemlock = (): void => {
  if (isAtLeast('5.11')) return;
  try {
    setMemlockLimit({ soft: UNLIMITED, hard: UNLIMITED });
  } catch {
    // Loading says what it lacks, if it does.
  }
};
