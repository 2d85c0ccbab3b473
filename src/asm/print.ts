/**
 * @module
 * Instructions as the kernel prints them (kernel/bpf/disasm.c, Linux 6.18): in the verifier's log and in
 * `bpftool prog dump xlated`, from which the spelling of maps and callbacks is. The `(op)` before each is left out.
 * What the kernel spells `BUG_...` is no instruction of BPF; jumps and arithmetic of which it prints `(null)` are
 * spelled alike here.
 * @example
 * print(add(w1, 7)); // 'w1 += 7'
 */
import { type AnyMap, type Instruction, mapOf } from './code.ts';
import { helperById } from './helpers.ts';
import * as op from './opcodes.ts';
import { printLlvm } from './print-llvm.ts';
import {
  ARITHMETIC,
  CASTS,
  COMPARISON_TEXTS,
  SIGNED,
  SIGNED_ARITHMETIC,
  UNSIGNED,
} from './print-tables.ts';

/** What print cannot know of an instruction by itself, and how it is to be spelled. */
export interface PrintOptions {
  /** `llvm` for what llvm-mc takes; it has no names of helpers. Default: as the kernel prints it. */
  readonly syntax?: Syntax | undefined;
  /** The name of a map. */
  readonly map?: ((map: AnyMap) => string | undefined) | undefined;
  /** Where a jump or call goes, instead of its distance. */
  readonly target?: string | undefined;
}

export type Syntax = 'kernel' | 'llvm';

/** One instruction as text, once it is assembled or decoded. */
export const print = (instruction: Instruction, options: PrintOptions = {}): string =>
  options.syntax === 'llvm'
    ? printLlvm(instruction, options)
    : PRINTERS[op.classOf(instruction.opcode)]!(instruction, options);

type Printer = (instruction: Instruction, names: PrintOptions) => string;

const signed = (value: number): string => (value < 0 ? `${value}` : `+${value}`);
const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const bug = (kind: string, opcode: number): string =>
  `BUG_${kind}${opcode.toString(16).padStart(2, '0')}`;

// ----------
// Arithmetic
// ----------

const ADDRESS_MOVE = op.BPF_ALU64 | op.BPF_MOV | op.BPF_X;

const arithmetic: Printer = ({ opcode, dst, src, offset, imm }) => {
  const wide = op.classOf(opcode) === op.BPF_ALU64;
  const operation = opcode & 0xf0;
  const letter = wide ? 'r' : 'w';
  if (operation === op.BPF_END) {
    const swap = wide ? 'bswap' : opcode & op.BPF_X ? 'be' : 'le';
    return `r${dst} = ${swap}${imm} r${dst}`;
  }
  if (operation === op.BPF_NEG) return `${letter}${dst} = -${letter}${dst}`;
  if (opcode === ADDRESS_MOVE && offset === 1) {
    return `r${dst} = addr_space_cast(r${src}, ${imm >>> 16}, ${imm & 0xffff})`;
  }
  if (opcode === ADDRESS_MOVE && offset === -1) return `r${dst} = &(void __percpu *)(r${src})`;
  const operator = (offset === 1 && SIGNED_ARITHMETIC[operation]) || ARITHMETIC[operation];
  if (operator === undefined) return bug('alu_', opcode);
  if (!(opcode & op.BPF_X)) return `${letter}${dst} ${operator} ${imm}`;
  const cast = (operation === op.BPF_MOV && CASTS[offset]) || '';
  return `${letter}${dst} ${operator} ${cast}${letter}${src}`;
};

// ----------
// Memory
// ----------

const at = (
  types: Readonly<Record<number, string>>,
  opcode: number,
  base: number,
  offset: number,
) => `(${types[op.sizeOfOpcode(opcode)]} *)(r${base} ${signed(offset)})`;

const load: Printer = ({ opcode, dst, src, offset }) => {
  const mode = op.modeOf(opcode);
  if (mode !== op.BPF_MEM && mode !== op.BPF_MEMSX) return bug('ldx_', opcode);
  return `r${dst} = *${at(mode === op.BPF_MEM ? UNSIGNED : SIGNED, opcode, src, offset)}`;
};

const storeConstant: Printer = ({ opcode, dst, offset, imm }) => {
  if (op.modeOf(opcode) === op.BPF_MEM) return `*${at(UNSIGNED, opcode, dst, offset)} = ${imm}`;
  // A barrier against speculation, which only the kernel inserts.
  return op.modeOf(opcode) === 0xc0 ? 'nospec' : bug('st_', opcode);
};

const storeRegister: Printer = (instruction) => {
  const { opcode, dst, src, offset, imm } = instruction;
  if (op.modeOf(opcode) === op.BPF_MEM) return `*${at(UNSIGNED, opcode, dst, offset)} = r${src}`;
  return (op.modeOf(opcode) === op.BPF_ATOMIC && ATOMICS[imm]?.(instruction)) || bug('', opcode);
};

type AtomicPrinter = (instruction: Instruction) => string;

const locked =
  (operator: string): AtomicPrinter =>
  ({ opcode, dst, src, offset }) =>
    `lock *${at(UNSIGNED, opcode, dst, offset)} ${operator} r${src}`;

const fetching =
  (name: string): AtomicPrinter =>
  ({ opcode, dst, src, offset }) => {
    const wide = op.sizeOfOpcode(opcode) === 8 ? '64' : '';
    const place = at(UNSIGNED, opcode, dst, offset);
    return name === 'cmpxchg'
      ? `r0 = atomic${wide}_cmpxchg(${place}, r0, r${src})`
      : `r${src} = atomic${wide}_${name}(${place}, r${src})`;
  };

/** By their immediate. */
const ATOMICS: Readonly<Record<number, AtomicPrinter>> = {
  [op.BPF_ADD]: /* @__PURE__ */ locked('+='),
  [op.BPF_OR]: /* @__PURE__ */ locked('|='),
  [op.BPF_AND]: /* @__PURE__ */ locked('&='),
  [op.BPF_XOR]: /* @__PURE__ */ locked('^='),
  [op.BPF_ADD | op.BPF_FETCH]: /* @__PURE__ */ fetching('fetch_add'),
  [op.BPF_OR | op.BPF_FETCH]: /* @__PURE__ */ fetching('fetch_or'),
  [op.BPF_AND | op.BPF_FETCH]: /* @__PURE__ */ fetching('fetch_and'),
  [op.BPF_XOR | op.BPF_FETCH]: /* @__PURE__ */ fetching('fetch_xor'),
  [op.BPF_XCHG]: /* @__PURE__ */ fetching('xchg'),
  [op.BPF_CMPXCHG]: /* @__PURE__ */ fetching('cmpxchg'),
  [op.BPF_LOAD_ACQ]: ({ opcode, dst, src, offset }) =>
    `r${dst} = load_acquire(${at(UNSIGNED, opcode, src, offset)})`,
  [op.BPF_STORE_REL]: ({ opcode, dst, src, offset }) =>
    `store_release(${at(UNSIGNED, opcode, dst, offset)}, r${src})`,
};

const loadOther: Printer = (instruction, names) => {
  const { opcode, dst, src, imm } = instruction;
  if (opcode === op.LDDW) return `r${dst} = ${wideValue(instruction, names)}`;
  const type = UNSIGNED[op.sizeOfOpcode(opcode)];
  if (op.modeOf(opcode) === op.BPF_ABS) return `r0 = *(${type} *)skb[${imm}]`;
  if (op.modeOf(opcode) === op.BPF_IND) return `r0 = *(${type} *)skb[r${src} + ${imm}]`;
  return bug('ld_', opcode);
};

/** What a 64-bit load loads: a number, or the address of a map, of a map's value or of a subprogram. */
const wideValue = ({ src, imm64 = 0n, reference }: Instruction, names: PrintOptions): string => {
  const low = Number(imm64 & 0xffff_ffffn);
  if (reference?.kind === 'extern') return reference.extern.name;
  const known = mapOf({ reference });
  const map = known
    ? (names.map?.(known) ?? known.type)
    : `${src >= op.BPF_PSEUDO_MAP_IDX ? 'idx' : 'id'}:${low}`;
  switch (src) {
    case op.BPF_PSEUDO_MAP_FD:
    case op.BPF_PSEUDO_MAP_IDX:
      return `map[${map}]`;
    case op.BPF_PSEUDO_MAP_VALUE:
    case op.BPF_PSEUDO_MAP_IDX_VALUE:
      return `map[${map}][0]+${reference?.kind === 'value' ? reference.offset : imm64 >> 32n}`;
    case op.BPF_PSEUDO_FUNC:
      return `subprog[${names.target ?? signed(low | 0)}]`;
    default:
      return hex(imm64);
  }
};

// ----------
// Jumps
// ----------

const jump: Printer = (instruction, names) => {
  const { opcode, dst, src, offset, imm } = instruction;
  const operation = opcode & 0xf0;
  if (operation === op.BPF_CALL) return callText(instruction, names);
  const to = names.target ?? `pc${signed(offset)}`;
  switch (opcode) {
    case op.BPF_JMP | op.BPF_JA:
      return `goto ${to}`;
    case op.BPF_JMP32 | op.BPF_JA:
      return `gotol ${names.target ?? `pc${signed(imm)}`}`;
    case op.BPF_JMP | op.BPF_JA | op.BPF_X:
      return `gotox r${dst}`;
    case op.BPF_JMP | op.BPF_EXIT:
      return 'exit';
    case op.BPF_JMP | op.BPF_JCOND:
      return src === 0 ? `may_goto ${to}` : bug('jmp_', opcode);
  }
  const operator = COMPARISON_TEXTS[operation];
  if (operator === undefined) return bug('jmp_', opcode);
  const letter = op.classOf(opcode) === op.BPF_JMP32 ? 'w' : 'r';
  const other = opcode & op.BPF_X ? `${letter}${src}` : hex(imm >>> 0);
  return `if ${letter}${dst} ${operator} ${other} goto ${to}`;
};

const callText = ({ src, imm, reference }: Instruction, names: PrintOptions): string => {
  if (reference?.kind === 'extern') return `call ${reference.extern.name}`;
  if (src === op.BPF_PSEUDO_CALL) return `call ${names.target ?? `pc${signed(imm)}`}`;
  if (src === op.BPF_PSEUDO_KFUNC_CALL) return `call kernel-function#${imm}`;
  const name = imm === 0 ? 'unspec' : helperById(imm)?.name;
  return `call ${src === 0 && name !== undefined ? `bpf_${name}` : 'unknown'}#${imm}`;
};

/** By class. */
const PRINTERS: readonly Printer[] = [
  loadOther,
  load,
  storeConstant,
  storeRegister,
  arithmetic,
  jump,
  jump,
  arithmetic,
];
