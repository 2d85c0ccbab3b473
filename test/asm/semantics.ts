/**
 * @module
 * What instructions compute, written from RFC 9669 with bigints and from nothing else: the independent half of the
 * random tests. Registers are unsigned 64-bit numbers.
 */

export type Width = 32 | 64;

export const unsigned = (width: number, value: bigint): bigint => BigInt.asUintN(width, value);
export const signed = (width: number, value: bigint): bigint => BigInt.asIntN(width, value);

/** Section 4.1. Operands are unsigned numbers of `width` bits, and so is what becomes of the result. */
export const ARITHMETIC = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => (b === 0n ? 0n : a / b),
  sdiv: (a, b, width) => (b === 0n ? 0n : signed(width, a) / signed(width, b)),
  or: (a, b) => a | b,
  and: (a, b) => a & b,
  lsh: (a, b, width) => a << (b & BigInt(width - 1)),
  rsh: (a, b, width) => a >> (b & BigInt(width - 1)),
  mod: (a, b) => (b === 0n ? a : a % b),
  smod: (a, b, width) => (b === 0n ? a : signed(width, a) % signed(width, b)),
  xor: (a, b) => a ^ b,
  mov: (_, b) => b,
  arsh: (a, b, width) => signed(width, a) >> (b & BigInt(width - 1)),
} satisfies Record<string, (a: bigint, b: bigint, width: Width) => bigint>;
export type Operation = keyof typeof ARITHMETIC;

/** The new value of a register: 32-bit operations clear its upper half. */
export const compute = (operation: Operation, width: Width, a: bigint, b: bigint): bigint =>
  unsigned(width, ARITHMETIC[operation](unsigned(width, a), unsigned(width, b), width));

/** Section 4.3. Operands are unsigned numbers of `width` bits. */
export const CONDITIONS = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  's>': (a, b, width) => signed(width, a) > signed(width, b),
  's>=': (a, b, width) => signed(width, a) >= signed(width, b),
  's<': (a, b, width) => signed(width, a) < signed(width, b),
  's<=': (a, b, width) => signed(width, a) <= signed(width, b),
  '&': (a, b) => (a & b) !== 0n,
} satisfies Record<string, (a: bigint, b: bigint, width: Width) => boolean>;
export type Condition = keyof typeof CONDITIONS;

export const holds = (condition: Condition, width: Width, a: bigint, b: bigint): boolean =>
  CONDITIONS[condition](unsigned(width, a), unsigned(width, b), width);

/** Section 4.2, on a little-endian machine. */
export const swapped = (kind: 'le' | 'be' | 'bswap', bits: 16 | 32 | 64, value: bigint): bigint => {
  const low = unsigned(bits, value);
  if (kind === 'le') return low;
  let out = 0n;
  for (let byte = 0; byte < bits; byte += 8) out = (out << 8n) | ((low >> BigInt(byte)) & 0xffn);
  return out;
};

/** Little-endian memory, by bytes. */
export const readMemory = (memory: Uint8Array, at: number, size: number): bigint => {
  let value = 0n;
  for (let byte = size - 1; byte >= 0; byte--) value = (value << 8n) | BigInt(memory[at + byte]!);
  return value;
};
export const writeMemory = (memory: Uint8Array, at: number, size: number, value: bigint): void => {
  for (let byte = 0; byte < size; byte++) {
    memory[at + byte] = Number((value >> BigInt(8 * byte)) & 0xffn);
  }
};
