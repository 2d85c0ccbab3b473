/**
 * What libbpf and the kernel make of an object file, to hold our own reader and loader against. judge.c, compiled when
 * it is first needed, loads every program alone and prints what libbpf passed to the kernel and what the kernel has.
 *
 * @example
 * const judge = new Judge();
 * afterAll(() => judge.close());
 * const { object, maps, programs } = judge.judge(objectFile('globals'));
 * expect(normalise(ours, names)).toEqual(normalise(bytes(programs[0].xlated), namesOf(programs[0].maps)));
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The object: whether libbpf opens it, and makes its maps and externs. */
export interface JudgedObject {
  readonly kind: 'object';
  /** What libbpf calls it: internal maps are named after it. */
  readonly name: string | null;
  /** Where libbpf stopped: it cannot read the object, or cannot make its maps or find its externs. */
  readonly stage: 'open' | 'load' | 'done';
  /** errno, 0 if all is well. */
  readonly error: number;
  /**
   * errno of loading all programs that are not on demand, as `bpftool prog loadall` does, with newer sections given
   * their types first.
   */
  readonly whole: number;
  readonly log: string;
}

interface Definition {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

/** A map as the object defines it, before libbpf puts anything right. */
export interface JudgedMap extends Definition {
  readonly kind: 'map';
  readonly name: string;
  readonly numaNode: number;
  readonly extra: number;
  /** Names of BTF types; `(anon)` has none; null where sizes are given in place of types. */
  readonly keyType: string | null;
  readonly valueType: string | null;
  readonly pin: string | null;
  /** For global data, .kconfig and struct_ops. */
  readonly internal: boolean;
  /** Hex, of internal maps. */
  readonly initial?: string;
  readonly inner?: Definition & { readonly numaNode: number; readonly extra: number };
  /** As the kernel made it. Absent if the object does not load. */
  readonly kernel?: Definition & {
    readonly name: string;
    readonly keyTypeId: number;
    readonly valueTypeId: number;
  };
  /** Hex, of arrays for global data, as the kernel has it: with the values of .kconfig. */
  readonly contents?: string;
  /** Of arrays of maps and programs: the slots that are filled after loading. */
  readonly filled?: readonly number[];
}

/** An id or descriptor that instructions hold, and the map that it stands for. */
export interface MapName {
  readonly id: number;
  readonly name: string;
}

/**
 * - `accepted` and `refused` by the kernel;
 * - `failed`: libbpf gave up before it asked the kernel;
 * - `unknown`: neither libbpf nor judge.c knows the section.
 */
export type Verdict = 'accepted' | 'refused' | 'failed' | 'unknown';

/** A program, loaded as the only one of its object. */
export interface JudgedProgram {
  readonly kind: 'program';
  readonly name: string;
  readonly section: string;
  /** False for a section that came after libbpf 1.1. judge.c has a table of those, so that the kernel still speaks. */
  readonly known: boolean;
  readonly type: number;
  readonly attach: number;
  readonly flags: number;
  /** False for a section with `?`. */
  readonly autoload: boolean;
  /** Instructions in the file, without subprograms. */
  readonly given: number;
  readonly verdict: Verdict;
  readonly error: number;
  /** The end of it, at most 16 KiB. */
  readonly log: string;
  /** What libbpf passed to the kernel, also if it was refused. `maps` are descriptors, by libbpf's names. */
  readonly passed?: {
    readonly type: number;
    readonly attach: number;
    readonly attachTypeId: number;
    readonly flags: number;
    readonly functions: number;
    readonly lines: number;
    readonly maps: readonly MapName[];
    readonly insns: string;
  };
  // What the kernel has of it, if it was accepted.
  readonly kernelType?: number;
  readonly kernelName?: string;
  readonly functions?: number;
  readonly lines?: number;
  /** Ids, by the kernel's names, which have at most 15 characters. */
  readonly maps?: readonly MapName[];
  readonly xlated?: string;
}

export interface Judged {
  readonly object: JudgedObject;
  readonly maps: readonly JudgedMap[];
  readonly programs: readonly JudgedProgram[];
}

export interface JudgeOptions {
  /** A file with the types of another kernel, for CO-RE. */
  readonly btf?: string;
  /** Whether maps without entries are given 64, and stack traces 16 frames, as tools do before they load. */
  readonly sized?: boolean;
}

/** The names of the corpus, in order. */
export const OBJECTS: readonly string[] = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.o'))
  .map((file) => file.slice(0, -2))
  .sort();

/** The path of an object of the corpus. */
export const objectFile = (name: string): string => join(import.meta.dirname, `${name}.o`);

/** Owns the compiled judge.c. */
export class Judge {
  readonly #folder = mkdtempSync(join(tmpdir(), 'judge-'));
  readonly #file: string;

  /** @param file judge.c, where it has been compiled already. */
  constructor(file?: string) {
    this.#file = file ?? join(this.#folder, 'judge');
  }

  /** Compiles and runs judge.c on a file. */
  judge(file: string, { btf, sized = false }: JudgeOptions = {}): Judged {
    if (!existsSync(this.#file)) {
      const source = join(import.meta.dirname, 'judge.c');
      execFileSync('cc', ['-O1', source, '-o', this.#file, '-lbpf']);
    }
    const options = [...(btf === undefined ? [] : ['-b', btf]), ...(sized ? ['-s'] : [])];
    const lines = execFileSync(this.#file, [...options, file], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    const records = lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as JudgedObject | JudgedMap | JudgedProgram);
    return {
      object: records.find((record) => record.kind === 'object')!,
      maps: records.filter((record) => record.kind === 'map'),
      programs: records.filter((record) => record.kind === 'program'),
    };
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export const bytes = (hex: string): Uint8Array =>
  Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );

/** The names of maps by the numbers that instructions hold. */
export const namesOf = (maps: readonly MapName[]): ReadonlyMap<number, string> =>
  new Map(maps.map(({ id, name }) => [id, name]));

const LD_IMM64 = 0x18;
const CALL = 0x85;
const PSEUDO_MAP_FD = 1;
const PSEUDO_MAP_VALUE = 2;
const PSEUDO_KFUNC_CALL = 2;
const PSEUDO_BTF_ID = 3;
/**
 * Where the kernel's own memory begins, with page tables of five levels too, and where it ends and its text begins: an
 * address in it is another one for each load.
 */
const KERNEL_MEMORY = 0xff00_0000_0000_0000n;
const KERNEL_TEXT = 0xffff_ffff_8000_0000n;

/** FNV-1a of what the kernel keeps of a name. */
const hash = (name: string): number =>
  [...name.slice(0, 15)].reduce(
    (sum, letter) => Math.imul(sum ^ letter.charCodeAt(0), 0x01000193) >>> 0,
    0x811c9dc5,
  );

/**
 * Instructions without what differs between two loads of one program by the same kernel: descriptors and ids of maps,
 * and addresses of memory. Ids of the kernel's types and addresses in its text stay, since they are the same for both.
 * A reference to a map becomes a hash of its name in `maps`, so that another map in its place still shows; without
 * `maps` it becomes a number in the order of appearance.
 */
export const normalise = (insns: Uint8Array, maps?: ReadonlyMap<number, string>): Uint8Array => {
  const out = insns.slice();
  const view = new DataView(out.buffer);
  const seen = new Map<number, number>();
  const number = (id: number): number => {
    if (maps === undefined) {
      if (!seen.has(id)) seen.set(id, seen.size + 1);
      return seen.get(id)!;
    }
    const name = maps.get(id);
    if (name === undefined) throw new Error(`instructions refer to map ${id}, which has no name`);
    return hash(name);
  };
  for (let at = 0; at < out.length; at += 8) {
    const code = out[at]!;
    const source = out[at + 1]! >> 4;
    // Kernel functions of modules: the index of a BTF descriptor.
    if (code === CALL && source === PSEUDO_KFUNC_CALL) view.setInt16(at + 2, 0, true);
    if (code !== LD_IMM64) continue;
    const low = view.getUint32(at + 4, true);
    const address = (BigInt(view.getUint32(at + 12, true)) << 32n) | BigInt(low);
    if (source === PSEUDO_MAP_FD || source === PSEUDO_MAP_VALUE) {
      view.setUint32(at + 4, number(low), true);
    } else if (source === PSEUDO_BTF_ID) {
      // The descriptor of a module's BTF.
      view.setUint32(at + 12, 0, true);
    } else if (address >= KERNEL_MEMORY && address < KERNEL_TEXT) {
      view.setUint32(at + 4, 0, true);
      view.setUint32(at + 12, 0, true);
    }
    at += 8;
  }
  return out;
};
