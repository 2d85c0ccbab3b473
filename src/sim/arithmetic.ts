/**
 * @module
 * 64-bit arithmetic on the halves of registers (RFC 9669, section 4.1): what takes more than a line.
 */
import type { Registers } from './registers.ts';

const HIGH = 2 ** 32;
/** Below this in the upper half, a number is exact in a double. */
const EXACT = 2 ** 21;

/** d *= s */
export const multiply = ({ low, high }: Registers, d: number, s: number): void => {
  const a = low[d]!;
  const b = low[s]!;
  // The upper half of the product of the lower halves, from products of 16 bits.
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carry = (middle & 0xffff) + a0 * b1;
  const upper = a1 * b1 + (middle >>> 16) + (carry >>> 16);
  high[d] = upper + Math.imul(high[d]!, b) + Math.imul(a, high[s]!);
  low[d] = Math.imul(a, b);
};

/** d /= s, unsigned; 0 when s is 0 */
export const divide = (registers: Registers, d: number, s: number): void => {
  const { low, high } = registers;
  const a1 = high[d]! >>> 0;
  const b1 = high[s]! >>> 0;
  const divisor = b1 * HIGH + (low[s]! >>> 0);
  if (divisor === 0) {
    low[d] = high[d] = 0;
  } else if (a1 < EXACT && b1 < EXACT) {
    const quotient = Math.floor((a1 * HIGH + (low[d]! >>> 0)) / divisor);
    low[d] = quotient;
    high[d] = quotient / HIGH;
  } else registers.set(d, registers.get(d) / registers.get(s));
};

/** d %= s, unsigned; d when s is 0 */
export const modulo = (registers: Registers, d: number, s: number): void => {
  const { low, high } = registers;
  const a1 = high[d]! >>> 0;
  const b1 = high[s]! >>> 0;
  const divisor = b1 * HIGH + (low[s]! >>> 0);
  if (divisor === 0) return;
  if (a1 < EXACT && b1 < EXACT) {
    const rest = (a1 * HIGH + (low[d]! >>> 0)) % divisor;
    low[d] = rest;
    high[d] = rest / HIGH;
  } else registers.set(d, registers.get(d) % registers.get(s));
};

const signed = (registers: Registers, register: number): bigint =>
  BigInt.asIntN(64, registers.get(register));

/** d s/= s; the least number by -1 is itself */
export const signedDivide = (registers: Registers, d: number, s: number): void => {
  const divisor = signed(registers, s);
  registers.set(d, divisor === 0n ? 0n : signed(registers, d) / divisor);
};

/** d s%= s, with the sign of d */
export const signedModulo = (registers: Registers, d: number, s: number): void => {
  const divisor = signed(registers, s);
  if (divisor !== 0n) registers.set(d, signed(registers, d) % divisor);
};

/** d <<= s & 63 */
export const shiftLeft = ({ low, high }: Registers, d: number, s: number): void => {
  const by = low[s]! & 63;
  const lower = low[d]!;
  if (by === 0) return;
  high[d] = by > 31 ? lower << (by - 32) : (high[d]! << by) | (lower >>> (32 - by));
  low[d] = by > 31 ? 0 : lower << by;
};

/** d >>= s & 63 */
export const shiftRight = ({ low, high }: Registers, d: number, s: number): void => {
  const by = low[s]! & 63;
  const upper = high[d]!;
  if (by === 0) return;
  low[d] = by > 31 ? upper >>> (by - 32) : (low[d]! >>> by) | (upper << (32 - by));
  high[d] = by > 31 ? 0 : upper >>> by;
};

/** d s>>= s & 63 */
export const shiftArithmetic = ({ low, high }: Registers, d: number, s: number): void => {
  const by = low[s]! & 63;
  const upper = high[d]!;
  if (by === 0) return;
  low[d] = by > 31 ? upper >> (by - 32) : (low[d]! >>> by) | (upper << (32 - by));
  high[d] = by > 31 ? upper >> 31 : upper >> by;
};

const swap32 = (value: number): number =>
  ((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);

/** The lowest `bits` of d in the other order of bytes, and zeros above. */
export const swapBytes = ({ low, high }: Registers, d: number, bits: number): void => {
  const [lower, upper] = [low[d]!, high[d]!];
  low[d] = bits === 64 ? swap32(upper) : swap32(lower) >>> (32 - bits);
  high[d] = bits === 64 ? swap32(lower) : 0;
};

/** The lowest `bits` of d, and zeros above. */
export const truncate = ({ low, high }: Registers, d: number, bits: number): void => {
  if (bits === 64) return;
  if (bits === 16) low[d] = low[d]! & 0xffff;
  high[d] = 0;
};
