/**
 * @module
 * A program on the machine: run as a whole, or one instruction after the other.
 */
import { describeFrame, type Frame, framesOf, type Instruction, print } from '../asm/index.ts';
import type { GivenContext } from './context.ts';
import type { Engine } from './engine.ts';
import { positionIn, SimulationFault } from './fault.ts';
import { Interpreter } from './interpreter.ts';
import type { Machine, MachineProgram } from './machine.ts';
import { SimulatedRing } from './maps/ring.ts';
import { pointerTo } from './memory.ts';

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
  /** The fields of the context afterwards, by their names, where programs can change some: packets, sockets, cgroups. */
  readonly context: Readonly<Record<string, unknown>> | undefined;
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

/** How far to go, and where to stop on the way. */
export interface StepOptions extends RunOptions {
  /**
   * Breakpoints, as lines of sources: `exits.ts:12`. Then only the first instruction of each visit of such a line is a
   * step. Throws a TypeError for a line that no instruction is from.
   */
  readonly at?: readonly string[] | undefined;
}

export const LIMIT = 1_000_000;

/** What ends a run that has not come to its end after `limit` instructions. */
export const tooLong = ({ pc: index, code }: Engine, limit: number): SimulationFault => {
  return new SimulationFault(
    `the program has not ended after ${limit} instructions`,
    positionIn(code.instructions, index),
  );
};

export class SimulatedProgram {
  readonly name: string;
  readonly #machine: Machine;
  readonly #engine: Engine;
  readonly #program: MachineProgram;

  constructor(machine: Machine, engine: Engine, program: MachineProgram) {
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
    this.#begin(context);
    if (!this.#engine.run(limit)) throw tooLong(this.#engine, limit);
    return this.#finish();
  }

  /** Begins a run that `step` goes on with. Steps, here and below, are the interpreter's: compiled programs have none. */
  start(context?: GivenContext): void {
    this.#interpreter();
    this.#begin(context);
  }

  #begin(context: GivenContext): void {
    const machine = this.#machine;
    machine.memory.sweep();
    machine.tailCalls = 0;
    machine.locked = undefined;
    machine.unwrittenReads.clear();
    machine.context = machine.contextOf(this.name, context);
    const { region, fields } = machine.context;
    for (const each of [region, ...(fields?.regions ?? [])]) machine.memory.retire(each);
    this.#engine.start(this.#program.code, 0, [pointerTo(region)]);
  }

  /** Executes one instruction; the result after the last. A helper that calls back is entered. */
  step(): RunResult | undefined {
    return this.#interpreter().run(1) ? this.#finish() : undefined;
  }

  /** What is executed next. */
  get next(): Step {
    const { pc: index, depth, code } = this.#interpreter();
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

  /** All steps of a run, or those at breakpoints, before each. `break` leaves the run where it is. */
  *steps(
    context?: GivenContext,
    { limit = LIMIT, at }: StepOptions = {},
  ): Generator<Step, RunResult> {
    const stops = at && this.#indicesOf(at);
    this.start(context);
    let before: string | undefined;
    for (let left = limit; left > 0; left--) {
      if (!stops) yield this.next;
      else {
        const { code, pc } = this.#interpreter();
        const line = code === this.#program.code ? stops.get(pc) : undefined;
        if (line !== undefined && line !== before) yield this.next;
        before = line;
      }
      const result = this.step();
      if (result) return result;
    }
    throw tooLong(this.#engine, limit);
  }

  /** The instructions of some lines. */
  #indicesOf(lines: readonly string[]): ReadonlyMap<number, string> {
    const all = this.instructions.map(({ site }) => {
      const [frame] = framesOf(site);
      return frame && describeFrame(frame);
    });
    for (const line of lines)
      if (!all.includes(line)) {
        const known = [...new Set(all)].filter((each) => each !== undefined).join(', ');
        throw new TypeError(
          `no instruction of ${this.name} is from ${line}: ${known || 'none has a line'}`,
        );
      }
    return new Map(
      all.flatMap((line, index) =>
        line !== undefined && lines.includes(line) ? [[index, line] as const] : [],
      ),
    );
  }

  /** The number of 1, 2, 4 or 8 bytes at an address, unsigned; undefined where no memory is. */
  peek(pointer: bigint, size: number): bigint | undefined {
    const { memory } = this.#machine;
    const [high, low] = [pointer >> 32n, pointer].map((half) => Number(BigInt.asIntN(32, half)));
    const at = memory.find(high!, low!, size);
    // The fields of a context are not in memory.
    if (at < 0 || memory.readable[high!] === 0) return undefined;
    return memory.bytes
      .slice(at, at + size)
      .reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  /** What a register or any number points to: `is 8 bytes into the map value starts, which has 16`. */
  describe(pointer: bigint): string {
    return this.#machine.describe(pointer);
  }

  #interpreter(): Interpreter {
    if (this.#engine instanceof Interpreter) return this.#engine;
    throw new TypeError(
      `${this.name} is compiled to WebAssembly, which has no steps: simulate it with engine: 'interpreter'`,
    );
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
      context: context?.fields?.values,
    };
    for (const ring of machine.mapsOf(SimulatedRing))
      for (const place of ring.open)
        throw new SimulationFault(`${place}the record is neither submitted nor discarded`);
    if (machine.locked !== undefined)
      throw new SimulationFault('the program ends with a lock held');
    return result;
  }
}
