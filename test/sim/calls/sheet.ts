/**
 * @module
 * Calls that are made in the kernel and on both engines, and what is kept of them: the result of each under a name of its
 * own, what became of the packet, and what user space then finds in the maps.
 * @example
 * { name: 'a queue', maps: { queue }, code: (sheet) => [call(helper.map_pop_elem, queue, value), sheet.keep('pop')] }
 */
import { readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AnyMapSpec,
  array,
  type Code,
  exit,
  globals,
  jeq,
  label,
  lea,
  load,
  mov,
  object,
  type ProgramSpec,
  type R,
  r0,
  r1,
  r8,
  r9,
  r10,
  store,
  struct,
  tc,
  u64,
} from '../../../src/index.ts';
import { loadObject } from '../../../src/kernel/index.ts';
import { type GivenContext, type SimulateOptions, simulate } from '../../../src/sim/index.ts';
import { closeFd, mmap, openFile, pageSize, possibleCpus } from '../../../src/syscall/index.ts';
import { addressOf } from '../../../src/syscall/libc.ts';
import type { ENGINES } from '../engines.ts';

/** Maps as user space sees them, live or simulated: the same methods have the same names. */
// biome-ignore lint/suspicious/noExplicitAny: each table knows what its maps are
export type OpenMaps = Readonly<Record<string, any>>;

export interface Calls {
  readonly name: string;
  /** Makes the program. Default: of traffic control. */
  readonly hook?: (body: Code) => ProgramSpec;
  /** The first kernel that has all that is called, and does it so. */
  readonly since?: string;
  /** What else is missing for them. */
  readonly needs?: () => string | undefined;
  /** Why some kernels forbid a helper of them in programs of any type. */
  readonly refused?: string;
  readonly maps?: Readonly<Record<string, AnyMapSpec>>;
  /** The calls. r8 holds the context, r9 belongs to the sheet. */
  readonly code: (sheet: Sheet) => Code;
  /** Programs beside the one that runs. */
  readonly programs?: Readonly<Record<string, ProgramSpec>>;
  /** More of the simulated world than who runs, on which CPUs. */
  readonly world?: () => SimulateOptions;
  /** The packet, or the context where there is none. */
  readonly input?: Uint8Array;
  /** What the simulator is given in its place, where the kernel makes something else of it. */
  readonly simulated?: GivenContext;
  /** What lies at the end of the memory of the process: the context is its address, behind its last byte is nothing. */
  readonly user?: Uint8Array;
  /** What user space does before: `program` is what program arrays take. */
  readonly before?: (maps: OpenMaps, program: (name: string) => unknown) => void;
  /** How many callbacks of timers there are to be, which each count in the first counter. On the simulator, one second goes by. */
  readonly fires?: number;
  /** What user space finds afterwards. */
  readonly after?: (maps: OpenMaps) => unknown;
}

const CELLS = 512;
/** The last ones are for callbacks: the verifier would follow numbers on the stack through each turn. */
const COUNTERS = CELLS - 4;
const Cells = struct('cells', { cell: array(u64, CELLS) });

/** The cells that a program keeps results in. */
export class Sheet {
  readonly cells = globals(Cells);
  readonly names: string[] = [];

  /** Keeps a register, r0 when none is named. */
  keep(name: string, register: R = r0): Code {
    if (this.names.includes(name)) throw new Error(`there are two cells ${name}`);
    if (this.names.length === COUNTERS) throw new Error(`there are more than ${COUNTERS} cells`);
    return store(u64.at(r9, 8 * (this.names.push(name) - 1)), register);
  }

  /** Keeps whether r0 points to something, after code that runs where it does. */
  keepFound(name: string, found: Code = []): Code {
    const none = label('none');
    return [jeq(r0, 0, none), found, mov(r0, 1), none, this.keep(name)];
  }

  /** A cell that callbacks count in, of those that a register points to. */
  counter(index: number, cells: R = r9) {
    return u64.at(cells, 8 * (COUNTERS + index));
  }

  /** Keeps memory, eight bytes to a cell. Destroys r0. */
  keepMemory(name: string, size: number, base: R = r10, offset = -size): Code {
    return Array.from({ length: size / 8 }, (_, index) => [
      load(r0, u64.at(base, offset + 8 * index)),
      this.keep(`${name} +${8 * index}`),
    ]);
  }
}

/** What calls come to, wherever they are made. */
export interface Outcome {
  /** Signed, by their names. */
  readonly cells: Readonly<Record<string, bigint>>;
  readonly returnValue: number;
  readonly packet: readonly number[] | undefined;
  readonly after: unknown;
}

export const PACKET: Uint8Array = Uint8Array.from({ length: 64 }, (_, index) => 0x80 + index);

/** The object of some calls: program `main` makes them. */
export const written = (calls: Calls) => {
  const { hook = tc, maps = {}, programs = {}, code } = calls;
  const sheet = new Sheet();
  const main = hook([mov(r8, r1), lea(r9, sheet.cells), code(sheet), mov(r0, 0), exit()]);
  const spec = object({
    license: 'GPL',
    maps: { ...maps, cells: sheet.cells },
    programs: { main, ...programs },
  });
  return { spec, names: sheet.names };
};

/** Raw tracepoints and system calls have no packet. */
const isPacket = ({ hook }: ProgramSpec): boolean => !/^(raw_tp|syscall)/.test(hook.type);

const GROWTH = 256;

/** Looks every millisecond, for five seconds: the machine may be busy. */
const waitFor = (isDone: () => boolean): void => {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (let turn = 0; turn < 5000 && !isDone(); turn++) Atomics.wait(cell, 0, 0, 1);
};

const outcome = (names: readonly string[], cells: readonly bigint[], rest: object): Outcome =>
  ({
    cells: Object.fromEntries(
      names.map((name, index) => [name, BigInt.asIntN(64, cells[index]!)] as const),
    ),
    ...rest,
  }) as Outcome;

/** Whether this kernel lets no program of the type call one of the helpers. */
export const isForbidden = (calls: Calls): boolean => {
  try {
    loadObject(written(calls).spec).close();
    return false;
  } catch (error) {
    return /cannot use helper/.test((error as Error).message);
  }
};

/** In the kernel, by BPF_PROG_TEST_RUN. */
export const inKernel = (calls: Calls): Outcome => {
  const { spec, names } = written(calls);
  using loaded = loadObject(spec);
  const { main, ...programs } = loaded.programs;
  calls.before?.(loaded.maps, (name) => (programs as Record<string, unknown>)[name]);
  using user = calls.user && userMemory(calls.user);
  const { input = user ? user.context : isPacket(main!.spec) ? PACKET : new Uint8Array(0) } = calls;
  const { returnValue, dataOut } = main!.testRun(
    isPacket(main!.spec)
      ? { dataIn: input, dataOutSize: input.length + GROWTH }
      : { contextIn: input },
  );
  if (calls.fires) waitFor(() => loaded.maps.cells.get('cell')[COUNTERS] === BigInt(calls.fires!));
  return outcome(names, loaded.maps.cells.get('cell'), {
    returnValue: returnValue | 0,
    packet: isPacket(main!.spec) && !calls.simulated ? [...dataOut] : undefined,
    after: calls.after?.(loaded.maps),
  });
};

/** On an engine, in a world in which the same task runs. */
export const onEngine = (engine: (typeof ENGINES)[number], calls: Calls): Outcome => {
  const { spec, names } = written(calls);
  const world = { ...whoRuns(), ...calls.world?.() };
  const machine = simulate(spec, { engine, ...world });
  const maps = machine.maps as OpenMaps;
  calls.before?.(maps, (name) => name);
  const { input = isPacket(spec.programs.main!) ? PACKET : undefined, simulated } = calls;
  const address = calls.user && [machine.user.putAtEnd(calls.user)];
  const { returnValue, packet } = machine.programs.main!.run(address ?? simulated ?? input);
  if (calls.fires) machine.advance(1_000_000_000);
  return outcome(names, maps.cells.get('cell'), {
    returnValue,
    packet: packet && !simulated ? [...packet] : undefined,
    after: calls.after?.(maps),
  });
};

/** A page with bytes at its end, and another behind it that nobody can read: the file is too short for it. */
const userMemory = (bytes: Uint8Array) => {
  const [path, size] = [join(tmpdir(), `user-memory-${process.pid}`), pageSize()];
  writeFileSync(path, new Uint8Array(size));
  const fd = openFile(path);
  const mapping = mmap({ fd, length: 2 * size, isPrivate: true, writable: true });
  closeFd(fd);
  rmSync(path);
  const at = size - bytes.length;
  mapping.bytes.set(bytes, at);
  const address = BigInt(addressOf(mapping.bytes)) + BigInt(at);
  return {
    context: new Uint8Array(BigUint64Array.of(address).buffer),
    [Symbol.dispose]: () => mapping.close(),
  };
};

/** Where cgroups are; undefined where they are not. */
export const cgroupRoot = (): string | undefined =>
  /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8'))?.[1];

/** The cgroup of this process. Its id is the number of its directory. */
const cgroupOf = (): SimulateOptions['cgroup'] => {
  const [, own = '/'] = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8')) ?? [];
  const root = cgroupRoot();
  if (root === undefined) return undefined;
  const path = join(root, own);
  return { path, id: statSync(path, { bigint: true }).ino };
};

/** The thread that BPF_PROG_TEST_RUN runs programs in, and its kernel. */
export const whoRuns = (): SimulateOptions => {
  const [tgid, , pid] = readlinkSync('/proc/thread-self').split('/').map(Number);
  const comm = readFileSync(`/proc/${tgid}/task/${pid}/comm`, 'utf8').trimEnd();
  return {
    task: { tgid, pid, comm },
    uid: process.getuid!(),
    gid: process.getgid!(),
    cgroup: cgroupOf(),
    cpus: possibleCpus().length,
  };
};
