/**
 * @module
 * As much of a program as explanations and checks ask for: its instructions by their slots, as the verifier counts.
 */
import {
  type AssembledFunction,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_ST,
  BPF_STX,
  BPF_X,
  classOf,
  type Instruction,
  isJumpClass,
  LDDW,
  slotsOf,
} from '../asm/index.ts';

/** An assembled program, such as the `assembly` of a linked one. */
export interface VerifiedProgram {
  readonly instructions: readonly Instruction[];
  readonly functions: readonly AssembledFunction[];
}

/** An instruction where it stands. */
export interface Slotted {
  readonly slot: number;
  readonly instruction: Instruction;
}

export const slotted = (program: VerifiedProgram | undefined): readonly Slotted[] => {
  let slot = 0;
  return (program?.instructions ?? []).map((instruction) => {
    const at = slot;
    slot += slotsOf(instruction);
    return { slot: at, instruction };
  });
};

/** The slot of the first instruction that is so. */
export const slotWhere = (
  program: VerifiedProgram | undefined,
  isIt: (instruction: Instruction) => boolean,
): number | undefined => slotted(program).find(({ instruction }) => isIt(instruction))?.slot;

const CALL = BPF_JMP | BPF_CALL;

export const isExit = ({ opcode }: Instruction): boolean => opcode === (BPF_JMP | BPF_EXIT);
export const isSubprogramCall = ({ opcode, src }: Instruction): boolean =>
  opcode === CALL && src === BPF_PSEUDO_CALL;
export const isKernelCall = ({ opcode, src }: Instruction): boolean =>
  opcode === CALL && src === BPF_PSEUDO_KFUNC_CALL;
export const isHelperCall = ({ opcode, src }: Instruction): boolean => opcode === CALL && src === 0;
export const isIndirectJump = ({ opcode }: Instruction): boolean =>
  opcode === (BPF_JMP | BPF_JA | BPF_X);

/** Where a jump leads; undefined for what is none. */
export const jumpTarget = ({ slot, instruction }: Slotted): number | undefined => {
  const { opcode, offset, imm } = instruction;
  if (!isJumpClass(opcode) || (opcode & 0xf0) === BPF_CALL || isExit(instruction)) return undefined;
  if (isIndirectJump(instruction)) return undefined;
  return slot + 1 + (opcode === (BPF_JMP32 | BPF_JA) ? imm : offset);
};

/** The start of the subprogram that is called, or passed as a callback; undefined for what is neither. */
export const calleeOf = ({ slot, instruction }: Slotted): number | undefined => {
  const { opcode, src, imm, imm64 = 0n } = instruction;
  if (isSubprogramCall(instruction)) return slot + 1 + imm;
  if (opcode === LDDW && src === BPF_PSEUDO_FUNC)
    return slot + 1 + Number(BigInt.asIntN(32, imm64));
  return undefined;
};

/** The register that addresses memory; undefined for instructions that touch none. */
export const baseRegister = ({ opcode, dst, src, imm }: Instruction): number | undefined => {
  const kind = classOf(opcode);
  if (kind === BPF_LDX) return src;
  if (kind === BPF_ST) return dst;
  if (kind !== BPF_STX) return undefined;
  return (opcode & 0xe0) === BPF_ATOMIC && imm === BPF_LOAD_ACQ ? src : dst;
};

/** The index of the function that a slot is in, by the sorted starts of all; -1 before the first. */
export const functionAt = (starts: readonly number[], slot: number): number => {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle]! <= slot) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};
