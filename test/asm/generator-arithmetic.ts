/**
 * @module
 * Random arithmetic: all operations, in both widths, with registers and with constants.
 */
import { type Code, movsx, neg } from '../../src/asm/index.ts';
import { asm, literal, r, type Scope, type Step, w } from './generator-scope.ts';
import {
  ARITHMETIC,
  compute,
  type Operation,
  signed,
  swapped,
  unsigned,
  type Width,
} from './semantics.ts';

const OPERATIONS = Object.keys(ARITHMETIC) as Operation[];
const isShift = (operation: Operation) => ['lsh', 'rsh', 'arsh'].includes(operation);
const divides = (operation: Operation) => ['div', 'sdiv', 'mod', 'smod'].includes(operation);

/** A number that one instruction takes. */
const constant = ({ random }: Scope, operation: Operation, width: Width): bigint => {
  if (isShift(operation)) return BigInt(random.below(width));
  if (operation === 'mov' && width === 64) return random.bits(64, random.below(2) === 0);
  const signedOnly = width === 64 || operation === 'sdiv' || operation === 'smod';
  const value = random.bits(32, signedOnly || random.below(2) === 0);
  return value === 0n && divides(operation) ? 7n : value;
};

export const arithmetic = (scope: Scope): Step => {
  const { random, registers } = scope;
  const operation = random.pick(OPERATIONS);
  const width = random.pick([32, 64] as const);
  const [d, s] = [random.pick(registers), random.pick(registers)];
  const mnemonic = asm[operation];
  if (random.below(2) === 0) {
    return {
      code: width === 64 ? mnemonic(r(d), r(s)) : mnemonic(w(d), w(s)),
      run: ({ registers: x }) => {
        x[d] = compute(operation, width, x[d]!, x[s]!);
      },
    };
  }
  const value = constant(scope, operation, width);
  return {
    code: width === 64 ? mnemonic(r(d), literal(value)) : mnemonic(w(d), literal(value)),
    run: ({ registers: x }) => {
      x[d] = compute(operation, width, x[d]!, value);
    },
  };
};

export const unary = ({ random, registers }: Scope): Step => {
  const [d, s] = [random.pick(registers), random.pick(registers)];
  const sets = (code: Code, value: (x: readonly bigint[]) => bigint): Step => ({
    code,
    run: ({ registers: x }) => {
      x[d] = value(x);
    },
  });
  switch (random.below(5)) {
    case 0:
      return sets(neg(r(d)), (x) => unsigned(64, -x[d]!));
    case 1:
      return sets(neg(w(d)), (x) => unsigned(32, -x[d]!));
    case 2: {
      const bits = random.pick([8, 16, 32] as const);
      return sets(movsx(r(d), r(s), bits), (x) => unsigned(64, signed(bits, x[s]!)));
    }
    case 3: {
      const bits = random.pick([8, 16] as const);
      return sets(movsx(w(d), w(s), bits), (x) => unsigned(32, signed(bits, x[s]!)));
    }
    default: {
      const kind = random.pick(['le', 'be', 'bswap'] as const);
      const bits = random.pick([16, 32, 64] as const);
      return sets(asm[kind](r(d), bits), (x) => swapped(kind, bits, x[d]!));
    }
  }
};
