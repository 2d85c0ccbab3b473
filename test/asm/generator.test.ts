import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assemble, type Instruction } from '../../src/asm/index.ts';
import { randomProgram } from './generator.ts';

const hex = (value: number) => value.toString(16).padStart(2, '0');

/** What tells an instruction from another one: the opcode, and what else decides. */
const formOf = ({ opcode, src, offset, imm }: Instruction): string => {
  const kind = opcode & 7;
  const isArithmetic = kind === 4 || kind === 7;
  if (isArithmetic && (opcode & 0xf0) === 0xd0) return `${hex(opcode)} ${imm} bits`;
  if (isArithmetic && offset !== 0) return `${hex(opcode)} offset ${offset}`;
  if (kind === 3 && opcode >= 0xc0) return `${hex(opcode)} ${hex(imm)}`;
  if (opcode === 0x85 || opcode === 0x18) return `${hex(opcode)} src ${src}`;
  return hex(opcode);
};

/** All of RFC 9669 but helpers, packets and 64-bit loads that name things; and may_goto, load_acquire, store_release. */
const EVERY = [
  // add, sub, mul, div, or, and, lsh, rsh, mod, xor, mov, arsh: with constants and registers, in 32 and 64 bits.
  ...[0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0].flatMap((code) =>
    [0x04, 0x0c, 0x07, 0x0f].map((form) => hex(code | form)),
  ),
  // sdiv and smod, neg, movsx.
  ...['34', '3c', '37', '3f', '94', '9c', '97', '9f'].map((form) => `${form} offset 1`),
  ...['84', '87', 'bc offset 8', 'bc offset 16', 'bf offset 8', 'bf offset 16', 'bf offset 32'],
  // le, be and bswap.
  ...['d4', 'dc', 'd7'].flatMap((form) => [16, 32, 64].map((bits) => `${form} ${bits} bits`)),
  // Conditions: with constants and registers, in 64 and 32 bits.
  ...[0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0].flatMap((code) =>
    [0x05, 0x0d, 0x06, 0x0e].map((form) => hex(code | form)),
  ),
  // goto, gotol, may_goto, a call of a function, exit, a 64-bit constant.
  ...['05', '06', 'e5', '85 src 1', '95', '18 src 0'],
  // Loads, with a sign too, and stores.
  ...['61', '69', '71', '79', '81', '89', '91'],
  ...['62', '6a', '72', '7a', '63', '6b', '73', '7b'],
  // Atomic operations, load_acquire, store_release.
  ...['c3', 'db'].flatMap((form) =>
    ['00', '40', '50', 'a0', '01', '41', '51', 'a1', 'e1', 'f1'].map((code) => `${form} ${code}`),
  ),
  ...['c3', 'cb', 'd3', 'db'].flatMap((form) => [`${form} 100`, `${form} 110`]),
];

describe('the generator of random programs', () => {
  const { captureStackTrace } = Error;
  beforeAll(() => {
    Object.assign(Error, { captureStackTrace: undefined });
  });
  afterAll(() => {
    Object.assign(Error, { captureStackTrace });
  });

  it('makes every form of arithmetic, jumps, loads, stores and atomic operations', () => {
    const made = new Set<string>();
    for (let seed = 1; seed <= 500; seed++)
      for (const each of assemble(randomProgram(seed, true).body, () => true).instructions)
        made.add(formOf(each));
    expect(EVERY.filter((form) => !made.has(form))).toEqual([]);
  });
});
