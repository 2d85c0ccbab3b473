/**
 * @module
 * The running kernel as a judge: loads assembled programs, reads the verifier's text of them, runs them.
 */
import { readFileSync } from 'node:fs';
import {
  type AnyMap,
  type Assembly,
  assemble,
  type Code,
  encode,
  type Instruction,
  LDDW,
  make,
  mapOf,
} from '../../src/asm/index.ts';
import {
  BPF_MAP_TYPE,
  BPF_PROG_TYPE,
  BpfError,
  btfLoad,
  closeFd,
  mapCreate,
  mapLookup,
  mapUpdate,
  progLoad,
  progTestRun,
} from '../../src/syscall/index.ts';

/** Why there is no kernel to ask; undefined when there is one. */
export const missing: string | undefined = (() => {
  try {
    closeFd(
      mapCreate({ type: BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 }),
    );
    return undefined;
  } catch (error) {
    return `no bpf(2) here: ${(error as Error).message}`;
  }
})();

const release = (() => {
  try {
    return readFileSync('/proc/sys/kernel/osrelease', 'utf8');
  } catch {
    return '0.0';
  }
})();

/** Why this kernel cannot be asked about what came with `version`; undefined when it can. */
export const missingBefore = (version: string): string | undefined => {
  const [has, wants] = [release, version].map((text) => {
    const [major, minor] = text.split('.').map((part) => Number.parseInt(part, 10));
    return major! * 1000 + minor!;
  });
  return (
    missing ?? (has! < wants! ? `Linux ${release.trim()} is older than ${version}` : undefined)
  );
};

/** A title for `describe.skipIf(reason)`, which says why it is skipped. */
export const titled = (title: string, reason: string | undefined): string =>
  reason === undefined ? title : `${title} (skipped: ${reason})`;

export interface Loaded {
  readonly fd: number;
  readonly log: string;
}

export interface Loading {
  readonly type?: number;
  readonly license?: string;
  readonly logLevel?: 0 | 1 | 2;
  /** The descriptors of the maps that instructions refer to. */
  readonly maps?: ReadonlyMap<AnyMap, number>;
  /** A program whose callbacks the kernel wants described by BTF. */
  readonly callbacks?: boolean;
}

/** Loads a program, and closes it after `use`. A refusal throws the verifier's last lines. */
export const withProgram = <T>(
  assembly: Assembly,
  loading: Loading,
  use: (loaded: Loaded) => T,
): T => {
  const { type = BPF_PROG_TYPE.BPF_PROG_TYPE_SCHED_CLS, license = 'GPL', logLevel = 0 } = loading;
  const fds: number[] = [];
  try {
    const described = loading.callbacks ? describeFunctions(assembly) : undefined;
    if (described) fds.push(described.btfFd);
    const insns = encode(assembly.instructions.map((each) => resolve(each, loading.maps)));
    const { fd, log } = progLoad({
      type,
      license,
      insns,
      logLevel,
      logSize: logLevel === 0 ? 0 : Math.max(1 << 16, insns.length * 256),
      ...described,
    });
    fds.push(fd);
    return use({ fd, log });
  } catch (error) {
    if (error instanceof BpfError && error.log) {
      error.message += `\n${error.log.split('\n').slice(-12).join('\n')}`;
    }
    throw error;
  } finally {
    for (const fd of fds) closeFd(fd);
  }
};

/** A 64-bit load with the descriptor of its map. */
const resolve = (instruction: Instruction, maps?: ReadonlyMap<AnyMap, number>): Instruction => {
  const { opcode, reference } = instruction;
  const map = mapOf(instruction);
  if (opcode !== LDDW || !map) return instruction;
  const fd = maps?.get(map);
  if (fd === undefined) throw new Error('the test gives no descriptor for a map');
  const offset = reference?.kind === 'value' ? reference.offset : 0;
  return { ...instruction, imm64: (BigInt(offset) << 32n) | BigInt(fd) };
};

/** The least BTF that callbacks need: one prototype, and a static function for each subprogram. */
const describeFunctions = ({ functions }: Assembly) => {
  const names = functions.map(({ subprogram }) => subprogram?.name ?? 'main');
  const strings = `\0int\0${names.join('\0')}\0`;
  const words = [strings.indexOf('int\0'), 1 << 24, 4, (1 << 24) | 32, 0, 13 << 24, 1];
  for (const name of names) words.push(strings.indexOf(`\0${name}\0`) + 1, 12 << 24, 2);
  const header = new Uint32Array([
    0x0001_eb9f,
    24,
    0,
    words.length * 4,
    words.length * 4,
    strings.length,
  ]);
  const btf = Buffer.concat(
    [header, new Uint32Array(words)].map((part) => Buffer.from(part.buffer)),
  );
  const btfFd = btfLoad(Buffer.concat([btf, Buffer.from(strings, 'latin1')]));
  const info = new Uint32Array(functions.flatMap(({ start }, index) => [start, 3 + index]));
  return { btfFd, funcInfo: { bytes: new Uint8Array(info.buffer), recordSize: 8 } };
};

/** The kernel's text of every instruction, by slot. */
export const textsOf = (log: string): ReadonlyMap<number, string> => {
  const texts = new Map<number, string>();
  for (const line of log.split('\n')) {
    // The table of live registers (6.16) has every instruction, with its loop before it; the trace those visited.
    const found =
      /^\s*(?:\d+ +)?(\d+): (?:[.0-9]{10} )?(\([0-9a-f]{2}\) .*?|BUG_\w+)(?:\s+; .*)?$/.exec(line);
    const slot = Number(found?.[1]);
    if (found && !texts.has(slot)) texts.set(slot, found[2]!.trimEnd());
  }
  return texts;
};

/** Reads r5, which nothing has written: refused at once, but only after the table with all texts is logged. */
const POISON = make({ opcode: 0xbf, src: 5 });

/** The kernel's texts of a program, also of one that it refuses. Since 6.16 without the cost of verifying it. */
export const verifierTexts = (
  assembly: Assembly,
  loading: Loading = {},
): ReadonlyMap<number, string> => {
  const added = missingBefore('6.16') === undefined ? [POISON] : [];
  const instructions = [...added, ...assembly.instructions];
  try {
    return withProgram({ ...assembly, instructions }, { ...loading, logLevel: 2 }, ({ log }) =>
      textsOf(log),
    );
  } catch (error) {
    if (!(error instanceof BpfError) || error.log === undefined) throw error;
    const texts = [...textsOf(error.log)].map(
      ([slot, text]) => [slot - added.length, text] as const,
    );
    return new Map(texts.filter(([slot]) => slot >= 0));
  }
};

/** Whether the verifier gives up on a program because it has too many paths: no fault of the program's. */
export const tooComplex = (assembly: Assembly, loading: Loading): boolean => {
  try {
    return withProgram(assembly, { ...loading, logLevel: 1 }, () => false);
  } catch (error) {
    const log = error instanceof BpfError ? error.log : undefined;
    return /jumps is too complex|program is too large/.test(log ?? '');
  }
};

/** A map of one value, shared with the program. */
export const withArray = <T>(valueSize: number, use: (fd: number) => T): T => {
  const fd = mapCreate({
    type: BPF_MAP_TYPE.BPF_MAP_TYPE_ARRAY,
    keySize: 4,
    valueSize,
    maxEntries: 1,
  });
  try {
    return use(fd);
  } finally {
    closeFd(fd);
  }
};

const KEY = new Uint8Array(4);
export const readArray = (fd: number, size: number): DataView => {
  const value = new Uint8Array(size);
  mapLookup(fd, KEY, value);
  return new DataView(value.buffer);
};
export const writeArray = (fd: number, value: Uint8Array): void => {
  mapUpdate(fd, KEY, value);
};

/** Runs a loaded program on an empty packet: the lower half of r0. */
export const run = (fd: number): number =>
  progTestRun(fd, { dataIn: new Uint8Array(64) }).returnValue;

/** Assembles, loads and runs: the lower half of r0. */
export const execute = (body: Code, loading: Loading = {}): number =>
  withProgram(
    assemble(body, () => true),
    loading,
    ({ fd }) => run(fd),
  );
