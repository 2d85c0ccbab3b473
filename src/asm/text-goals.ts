/**
 * @module
 * Where instructions lead that know it by a distance: what bytes say of themselves.
 */
import type { Instruction } from './code.ts';
import {
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_X,
  isJumpClass,
  LDDW,
} from './opcodes.ts';
import type { Goal } from './text-operands.ts';

const GOTOL = BPF_JMP32 | BPF_JA;
const GOTOX = BPF_JMP | BPF_JA | BPF_X;

/** The goal of a decoded instruction; undefined for all that only goes on. */
export const goalOf = (
  { opcode, src, offset, imm, imm64 }: Instruction,
  at: number,
): Goal | undefined => {
  const operation = opcode & 0xf0;
  if (opcode === LDDW && src === BPF_PSEUDO_FUNC)
    return { kind: 'address', to: Number(BigInt.asIntN(32, imm64 ?? 0n)) - 1, at };
  if (!isJumpClass(opcode) || operation === BPF_EXIT || opcode === GOTOX) return undefined;
  if (operation === BPF_CALL)
    return src === BPF_PSEUDO_CALL ? { kind: 'call', to: imm, at } : undefined;
  return { kind: 'jump', to: opcode === GOTOL ? imm : offset, at };
};
