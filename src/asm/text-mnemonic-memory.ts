/**
 * @module
 * Instructions on memory by their mnemonics (text-mnemonic.ts): loads, stores, packet loads, atomic operations.
 */
import {
  atomicAdd,
  atomicAnd,
  atomicOr,
  atomicXor,
  cmpxchg,
  fetchAdd,
  fetchAnd,
  fetchOr,
  fetchXor,
  loadAcquire,
  storeRelease,
  xchg,
} from './atomic.ts';
import type { Instruction } from './code.ts';
import { immediate, make, readable } from './make.ts';
import { loadFrom, storeTo } from './memory.ts';
import { BPF_ABS, BPF_IND, BPF_LD, BPF_LDX, BPF_MEMSX, sizeBits } from './opcodes.ts';
import type { Register } from './register.ts';
import {
  memoryHere,
  numberHere,
  operandHere,
  registerHere,
  type Size,
  type Statement,
  takeNumber,
  wholeHere,
  withWidth,
} from './text-operands.ts';
import type { Scanner } from './text-scanner.ts';

/** Reads the operands of a mnemonic. */
export type Parse = (scanner: Scanner, what: string, at: number) => Statement;

export const comma = (scanner: Scanner, what: string): void =>
  scanner.expect(',', `between the operands of ${what}`);

/** A register or a number. To these assemblers 0xffffffff is 32 bits, which 64-bit instructions extend: -1. */
export const bitsOrRegister = (scanner: Scanner, what: string): Register | bigint => {
  const start = scanner.at;
  const number = takeNumber(scanner);
  if (number?.hex && number.value < 2n ** 32n) return BigInt.asIntN(32, number.value);
  scanner.at = start;
  return operandHere(scanner, what);
};

// ----------
// Loads and stores
// ----------

/** `[r1+8]`. */
const bracketed = (scanner: Scanner, what: string, size: Size) => {
  scanner.expect('[', `before the address of ${what}`);
  const place = memoryHere(scanner, what, size);
  scanner.expect(']', 'after the address');
  return place;
};

export const loading =
  (size: Size, signed: boolean): Parse =>
  (scanner, what, at) => {
    const d = registerHere(scanner, what);
    comma(scanner, what);
    const place = bracketed(scanner, what, size);
    const load = scanner.guard(at, () => loadFrom(what, d, place, undefined)) as Instruction;
    return { code: signed ? { ...load, opcode: BPF_LDX | BPF_MEMSX | sizeBits(size) } : load };
  };

export const storingConstant =
  (size: Size): Parse =>
  (scanner, what, at) => {
    const place = bracketed(scanner, what, size);
    comma(scanner, what);
    const value = bitsOrRegister(scanner, what);
    if (typeof value !== 'bigint') return scanner.fail(`${what}: it stores a number`, at);
    return { code: scanner.guard(at, () => storeTo(what, place, value, undefined)) };
  };

export const storing =
  (size: Size): Parse =>
  (scanner, what, at) => {
    const place = bracketed(scanner, what, size);
    comma(scanner, what);
    const s = registerHere(scanner, what);
    return { code: scanner.guard(at, () => storeTo(what, place, s, undefined)) };
  };

export const packetAbsolute =
  (size: Size): Parse =>
  (scanner, what, at) => {
    const imm = packetOffset(scanner, what, at);
    return { code: make({ opcode: BPF_LD | BPF_ABS | sizeBits(size), imm }) };
  };

export const packetIndirect =
  (size: Size): Parse =>
  (scanner, what, at) => {
    const s = wholeHere(scanner, what);
    comma(scanner, what);
    const imm = packetOffset(scanner, what, at);
    const src = scanner.guard(at, () => readable(what, s, undefined));
    return { code: make({ opcode: BPF_LD | BPF_IND | sizeBits(size), src, imm }) };
  };

const packetOffset = (scanner: Scanner, what: string, at: number): number => {
  const value = numberHere(scanner, what);
  return scanner.guard(at, () => immediate(what, 64, value, 'packets are shorter', undefined));
};

// ----------
// Atomic operations
// ----------

const ATOMICS = {
  add: atomicAdd,
  or: atomicOr,
  and: atomicAnd,
  xor: atomicXor,
  fetch_add: fetchAdd,
  fetch_or: fetchOr,
  fetch_and: fetchAnd,
  fetch_xor: fetchXor,
  xchg,
  cmpxchg,
};
type AtomicName = keyof typeof ATOMICS;

export const atomic =
  (operation: AtomicName, size: 4 | 8): Parse =>
  (scanner, what, at) => {
    const place = bracketed(scanner, what, size);
    comma(scanner, what);
    const s = withWidth(registerHere(scanner, what), size === 8 ? 64 : 32);
    return { code: scanner.guard(at, () => ATOMICS[operation](place as never, s as never)) };
  };

/** uBPF's `lock add32 [r1], r2`, `lock fetch xor [r1], r2`. */
export const locked: Parse = (scanner, what, at) => {
  const found = scanner.match(/(fetch[ \t]+)?(add|or|and|xor|xchg|cmpxchg)(32)?\b/y);
  if (!found) return scanner.fail(`lock: an operation as add or fetch add, got ${scanner.rest()}`);
  const [, fetch, name = '', half] = found;
  const exchanges = name.endsWith('xchg');
  const operation = (fetch && !exchanges ? `fetch_${name}` : name) as AtomicName;
  return atomic(operation, half ? 4 : 8)(scanner, what, at);
};

export const acquiring =
  (size: Size): Parse =>
  (scanner, what, at) => {
    const d = withWidth(registerHere(scanner, what), size === 8 ? 64 : 32);
    comma(scanner, what);
    const place = bracketed(scanner, what, size);
    return { code: scanner.guard(at, () => loadAcquire(d as never, place as never)) };
  };

export const releasing =
  (size: Size): Parse =>
  (scanner, what, at) => {
    const place = bracketed(scanner, what, size);
    comma(scanner, what);
    const s = withWidth(registerHere(scanner, what), size === 8 ? 64 : 32);
    return { code: scanner.guard(at, () => storeRelease(place as never, s as never)) };
  };
