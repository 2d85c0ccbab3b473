/**
 * @module
 * Which registers an instruction reads, writes and destroys, as bit masks (bit 6 is r6).
 */
import type { Instruction } from './code.ts';
import { helperById } from './helpers.ts';
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CMPXCHG,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_IMM,
  BPF_IND,
  BPF_JA,
  BPF_JCOND,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MOV,
  BPF_NEG,
  BPF_PSEUDO_CALL,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
  BPF_X,
  classOf,
  modeOf,
} from './opcodes.ts';

export interface Effects {
  readonly reads: number;
  readonly writes: number;
  /** Registers that hold nothing afterwards. */
  readonly destroys: number;
}

const effects = (reads: number, writes = 0, destroys = 0): Effects => ({ reads, writes, destroys });

/** r1 to r5. */
export const ARGUMENTS = 0b111110;

/** The first `count` argument registers. */
export const argumentMask = (count: number): number => ((1 << count) - 1) << 1;

export const effectsOf = (instruction: Instruction): Effects => {
  const { opcode } = instruction;
  const dst = 1 << instruction.dst;
  const src = 1 << instruction.src;
  switch (classOf(opcode)) {
    case BPF_LD:
      return loadEffects(opcode, dst, src);
    case BPF_LDX:
      return effects(src, dst);
    case BPF_ST:
      return effects(dst);
    case BPF_STX:
      return modeOf(opcode) === BPF_ATOMIC
        ? atomicEffects(instruction.imm, dst, src)
        : effects(dst | src);
    case BPF_ALU:
    case BPF_ALU64:
      return aluEffects(opcode, dst, src);
    default:
      return jumpEffects(instruction, dst, src);
  }
};

const loadEffects = (opcode: number, dst: number, src: number): Effects => {
  const mode = opcode & 0xe0;
  if (mode === BPF_IMM) return effects(0, dst);
  // Packet loads take the context from r6 and behave as a call.
  return effects(mode === BPF_IND ? src | 0b1000000 : 0b1000000, 1, ARGUMENTS);
};

/** The register that addresses memory; undefined for instructions that touch none. */
export const baseOf = ({ opcode, imm, dst, src }: Instruction): number | undefined => {
  switch (classOf(opcode)) {
    case BPF_LDX:
      return src;
    case BPF_ST:
      return dst;
    case BPF_STX:
      return modeOf(opcode) === BPF_ATOMIC && imm === BPF_LOAD_ACQ ? src : dst;
    default:
      return undefined;
  }
};

const atomicEffects = (imm: number, dst: number, src: number): Effects => {
  if (imm === BPF_LOAD_ACQ) return effects(src, dst);
  if (imm === BPF_STORE_REL) return effects(dst | src);
  if (imm === BPF_CMPXCHG) return effects(dst | src | 1, 1);
  return effects(dst | src, imm & BPF_FETCH ? src : 0);
};

const aluEffects = (opcode: number, dst: number, src: number): Effects => {
  const operation = opcode & 0xf0;
  const register = (opcode & BPF_X) !== 0 && operation !== BPF_END && operation !== BPF_NEG;
  return effects((operation === BPF_MOV ? 0 : dst) | (register ? src : 0), dst);
};

const jumpEffects = (instruction: Instruction, dst: number, src: number): Effects => {
  const { opcode } = instruction;
  switch (opcode & 0xf0) {
    case BPF_CALL:
      return effects(argumentMask(arityOf(instruction)), 1, ARGUMENTS);
    case BPF_EXIT:
      return effects(1);
    case BPF_JA:
      return effects(opcode & BPF_X ? dst : 0);
    case BPF_JCOND:
      return effects(0);
    default:
      return effects(dst | (opcode & BPF_X ? src : 0));
  }
};

const arityOf = ({ src, imm, target, reference }: Instruction): number => {
  if (reference?.kind === 'extern') return reference.extern.arity ?? 0;
  if (src === BPF_PSEUDO_CALL) return target?.kind === 'function' ? target.arity : 0;
  return src === 0 ? (helperById(imm)?.required ?? 0) : 0;
};
