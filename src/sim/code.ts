/**
 * @module
 * A program as the interpreter takes it: its instructions in typed arrays, by their index (a 64-bit load counts once).
 * Immediates are constants behind the registers, so that each operation has one form; jumps know their target; what
 * differs by another field than the opcode has an opcode of its own.
 */
import {
  type Assembly,
  BPF_ALU,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEM,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
  BPF_X,
  classOf,
  type Instruction,
  isConditional,
  LDDW,
  modeOf,
  slotsOf,
} from '../asm/index.ts';
import { BIAS, type Memory, pointerTo, type Region } from './memory.ts';
import { FIRST_CONSTANT } from './registers.ts';

/** Opcodes of our own, in the places of the class LD that the wire leaves free. */
export const OWN = {
  signedDivide: 0xa8,
  signedModulo: 0xb0,
  signedDivide32: 0xb8,
  signedModulo32: 0xc0,
  extend: 0xc8,
  extend32: 0xd0,
  callFunction: 0xd8,
  callKernel: 0xe0,
} as const;

export interface MachineCode {
  readonly instructions: readonly Instruction[];
  readonly opcode: Uint8Array;
  readonly dst: Uint8Array;
  /** A register, or a constant. */
  readonly src: Uint32Array;
  /** These three in one number, which the interpreter reads faster: `opcode | dst << 8 | src << 12`. */
  readonly forms: Int32Array;
  /** Of loads and stores: the offset less BIAS. Of jumps and local calls: the index of what they go to. */
  readonly offset: Int32Array;
  readonly imm: Int32Array;
  /** What pointers to its functions point into, at the index of their first instruction. */
  readonly region: Region;
}

/** What `forms` has bits for. */
const MAX_CONSTANTS = 2 ** 20 - FIRST_CONSTANT;

/** The immediates of all programs of a machine, each once. */
export class Constants {
  /** Numbers are signed. */
  readonly values: (number | bigint)[] = [];
  readonly #registers = new Map<number | bigint, number>();

  /** The register that holds it. */
  register(value: number | bigint): number {
    let register = this.#registers.get(value);
    if (register === undefined) {
      if (this.values.length === MAX_CONSTANTS)
        throw new RangeError(
          `the programs of one object have more than ${MAX_CONSTANTS} constants`,
        );
      register = FIRST_CONSTANT + this.values.push(value) - 1;
      this.#registers.set(value, register);
    }
    return register;
  }
}

export interface CodeParts {
  readonly name: string;
  readonly assembly: Assembly;
  readonly constants: Constants;
  readonly memory: Memory;
  /** What a 64-bit load loads that names a map, a value or a symbol of the kernel. */
  readonly constantOf: (instruction: Instruction) => bigint;
}

export const machineCode = (parts: CodeParts): MachineCode => {
  const { name, assembly, constants, memory, constantOf } = parts;
  const { instructions } = assembly;
  const { length } = instructions;
  const code: MachineCode = {
    instructions,
    opcode: new Uint8Array(length),
    dst: new Uint8Array(length),
    src: new Uint32Array(length),
    forms: new Int32Array(length),
    offset: new Int32Array(length),
    imm: new Int32Array(length),
    // Nothing of it is to be read: a function is called.
    region: memory.allocate({ kind: 'function', name, size: 8 * length, virtual: true }),
  };
  /** By slot: the index of what starts there. */
  const indices: number[] = [];
  let slot = 0;
  instructions.forEach((instruction, index) => {
    indices[slot] = index;
    slot += slotsOf(instruction);
  });
  slot = 0;
  instructions.forEach((instruction, index) => {
    const next = slot + slotsOf(instruction);
    write(code, index, (distance) => indices[next + distance] ?? length);
    if (instruction.opcode === LDDW)
      code.src[index] = constants.register(
        instruction.src === BPF_PSEUDO_FUNC
          ? // The distance counts from the slot after the first half.
            pointerTo(code.region, indices[slot + 1 + (Number(instruction.imm64) | 0)] ?? 0)
          : constantOf(instruction),
      );
    else if (takesConstant(instruction)) code.src[index] = constants.register(instruction.imm);
    code.forms[index] = code.opcode[index]! | (code.dst[index]! << 8) | (code.src[index]! << 12);
    slot = next;
  });
  return code;
};

/** Whether an immediate stands where other forms have a register. */
const takesConstant = ({ opcode }: Instruction): boolean => {
  const kind = classOf(opcode);
  if (kind === BPF_ST) return true;
  if (kind < BPF_ALU || (opcode & BPF_X) !== 0) return false;
  const operation = opcode & 0xf0;
  if (kind === BPF_JMP || kind === BPF_JMP32) return isConditional(opcode) && operation !== 0xe0;
  return operation !== 0x80 && operation !== 0xd0;
};

type Target = (distance: number) => number;

/** Writes an instruction: what it has, less what is decided of its operation, and where it goes. */
const write = (code: MachineCode, index: number, target: Target): void => {
  const instruction = code.instructions[index]!;
  const { opcode, dst, src, offset, imm } = instruction;
  code.opcode[index] = opcode;
  code.dst[index] = dst;
  code.src[index] = src;
  code.offset[index] = offset;
  code.imm[index] = imm;
  switch (classOf(opcode)) {
    case BPF_LD:
      // The load of a constant is a move.
      if (opcode === LDDW) code.opcode[index] = 0xbf;
      return;
    case BPF_LDX:
      code.offset[index] = offset - BIAS;
      return;
    case BPF_ST:
      code.opcode[index] = opcode | BPF_LDX;
      code.offset[index] = offset - BIAS;
      return;
    case BPF_STX:
      code.offset[index] = offset - BIAS;
      if (modeOf(opcode) === BPF_ATOMIC) {
        // On one CPU at a time, acquiring and releasing are loads and stores.
        if (imm === BPF_LOAD_ACQ) code.opcode[index] = (opcode & 0x18) | BPF_MEM | BPF_LDX;
        if (imm === BPF_STORE_REL) code.opcode[index] = (opcode & 0x18) | BPF_MEM | BPF_STX;
      }
      return;
    case BPF_JMP:
    case BPF_JMP32:
      writeJump(code, index, target);
      return;
    default:
      code.opcode[index] = arithmeticOpcode(instruction);
      // The bits whose sign is extended.
      if (SIGN_EXTENSIONS.has(code.opcode[index]!)) code.imm[index] = offset;
  }
};

const writeJump = (code: MachineCode, index: number, target: Target): void => {
  const { opcode, src, offset, imm } = code.instructions[index]!;
  if (opcode === (BPF_JMP32 | BPF_JA)) {
    code.opcode[index] = BPF_JMP | BPF_JA;
    code.offset[index] = target(imm);
  } else if (opcode !== (BPF_JMP | BPF_CALL)) {
    const register = isConditional(opcode) && (opcode & 0xf0) !== 0xe0 ? BPF_X : 0;
    code.opcode[index] = opcode | register;
    code.offset[index] = target(offset);
  } else if (src === BPF_PSEUDO_CALL) {
    code.opcode[index] = OWN.callFunction;
    code.offset[index] = target(imm);
  } else if (src === BPF_PSEUDO_KFUNC_CALL) code.opcode[index] = OWN.callKernel;
};

const MOV_SIGNED: Readonly<Record<number, number>> = { 191: OWN.extend, 188: OWN.extend32 };
const SIGN_EXTENSIONS: ReadonlySet<number> = /* @__PURE__ */ new Set([OWN.extend, OWN.extend32]);
const SIGNED: Readonly<Record<number, number>> = {
  63: OWN.signedDivide,
  60: OWN.signedDivide32,
  159: OWN.signedModulo,
  156: OWN.signedModulo32,
};

const arithmeticOpcode = (instruction: Instruction): number => {
  const { opcode, offset } = instruction;
  const withRegister = takesConstant(instruction) ? opcode | BPF_X : opcode;
  const signed = offset > 1 ? MOV_SIGNED[withRegister] : offset === 1 && SIGNED[withRegister];
  return signed || withRegister;
};
