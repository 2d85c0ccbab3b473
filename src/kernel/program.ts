/**
 * @module
 * Programs in the kernel: loaded in two steps, the second with lines and a log when the first is refused.
 */
import { type AnyMap, encode, type Instruction, LDDW } from '../asm/index.ts';
import { HOOKS, type LinkedProgram, type ProgramSpec, RequirementError } from '../object/index.ts';
import {
  BPF_PROG_TYPE,
  BPF_STREAM,
  BpfError,
  closeFd,
  FileDescriptor,
  isAtLeast,
  objectName,
  type ProgInfo,
  type ProgLoaded,
  type ProgLoadOptions,
  type ProgTestRunOptions,
  type ProgTestRunResult,
  progInfo,
  progLoad,
  progStreamRead,
  progTestRun,
} from '../syscall/index.ts';
import { parseRefusal } from '../verifier/index.ts';
import { type AttachOptions, attach } from './attach.ts';
import type { Attachment, KernelWorld } from './kernel-world.ts';
import type { Link } from './link.ts';
import type { ModuleDescriptors } from './module-descriptors.ts';
import type { ObjectBtf } from './object-btf.ts';
import type { AttachContext } from './perf-link.ts';
import { pin } from './pins.ts';
import type { UsdtSpecs } from './usdt-specs.ts';
import { VerifierError } from './verifier-error.ts';

/** What all programs of an object are loaded with. */
export interface LoadContext {
  readonly world: KernelWorld;
  readonly license: string;
  /** The descriptor of a map. */
  readonly fdOf: (map: AnyMap) => number;
  /** What struct_ops programs are attached to, by their names. */
  readonly attachments?: ReadonlyMap<string, Attachment> | undefined;
  readonly modules: ModuleDescriptors;
  readonly btf: ObjectBtf;
  /** Send line info at once. */
  readonly lines: boolean;
  /** What the verifier is to write of programs that it accepts as well; 0 for nothing. */
  readonly logLevel: number;
  /** From `tokenCreate`. */
  readonly tokenFd?: number | undefined;
  /** The maps of static probes. */
  readonly usdt?: UsdtSpecs | undefined;
}

/** A program that the kernel has accepted. */
export class Program {
  /** Its name in the object; the kernel's is cut to 15 characters. */
  readonly name: string;
  readonly spec: ProgramSpec;
  /** What the verifier wrote, where the loader was asked for it. */
  readonly log: string;
  readonly #descriptor: FileDescriptor;
  readonly #context: AttachContext;

  /** Owns the descriptor. */
  constructor(name: string, spec: ProgramSpec, fd: number, context: AttachContext, log = '') {
    this.name = name;
    this.spec = spec;
    this.log = log;
    this.#context = context;
    this.#descriptor = new FileDescriptor(fd, `program ${name}`);
  }

  /** The descriptor's number; throws once the program is closed. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  /** What the kernel says of it: ids, sizes, run counts. */
  info(): ProgInfo {
    return progInfo(this.fd);
  }

  /**
   * Attaches it, any number of times. Each link is the caller's, who closes it: it outlives the object. What the hook
   * says need not be said again.
   * @example
   * using link = loaded.programs.onMalloc.attach({ path: 'libc.so.6', function: 'malloc', pid: child.pid });
   */
  attach(options?: AttachOptions): Link {
    return attach(this, this.#context, options);
  }

  /**
   * Runs it on data of your own (BPF_PROG_TEST_RUN): packets for networking programs, `contextIn` of 64-bit arguments
   * for raw tracepoints. The kernel runs no tracepoint programs so.
   * @example
   * program.testRun({ dataIn: packet }).returnValue
   */
  testRun(options?: ProgTestRunOptions): ProgTestRunResult {
    const { fd } = this;
    try {
      return progTestRun(fd, options);
    } catch (error) {
      if (!(error instanceof BpfError) || !/^(ENOTSUPP|EOPNOTSUPP)$/.test(error.code)) throw error;
      throw new RequirementError(
        `cannot run ${this.name}: ${error.code}, the kernel does not run ${this.spec.hook.type} programs on data of one's own (BPF_PROG_TEST_RUN)`,
        { cause: error },
      );
    }
  }

  /**
   * Takes what the program has written since it was last asked: its own text (`stdout`, bpf_stream_printk), or what the
   * kernel says of mistakes that it made while it ran (`stderr`: a loop that was ended, memory of an arena that is not
   * there). At most 100,000 bytes are kept. Linux 6.17.
   */
  readStream(stream: keyof typeof BPF_STREAM): string {
    const { fd } = this;
    const decoder = new TextDecoder();
    const bytes = new Uint8Array(STREAM_CHUNK);
    let text = '';
    try {
      for (let length = bytes.length; length === bytes.length; ) {
        length = progStreamRead(fd, BPF_STREAM[stream], bytes);
        text += decoder.decode(bytes.subarray(0, length), { stream: true });
      }
    } catch (error) {
      if (!(error instanceof BpfError) || isAtLeast('6.17')) throw error;
      throw new RequirementError(`programs have no ${stream} before Linux 6.17`, { cause: error });
    }
    return text;
  }

  /** Keeps it under a path in a BPF file system, until `unpin(path)`: it outlives this process. */
  pin(path: string): void {
    pin(this.fd, path);
  }

  close(): void {
    this.#descriptor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Loads a program. Throws a VerifierError when the verifier refuses it. */
export const loadProgram = (linked: LinkedProgram, context: LoadContext): Program => {
  const { name, spec } = linked;
  const { license, btf, modules, logLevel, tokenFd } = context;
  const { module, ...attachment } = attachmentOf(linked, context);
  const called = new CalledModules(modules);
  const { instructions } = linked.assembly;
  const options: ProgLoadOptions = {
    type: HOOKS[spec.hook.type].program,
    insns: encode(instructions.map((each) => withDescriptor(each, context, called))),
    license,
    name: objectName(name),
    ...attachment,
    attachBtfObjFd: module === undefined ? undefined : modules.fdOf(module),
    fdArray: called.descriptors,
    tokenFd,
  };
  const load = (): ProgLoaded => {
    const first = { ...options, ...btf.ofProgram(linked, context.lines) };
    try {
      return logLevel === 0 ? progLoad(first) : loadWithLog({ ...first, logLevel }, false);
    } catch (error) {
      if (!(error instanceof BpfError) || !REFUSALS.has(error.code)) throw error;
      return loadExplained(linked, options, context, error);
    }
  };
  const { fd, log } = load();
  return new Program(name, spec, fd, { without: context.world.without, usdt: context.usdt }, log);
};

/** Functions of structs are found through the maps that have them, and functions of programs by what the user says. */
const attachmentOf = (
  { name, spec: { hook } }: LinkedProgram,
  { world, attachments }: LoadContext,
): Attachment => {
  const own = world.attachment(hook);
  const found = attachments?.get(name);
  if (found) return { ...own, ...found };
  if (hook.type === 'freplace')
    throw new RequirementError(
      `${name} takes the place of a function of another program: loadObject(spec, { targets: { ${name}: { program } } }) says of which`,
    );
  if (HOOKS[hook.type].program !== BPF_PROG_TYPE.BPF_PROG_TYPE_STRUCT_OPS) return own;
  throw new RequirementError(
    `${name} is a function of a struct_ops map, but there is no map that refers to it and that this kernel has the member of`,
  );
};

/** The errors that the verifier gives. Other ones come before it looks at the program. */
const REFUSALS: ReadonlySet<string> = new Set([
  'EACCES',
  'EINVAL',
  'EPERM',
  'E2BIG',
  'ENOTSUPP',
  'EOPNOTSUPP',
  'EFAULT',
  'ENOSPC',
  'ENOENT',
  'ENOMEM',
  'ERANGE',
  'EDEADLK',
]);

/** Bytes that are read of a stream at once. */
const STREAM_CHUNK = 16 * 1024;

const FIRST_LOG = 64 * 1024;
/** Most refusals are explained by less; those of a million instructions have a hundred times as much. */
const ENOUGH_LOG = 1024 * 1024;
const LARGEST_LOG = 64 * 1024 * 1024;

/** Loads with a log. One that does not fit is asked for again with more room; `end` says that its end will do. */
const loadWithLog = (options: ProgLoadOptions, end: boolean): ProgLoaded => {
  for (let logSize = end ? ENOUGH_LOG : FIRST_LOG; ; ) {
    // Since Linux 6.4 a log that does not fit is no error: its beginning is missing.
    const isCut = (size: number | undefined): boolean =>
      logSize < LARGEST_LOG && !end && size !== undefined && size > logSize;
    let size: number | undefined;
    try {
      const loaded = progLoad({ ...options, logSize });
      size = loaded.logTrueSize;
      if (!isCut(size)) return loaded;
      closeFd(loaded.fd);
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      size = error.logTrueSize;
      // The kernels that say how long it is (6.4) have kept its end.
      const isEnough = end && size !== undefined;
      const isFull = error.code === 'ENOSPC' && logSize < LARGEST_LOG && !isEnough;
      if (!isFull && !isCut(size)) throw error;
    }
    logSize = Math.min(LARGEST_LOG, Math.max(size ?? 0, logSize * 16));
  }
};

/** The same with line info and a log that says why. */
const loadExplained = (
  linked: LinkedProgram,
  options: ProgLoadOptions,
  { btf, logLevel }: LoadContext,
  cause: BpfError,
): ProgLoaded => {
  const withLines = { ...options, ...btf.ofProgram(linked, true), logLevel: logLevel | 1 };
  try {
    // A long log takes longer than the verifier, and what is said of the refusal is at its end.
    return loadWithLog(withLines, (logLevel & 3) === 0);
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    // Without a word in the log it was not the verifier: the first error says as much as this one.
    const refusal = error.log && parseRefusal(error.log);
    if (!refusal) throw cause;
    const isMute = refusal.text !== undefined && Object.keys(refusal.registers).length === 0;
    const log = (isMute && allStates(withLines)) || error.log!;
    throw new VerifierError(linked, log, { cause: error, withoutBtf: btf.refusal });
  }
};

/** Some kernels (5.10) say what registers hold only where they write all states. */
const allStates = (options: ProgLoadOptions): string | undefined => {
  try {
    closeFd(loadWithLog({ ...options, logLevel: 2 }, true).fd);
    return undefined;
  } catch (error) {
    if (error instanceof BpfError) return error.log;
    throw error;
  }
};

/** The modules whose functions a program calls, by their index in the array of descriptors; 0 is the kernel. */
class CalledModules {
  readonly #modules: ModuleDescriptors;
  readonly #fds: number[] = [0];

  constructor(modules: ModuleDescriptors) {
    this.#modules = modules;
  }

  indexOf(module: string): number {
    const fd = this.#modules.fdOf(module);
    const known = this.#fds.indexOf(fd);
    return known > 0 ? known : this.#fds.push(fd) - 1;
  }

  get descriptors(): Int32Array | undefined {
    return this.#fds.length > 1 ? Int32Array.from(this.#fds) : undefined;
  }
}

const withDescriptor = (
  instruction: Instruction,
  { fdOf, modules }: LoadContext,
  called: CalledModules,
): Instruction => {
  const { reference, imm64 = 0n } = instruction;
  switch (reference?.kind) {
    case 'map':
      return { ...instruction, imm64: BigInt(fdOf(reference.map)) };
    case 'value':
      return {
        ...instruction,
        imm64: BigInt(fdOf(reference.map)) | (BigInt(reference.offset) << 32n),
      };
    case 'module':
      return instruction.opcode === LDDW
        ? { ...instruction, imm64: imm64 | (BigInt(modules.fdOf(reference.module)) << 32n) }
        : { ...instruction, offset: called.indexOf(reference.module) };
    default:
      return instruction;
  }
};
