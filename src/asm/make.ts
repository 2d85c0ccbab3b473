/**
 * @module
 * The one place where instructions are made, and the ranges of their fields checked.
 */
import type { Instruction } from './code.ts';
import { LDDW } from './opcodes.ts';
import { isRegister, nameOf, type Register } from './register.ts';
import { AssemblerError, type Site } from './site.ts';

/** An instruction; what is left out is 0. All have the same fields in one order, so that V8 knows one shape. */
export const make = ({
  opcode,
  dst = 0,
  src = 0,
  offset = 0,
  imm = 0,
  imm64,
  target,
  reference,
  relocation,
  slot,
  site,
}: Partial<Omit<Instruction, 'kind'>> & { readonly opcode: number }): Instruction => ({
  kind: 'instruction',
  opcode,
  dst,
  src,
  offset,
  imm,
  imm64,
  target,
  reference,
  relocation,
  slot,
  site,
});

const INT32_MIN = -(2 ** 31);
const UINT32_END = 2 ** 32;

/** Whether a 64-bit operation can take `value` as its immediate, which it extends with the sign. */
export const fitsSigned32 = (value: number | bigint): boolean =>
  (typeof value === 'bigint' || Number.isInteger(value)) &&
  value >= INT32_MIN &&
  value < -INT32_MIN;

/** A number that is exact, as a bigint. */
export const exact = (what: string, value: number | bigint, site?: Site): bigint => {
  if (typeof value === 'bigint') return value;
  if (typeof value !== 'number') {
    throw new AssemblerError(`${what}: a register or a number, got ${typeof value}`, site);
  }
  if (!Number.isSafeInteger(value)) {
    throw new AssemblerError(
      `${what}: ${value} is not a whole number that JavaScript holds exactly; write it as a bigint`,
      site,
    );
  }
  return BigInt(value);
};

/**
 * The wire's immediate for a mathematical value: 64-bit operations extend it with the sign, so they take -2^31 to
 * 2^31-1; 32-bit ones use all its bits, so they take up to 2^32-1 where they are not signed.
 */
export const immediate = (
  what: string,
  width: 32 | 64,
  value: number | bigint,
  hint: string,
  site: Site | undefined,
  signed = false,
): number => {
  const number = exact(what, value, site);
  const end = width === 64 || signed ? -INT32_MIN : UINT32_END;
  if (number < INT32_MIN || number >= end) {
    const range = `${INT32_MIN} to ${end - 1}`;
    throw new AssemblerError(`${what}: the immediate is ${range}, got ${value}; ${hint}`, site);
  }
  return Number(BigInt.asIntN(32, number));
};

/** A signed 16-bit offset. */
export const offset16 = (what: string, offset: number, site: Site | undefined): number => {
  if (!Number.isInteger(offset) || offset < -32768 || offset > 32767) {
    throw new AssemblerError(
      `${what}: an offset is -32768 to 32767, got ${offset}; add the distance to the register first`,
      site,
    );
  }
  return offset;
};

/** Refuses a register that an instruction may not write. */
export const writable = (what: string, register: Register, site: Site | undefined): number => {
  const index = readable(what, register, site);
  if (index === 10) throw new AssemblerError(`${what}: r10, the frame pointer, is read-only`, site);
  return index;
};

/** Refuses the lower half of a register where only the whole will do. */
export const wholeOnly = (what: string, register: Register, site: Site | undefined): void => {
  if (isRegister(register) && register.width !== 64) {
    throw new AssemblerError(
      `${what}: it takes all 64 bits, so write r${register.index}, not ${nameOf(register)}`,
      site,
    );
  }
};

/** Refuses r11, which only addresses stack arguments, and what is no register at all. */
export const readable = (what: string, register: Register, site: Site | undefined): number => {
  if (!isRegister(register)) {
    throw new AssemblerError(`${what}: a register, got ${typeof register}`, site);
  }
  if (register.index === 11) {
    throw new AssemblerError(
      `${what}: r11 is only the base of loads and stores of stack arguments`,
      site,
    );
  }
  return register.index;
};

/** Refuses two registers of different widths, which plain JavaScript callers can pass. */
export const sameWidth = (what: string, a: Register, b: Register, site: Site | undefined): void => {
  if (a.width !== b.width) {
    throw new AssemblerError(
      `${what}: ${nameOf(a)} and ${nameOf(b)} differ in width; use both as r or both as w`,
      site,
    );
  }
};

/** The 16-byte load of a 64-bit constant, signed or unsigned. */
export const wideLoad = (
  what: string,
  dst: number,
  value: number | bigint,
  site: Site | undefined,
): Instruction => {
  const number = exact(what, value, site);
  if (number < -(2n ** 63n) || number >= 2n ** 64n) {
    throw new AssemblerError(`${what}: ${value} does not fit in 64 bits`, site);
  }
  return make({ opcode: LDDW, dst, imm64: BigInt.asUintN(64, number), site });
};
