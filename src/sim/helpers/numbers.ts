/**
 * @module
 * Helpers that read numbers out of strings (__bpf_strtoull, kernel/bpf/helpers.c): how many bytes they took, or an error.
 */
import { type HelperFunction, hasOnly, readable, writable } from '../helper.ts';
import type { Machine } from '../machine.ts';
import { EINVAL, ERANGE } from '../maps/errors.ts';
import type { Registers } from '../registers.ts';

/** BPF_STRTOX_BASE_MASK: the flags are the base, 0 for what the number begins with. */
const BASES = 0x1f;
/** As isspace() of the kernel, which counts the space of Latin-1 that does not break. */
const SPACE = /^[\t-\r \xa0]*/;
/** It looks at no more of what is behind spaces and sign. */
const LONGEST = 63;
const DIGITS = { 8: /^[0-7]+/, 10: /^\d+/, 16: /^[\da-f]+/i } as const;

interface Numeral {
  readonly isNegative: boolean;
  readonly value: bigint;
  /** Bytes, with those before it. */
  readonly length: number;
}

/** The number that a string starts with, or a negative error number. */
const numeralIn = (machine: Machine, registers: Registers): Numeral | number => {
  const size = registers.word(2);
  const from = readable(machine, 1, size);
  const base = registers.word(3) & BASES;
  if ((base !== 0 && base !== 8 && base !== 10 && base !== 16) || !hasOnly(registers, 3, BASES))
    return -EINVAL;
  const text = new TextDecoder('latin1').decode(machine.copy(from, size));
  const [space] = SPACE.exec(text)!;
  const isNegative = text[space.length] === '-';
  const start = space.length + (isNegative ? 1 : 0);
  const rest = text.slice(start, start + LONGEST);
  const guessed = /^0x[\da-f]/i.test(rest) ? 16 : rest.startsWith('0') ? 8 : 10;
  const used = base === 0 ? guessed : base;
  const prefix = used === 16 && /^0x/i.test(rest) ? 2 : 0;
  const digits = DIGITS[used as keyof typeof DIGITS].exec(rest.slice(prefix))?.[0];
  if (digits === undefined) return -EINVAL;
  const value = BigInt(`${{ 8: '0o', 10: '', 16: '0x' }[used]}${digits}`);
  if (value >= 1n << 64n) return -ERANGE;
  return { isNegative, value, length: start + prefix + digits.length };
};

const give = (machine: Machine, value: bigint): void => {
  const to = writable(machine, 4, 8);
  machine.memory.view.setBigUint64(to, BigInt.asUintN(64, value), true);
};

const strtol: HelperFunction = (machine, registers) => {
  give(machine, 0n);
  const found = numeralIn(machine, registers);
  if (typeof found === 'number') return found;
  const value = found.isNegative ? -found.value : found.value;
  if (BigInt.asIntN(64, value) !== value) return -ERANGE;
  give(machine, value);
  return found.length;
};

const strtoul: HelperFunction = (machine, registers) => {
  give(machine, 0n);
  const found = numeralIn(machine, registers);
  if (typeof found === 'number') return found;
  if (found.isNegative) return -EINVAL;
  give(machine, found.value);
  return found.length;
};

export const numberHelpers = { strtol, strtoul };
