/**
 * @module
 * The engine for speed: programs are compiled to WebAssembly when they are first run. The machine's memory is theirs,
 * so that pointers and results are those of the interpreter. It stops nowhere but at the end.
 */
import { type MachineCode, OWN } from '../code.ts';
import type { Calling, Engine, Environment } from '../engine.ts';
import { SimulationFault } from '../fault.ts';
import { callbackAt, tooDeep } from '../frames.ts';
import { Interpreter } from '../interpreter.ts';
import { FRAME_SIZE, STACK_SIZE } from '../memory.ts';
import { type WasmGlobal, type WasmHeap, type WasmModule, webAssembly } from './api.ts';
import { compile } from './compile.ts';
import { writtenBy } from './effects.ts';
import { ASK, bridge, type Outside } from './imports.ts';
import { IMPORTS } from './module.ts';

/** A function of a program, with the place of its frame in the heap. */
type Compiled = (frame: number, ...args: bigint[]) => bigint;

/** The way to `outside`, for all engines of the process. */
let bridgeModule: WasmModule | undefined;

/** Ends a run whose fuel is used up. */
class Exhausted {
  readonly code: MachineCode;
  readonly pc: number;

  constructor(code: MachineCode, pc: number) {
    this.code = code;
    this.pc = pc;
  }
}

export class WasmEngine implements Engine {
  readonly #environment: Environment;
  readonly #heap: WasmHeap;
  /** For what compiled code does not know: single instructions. */
  readonly #interpreter: Interpreter;
  readonly #fuel: WasmGlobal;
  /** 1 after a tail call: what the call has returned is the result of the function then. */
  readonly #replaced: WasmGlobal;
  readonly #exports = new Map<MachineCode, Readonly<Record<string, Compiled>>>();
  #args: readonly bigint[] = [];
  #executed = 0;
  code!: MachineCode;
  pc = 0;

  constructor(environment: Environment, heap: WasmHeap) {
    this.#environment = environment;
    this.#heap = heap;
    this.#interpreter = new Interpreter(environment);
    const { Global } = webAssembly();
    this.#fuel = new Global({ value: 'i64', mutable: true }, 0n);
    this.#replaced = new Global({ value: 'i64', mutable: true }, 0n);
  }

  get executed(): number {
    return this.#executed;
  }

  start(code: MachineCode, index: number, args: readonly (number | bigint)[]): void {
    this.code = code;
    this.pc = index;
    this.#args = args.map(BigInt);
    this.#executed = 0;
  }

  run(fuel: number): boolean {
    const given = Math.min(Math.ceil(fuel), Number.MAX_SAFE_INTEGER);
    this.#fuel.value = BigInt(given);
    try {
      const result = this.#function(this.code, this.pc)(0, ...five(this.#args));
      this.#environment.registers.set(0, result);
    } catch (error) {
      if (!(error instanceof Exhausted)) throw error;
      this.code = error.code;
      this.pc = error.pc;
      this.#executed = given;
      return false;
    }
    this.#executed = given - Number(this.#fuel.value);
    return true;
  }

  #function(code: MachineCode, index: number): Compiled {
    let exports = this.#exports.get(code);
    if (!exports) {
      exports = this.#instantiate(code);
      this.#exports.set(code, exports);
    }
    const found = exports[index];
    if (found) return found;
    throw new SimulationFault(`no function of the program starts at instruction ${index}`);
  }

  #instantiate(code: MachineCode): Readonly<Record<string, Compiled>> {
    const { Module, Instance, Table } = webAssembly();
    const table = new Table({ element: 'anyfunc', initial: 1 });
    const shared = {
      memory: this.#heap.memory,
      table,
      fuel: this.#fuel,
      replaced: this.#replaced,
    };
    bridgeModule ??= new Module(bridge());
    const outside = this.#outside(code);
    const between = new Instance(bridgeModule, { [IMPORTS]: { ...shared, outside } });
    table.set(0, between.exports.outside);
    const module = new Module(compile(code, this.#environment.registers));
    const { exports } = new Instance(module, { [IMPORTS]: shared });
    return exports as Readonly<Record<string, Compiled>>;
  }

  /** What the functions of a program call. */
  #outside(code: MachineCode): Outside {
    const environment = this.#environment;
    const { memory, registers } = environment;
    const { low, high } = registers;
    const set = (register: number, lower: number, upper: number): void => {
      low[register] = lower;
      high[register] = upper;
    };
    return (what, index, frame, l1, h1, l2, h2, l3, h3, l4, h4, l5, h5) => {
      switch (what) {
        case ASK.call:
          set(1, l1, h1);
          set(2, l2, h2);
          set(3, l3, h3);
          set(4, l4, h4);
          set(5, l5, h5);
          return this.#call(code, index, frame);
        case ASK.execute: {
          const dst = code.dst[index] ?? 0;
          const src = code.src[index] ?? 0;
          set(0, l3, h3);
          set(dst, l1, h1);
          set(src, l2, h2);
          for (const id of [high[dst]!, high[src]!]) if (memory.region(id)) memory.translate(id);
          this.#interpreter.single(code, index);
          return registers.get(writtenBy(code, index) ?? dst);
        }
        case ASK.packet:
          return BigInt(environment.packet(l1, h1) ?? -1);
        case ASK.unwritten:
          environment.unwritten(code, index);
          return 0n;
        case ASK.exhausted:
          throw new Exhausted(code, index);
        default:
          throw tooDeep(code, index);
      }
    };
  }

  /** Calls the helper of an instruction, with its arguments in the registers. */
  #call(code: MachineCode, index: number, frame: number): bigint {
    const environment = this.#environment;
    const result =
      code.opcode[index] === OWN.callKernel
        ? environment.callKernel(code, index)
        : environment.call(code.imm[index]!, code, index);
    if (typeof result !== 'object') return BigInt(result);
    if (!('kind' in result)) return this.#callBack(result, code, index, frame);
    const args = [1, 2, 3, 4, 5].map((register) => environment.registers.get(register));
    const value = this.#function(result.code, 0)(frame, ...args);
    this.#replaced.value = 1n;
    return value;
  }

  /** Makes the calls that a helper asks for, each in a frame behind that of the caller. */
  #callBack(calling: Calling, code: MachineCode, index: number, frame: number): bigint {
    let step = calling.next();
    while (!step.done) {
      const { function: pointer, args } = step.value;
      const start = callbackAt(code, index, pointer);
      if (frame + FRAME_SIZE === STACK_SIZE) throw tooDeep(code, index);
      const result = this.#function(code, start)(frame + FRAME_SIZE, ...five(args.map(BigInt)));
      step = calling.next(BigInt.asUintN(64, result));
    }
    return BigInt(step.value);
  }
}

/** The values of r1 to r5. */
const five = (args: readonly bigint[]): bigint[] => [0, 1, 2, 3, 4].map((each) => args[each] ?? 0n);
