/**
 * @module
 * What an engine runs programs on, and what the machine asks of an engine. Helpers, maps, contexts and the world know
 * nothing of how instructions are executed: they see registers and memory.
 */
import type { MachineCode } from './code.ts';
import type { Memory } from './memory.ts';
import type { Registers } from './registers.ts';

/** A call of a function of the program by a helper: the engine makes it, and gives back its r0. */
export interface Callback {
  /** A pointer to the function. */
  readonly function: bigint;
  readonly args: readonly (number | bigint)[];
}

/** A helper that calls back: it yields the calls, gets what they return, and returns its own result. */
export type Calling = Generator<Callback, number | bigint, bigint>;

/** A helper that does not return: another program goes on in its place. */
export interface TailCall {
  readonly kind: 'tail call';
  readonly code: MachineCode;
}

/** r0 as a number (signed, exact) or as 64 bits. */
export type HelperResult = number | bigint | Calling | TailCall;

/** What an engine asks of the machine. */
export interface Environment {
  readonly memory: Memory;
  readonly registers: Registers;
  /** Calls a helper, with its arguments in r1 to r5. */
  call(id: number, code: MachineCode, index: number): HelperResult;
  /** Calls a function of the kernel. */
  callKernel(code: MachineCode, index: number): HelperResult;
  /** A load, at an offset of region `high`, that is not from plain memory: a field of a context, a pointer of the kernel's that leads nowhere. */
  load(
    high: number,
    offset: number,
    size: number,
    code: MachineCode,
    index: number,
  ): number | bigint;
  /** A store that is not to plain memory. */
  store(
    high: number,
    offset: number,
    size: number,
    value: bigint,
    code: MachineCode,
    index: number,
  ): void;
  /** Bytes of the packet for the old loads, `skb[12]`; undefined ends the function with 0. */
  packet(offset: number, size: number): number | undefined;
  /** Tells of a read of stack that nothing has written. */
  unwritten(code: MachineCode, index: number): void;
}

/** Executes instructions. */
export interface Engine {
  /** Begins a program, or a function of one, with its arguments. */
  start(code: MachineCode, index: number, args: readonly (number | bigint)[]): void;
  /**
   * Goes on for at most so many instructions: whether the program has ended. Where it has not, only the interpreter can
   * go on.
   */
  run(fuel: number): boolean;
  /** The instructions that were executed since the start. */
  readonly executed: number;
  /** The program that runs, and its next instruction. */
  readonly code: MachineCode;
  readonly pc: number;
}
