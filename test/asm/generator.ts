/**
 * @module
 * Random valid programs, from a seed: each step is code made with our constructors and, beside it, what it does to a
 * machine of the test's own (semantics.ts).
 *
 * The program's registers start from a map's value and end in it, so that the verifier knows none of them and the
 * test sees all. r9 points to that value; r0 to r8 are the program's, and r0 is what it returns.
 */
import {
  type AnyMap,
  type Code,
  exit,
  lea,
  load,
  r0,
  r1,
  r9,
  r10,
  store,
} from '../../src/asm/index.ts';
import { bytes, u32, u64 } from '../../src/layout/index.ts';
import { Random } from '../layout/random.ts';
import { arithmetic, unary } from './generator-arithmetic.ts';
import { calling, choice, counted, endless, jump } from './generator-control.ts';
import { atomic, indexed, memory, spilled } from './generator-memory.ts';
import {
  codesOf,
  type Machine,
  type Memory,
  r,
  runAll,
  SCRATCH,
  type Scope,
  type Step,
  stack,
} from './generator-scope.ts';
import { readMemory, writeMemory } from './semantics.ts';

const REGISTERS = [0, 1, 2, 3, 4, 5, 6, 7, 8];
/** Where things are in the map's value. */
const IN = 0;
const DATA = IN + 8 * REGISTERS.length;
const STACK = DATA + SCRATCH;
const OUT = STACK + SCRATCH;
export const VALUE_SIZE: number = OUT + 8 * REGISTERS.length;

export const shared: AnyMap = { kind: 'map', type: 'array', key: u32, value: bytes(VALUE_SIZE) };

export interface RandomProgram {
  readonly body: Code;
  /** The map's value before the run, and after it. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  /** r0 at the end, unsigned. */
  readonly value: bigint;
}

export const randomProgram = (seed: number, acquire: boolean): RandomProgram => {
  const random = new Random(seed);
  const data: Memory = {
    base: r9,
    offset: DATA,
    size: SCRATCH,
    of: (machine) => machine.data,
    strict: false,
  };
  const scope: Scope = {
    random,
    registers: REGISTERS,
    memories: [stack, data],
    depth: 0,
    loops: 0,
    functions: [],
    calls: 0,
    acquire,
    steps: list,
  };
  // Most are short, since what the verifier does grows with the ways through them.
  const steps = list(scope, 4 + random.below(random.below(16) === 0 ? 40 : 14));

  const before = random.bytes(VALUE_SIZE);
  for (const index of REGISTERS) writeMemory(before, IN + 8 * index, 8, random.bits(64, false));
  const machine: Machine = {
    registers: REGISTERS.map((index) => readMemory(before, IN + 8 * index, 8)),
    stack: before.slice(STACK, STACK + SCRATCH),
    data: before.slice(DATA, DATA + SCRATCH),
  };
  runAll(steps, machine);
  const after = before.slice();
  after.set(machine.data, DATA);
  after.set(machine.stack, STACK);
  for (const index of REGISTERS) writeMemory(after, OUT + 8 * index, 8, machine.registers[index]!);

  const words = Array.from({ length: SCRATCH / 8 }, (_, index) => 8 * index);
  const body = [
    lea(r9, shared),
    words.map((at) => [load(r0, u64.at(r9, STACK + at)), store(u64.at(r10, at - SCRATCH), r0)]),
    REGISTERS.map((index) => load(r(index), u64.at(r9, IN + 8 * index))),
    codesOf(steps),
    REGISTERS.map((index) => store(u64.at(r9, OUT + 8 * index), r(index))),
    words.map((at) => [load(r1, u64.at(r10, at - SCRATCH)), store(u64.at(r9, STACK + at), r1)]),
    exit(),
  ];
  return { body, before, after, value: machine.registers[0]! };
};

const list = (scope: Scope, length: number): Step[] => Array.from({ length }, () => step(scope));

const SIMPLE = [arithmetic, arithmetic, arithmetic, unary, unary, memory, memory, atomic];
const ADDRESSED = [indexed, spilled];

const step = (scope: Scope): Step => {
  const { random, depth, loops, calls } = scope;
  const nested = depth < 2 ? [jump, jump, choice] : [];
  const repeated = depth < 2 && loops < 2 ? [counted, endless] : [];
  return random.pick([
    ...SIMPLE,
    ...ADDRESSED,
    ...nested,
    ...repeated,
    ...(calls < 2 ? [calling] : []),
  ])(scope);
};
