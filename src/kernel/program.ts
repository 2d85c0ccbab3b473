/**
 * @module
 * Programs in the kernel: loaded in two steps, the second with lines and a log when the first is refused.
 */
import { type AnyMap, encode, type Instruction, LDDW } from '../asm/index.ts';
import { HOOKS, type LinkedProgram, type ProgramSpec, RequirementError } from '../object/index.ts';
import {
  BpfError,
  FileDescriptor,
  objectName,
  type ProgInfo,
  type ProgLoadOptions,
  type ProgTestRunOptions,
  type ProgTestRunResult,
  progInfo,
  progLoad,
  progTestRun,
} from '../syscall/index.ts';
import type { KernelWorld } from './kernel-world.ts';
import type { ModuleDescriptors } from './module-descriptors.ts';
import type { ObjectBtf } from './object-btf.ts';
import { VerifierError } from './verifier-error.ts';

/** What all programs of an object are loaded with. */
export interface LoadContext {
  readonly world: KernelWorld;
  readonly license: string;
  /** The descriptor of a map. */
  readonly fdOf: (map: AnyMap) => number;
  readonly modules: ModuleDescriptors;
  readonly btf: ObjectBtf;
  /** Send line info at once. */
  readonly lines: boolean;
}

/** A program that the kernel has accepted. */
export class Program {
  /** Its name in the object; the kernel's is cut to 15 characters. */
  readonly name: string;
  readonly spec: ProgramSpec;
  readonly #descriptor: FileDescriptor;

  /** Owns the descriptor. */
  constructor(name: string, spec: ProgramSpec, fd: number) {
    this.name = name;
    this.spec = spec;
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
  const { world, license, btf, modules } = context;
  const { module, ...attachment } = world.attachment(spec.hook);
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
  };
  try {
    const { fd } = progLoad({ ...options, ...btf.ofProgram(linked, context.lines) });
    return new Program(name, spec, fd);
  } catch (error) {
    if (!(error instanceof BpfError) || !REFUSALS.has(error.code)) throw error;
    return new Program(name, spec, loadWithLog(linked, options, context, error));
  }
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

const FIRST_LOG = 64 * 1024;
const LARGEST_LOG = 64 * 1024 * 1024;

/** The same with line info and a log, to learn why. A log that does not fit is asked for again with more room. */
const loadWithLog = (
  linked: LinkedProgram,
  options: ProgLoadOptions,
  { btf }: LoadContext,
  cause: BpfError,
): number => {
  const withLines = { ...options, ...btf.ofProgram(linked, true) };
  for (let logSize = FIRST_LOG; ; ) {
    try {
      return progLoad({ ...withLines, logSize }).fd;
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      if (error.code === 'ENOSPC' && logSize < LARGEST_LOG) {
        logSize = Math.min(LARGEST_LOG, Math.max(error.logTrueSize ?? 0, logSize * 16));
        continue;
      }
      // Without a log it was not the verifier: the first error says as much as this one.
      if (!error.log) throw cause;
      throw new VerifierError(linked, error.log, { cause: error, withoutBtf: btf.refusal });
    }
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
