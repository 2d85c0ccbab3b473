/**
 * @module
 * Instructions as LLVM's assembler for BPF takes them (llvm/lib/Target/BPF/BPFInstrInfo.td): `r1 = 0x5 ll`,
 * `w2 = atomic_fetch_add((u32 *)(r1 + 0), w2)`. LLVM 19 takes all of it but load_acquire and store_release, which are
 * of LLVM 20, and gotox, of LLVM 22. What LLVM has no text for is a number of 8 bytes.
 * @example
 * print(load(w1, u32.at(r2, 8)), { syntax: 'llvm' }); // 'w1 = *(u32 *)(r2 + 8)'
 */
import { type Instruction, mapOf } from './code.ts';
import { encode } from './encode.ts';
import * as op from './opcodes.ts';
import type { PrintOptions } from './print.ts';
import {
  ARITHMETIC,
  CASTS,
  COMPARISON_TEXTS,
  SIGNED,
  SIGNED_ARITHMETIC,
  UNSIGNED,
} from './print-tables.ts';

/** One assembled instruction as LLVM's text. */
export const printLlvm = (instruction: Instruction, options: PrintOptions): string =>
  PRINTERS[op.classOf(instruction.opcode)]!(instruction, options) ?? asNumber(instruction);

/** Undefined for what LLVM has no text for. */
type Printer = (instruction: Instruction, options: PrintOptions) => string | undefined;

/** `.quad 0x95`: the bytes, as the little-endian number that they are. */
const asNumber = (instruction: Instruction): string => {
  const { buffer, byteLength } = encode([instruction]);
  const view = new DataView(buffer);
  const words = [];
  for (let at = 0; at < byteLength; at += 8)
    words.push(`0x${view.getBigUint64(at, true).toString(16)}`);
  return `.quad ${words.join(', ')}`;
};

const distance = (value: number): string => (value < 0 ? `${value}` : `+${value}`);

/** The name of a symbol, in quotes where LLVM needs them. */
export const symbolText = (name: string): string =>
  /^[A-Za-z_.$][\w.$]*$/.test(name) ? name : JSON.stringify(name);

// ----------
// Arithmetic
// ----------

const ADDRESS_MOVE = op.BPF_ALU64 | op.BPF_MOV | op.BPF_X;

const arithmetic: Printer = ({ opcode, dst, src, offset, imm }) => {
  const wide = op.classOf(opcode) === op.BPF_ALU64;
  const operation = opcode & 0xf0;
  const letter = wide ? 'r' : 'w';
  if (operation === op.BPF_END) {
    if (wide && opcode & op.BPF_X) return undefined;
    const swap = wide ? 'bswap' : opcode & op.BPF_X ? 'be' : 'le';
    return [16, 32, 64].includes(imm) ? `r${dst} = ${swap}${imm} r${dst}` : undefined;
  }
  if (operation === op.BPF_NEG)
    return opcode & op.BPF_X ? undefined : `${letter}${dst} = -${letter}${dst}`;
  if (opcode === ADDRESS_MOVE && offset === 1)
    return `r${dst} = addr_space_cast(r${src}, ${imm >>> 16}, ${imm & 0xffff})`;
  const operator = offset === 1 ? SIGNED_ARITHMETIC[operation] : ARITHMETIC[operation];
  if (operator === undefined) return undefined;
  if (!(opcode & op.BPF_X)) {
    const plain = offset === 0 || offset === 1;
    return plain ? `${letter}${dst} ${operator} ${imm}` : undefined;
  }
  if (offset === 0 || offset === 1) return `${letter}${dst} ${operator} ${letter}${src}`;
  const cast = operation === op.BPF_MOV && (wide || offset !== 32) && CASTS[offset];
  return cast ? `${letter}${dst} = ${cast}${letter}${src}` : undefined;
};

// ----------
// Memory
// ----------

const at = (base: number, offset: number): string =>
  `r${base} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)}`;

const typed = (opcode: number, base: number, offset: number): string =>
  `(${UNSIGNED[op.sizeOfOpcode(opcode)]} *)(${at(base, offset)})`;

/** Up to four bytes go with the lower half of a register. */
const letterOf = (opcode: number): 'r' | 'w' => (op.sizeOfOpcode(opcode) === 8 ? 'r' : 'w');

const load: Printer = ({ opcode, dst, src, offset }) => {
  const size = op.sizeOfOpcode(opcode);
  switch (op.modeOf(opcode)) {
    case op.BPF_MEM:
      return `${letterOf(opcode)}${dst} = *${typed(opcode, src, offset)}`;
    case op.BPF_MEMSX:
      return size === 8 ? undefined : `r${dst} = *(${SIGNED[size]} *)(${at(src, offset)})`;
    default:
      return undefined;
  }
};

const storeConstant: Printer = ({ opcode, dst, offset, imm }) =>
  op.modeOf(opcode) === op.BPF_MEM ? `*${typed(opcode, dst, offset)} = ${imm}` : undefined;

const storeRegister: Printer = (instruction) => {
  const { opcode, dst, src, offset, imm } = instruction;
  if (op.modeOf(opcode) === op.BPF_MEM)
    return `*${typed(opcode, dst, offset)} = ${letterOf(opcode)}${src}`;
  const anySize = imm === op.BPF_LOAD_ACQ || imm === op.BPF_STORE_REL;
  if (op.modeOf(opcode) !== op.BPF_ATOMIC || (!anySize && op.sizeOfOpcode(opcode) < 4))
    return undefined;
  return ATOMICS[imm]?.(instruction, {});
};

const locked =
  (operator: string): Printer =>
  ({ opcode, dst, src, offset }) =>
    `lock *${typed(opcode, dst, offset)} ${operator} ${letterOf(opcode)}${src}`;

const fetching =
  (name: string): Printer =>
  ({ opcode, dst, src, offset }) => {
    const register = `${letterOf(opcode)}${src}`;
    return `${register} = atomic_fetch_${name}(${typed(opcode, dst, offset)}, ${register})`;
  };

const exchanging: Printer = ({ opcode, dst, src, offset }) => {
  const register = `${letterOf(opcode)}${src}`;
  const name = op.sizeOfOpcode(opcode) === 8 ? 'xchg_64' : 'xchg32_32';
  return `${register} = ${name}(${at(dst, offset)}, ${register})`;
};

const comparing: Printer = ({ opcode, dst, src, offset }) => {
  const letter = letterOf(opcode);
  const name = letter === 'r' ? 'cmpxchg_64' : 'cmpxchg32_32';
  return `${letter}0 = ${name}(${at(dst, offset)}, ${letter}0, ${letter}${src})`;
};

/** By their immediate. */
const ATOMICS: Readonly<Record<number, Printer>> = {
  [op.BPF_ADD]: /* @__PURE__ */ locked('+='),
  [op.BPF_OR]: /* @__PURE__ */ locked('|='),
  [op.BPF_AND]: /* @__PURE__ */ locked('&='),
  [op.BPF_XOR]: /* @__PURE__ */ locked('^='),
  [op.BPF_ADD | op.BPF_FETCH]: /* @__PURE__ */ fetching('add'),
  [op.BPF_OR | op.BPF_FETCH]: /* @__PURE__ */ fetching('or'),
  [op.BPF_AND | op.BPF_FETCH]: /* @__PURE__ */ fetching('and'),
  [op.BPF_XOR | op.BPF_FETCH]: /* @__PURE__ */ fetching('xor'),
  [op.BPF_XCHG]: exchanging,
  [op.BPF_CMPXCHG]: comparing,
  [op.BPF_LOAD_ACQ]: ({ opcode, dst, src, offset }) =>
    `${letterOf(opcode)}${dst} = load_acquire(${typed(opcode, src, offset)})`,
  [op.BPF_STORE_REL]: ({ opcode, dst, src, offset }) =>
    `store_release(${typed(opcode, dst, offset)}, ${letterOf(opcode)}${src})`,
};

const loadOther: Printer = (instruction, options) => {
  const { opcode, src, imm } = instruction;
  if (opcode === op.LDDW) return wideLoad(instruction, options);
  const type = UNSIGNED[op.sizeOfOpcode(opcode)];
  if (type === 'u64') return undefined;
  if (op.modeOf(opcode) === op.BPF_ABS) return `r0 = *(${type} *)skb[${imm}]`;
  // LLVM's has no offset beside the register.
  return op.modeOf(opcode) === op.BPF_IND && imm === 0
    ? `r0 = *(${type} *)skb[r${src}]`
    : undefined;
};

/** A number, or the address of a symbol, which llvm-mc leaves to a relocation. */
const wideLoad: Printer = (instruction, options) => {
  const { dst, src, imm64 = 0n, reference } = instruction;
  const map = mapOf(instruction);
  if (map) {
    const name = symbolText(options.map?.(map) ?? map.type);
    const offset = reference?.kind === 'value' ? reference.offset : 0;
    return `r${dst} = ${name}${offset === 0 ? '' : `+${offset}`} ll`;
  }
  if (reference?.kind === 'extern') return `r${dst} = ${symbolText(reference.extern.name)} ll`;
  if (src === op.BPF_PSEUDO_FUNC && options.target !== undefined)
    return `r${dst} = ${symbolText(options.target)} ll`;
  const number = `0x${imm64.toString(16)}`;
  if (src === 0) return `r${dst} = ${number} ll`;
  // It would lose the upper half.
  return imm64 < 2n ** 31n ? `ld_pseudo r${dst}, ${src}, ${number}` : undefined;
};

// ----------
// Jumps
// ----------

const jump: Printer = (instruction, options) => {
  const { opcode, dst, src, offset, imm } = instruction;
  const name = options.target === undefined ? undefined : symbolText(options.target);
  const operation = opcode & 0xf0;
  if (operation === op.BPF_CALL) return callText(instruction, name);
  const to = name ?? distance(offset);
  switch (opcode) {
    case op.BPF_JMP | op.BPF_JA:
      return `goto ${to}`;
    case op.BPF_JMP32 | op.BPF_JA:
      return `gotol ${name ?? distance(imm)}`;
    case op.BPF_JMP | op.BPF_JA | op.BPF_X:
      return `gotox r${dst}`;
    case op.BPF_JMP | op.BPF_EXIT:
      return 'exit';
    case op.BPF_JMP | op.BPF_JCOND:
      return src === 0 ? `may_goto ${to}` : undefined;
  }
  const operator = COMPARISON_TEXTS[operation];
  if (operator === undefined) return undefined;
  const letter = op.classOf(opcode) === op.BPF_JMP32 ? 'w' : 'r';
  const other = opcode & op.BPF_X ? `${letter}${src}` : imm;
  return `if ${letter}${dst} ${operator} ${other} goto ${to}`;
};

const callText = (
  { opcode, dst, src, imm, reference }: Instruction,
  name: string | undefined,
): string | undefined => {
  if (opcode === (op.BPF_JMP | op.BPF_CALL | op.BPF_X)) return `callx r${dst}`;
  if (opcode !== (op.BPF_JMP | op.BPF_CALL)) return undefined;
  if (reference?.kind === 'extern') return `call ${symbolText(reference.extern.name)}`;
  if (src === op.BPF_PSEUDO_CALL) return name === undefined ? undefined : `call ${name}`;
  return src === 0 ? `call ${imm}` : undefined;
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
