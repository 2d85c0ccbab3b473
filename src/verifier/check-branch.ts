/**
 * @module
 * What a comparison teaches the static checks: which way is taken where both numbers are known, and that a pointer is
 * there where it was compared with 0.
 */
import {
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JMP32,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_X,
  classOf,
  type Instruction,
} from '../asm/index.ts';
import { type CheckState, type Known, UNKNOWN } from './check-state.ts';
import { jumpTarget, type Slotted } from './program.ts';

/** The states on the two ways of a jump; undefined for one that is never taken. */
export interface Branches {
  readonly next: CheckState | undefined;
  readonly target: CheckState | undefined;
}

export const branchStates = (each: Slotted, state: CheckState): Branches => {
  const { instruction } = each;
  const compare = COMPARISONS[instruction.opcode & 0xf0];
  if (jumpTarget(each) === undefined || !compare) return { next: state, target: state };
  const { opcode, dst, src, imm } = instruction;
  const left = state.registers[dst]!;
  const right: Known =
    opcode & BPF_X ? state.registers[src]! : { kind: 'number', value: BigInt(imm) };
  if (left.kind === 'or-null') return afterCheck(instruction, state, left, right);
  const [a, b] = [left, right].map((known) => (known.kind === 'number' ? known.value : undefined));
  if (a === undefined || b === undefined) {
    const isKnownToKernel = left.kind === 'constant' || right.kind === 'constant';
    const after = {
      ...forgetting(state, right),
      isCertain: state.isCertain && !isKnownToKernel,
    };
    return { next: after, target: after };
  }
  const bits = classOf(opcode) === BPF_JMP32 ? 32 : 64;
  const isTaken = compare(
    BigInt.asUintN(bits, a),
    BigInt.asUintN(bits, b),
    BigInt.asIntN(bits, a),
    BigInt.asIntN(bits, b),
  );
  return isTaken ? { next: undefined, target: state } : { next: state, target: undefined };
};

/** By operation: of unsigned and signed numbers. */
const COMPARISONS: Readonly<
  Record<number, (a: bigint, b: bigint, signedA: bigint, signedB: bigint) => boolean>
> = {
  [BPF_JEQ]: (a, b) => a === b,
  [BPF_JNE]: (a, b) => a !== b,
  [BPF_JGT]: (a, b) => a > b,
  [BPF_JGE]: (a, b) => a >= b,
  [BPF_JLT]: (a, b) => a < b,
  [BPF_JLE]: (a, b) => a <= b,
  [BPF_JSET]: (a, b) => (a & b) !== 0n,
  [BPF_JSGT]: (_, __, a, b) => a > b,
  [BPF_JSGE]: (_, __, a, b) => a >= b,
  [BPF_JSLT]: (_, __, a, b) => a < b,
  [BPF_JSLE]: (_, __, a, b) => a <= b,
};

/** What was compared with 0 is 0 on one way and a pointer on the other; after another comparison nothing is known. */
const afterCheck = (
  { opcode }: Instruction,
  state: CheckState,
  { call, what }: Known & { readonly kind: 'or-null' },
  right: Known,
): Branches => {
  const operation = opcode & 0xf0;
  const isZero = right.kind === 'number' && right.value === 0n;
  if (!isZero || (operation !== BPF_JEQ && operation !== BPF_JNE)) {
    const forgotten = replacing(state, call, UNKNOWN);
    return { next: forgotten, target: forgotten };
  }
  const nothing = replacing(state, call, { kind: 'number', value: 0n, nothingOf: what });
  const there = replacing(state, call, UNKNOWN);
  return operation === BPF_JEQ
    ? { next: there, target: nothing }
    : { next: nothing, target: there };
};

const forgetting = (state: CheckState, right: Known): CheckState =>
  right.kind === 'or-null' ? replacing(state, right.call, UNKNOWN) : state;

const replacing = (state: CheckState, call: number, by: Known): CheckState => ({
  ...state,
  registers: state.registers.map((known) =>
    known.kind === 'or-null' && known.call === call ? by : known,
  ),
});
