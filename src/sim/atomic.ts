/**
 * @module
 * Atomic operations (RFC 9669, section 5.3). One program runs at a time, so that they are plain reads and writes.
 */
import {
  BPF_ADD,
  BPF_AND,
  BPF_CMPXCHG,
  BPF_FETCH,
  BPF_OR,
  BPF_XCHG,
  BPF_XOR,
} from '../asm/index.ts';
import type { MachineCode } from './code.ts';
import type { Environment } from './engine.ts';
import { positionIn, SimulationFault } from './fault.ts';

/** On 32 bits. */
export const atomic32 = (environment: Environment, code: MachineCode, pc: number): void => {
  const { memory, registers } = environment;
  const at = placeOf(environment, code, pc, 4);
  const s = code.src[pc]!;
  const old = memory.view.getInt32(at, true);
  const given = registers.low[s]!;
  const operation = code.imm[pc]!;
  if (operation === BPF_CMPXCHG) {
    if (old === registers.low[0]) memory.view.setInt32(at, given, true);
    registers.set(0, old >>> 0);
    return;
  }
  memory.view.setInt32(at, compute32(operation & ~BPF_FETCH, old, given), true);
  if ((operation & BPF_FETCH) !== 0) registers.set(s, old >>> 0);
};

const compute32 = (operation: number, old: number, given: number): number => {
  switch (operation) {
    case BPF_ADD:
      return old + given;
    case BPF_OR:
      return old | given;
    case BPF_AND:
      return old & given;
    case BPF_XOR:
      return old ^ given;
    default:
      return given;
  }
};

/** On 64 bits. */
export const atomic = (environment: Environment, code: MachineCode, pc: number): void => {
  const { memory, registers } = environment;
  const at = placeOf(environment, code, pc, 8);
  const s = code.src[pc]!;
  const operation = code.imm[pc]!;
  const { view } = memory;
  if (operation === BPF_ADD) {
    // Counting is what most programs do with it.
    const old = view.getInt32(at, true);
    const sum = (old + registers.low[s]!) | 0;
    view.setInt32(at, sum, true);
    const carry = sum >>> 0 < old >>> 0 ? 1 : 0;
    view.setInt32(at + 4, view.getInt32(at + 4, true) + registers.high[s]! + carry, true);
    return;
  }
  const old = view.getBigUint64(at, true);
  const given = registers.get(s);
  if (operation === BPF_CMPXCHG) {
    if (old === registers.get(0)) view.setBigUint64(at, given, true);
    registers.set(0, old);
    return;
  }
  view.setBigUint64(at, compute(operation & ~BPF_FETCH, old, given), true);
  if ((operation & BPF_FETCH) !== 0) registers.set(s, old);
};

const compute = (operation: number, old: bigint, given: bigint): bigint => {
  switch (operation) {
    case BPF_ADD:
      return old + given;
    case BPF_OR:
      return old | given;
    case BPF_AND:
      return old & given;
    case BPF_XOR:
      return old ^ given;
    default:
      return given;
  }
};

const OPERATIONS: ReadonlySet<number> = /* @__PURE__ */ new Set([
  ...[BPF_ADD, BPF_OR, BPF_AND, BPF_XOR].flatMap((each) => [each, each | BPF_FETCH]),
  BPF_XCHG,
  BPF_CMPXCHG,
]);

const placeOf = (environment: Environment, code: MachineCode, pc: number, size: number): number => {
  const { memory, registers } = environment;
  const where = positionIn(code.instructions, pc);
  if (!OPERATIONS.has(code.imm[pc]!))
    throw new SimulationFault('there is no such atomic operation', where);
  const d = code.dst[pc]!;
  const low = (registers.low[d]! + code.offset[pc]!) | 0;
  const at =
    low >>> 0 <= memory.writable[registers.high[d]!]! - size
      ? memory.base[registers.high[d]!]! + low
      : -1;
  if (at < 0) throw new SimulationFault(`there are no ${size} bytes to be written`, where);
  if (!memory.isWritten(at, size)) environment.unwritten(code, pc);
  memory.wrote(at, size);
  return at;
};
