/**
 * @module
 * The oldest kernel that takes a program's instructions and helpers: for messages such as "gotox needs Linux 6.19".
 *
 * What a table row cannot see is left to the loader: program and map types, BTF, sizes of the log.
 */
import type { Instruction } from './code.ts';
import { slotCount } from './encode.ts';
import { helperById } from './helpers.ts';
import * as op from './opcodes.ts';

export interface Requirement {
  /** `6.9` */
  readonly version: string;
  /** What needs it: `may_goto`, `helper ringbuf_reserve`. */
  readonly because: string;
  /** The first instruction that needs it; none when it is the whole. */
  readonly instruction?: Instruction | undefined;
}

interface Feature {
  readonly since: string;
  readonly name: string;
  readonly uses: (instruction: Instruction) => boolean;
}

const ALU_OFFSET = new Set([8, 16, 32]);
const operationOf = ({ opcode }: Instruction): number => opcode & 0xf0;
const isAlu = ({ opcode }: Instruction): boolean =>
  op.classOf(opcode) === op.BPF_ALU || op.classOf(opcode) === op.BPF_ALU64;
const isAtomic = ({ opcode }: Instruction): boolean =>
  op.classOf(opcode) === op.BPF_STX && op.modeOf(opcode) === op.BPF_ATOMIC;
const isMemory = ({ opcode }: Instruction): boolean => op.classOf(opcode) < 4;
const isWideLoad = (instruction: Instruction, ...sources: readonly number[]): boolean =>
  instruction.opcode === op.LDDW && sources.includes(instruction.src);
const LESS = new Set([op.BPF_JLT, op.BPF_JLE, op.BPF_JSLT, op.BPF_JSLE]);

/** The instruction set's history, newest first (reference: kernel commits, docs.ebpf.io). */
// biome-ignore format: a table
const FEATURES: readonly Feature[] = [
  { since: '7.2', name: 'r11 (arguments on the stack)', uses: (i) => isMemory(i) && (i.dst === 11 || i.src === 11) },
  { since: '6.19', name: 'gotox', uses: (i) => i.opcode === (op.BPF_JMP | op.BPF_JA | op.BPF_X) },
  { since: '6.15', name: 'load_acquire', uses: (i) => isAtomic(i) && i.imm === op.BPF_LOAD_ACQ },
  { since: '6.15', name: 'store_release', uses: (i) => isAtomic(i) && i.imm === op.BPF_STORE_REL },
  { since: '6.9', name: 'may_goto', uses: (i) => i.opcode === (op.BPF_JMP | op.BPF_JCOND) },
  { since: '6.9', name: 'addr_space_cast', uses: (i) => i.opcode === (op.BPF_ALU64 | op.BPF_MOV | op.BPF_X) && i.offset === 1 },
  { since: '6.6', name: 'gotol', uses: (i) => i.opcode === (op.BPF_JMP32 | op.BPF_JA) },
  { since: '6.6', name: 'a load that extends the sign', uses: (i) => op.classOf(i.opcode) === op.BPF_LDX && op.modeOf(i.opcode) === op.BPF_MEMSX },
  { since: '6.6', name: 'a move that extends the sign', uses: (i) => isAlu(i) && operationOf(i) === op.BPF_MOV && ALU_OFFSET.has(i.offset) },
  { since: '6.6', name: 'signed division', uses: (i) => isAlu(i) && operationOf(i) === op.BPF_DIV && i.offset === 1 },
  { since: '6.6', name: 'signed remainder', uses: (i) => isAlu(i) && operationOf(i) === op.BPF_MOD && i.offset === 1 },
  { since: '6.6', name: 'bswap', uses: (i) => i.opcode === (op.BPF_ALU64 | op.BPF_END) },
  { since: '5.14', name: 'a map by its index', uses: (i) => isWideLoad(i, op.BPF_PSEUDO_MAP_IDX, op.BPF_PSEUDO_MAP_IDX_VALUE) },
  { since: '5.13', name: 'a callback', uses: (i) => isWideLoad(i, op.BPF_PSEUDO_FUNC) },
  { since: '5.13', name: 'a kernel function', uses: (i) => i.opcode === (op.BPF_JMP | op.BPF_CALL) && i.src === op.BPF_PSEUDO_KFUNC_CALL },
  { since: '5.12', name: 'an atomic operation other than add', uses: (i) => isAtomic(i) && i.imm !== op.BPF_ADD },
  { since: '5.10', name: 'a variable of the kernel', uses: (i) => isWideLoad(i, op.BPF_PSEUDO_BTF_ID) },
  { since: '5.3', name: 'a loop', uses: (i) => op.isJumpClass(i.opcode) && operationOf(i) !== op.BPF_CALL && i.offset < 0 },
  { since: '5.2', name: 'a global variable', uses: (i) => isWideLoad(i, op.BPF_PSEUDO_MAP_VALUE) },
  { since: '5.1', name: 'a 32-bit jump', uses: (i) => op.classOf(i.opcode) === op.BPF_JMP32 },
  { since: '5.0', name: 'a 32-bit arithmetic right shift', uses: (i) => op.classOf(i.opcode) === op.BPF_ALU && operationOf(i) === op.BPF_ARSH },
  { since: '4.16', name: 'a subprogram', uses: (i) => i.opcode === (op.BPF_JMP | op.BPF_CALL) && i.src === op.BPF_PSEUDO_CALL },
  { since: '4.14', name: 'a jump on less', uses: (i) => op.isJumpClass(i.opcode) && LESS.has(operationOf(i)) },
];

/** Up to Linux 5.1 a program had at most 4,096 instructions. */
const SHORT = 4096;

/** What of these assembled instructions asks for the newest kernel. */
export const requires = (instructions: readonly Instruction[]): Requirement => {
  let most: Requirement = { version: '3.18', because: 'eBPF' };
  const consider = (version: string, because: string, instruction?: Instruction) => {
    if (ordinal(version) > ordinal(most.version)) most = { version, because, instruction };
  };
  for (const instruction of instructions) {
    const feature = FEATURES.find(({ uses }) => uses(instruction));
    if (feature) consider(feature.since, feature.name, instruction);
    const { opcode, src, imm } = instruction;
    const helper = opcode === (op.BPF_JMP | op.BPF_CALL) && src === 0 ? helperById(imm) : undefined;
    if (helper) consider(helper.since, `helper ${helper.name}`, instruction);
  }
  const slots = slotCount(instructions);
  if (slots > SHORT) consider('5.2', `a program of ${slots} instructions`);
  return most;
};

/** '6.9' as a number that compares. */
const ordinal = (version: string): number => {
  const [major, minor] = version.split('.');
  return Number(major) * 1000 + Number(minor);
};
