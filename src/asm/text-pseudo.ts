/**
 * @module
 * Instructions as the kernel, LLVM and GNU as (`-mdialect=pseudoc`) write them: `r0 = *(u64 *)(r1 +8)`,
 * `if r1 s> 5 goto +2`, `lock *(u64 *)(r1 +0) += r2`, `call bpf_ktime_get_ns#5`.
 *
 * kernel/bpf/disasm.c (Linux 6.18) and llvm/lib/Target/BPF/BPFInstrInfo.td (LLVM 19 to 22).
 */
import { add, and, arsh, div, lsh, mod, mul, or, rsh, sdiv, smod, sub, xor } from './alu.ts';
import { atomicAdd, atomicAnd, atomicOr, atomicXor, storeRelease } from './atomic.ts';
import type { Instruction } from './code.ts';
import { COMPARISONS, type Comparison, gotox } from './jump.ts';
import { make, readable } from './make.ts';
import { store, storeTo } from './memory.ts';
import {
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_X,
  LDDW,
} from './opcodes.ts';
import { nameOf, type Register } from './register.ts';
import { assigned } from './text-assigned.ts';
import { callStatement } from './text-call.ts';
import { typedMemory, valueHere } from './text-memory.ts';
import {
  comparedHere,
  numberHere,
  operandHere,
  registerHere,
  type Statement,
  takePlace,
  takeRegister,
  targetHere,
  wholeHere,
} from './text-operands.ts';
import type { Scanner } from './text-scanner.ts';

/** What begins with a register, `*` or a word of this dialect; undefined for all else. `opcode`: what a listing says. */
export const pseudoStatement = (
  scanner: Scanner,
  opcode: number | undefined,
): Statement | undefined => {
  scanner.skipSpaces();
  const start = scanner.at;
  const register = takeRegister(scanner);
  if (register) return assignment(scanner, register, opcode);
  const place = takePlace(scanner);
  if (place) {
    scanner.expect('=', 'after the place that is stored to');
    const value = operandHere(scanner, 'store');
    return { code: scanner.guard(start, () => store(place as never, value as never)) };
  }
  if (scanner.take('*')) return storing(scanner);
  const word = scanner.word() ?? '';
  const parse = Object.hasOwn(WORDS, word) ? WORDS[word]! : undefined;
  const statement = parse?.(scanner, start);
  if (!statement) scanner.at = start;
  return statement;
};

// ----------
// Arithmetic
// ----------

type Operation = (d: Register, s: Register | number | bigint) => Instruction;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  '+=': add,
  '-=': sub,
  '*=': mul,
  '/=': div,
  's/=': sdiv,
  '%=': mod,
  's%=': smod,
  '|=': or,
  '&=': and,
  '^=': xor,
  '<<=': lsh,
  '>>=': rsh,
  's>>=': arsh,
};

const OPERATOR = /(?:s?(?:\/|%|>>)|<<|[-+*|&^])?=(?!=)/y;

/** `r1 = ...`, `w1 += ...`. */
const assignment = (scanner: Scanner, d: Register, opcode: number | undefined): Statement => {
  const operator = scanner.match(OPERATOR)?.[0];
  if (operator === undefined)
    scanner.fail(`after ${nameOf(d)} comes = or an operator as +=, got ${scanner.rest()}`);
  if (operator === '=') return assigned(scanner, d, opcode);
  scanner.skipSpaces();
  const at = scanner.at;
  const s = operandHere(scanner, `${nameOf(d)} ${operator}`);
  return { code: scanner.guard(at, () => OPERATIONS[operator]!(d, s)) };
};

// ----------
// Memory
// ----------

/** Behind `*`. */
const storing = (scanner: Scanner): Statement => {
  const { place, size } = typedMemory(scanner, 'store');
  scanner.expect('=', 'after the memory that is stored to');
  scanner.skipSpaces();
  const at = scanner.at;
  const isRegister = takeRegister(scanner) !== undefined;
  scanner.at = at;
  const from = isRegister ? valueHere(scanner, 'store', size) : operandHere(scanner, 'store');
  return { code: scanner.guard(at, () => storeTo('store', place, from, undefined)) };
};

const LOCKED = { '+=': atomicAdd, '|=': atomicOr, '&=': atomicAnd, '^=': atomicXor } as const;

/** `lock *(u64 *)(r1 +0) += r2`; undefined for uBPF's `lock add [r1], r2`. */
const locked = (scanner: Scanner, start: number): Statement | undefined => {
  const at = scanner.at;
  if (!scanner.take('*')) {
    if (!takePlace(scanner)) return undefined;
    scanner.at = at;
  }
  const { place, size } = typedMemory(scanner, 'lock');
  const operator = scanner.match(/[-+|&^*]=/y)?.[0] ?? '';
  if (!Object.hasOwn(LOCKED, operator))
    scanner.fail(`lock takes +=, |=, &= or ^=, got ${operator || scanner.rest()}`);
  const register = valueHere(scanner, 'lock', size);
  const atomic = LOCKED[operator as keyof typeof LOCKED];
  return { code: scanner.guard(start, () => atomic(place as never, register as never)) };
};

const releasing = (scanner: Scanner, start: number): Statement => {
  scanner.expect('(', 'after store_release');
  const { place, size } = typedMemory(scanner, 'store_release');
  scanner.expect(',', 'after the memory');
  const register = valueHere(scanner, 'store_release', size);
  scanner.expect(')', 'after the register');
  return { code: scanner.guard(start, () => storeRelease(place as never, register as never)) };
};

// ----------
// Jumps
// ----------

const CONDITION = /==|!=|s?[<>]=?|&/y;

const conditional = (scanner: Scanner): Statement => {
  const d = registerHere(scanner, 'if');
  const what = `if ${nameOf(d)}`;
  const comparison = scanner.match(CONDITION)?.[0] as Comparison | undefined;
  if (comparison === undefined)
    scanner.fail(`${what}: a comparison as == or s<, got ${scanner.rest()}`);
  const compare = compared(scanner, `${what} ${comparison}`, d, comparison);
  if (!scanner.match(/goto\b/y))
    scanner.fail(`${what}: after the comparison comes goto, got ${scanner.rest()}`);
  return jumping(scanner, 'goto', compare);
};

/** The instruction of a comparison with what comes next, without its target; `named`: d has its width by a mnemonic. */
export const compared = (
  scanner: Scanner,
  what: string,
  d: Register,
  comparison: Comparison,
  named = false,
): Instruction => {
  scanner.skipSpaces();
  const at = scanner.at;
  const opcode = (d.width === 64 ? BPF_JMP : BPF_JMP32) | COMPARISONS[comparison];
  const dst = scanner.guard(at, () => readable(what, d, undefined));
  const s = takeRegister(scanner);
  if (!s) {
    const imm = comparedHere(scanner, what, d.width, comparison.startsWith('s'));
    return make({ opcode, dst, imm });
  }
  if (s.width !== d.width && !named)
    scanner.fail(
      `${what}: ${nameOf(d)} and ${nameOf(s)} differ in width; use both as r or both as w`,
      at,
    );
  const src = scanner.guard(at, () => readable(what, s, undefined));
  return make({ opcode: opcode | BPF_X, dst, src });
};

/** A jump with the target that comes next. */
export const jumping = (scanner: Scanner, what: string, jump: Instruction): Statement => {
  const target = targetHere(scanner, what);
  return 'at' in target ? { code: jump, goal: target } : { code: { ...jump, target } };
};

const plainJump =
  (what: string, opcode: number) =>
  (scanner: Scanner): Statement =>
    jumping(scanner, what, make({ opcode }));

export const JA: number = BPF_JMP | BPF_JA;
export const JAL: number = BPF_JMP32 | BPF_JA;

/** LLVM's text of a 64-bit load whose number is a map's descriptor or the like: `ld_pseudo r1, 1, 5`. */
const pseudoLoad = (scanner: Scanner, start: number): Statement => {
  const { index: dst } = wholeHere(scanner, 'ld_pseudo');
  scanner.expect(',', 'after the register');
  const src = numberHere(scanner, 'ld_pseudo');
  scanner.expect(',', 'after the kind');
  const imm64 = numberHere(scanner, 'ld_pseudo');
  if (src < 0n || src > 6n || imm64 < 0n || imm64 >= 2n ** 31n)
    scanner.fail('ld_pseudo: a kind from 0 to 6, and a number of 31 bits', start);
  return { code: make({ opcode: LDDW, dst, src: Number(src), imm64 }) };
};

const kernels = (scanner: Scanner, start: number): never =>
  scanner.fail('nospec is put in by the kernel: no program can be loaded with it', start);

const WORDS: Readonly<Record<string, (scanner: Scanner, start: number) => Statement | undefined>> =
  {
    if: conditional,
    goto: plainJump('goto', JA),
    gotol: plainJump('gotol', JAL),
    may_goto: plainJump('may_goto', BPF_JMP | BPF_JCOND),
    gotox: (scanner) => ({ code: gotox(wholeHere(scanner, 'gotox')) }),
    call: callStatement,
    callx: (scanner) => ({
      code: make({ opcode: BPF_JMP | BPF_CALL | BPF_X, dst: wholeHere(scanner, 'callx').index }),
    }),
    exit: () => ({ code: make({ opcode: BPF_JMP | BPF_EXIT }) }),
    lock: locked,
    store_release: releasing,
    nospec: kernels,
    ld_pseudo: pseudoLoad,
  };
