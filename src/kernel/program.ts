/**
 * @module
 * Programs in the kernel: loaded in two steps, the second with lines and a log when the first is refused.
 */
import { type AnyMap, encode, type Instruction } from '../asm/index.ts';
import {
  type LinkedProgram,
  PROGRAM_TYPES,
  type ProgramSpec,
  RequirementError,
  type TypeInfo,
} from '../object/index.ts';
import {
  BpfError,
  FileDescriptor,
  type ProgInfo,
  type ProgLoaded,
  type ProgLoadOptions,
  type ProgTestRunOptions,
  type ProgTestRunResult,
  progInfo,
  progLoad,
  progTestRun,
} from '../syscall/index.ts';
import { BPF_TRACE_RAW_TP, type KernelWorld, rawTracepointType } from './kernel-world.ts';
import { funcInfoOf, lineInfoOf } from './line-info.ts';
import { VerifierError } from './verifier-error.ts';

/** What all programs of an object are loaded with. */
export interface LoadContext {
  readonly world: KernelWorld;
  readonly license: string;
  readonly types: TypeInfo;
  /** The descriptor of a map. */
  readonly fdOf: (map: AnyMap) => number;
  /** The descriptor of the object's BTF, loaded anew when its strings have grown. */
  readonly btfFd: () => number | undefined;
  /** Send line info at once. */
  readonly lines: boolean;
}

/** A program that the kernel has accepted. */
export class Program {
  readonly name: string;
  readonly spec: ProgramSpec;
  readonly #descriptor: FileDescriptor;

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
   * for raw tracepoints. Tracepoint programs cannot be run so (ENOTSUPP).
   */
  testRun(options?: ProgTestRunOptions): ProgTestRunResult {
    return progTestRun(this.fd, options);
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
  const insns = encode(linked.assembly.instructions.map((each) => withDescriptor(each, context)));
  const base: ProgLoadOptions = {
    type: PROGRAM_TYPES[spec.hook.type].number,
    insns,
    license: context.license,
    name: name.slice(0, 15),
    ...attachment(spec, context.world),
  };
  try {
    return new Program(name, spec, load(linked, base, context, context.lines, 0).fd);
  } catch (error) {
    if (!(error instanceof BpfError) || !mayBeRefusal(error)) throw error;
    return new Program(name, spec, retry(linked, base, context, error).fd);
  }
};

/** The errors that the verifier gives; others come before it looks at the program. */
const mayBeRefusal = ({ code }: BpfError): boolean =>
  [
    'EACCES',
    'EINVAL',
    'EPERM',
    'E2BIG',
    'ENOTSUPP',
    'EFAULT',
    'ENOSPC',
    'ENOENT',
    'ERANGE',
    'EOPNOTSUPP',
  ].includes(code);

const load = (
  linked: LinkedProgram,
  base: ProgLoadOptions,
  { types, btfFd }: LoadContext,
  lines: boolean,
  logSize: number,
): ProgLoaded => {
  const lineInfo = lines ? lineInfoOf(linked, types) : undefined;
  const fd = btfFd();
  if (fd === undefined) return progLoad({ ...base, logSize });
  return progLoad({ ...base, btfFd: fd, funcInfo: funcInfoOf(linked), lineInfo, logSize });
};

const FIRST_LOG = 64 * 1024;
const LARGEST_LOG = 64 * 1024 * 1024;

/** The same with line info and a log, to learn why. */
const retry = (
  linked: LinkedProgram,
  base: ProgLoadOptions,
  context: LoadContext,
  cause: BpfError,
): ProgLoaded => {
  for (let logSize = FIRST_LOG; ; logSize *= 16) {
    try {
      return load(linked, base, context, true, logSize);
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      if (error.code === 'ENOSPC' && logSize < LARGEST_LOG) continue;
      if (!error.log) throw cause;
      throw explain(linked, error);
    }
  }
};

/** Instructions and helpers that the kernel does not have are named; all else is the verifier's word. */
const explain = (linked: LinkedProgram, error: BpfError): Error =>
  new VerifierError(linked, error.log ?? '', { cause: error });

const withDescriptor = (instruction: Instruction, { fdOf }: LoadContext): Instruction => {
  const { reference } = instruction;
  if (!reference || reference.kind === 'function') return instruction;
  const offset = reference.kind === 'value' ? reference.offset : 0;
  return { ...instruction, imm64: BigInt(fdOf(reference.map)) | (BigInt(offset) << 32n) };
};

/** What a tp_btf program says of its hook when it is loaded; others say it when they are attached. */
const attachment = ({ hook }: ProgramSpec, world: KernelWorld): Partial<ProgLoadOptions> => {
  if (hook.type !== 'tp_btf') return {};
  const attachBtfId = rawTracepointType(world.btf, hook.name);
  if (attachBtfId === undefined)
    throw new RequirementError(`there is no ${hook.section} in this kernel`);
  return { expectedAttachType: BPF_TRACE_RAW_TP, attachBtfId };
};
