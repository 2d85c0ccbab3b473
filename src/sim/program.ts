/**
 * @module
 * A program on the machine: run as a whole, or one instruction after the other.
 */
import { type Frame, framesOf, type Instruction, print } from '../asm/index.ts';
import { contextPointer, type GivenContext } from './context.ts';
import { SimulationFault } from './fault.ts';
import type { Interpreter } from './interpreter.ts';
import type { Machine, MachineProgram } from './machine.ts';
import { SimulatedRing } from './maps/ring.ts';

/** What a run came to. */
export interface RunResult {
  /** r0, unsigned. */
  readonly value: bigint;
  /** Its lower half, signed: what most hooks look at. */
  readonly returnValue: number;
  /** Instructions that were executed. */
  readonly instructions: number;
  /** The instructions that read stack which nothing had written. */
  readonly unwritten: readonly number[];
  /** The packet afterwards, where there was one. */
  readonly packet: Uint8Array | undefined;
}

/** An instruction before it is executed, and the registers then. */
export interface Step {
  readonly index: number;
  readonly instruction: Instruction;
  /** As the kernel prints it. */
  readonly text: string;
  /** Where it was written. */
  readonly frame: Frame | undefined;
  /** r0 to r10. */
  readonly registers: readonly bigint[];
  /** The functions that have been entered and not left. */
  readonly depth: number;
}

export interface RunOptions {
  /** The instructions after which a run is given up. Default: a million, as many as the verifier looks at. */
  readonly limit?: number | undefined;
}

const LIMIT = 1_000_000;

export class SimulatedProgram {
  readonly name: string;
  readonly #machine: Machine;
  readonly #engine: Interpreter;
  readonly #program: MachineProgram;

  constructor(machine: Machine, engine: Interpreter, program: MachineProgram) {
    this.#machine = machine;
    this.#engine = engine;
    this.#program = program;
    this.name = program.name;
  }

  get instructions(): readonly Instruction[] {
    return this.#program.code.instructions;
  }

  /** Runs it on a context, to its end. Throws a SimulationFault where the kernel would have refused it. */
  run(context?: GivenContext, { limit = LIMIT }: RunOptions = {}): RunResult {
    this.start(context);
    if (!this.#engine.run(limit)) throw this.#tooLong(limit);
    return this.#finish();
  }

  /** Begins a run that `step` goes on with. */
  start(context?: GivenContext): void {
    const machine = this.#machine;
    machine.memory.sweep();
    machine.tailCalls = 0;
    machine.locked = undefined;
    machine.context = machine.contextOf(this.name, context);
    this.#engine.start(this.#program.code, 0, [contextPointer(machine.context)]);
  }

  /** Executes one instruction; the result after the last. A helper that calls back is entered. */
  step(): RunResult | undefined {
    return this.#engine.run(1) ? this.#finish() : undefined;
  }

  /** What is executed next. */
  get next(): Step {
    const { pc: index, depth, code } = this.#engine;
    const instruction = code.instructions[index]!;
    const [frame] = framesOf(instruction.site);
    const registers = this.#machine.registers;
    return {
      index,
      instruction,
      text: print(instruction),
      frame,
      registers: Array.from({ length: 11 }, (_, register) => registers.get(register)),
      depth,
    };
  }

  /** All steps of a run, before each. `break` leaves the run where it is. */
  *steps(context?: GivenContext, { limit = LIMIT }: RunOptions = {}): Generator<Step, RunResult> {
    this.start(context);
    for (let left = limit; left > 0; left--) {
      yield this.next;
      const result = this.step();
      if (result) return result;
    }
    throw this.#tooLong(limit);
  }

  /** What a register or any number points to: `is 8 bytes into the map value starts, which has 16`. */
  describe(pointer: bigint): string {
    return this.#machine.describe(pointer);
  }

  #finish(): RunResult {
    const machine = this.#machine;
    const value = machine.registers.get(0);
    const unwritten = [...(machine.unwrittenReads.get(this.#program.code) ?? [])];
    const { context } = machine;
    const result: RunResult = {
      value,
      returnValue: Number(BigInt.asIntN(32, value)),
      instructions: this.#engine.executed,
      unwritten,
      packet: context?.packet?.bytes,
    };
    if (context) {
      machine.memory.retire(context.region);
      if (context.packet) machine.memory.retire(context.packet.region);
    }
    for (const ring of machine.mapsOf(SimulatedRing))
      for (const place of ring.open)
        throw new SimulationFault(`${place}the record is neither submitted nor discarded`);
    if (machine.locked !== undefined)
      throw new SimulationFault('the program ends with a lock held');
    return result;
  }

  #tooLong(limit: number): SimulationFault {
    const { index, instruction } = this.next;
    return new SimulationFault(`the program has not ended after ${limit} instructions`, {
      index,
      instruction,
    });
  }
}
