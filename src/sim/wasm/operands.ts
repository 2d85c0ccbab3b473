/**
 * @module
 * The registers of a program as locals of a WebAssembly function, and the immediates among its operands as constants.
 */
import type { MachineCode } from '../code.ts';
import { FIRST_CONSTANT, type Registers } from '../registers.ts';
import type { Library } from './library.ts';
import type { Locals } from './module.ts';
import type { StackPointers } from './stack-pointers.ts';
import type { Windows } from './windows.ts';
import { I32, I64, WASM, type WasmWriter } from './writer.ts';

/**
 * The locals of a function. Its parameters come first: where its frame starts in the heap, and r1 to r5 under their own
 * numbers. Registers that no program has, r11 to r15, are registers all the same.
 */
export const LOCAL = {
  frame: 0,
  r0: 6,
  r6: 7,
  /** Instructions that may still be executed. */
  fuel: 17,
  /** Of the instruction that is executed: the address that it reaches, and where that is in the heap; anything. */
  address: 18,
  long: 19,
  at: 20,
  /** Turns that are left for may_goto. */
  loops: 21,
  /** The block to go on with, where blocks do not nest. */
  state: 22,
  /** The first window. */
  windows: 23,
} as const;

/** Those that are no parameters, up to the windows. */
export const LOCALS: Locals = [
  [14, I64],
  [3, I32],
];

/** The local of a register. */
export const localOf = (register: number): number => {
  if (register === 0) return LOCAL.r0;
  return register < 6 ? register : LOCAL.r6 + register - 6;
};

/** Writes the instructions of one function, as code.ts has them. */
export interface Translation {
  /** Those of the loop that the instructions are in. */
  readonly windows: Windows | undefined;
  /** What is known in their block. */
  readonly stack: StackPointers;
  readonly writer: WasmWriter;
  readonly library: Library;
  readonly code: MachineCode;
  readonly registers: Registers;
}

/** Pushes an operand: a register or a constant. */
export const push = ({ writer, registers }: Translation, operand: number): WasmWriter =>
  operand < FIRST_CONSTANT
    ? writer.get(localOf(operand))
    : writer.halves(registers.low[operand]!, registers.high[operand]!);

/** Pushes its lower half. */
export const pushLow = ({ writer, registers }: Translation, operand: number): WasmWriter =>
  operand < FIRST_CONSTANT
    ? writer.get(localOf(operand)).op(WASM.i32WrapI64)
    : writer.int(registers.low[operand]!);

/** Pops a result of 32 bits into a register. */
export const popLow = ({ writer }: Translation, register: number): WasmWriter =>
  writer.op(WASM.i64ExtendI32U).set(localOf(register));
