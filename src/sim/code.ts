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
  /** Of loads and stores: the offset less BIAS. Of jumps and local calls: the index of what they go to. */
  readonly offset: Int32Array;
  readonly imm: Int32Array;
  /** What pointers to its functions point into, at the index of their first instruction. */
  readonly region: Region;
}

/** The immediates of all programs of a machine, each once. */
export class Constants {
  readonly values: bigint[] = [];
  readonly #registers = new Map<bigint, number>();

  /** The register that holds it. */
  register(value: bigint): number {
    const unsigned = BigInt.asUintN(64, value);
    let register = this.#registers.get(unsigned);
    if (register === undefined) {
      register = FIRST_CONSTANT + this.values.push(unsigned) - 1;
      this.#registers.set(unsigned, register);
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
    offset: new Int32Array(length),
    imm: new Int32Array(length),
    // Nothing of it is to be read: a function is called.
    region: memory.allocate({ kind: 'function', name, size: 8 * length, virtual: true }),
  };
  const slots = new Map<number, number>();
  let slot = 0;
  instructions.forEach((instruction, index) => {
    slots.set(slot, index);
    slot += slotsOf(instruction);
  });
  slot = 0;
  instructions.forEach((instruction, index) => {
    const next = slot + slotsOf(instruction);
    const target = (distance: number) => slots.get(next + distance) ?? length;
    const form = formOf(instruction, target);
    code.opcode[index] = form.opcode;
    code.dst[index] = form.dst;
    code.src[index] = form.src;
    code.offset[index] = form.offset;
    code.imm[index] = form.imm;
    if (instruction.opcode === LDDW)
      code.src[index] = constants.register(
        instruction.src === BPF_PSEUDO_FUNC
          ? // The distance counts from the slot after the first half.
            BigInt(
              pointerTo(code.region, slots.get(slot + 1 + (Number(instruction.imm64) | 0)) ?? 0),
            )
          : constantOf(instruction),
      );
    else if (takesConstant(instruction))
      code.src[index] = constants.register(BigInt(instruction.imm));
    slot = next;
  });
  return code;
};

interface Form {
  readonly opcode: number;
  readonly dst: number;
  readonly src: number;
  readonly offset: number;
  readonly imm: number;
}

/** Whether an immediate stands where other forms have a register. */
const takesConstant = ({ opcode }: Instruction): boolean => {
  const kind = classOf(opcode);
  if (kind === BPF_ST) return true;
  if (kind < BPF_ALU || (opcode & BPF_X) !== 0) return false;
  const operation = opcode & 0xf0;
  if (kind === BPF_JMP || kind === BPF_JMP32) return isConditional(opcode) && operation !== 0xe0;
  return operation !== 0x80 && operation !== 0xd0;
};

/** What is left to decide of an instruction: its operation, and where it goes. */
const formOf = (instruction: Instruction, target: (distance: number) => number): Form => {
  const { opcode, offset, imm } = instruction;
  switch (classOf(opcode)) {
    case BPF_LD:
      // The load of a constant is a move.
      return opcode === LDDW ? { ...instruction, opcode: 0xbf } : instruction;
    case BPF_LDX:
      return { ...instruction, offset: offset - BIAS };
    case BPF_ST:
      return { ...instruction, opcode: opcode | BPF_LDX, offset: offset - BIAS };
    case BPF_STX: {
      const memory = { ...instruction, offset: offset - BIAS };
      if (modeOf(opcode) !== BPF_ATOMIC) return memory;
      // On one CPU at a time, acquiring and releasing are loads and stores.
      if (imm === BPF_LOAD_ACQ) return { ...memory, opcode: (opcode & 0x18) | BPF_MEM | BPF_LDX };
      if (imm === BPF_STORE_REL) return { ...memory, opcode: (opcode & 0x18) | BPF_MEM | BPF_STX };
      return memory;
    }
    case BPF_JMP:
    case BPF_JMP32:
      return jumpForm(instruction, target);
    default:
      return arithmeticForm(instruction);
  }
};

const jumpForm = (instruction: Instruction, target: (distance: number) => number): Form => {
  const { opcode, src, offset, imm } = instruction;
  if (opcode === (BPF_JMP32 | BPF_JA))
    return { ...instruction, opcode: BPF_JMP | BPF_JA, offset: target(imm) };
  if (opcode === (BPF_JMP | BPF_CALL)) {
    if (src === BPF_PSEUDO_CALL)
      return { ...instruction, opcode: OWN.callFunction, offset: target(imm) };
    if (src === BPF_PSEUDO_KFUNC_CALL) return { ...instruction, opcode: OWN.callKernel };
    return instruction;
  }
  const register = isConditional(opcode) && (opcode & 0xf0) !== 0xe0 ? BPF_X : 0;
  return { ...instruction, opcode: opcode | register, offset: target(offset) };
};

const MOV_SIGNED: Readonly<Record<number, number>> = { 191: OWN.extend, 188: OWN.extend32 };
const SIGNED: Readonly<Record<number, number>> = {
  63: OWN.signedDivide,
  60: OWN.signedDivide32,
  159: OWN.signedModulo,
  156: OWN.signedModulo32,
};

const arithmeticForm = (instruction: Instruction): Form => {
  const { opcode, offset } = instruction;
  const withRegister = takesConstant(instruction) ? opcode | BPF_X : opcode;
  if (offset > 1 && MOV_SIGNED[withRegister] !== undefined)
    return { ...instruction, opcode: MOV_SIGNED[withRegister], imm: offset };
  if (offset === 1 && SIGNED[withRegister] !== undefined)
    return { ...instruction, opcode: SIGNED[withRegister] };
  return { ...instruction, opcode: withRegister };
};
