/**
 * @module
 * The frames of a program's stack: what a call keeps for its caller, r6 to r9 and the place to go on at.
 */
import type { MachineCode } from './code.ts';
import type { Calling, Environment } from './engine.ts';
import { positionIn, SimulationFault } from './fault.ts';
import { BIAS, FRAME_SIZE, FRAMES, pointerTo } from './memory.ts';

/** The times that a function may go through may_goto (BPF_MAX_LOOPS, include/linux/bpf.h). */
export const MAX_LOOPS = 8 * 1024 * 1024;
const FIRST_KEPT = 6;
const KEPT = 4;
const FRAME_POINTER = 10;

/** What ends a run that has no frame for the function that an instruction calls. */
export const tooDeep = (code: MachineCode, index: number): SimulationFault =>
  new SimulationFault(
    `more than ${FRAMES} functions call each other`,
    positionIn(code.instructions, index),
  );

/** The index of the function that a pointer points to, which the helper called at `index` was given to call. */
export const callbackAt = (code: MachineCode, index: number, pointer: bigint): number => {
  const start = Number(BigInt.asUintN(64, pointer)) - pointerTo(code.region);
  if (start >= 0 && start < code.instructions.length) return start;
  throw new SimulationFault(
    'what it is to call back is no function of the program',
    positionIn(code.instructions, index),
  );
};

export class Frames {
  readonly #environment: Environment;
  readonly #low = new Int32Array(FRAMES * KEPT);
  readonly #high = new Int32Array(FRAMES * KEPT);
  readonly #return = new Int32Array(FRAMES);
  readonly #codes: MachineCode[] = new Array(FRAMES);
  readonly #loops = new Int32Array(FRAMES);
  readonly #calling: (Calling | undefined)[] = new Array(FRAMES);
  depth = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** The first frame, with the arguments of the program. */
  start(args: readonly (number | bigint)[]): void {
    const { registers } = this.#environment;
    for (let register = 0; register <= FRAME_POINTER; register++) registers.set(register, 0);
    args.forEach((value, index) => {
      registers.set(1 + index, value);
    });
    this.#calling.fill(undefined);
    this.#begin(0);
  }

  /** A frame for a function that was called at `pc`, by the program or by a helper. */
  enter(code: MachineCode, pc: number, calling?: Calling): void {
    const { depth } = this;
    if (depth + 1 === FRAMES) throw tooDeep(code, pc);
    const { low, high } = this.#environment.registers;
    const kept = depth * KEPT;
    for (let index = 0; index < KEPT; index++) {
      this.#low[kept + index] = low[FIRST_KEPT + index]!;
      this.#high[kept + index] = high[FIRST_KEPT + index]!;
    }
    this.#return[depth] = pc;
    this.#codes[depth] = code;
    this.#calling[depth] = calling;
    this.#begin(depth + 1);
  }

  /** The frame anew, for a program that goes on in the place of another. */
  restart(): void {
    this.#begin(this.depth);
  }

  /** Back to the caller: the instruction that called, and the helper that did. */
  leave(): {
    readonly code: MachineCode;
    readonly pc: number;
    readonly calling: Calling | undefined;
  } {
    const depth = this.depth - 1;
    const { low, high } = this.#environment.registers;
    const kept = depth * KEPT;
    for (let index = 0; index < KEPT; index++) {
      low[FIRST_KEPT + index] = this.#low[kept + index]!;
      high[FIRST_KEPT + index] = this.#high[kept + index]!;
    }
    this.depth = depth;
    this.#setFramePointer();
    return { code: this.#codes[depth]!, pc: this.#return[depth]!, calling: this.#calling[depth] };
  }

  /** Counts one turn through may_goto. */
  mayLoop(): boolean {
    return this.#loops[this.depth]!-- > 0;
  }

  #begin(depth: number): void {
    this.depth = depth;
    this.#loops[depth] = MAX_LOOPS;
    this.#environment.memory.clearFrame(depth);
    this.#setFramePointer();
  }

  /** The first regions are the frames. */
  #setFramePointer(): void {
    const { low, high } = this.#environment.registers;
    low[FRAME_POINTER] = BIAS + FRAME_SIZE;
    high[FRAME_POINTER] = 1 + this.depth;
  }
}
