/**
 * @module
 * What the functions of a WebAssembly module call outside: the machine, through engine.ts.
 */
import type { FunctionType } from './module.ts';
import { I32, I64 } from './writer.ts';

const halves = [I32, I32];

/** By their names, in the order of their indices. `index` is that of the instruction. */
export const IMPORTED: Readonly<Record<keyof Outside, FunctionType>> = {
  call: {
    parameters: [I32, I32, ...halves, ...halves, ...halves, ...halves, ...halves],
    results: [I64],
  },
  replaced: { parameters: [], results: [I32] },
  execute: { parameters: [I32, I64, I64, I64], results: [I64] },
  packet: { parameters: [I32, I32], results: [I64] },
  unwritten: { parameters: [I32], results: [] },
  exhausted: { parameters: [I32], results: [] },
  tooDeep: { parameters: [I32], results: [] },
};

/** Their indices. */
export const FUNCTION = {
  call: 0,
  replaced: 1,
  execute: 2,
  packet: 3,
  unwritten: 4,
  exhausted: 5,
  tooDeep: 6,
  /** The first of the module's own. */
  own: 7,
} as const;

/** What engine.ts gives for them. */
export interface Outside {
  /** Calls a helper, with the place of the frame and the halves of r1 to r5, lower ones first. Returns r0. */
  call(index: number, frame: number, ...args: number[]): bigint;
  /** Whether the helper was a tail call: what `call` has returned is the result of the function then. */
  replaced(): number;
  /** Executes one instruction on its two operands and r0; returns what is in the register that it writes. */
  execute(index: number, dst: bigint, src: bigint, r0: bigint): bigint;
  /** Bytes of the packet; -1 where they are not there. */
  packet(offset: number, size: number): bigint;
  unwritten(index: number): void;
  /** Ends a run that has used up its fuel before an instruction. */
  exhausted(index: number): void;
  tooDeep(index: number): void;
}
