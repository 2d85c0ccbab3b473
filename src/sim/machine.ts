/**
 * @module
 * The machine: memory, maps, helpers and the world around the programs of one object. It executes nothing itself: an
 * engine does, and asks here for all that is not plain arithmetic and memory.
 */
import { helperById, type Instruction, mapOf } from '../asm/index.ts';
import { HOOKS, type LinkedObject, link, type ObjectSpec, POISON } from '../object/index.ts';
import { Constants, type MachineCode, machineCode } from './code.ts';
import { type Context, contextOf, type GivenContext } from './context.ts';
import type { Environment, HelperResult } from './engine.ts';
import { positionIn, SimulationFault } from './fault.ts';
import type { HelperFunction } from './helper.ts';
import { HELPERS } from './helpers/index.ts';
import { KERNEL_FUNCTIONS } from './helpers/kernel-functions.ts';
import { KernelMemory, type Mock } from './kernel-memory.ts';
import { SimulatedArray } from './maps/array.ts';
import type { MapHost, SimulatedMap } from './maps/map.ts';
import { SimulatedReferences } from './maps/references.ts';
import { BIAS, Memory } from './memory.ts';
import { type ObjectMaps, objectMaps } from './object-maps.ts';
import { followsKernelPointer } from './provenance.ts';
import { Registers } from './registers.ts';
import { type CurrentTask, taskOf } from './task.ts';
import { Timers } from './timers.ts';
import { UserMemory } from './user-memory.ts';
import { type SimulatedKernel, type SimulatedWorld, simulatedKernel } from './world.ts';

/** A program of the machine. */
export interface MachineProgram {
  readonly name: string;
  readonly hook: LinkedObject['programs'][number]['spec']['hook'];
  readonly code: MachineCode;
  readonly poisoned: ReadonlyMap<number, string>;
}

export class Machine implements Environment, MapHost {
  readonly memory: Memory;
  readonly registers: Registers;
  readonly world: SimulatedWorld;
  readonly user = new UserMemory();
  readonly kernel: KernelMemory;
  readonly timers = new Timers();
  readonly programs: ReadonlyMap<string, MachineProgram>;
  readonly maps: ObjectMaps;
  /** Lines that programs have printed. */
  readonly printed: string[] = [];
  /** The instructions that read stack which nothing had written: their indices, by program. */
  readonly unwrittenReads = new Map<MachineCode, Set<number>>();
  /** The CPU that programs run on. */
  cpu: number;
  /** Nanoseconds since the start of the machine. */
  time: bigint;
  task: CurrentTask;
  tailCalls = 0;
  /** The address of the lock that is held. */
  locked: bigint | undefined;
  /** What the program was called with. */
  context: Context | undefined;
  readonly #kernel: SimulatedKernel;
  readonly #mapsByRegion = new Map<number, SimulatedMap>();
  readonly #codes = new Map<MachineCode, MachineProgram>();
  #seed: number;
  #calling: { readonly code: MachineCode; readonly index: number } | undefined;

  constructor(
    spec: ObjectSpec,
    world: SimulatedWorld,
    programs?: readonly string[],
    memory = new Memory(),
  ) {
    this.memory = memory;
    this.world = world;
    this.cpu = world.cpu ?? 0;
    this.time = BigInt(world.time ?? 1_000_000_000);
    this.#seed = world.seed ?? 1;
    this.#kernel = simulatedKernel(spec, world);
    const { types } = this.#kernel;
    this.kernel = new KernelMemory(this.memory, types, world.btf !== undefined);
    this.task = taskOf(this.kernel, world.task);
    const linked = link(spec, this.#kernel.world, { programs });
    this.maps = objectMaps(this, linked, this.#kernel.world);
    for (const map of this.maps.byName.values()) this.#mapsByRegion.set(map.region.id, map);
    const constants = new Constants();
    this.programs = new Map(
      linked.programs.map((each) => [each.name, this.#decode(each, constants)]),
    );
    for (const program of this.programs.values()) this.#codes.set(program.code, program);
    this.registers = new Registers(constants.values);
  }

  get cpus(): number {
    return this.world.cpus ?? 2;
  }

  // ----------
  // What engines ask
  // ----------

  call(id: number, code: MachineCode, index: number): HelperResult {
    this.#calling = { code, index };
    if (id === POISON) {
      const program = this.#codes.get(code);
      const why = [...(program?.poisoned.values() ?? [])].join('; ');
      throw this.fault(`it must not be reached: ${why}`);
    }
    const helper = this.#helper(id);
    return helper(this, this.registers);
  }

  callKernel(code: MachineCode, index: number): HelperResult {
    this.#calling = { code, index };
    const type = this.#kernel.types.btf.type(code.instructions[index]!.imm);
    const found = this.world.functions?.[type.name] ?? KERNEL_FUNCTIONS[type.name];
    if (found) return found(this, this.registers);
    throw this.fault(
      `the kernel's function ${type.name} is not simulated; give one in the world: { functions: { ${type.name}: (machine, registers) => ... } }`,
    );
  }

  load(
    high: number,
    offset: number,
    size: number,
    code: MachineCode,
    index: number,
  ): number | bigint {
    this.#calling = { code, index };
    const fields = high === this.context?.region.id ? this.context.fields : undefined;
    const field = fields?.load(offset, size);
    if (field !== undefined) return field;
    if (followsKernelPointer(code, index, this.#trusts(code))) return 0;
    throw this.fault(`no ${size} bytes to be read there: the address ${this.#place(high, offset)}`);
  }

  store(
    high: number,
    offset: number,
    size: number,
    value: bigint,
    code: MachineCode,
    index: number,
  ): void {
    this.#calling = { code, index };
    const fields = high === this.context?.region.id ? this.context.fields : undefined;
    if (fields?.store(offset, size, value)) return;
    throw this.fault(
      `no ${size} bytes to be written there: the address ${this.#place(high, offset)}`,
    );
  }

  packet(offset: number, size: number): number | undefined {
    const bytes = this.packetBytes(offset, size);
    return bytes?.reduce((value, byte) => value * 256 + byte, 0);
  }

  unwritten(code: MachineCode, index: number): void {
    const known = this.unwrittenReads.get(code) ?? new Set<number>();
    this.unwrittenReads.set(code, known.add(index));
  }

  // ----------
  // What helpers ask
  // ----------

  /** The program that called the helper. */
  get running(): MachineCode {
    return this.#calling!.code;
  }

  /** Where the call was written. */
  get place(): string {
    return new SimulationFault('', this.#where()).message;
  }

  fault(why: string): SimulationFault {
    const instruction = this.#calling?.code.instructions[this.#calling.index];
    const name = instruction && helperById(instruction.imm)?.name;
    const isCall = instruction?.opcode === 0x85 && instruction.src === 0;
    return new SimulationFault(isCall && name ? `${name}: ${why}` : why, this.#where());
  }

  reportUnwritten(): void {
    if (this.#calling) this.unwritten(this.#calling.code, this.#calling.index);
  }

  /** What a pointer points to, in words. */
  describe(pointer: bigint): string {
    return this.#place(
      Number(BigInt.asIntN(32, pointer >> 32n)),
      (Number(BigInt.asIntN(32, pointer)) - BIAS) | 0,
    );
  }

  mapAt(pointer: bigint): SimulatedMap | undefined {
    return this.#mapsByRegion.get(Number(pointer >> 32n));
  }

  mapsOf<M extends SimulatedMap>(kind: abstract new (...args: never[]) => M): M[] {
    return [...this.maps.byName.values()].filter((map): map is M => map instanceof kind);
  }

  cgroupAt(map: SimulatedMap, index: number): string | undefined {
    const path = map instanceof SimulatedReferences ? map.thing(index) : undefined;
    return typeof path === 'string' ? path : undefined;
  }

  packetBytes(offset: number, size: number): Uint8Array | undefined {
    return this.context?.packet?.at(offset, size);
  }

  copy(at: number, size: number): Uint8Array {
    return this.memory.bytes.slice(at, at + size);
  }

  /** The bytes of the string at an address of the kernel's or of user space; undefined where there is none. */
  stringAt(address: bigint): Uint8Array | undefined {
    const high = Number(BigInt.asIntN(32, address >> 32n));
    const at = this.memory.find(high, Number(BigInt.asIntN(32, address)), 0);
    const region = this.memory.region(high);
    const bytes =
      at >= 0 && region
        ? this.memory.bytes.slice(at, region.base + region.size)
        : this.user.upTo(Number(address), 4096);
    const end = bytes.indexOf(0);
    return end < 0 ? undefined : bytes.subarray(0, end);
  }

  /** mulberry32 from the world's seed. */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }

  // ----------
  // What tests ask
  // ----------

  /** The context of a program, from what a test gives. */
  contextOf(name: string, given: GivenContext): Context {
    const { world, types } = this.#kernel;
    return contextOf(this.programs.get(name)!.hook, given, {
      memory: this.memory,
      kernel: this.kernel,
      user: this.user,
      types,
      architecture: world.architecture,
      fieldsOf: (category, event) => world.tracepointFields(category, event),
    });
  }

  /** Lets another task run. */
  setTask(task: Mock): void {
    this.task = taskOf(this.kernel, task);
  }

  #decode(linked: LinkedObject['programs'][number], constants: Constants): MachineProgram {
    const { name, assembly, spec, poisoned } = linked;
    const { memory } = this;
    const constantOf = (instruction: Instruction) => this.#constantOf(instruction);
    const code = machineCode({ name, assembly, constants, memory, constantOf });
    return { name, hook: spec.hook, code, poisoned };
  }

  /** What a 64-bit load loads. */
  #constantOf(instruction: Instruction): bigint {
    const { reference, imm64 = 0n } = instruction;
    const spec = mapOf(instruction);
    if (!spec) return imm64;
    const map = this.maps.bySpec.get(spec);
    if (!map) throw new SimulationFault('the map is not there', { slot: -1, instruction });
    if (reference?.kind !== 'value') return BigInt(map.pointer);
    if (map instanceof SimulatedArray) return BigInt(map.addressOf(0, reference.offset));
    throw new SimulationFault(`a ${spec.type} has no value to point to`, {
      slot: -1,
      instruction,
    });
  }

  #helper(id: number): HelperFunction {
    const helper = helperById(id);
    const name = helper?.name ?? `number ${id}`;
    const given = (this.world.helpers as Readonly<Record<string, HelperFunction>> | undefined)?.[
      name
    ];
    const found = given ?? HELPERS[name];
    if (found) return found;
    throw new SimulationFault(
      `the helper ${name} is not simulated; give one in the world: { helpers: { ${name}: (machine, registers) => ... } }`,
      this.#where(),
    );
  }

  #trusts(code: MachineCode): boolean {
    const hook = this.#codes.get(code)?.hook;
    return hook !== undefined && HOOKS[hook.type].trusted;
  }

  #where() {
    return this.#calling && positionIn(this.#calling.code.instructions, this.#calling.index);
  }

  #place(high: number, offset: number): string {
    const region = this.memory.region(high);
    if (!region) {
      const value = (BigInt(high >>> 0) << 32n) | BigInt((offset + BIAS) >>> 0);
      return value === 0n ? 'is null' : `is the number 0x${value.toString(16)}, no pointer`;
    }
    const { kind, name, size } = region;
    return `is ${offset} bytes into the ${kind} ${name}, which has ${size}`;
  }
}
