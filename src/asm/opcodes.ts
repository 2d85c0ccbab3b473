/**
 * @module
 * The numbers of RFC 9669, sections 3 to 5, under the kernel's names (include/uapi/linux/bpf.h, bpf_common.h).
 */

/** Instruction classes: the low three bits of an opcode. */
export const BPF_LD = 0x00;
export const BPF_LDX = 0x01;
export const BPF_ST = 0x02;
export const BPF_STX = 0x03;
export const BPF_ALU = 0x04;
export const BPF_JMP = 0x05;
export const BPF_JMP32 = 0x06;
export const BPF_ALU64 = 0x07;

/** The source of arithmetic and jumps: an immediate or a register. */
export const BPF_K = 0x00;
export const BPF_X = 0x08;

/** Sizes of loads and stores. */
export const BPF_W = 0x00;
export const BPF_H = 0x08;
export const BPF_B = 0x10;
export const BPF_DW = 0x18;

/** Modes of loads and stores. */
export const BPF_IMM = 0x00;
export const BPF_ABS = 0x20;
export const BPF_IND = 0x40;
export const BPF_MEM = 0x60;
export const BPF_MEMSX = 0x80;
export const BPF_ATOMIC = 0xc0;

/** Arithmetic. */
export const BPF_ADD = 0x00;
export const BPF_SUB = 0x10;
export const BPF_MUL = 0x20;
export const BPF_DIV = 0x30;
export const BPF_OR = 0x40;
export const BPF_AND = 0x50;
export const BPF_LSH = 0x60;
export const BPF_RSH = 0x70;
export const BPF_NEG = 0x80;
export const BPF_MOD = 0x90;
export const BPF_XOR = 0xa0;
export const BPF_MOV = 0xb0;
export const BPF_ARSH = 0xc0;
export const BPF_END = 0xd0;

/** Jumps. */
export const BPF_JA = 0x00;
export const BPF_JEQ = 0x10;
export const BPF_JGT = 0x20;
export const BPF_JGE = 0x30;
export const BPF_JSET = 0x40;
export const BPF_JNE = 0x50;
export const BPF_JSGT = 0x60;
export const BPF_JSGE = 0x70;
export const BPF_CALL = 0x80;
export const BPF_EXIT = 0x90;
export const BPF_JLT = 0xa0;
export const BPF_JLE = 0xb0;
export const BPF_JSLT = 0xc0;
export const BPF_JSLE = 0xd0;
export const BPF_JCOND = 0xe0;

/** Atomic operations, in the immediate. */
export const BPF_FETCH = 0x01;
export const BPF_XCHG = 0xe1;
export const BPF_CMPXCHG = 0xf1;
export const BPF_LOAD_ACQ = 0x100;
export const BPF_STORE_REL = 0x110;

/** What the 64-bit immediate of a 16-byte load means: its source register. */
export const BPF_PSEUDO_MAP_FD = 1;
export const BPF_PSEUDO_MAP_VALUE = 2;
export const BPF_PSEUDO_BTF_ID = 3;
export const BPF_PSEUDO_FUNC = 4;
export const BPF_PSEUDO_MAP_IDX = 5;
export const BPF_PSEUDO_MAP_IDX_VALUE = 6;

/** What a call calls: its source register. 0 is a helper. */
export const BPF_PSEUDO_CALL = 1;
export const BPF_PSEUDO_KFUNC_CALL = 2;

/** The opcode of the only instruction that takes two slots. */
export const LDDW: number = BPF_LD | BPF_IMM | BPF_DW;

/** The size bits of an access of `bytes`. */
export const sizeBits = (bytes: number): number =>
  bytes === 1 ? BPF_B : bytes === 2 ? BPF_H : bytes === 4 ? BPF_W : BPF_DW;

/** The bytes that the size bits of a load or store mean. */
export const sizeOfOpcode = (opcode: number): 1 | 2 | 4 | 8 =>
  ([4, 2, 1, 8] as const)[(opcode >> 3) & 3]!;

export const classOf = (opcode: number): number => opcode & 0x07;

/** The mode of a load or store: BPF_MEM, BPF_ATOMIC and their kin. */
export const modeOf = (opcode: number): number => opcode & 0xe0;

/** Whether an opcode is a conditional jump, `may_goto` included. */
export const isConditional = (opcode: number): boolean => {
  const operation = opcode & 0xf0;
  return (
    isJumpClass(opcode) && operation !== BPF_JA && operation !== BPF_CALL && operation !== BPF_EXIT
  );
};

export const isJumpClass = (opcode: number): boolean =>
  classOf(opcode) === BPF_JMP || classOf(opcode) === BPF_JMP32;
