/**
 * @module
 * Programs run in user space, without a kernel and without its rights: on any machine, in a test or in a browser.
 * @example
 * const machine = simulate(exitsnoop.object(), { task: { tgid: 7, comm: 'bash' } });
 * machine.programs.handleExit.run({ p: { tgid: 7, exit_code: 256 } });
 * [...machine.maps.events.read()]; // [{ pid: 7, status: { exitCode: 1, ... }, ... }]
 */
import type { AnyMap } from '../asm/index.ts';
import { mapOf } from '../asm/index.ts';
import {
  type AnyMapSpec,
  counterName,
  lossOf,
  type ObjectSpec,
  type ProgramEntry,
  type ProgramSpec,
  visitProgram,
} from '../object/index.ts';
import type { Engine } from './engine.ts';
import { Interpreter } from './interpreter.ts';
import type { Mock } from './kernel-memory.ts';
import { Machine } from './machine.ts';
import { openSimulated, type SimulatedMapOf } from './maps/create.ts';
import { BIAS, Memory } from './memory.ts';
import { LIMIT, SimulatedProgram, tooLong } from './program.ts';
import type { CurrentTask } from './task.ts';
import { WasmHeap } from './wasm/api.ts';
import { WasmEngine } from './wasm/engine.ts';
import { WatchedInterpreter } from './watched.ts';
import type { SimulatedWorld } from './world.ts';

export interface SimulateOptions extends SimulatedWorld {
  /**
   * What executes the programs. The interpreter, which is the default, starts at once and goes step by step; `wasm`
   * compiles each program to WebAssembly before its first run, for long ones and many.
   */
  readonly engine?: 'interpreter' | 'wasm' | undefined;
  /** The programs to be there; without it all but those that load only when they are asked for. */
  readonly programs?: readonly string[] | undefined;
}

type Maps = Record<string, AnyMapSpec>;
type Programs = Record<string, ProgramEntry>;

/** The programs and maps of an object, on one machine. */
export class Simulation<M extends Maps = Maps, P extends Programs = Programs> {
  readonly #machine: Machine;
  readonly #engine: Engine;
  /** The maps by name, as user space sees them. */
  readonly maps: { readonly [N in keyof M]: SimulatedMapOf<M[N]> };
  readonly programs: { readonly [N in keyof P]: SimulatedProgram };

  constructor(spec: ObjectSpec<M, P>, { programs, engine, ...world }: SimulateOptions = {}) {
    const heap = engine === 'wasm' ? new WasmHeap() : undefined;
    const memory = new Memory(heap);
    const machine = new Machine(spec as unknown as ObjectSpec, world, programs, memory);
    this.#machine = machine;
    if (world.watch && heap)
      throw new TypeError('watch: only the interpreter tells of instructions, got engine: wasm');
    if (world.watch) this.#engine = new WatchedInterpreter(machine, world.watch);
    else this.#engine = heap ? new WasmEngine(machine, heap) : new Interpreter(machine);
    const maps = [...machine.maps.byName].map(([name, map]) => [name, openSimulated(map)]);
    this.maps = Object.fromEntries(maps);
    this.programs = Object.fromEntries(
      [...machine.programs.values()].map((program) => [
        program.name,
        new SimulatedProgram(machine, this.#engine, program),
      ]),
    ) as { readonly [N in keyof P]: SimulatedProgram };
  }

  /** Lines that programs have printed. */
  get printed(): readonly string[] {
    return this.#machine.printed;
  }

  /** The memory of the process that programs look at: `user.put('/etc/passwd')` gives an address. */
  get user() {
    return this.#machine.user;
  }

  /** Objects of the kernel: `kernel.place('task_struct', { tgid: 1 })` gives an address. */
  get kernel() {
    return this.#machine.kernel;
  }

  /** Nanoseconds since the machine was started. */
  get time(): bigint {
    return this.#machine.time;
  }

  /** The CPU that programs run on. */
  get cpu(): number {
    return this.#machine.cpu;
  }

  set cpu(cpu: number) {
    if (!Number.isInteger(cpu) || cpu < 0 || cpu >= this.#machine.cpus)
      throw new RangeError(`there are CPUs 0 to ${this.#machine.cpus - 1}, got ${cpu}`);
    this.#machine.cpu = cpu;
  }

  /** Who runs. */
  get task(): CurrentTask {
    return this.#machine.task;
  }

  /** Lets another task run from here on. */
  set task(task: Mock) {
    this.#machine.setTask(task);
  }

  /** How often each map refused what programs gave it, as they counted it, by its name. */
  losses(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#machine.maps.refusals());
  }

  /** Lets time go by, and runs the timers that are due in it. */
  advance(nanoseconds: bigint | number): void {
    const machine = this.#machine;
    const until = machine.time + BigInt(nanoseconds);
    for (let timer = machine.timers.take(until); timer; timer = machine.timers.take(until)) {
      if (timer.due > machine.time) machine.time = timer.due;
      const { map, address, callback } = timer;
      const index = Number(callback.function & 0xffff_ffffn) - BIAS;
      // The callback gets the map, and the key and value that hold the timer.
      const [key = 0, value = Number(address)] =
        [...map.pointers()].find(([, each]) => BigInt(each) >> 32n === address >> 32n) ?? [];
      this.#engine.start(callback.code, index, [map.pointer, key, value]);
      if (!this.#engine.run(LIMIT)) throw tooLong(this.#engine, LIMIT);
      machine.memory.sweep();
    }
    machine.time = until;
  }
}

/** The object alone, or a program that uses maps. */
export function simulate<const M extends Maps, const P extends Programs>(
  spec: ObjectSpec<M, P>,
  world?: SimulateOptions,
): Simulation<M, P>;
export function simulate(
  spec: ProgramSpec,
  world?: SimulateOptions,
): Simulation<Maps, { readonly program: ProgramSpec }>;
export function simulate(spec: ObjectSpec | ProgramSpec, world: SimulateOptions = {}): Simulation {
  return new Simulation(spec.kind === 'object' ? spec : objectOf(spec), world);
}

/** An object of one program: its maps are `map0`, `map1`, ... in the order of their use. */
export const objectOf = (program: ProgramSpec): ObjectSpec => {
  const found = new Set<AnyMap>();
  visitProgram(program, (item) => {
    const map = item.kind === 'instruction' ? mapOf(item) : undefined;
    if (map) found.add(map);
  });
  const all = [...found] as AnyMapSpec[];
  const counters = new Set<AnyMap | undefined>(all.map(lossOf));
  const named = all.filter((map) => !counters.has(map));
  const maps: Maps = {};
  const hidden: Maps = {};
  named.forEach((map, index) => {
    const name = `map${index}`;
    maps[name] = map;
    const counter = lossOf(map);
    if (counter && found.has(counter)) hidden[counterName(name)] = counter;
  });
  return { kind: 'object', license: 'GPL', maps, hidden, programs: { program } };
};
