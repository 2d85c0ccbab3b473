/**
 * @module
 * What instructions do to registers, as code.ts has them.
 */
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_CMPXCHG,
  BPF_FETCH,
  BPF_JMP,
  BPF_LD,
  BPF_LDX,
  classOf,
} from '../../asm/index.ts';
import { type MachineCode, OWN } from '../code.ts';

/** Atomic operations of 32 and 64 bits. */
export const ATOMIC32 = 0xc3;
export const ATOMIC = 0xdb;
/** Whether it is one of the old loads from packets. */
export const isPacketLoad = (opcode: number): boolean =>
  classOf(opcode) === BPF_LD && opcode >= 0x20 && opcode < 0x60;

export const isCall = (opcode: number): boolean =>
  opcode === (BPF_JMP | BPF_CALL) || opcode === OWN.callFunction || opcode === OWN.callKernel;

/** The register that an instruction writes, calls left out. */
export const writtenBy = (
  { opcode: opcodes, dst, src, imm }: MachineCode,
  index: number,
): number | undefined => {
  const opcode = opcodes[index]!;
  if (opcode === ATOMIC || opcode === ATOMIC32) {
    if (imm[index] === BPF_CMPXCHG) return 0;
    return (imm[index]! & BPF_FETCH) === 0 ? undefined : src[index]!;
  }
  if (isPacketLoad(opcode)) return 0;
  const kind = classOf(opcode);
  return kind === BPF_LD || kind === BPF_LDX || kind === BPF_ALU || kind === BPF_ALU64
    ? dst[index]!
    : undefined;
};
