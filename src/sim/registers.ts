/**
 * @module
 * The registers of a machine, as two halves of 32 bits each: arithmetic on them needs no bigints. Behind r0 to r10 come
 * the constants of its programs, so that an operand is always a register.
 */

/** Where the constants begin. */
export const FIRST_CONSTANT = 16;
const HIGH = 2 ** 32;

export class Registers {
  readonly low: Int32Array;
  readonly high: Int32Array;

  /** @param constants What the programs of the machine have for immediates. */
  constructor(constants: readonly (number | bigint)[]) {
    this.low = new Int32Array(FIRST_CONSTANT + constants.length);
    this.high = new Int32Array(FIRST_CONSTANT + constants.length);
    constants.forEach((value, index) => {
      this.set(FIRST_CONSTANT + index, value);
    });
  }

  /** Unsigned. */
  get(register: number): bigint {
    return (BigInt(this.high[register]! >>> 0) << 32n) | BigInt(this.low[register]! >>> 0);
  }

  /** As a JavaScript number, signed: exact up to 2 ** 53. */
  number(register: number): number {
    return this.high[register]! * HIGH + (this.low[register]! >>> 0);
  }

  /** The lower half, unsigned. */
  word(register: number): number {
    return this.low[register]! >>> 0;
  }

  set(register: number, value: bigint | number): void {
    if (typeof value === 'number') {
      // Both conversions are modulo 2 ** 32.
      this.low[register] = value;
      this.high[register] = Math.floor(value / HIGH);
    } else {
      this.low[register] = Number(BigInt.asIntN(32, value));
      this.high[register] = Number(BigInt.asIntN(32, value >> 32n));
    }
  }
}
