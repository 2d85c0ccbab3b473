/**
 * @module
 * Random loads, stores and atomic operations of all widths, at fixed addresses and at some that only the run knows.
 */
import {
  add,
  and,
  type Code,
  load,
  loadAcquire,
  loadSigned,
  mov,
  store,
  storeRelease,
} from '../../src/asm/index.ts';
import { i8, i16, i32, u8, u16, u32, u64 } from '../../src/layout/index.ts';
import {
  asm,
  codesOf,
  literal,
  type Machine,
  type Memory,
  r,
  runAll,
  type Scope,
  type Step,
  stack,
  w,
  without,
} from './generator-scope.ts';
import { compute, type Operation, readMemory, signed, unsigned, writeMemory } from './semantics.ts';

/** Some bytes of some memory. */
const cell = ({ random, memories }: Scope, bytes: number, aligned: boolean) => {
  const { base, offset, size, of, strict } = random.pick(memories);
  const at =
    strict || aligned || random.below(4) > 0
      ? bytes * random.below(size / bytes)
      : random.below(size - bytes + 1);
  return {
    base,
    offset: offset + at,
    strict,
    read: (machine: Machine) => readMemory(of(machine), at, bytes),
    write: (machine: Machine, value: bigint) => writeMemory(of(machine), at, bytes, value),
  };
};

const SIZES = { 1: u8, 2: u16, 4: u32 } as const;
const SIGNED_SIZES = { 1: i8, 2: i16, 4: i32 } as const;

export const memory = (scope: Scope): Step => {
  const { random, registers, acquire } = scope;
  const form = random.below(acquire ? 6 : 4);
  const register = random.pick(registers);
  const size = random.pick([1, 2, 4, 8] as const);
  const { base, offset, read, write } = cell(scope, size, form >= 4);
  const narrow =
    size === 8 ? undefined : random.pick([SIZES[size], SIGNED_SIZES[size]]).at(base, offset);
  const loads = (code: Code, value: (machine: Machine) => bigint): Step => ({
    code,
    run: (machine) => {
      machine.registers[register] = value(machine);
    },
  });
  const stores = (code: Code, value: (machine: Machine) => bigint): Step => ({
    code,
    run: (machine) => write(machine, value(machine)),
  });
  const content = (machine: Machine) => machine.registers[register]!;
  switch (form) {
    case 0:
      return loads(
        narrow ? load(w(register), narrow) : load(r(register), u64.at(base, offset)),
        read,
      );
    case 1:
      if (size === 8) return loads(load(r(register), u64.at(base, offset)), read);
      return loads(loadSigned(r(register), SIGNED_SIZES[size].at(base, offset)), (machine) =>
        unsigned(64, signed(8 * size, read(machine))),
      );
    case 2:
      return stores(
        narrow ? store(narrow, w(register)) : store(u64.at(base, offset), r(register)),
        content,
      );
    case 3: {
      const value = random.bits(Math.min(32, 8 * size), size === 8 || random.below(2) === 0);
      return stores(
        narrow ? store(narrow, literal(value)) : store(u64.at(base, offset), literal(value)),
        () => value,
      );
    }
    case 4:
      return loads(
        narrow ? loadAcquire(w(register), narrow) : loadAcquire(r(register), u64.at(base, offset)),
        read,
      );
    default:
      return stores(
        narrow
          ? storeRelease(narrow, w(register))
          : storeRelease(u64.at(base, offset), r(register)),
        content,
      );
  }
};

const ATOMICS = {
  atomicAdd: ['add', false],
  atomicOr: ['or', false],
  atomicAnd: ['and', false],
  atomicXor: ['xor', false],
  fetchAdd: ['add', true],
  fetchOr: ['or', true],
  fetchAnd: ['and', true],
  fetchXor: ['xor', true],
  xchg: ['mov', true],
} as const satisfies Record<string, readonly [Operation, boolean]>;
const NAMES = Object.keys(ATOMICS) as (keyof typeof ATOMICS)[];

export const atomic = (scope: Scope): Step => {
  const { random, registers } = scope;
  const exchanges = random.below(6) === 0 && registers.includes(0);
  const name = random.pick(NAMES);
  const [operation, fetches] = ATOMICS[name];
  const register = random.pick(registers);
  const width = random.pick([32, 64] as const);
  const { base, offset, strict, read, write } = cell(scope, width / 8, true);
  const content = (machine: Machine) => machine.registers[register]!;
  const step = exchanges
    ? {
        code:
          width === 64
            ? asm.cmpxchg(u64.at(base, offset), r(register))
            : // Linux 6.18 forgets to clear the upper half, now and then (kernel-differences.test.ts).
              [asm.cmpxchg(u32.at(base, offset), w(register)), mov(asm.w0, asm.w0)],
        run: (machine: Machine) => {
          const old = read(machine);
          if (old === unsigned(width, machine.registers[0]!))
            write(machine, unsigned(width, content(machine)));
          machine.registers[0] = old;
        },
      }
    : {
        code:
          width === 64
            ? asm[name](u64.at(base, offset), r(register))
            : asm[name](u32.at(base, offset), w(register)),
        run: (machine: Machine) => {
          const old = read(machine);
          write(machine, compute(operation, width, old, content(machine)));
          if (fetches) machine.registers[register] = old;
        },
      };
  if (!strict || !(exchanges || fetches)) return step;
  // Linux 6.18 takes what it knows of the stack for true on all ways, once it was fetched (kernel-differences.test.ts):
  // so it must not know it.
  return {
    code: [
      width === 64
        ? asm.atomicAdd(u64.at(base, offset), r(register))
        : asm.atomicAdd(u32.at(base, offset), w(register)),
      step.code,
    ],
    run: (machine) => {
      write(machine, compute('add', width, read(machine), content(machine)));
      step.run(machine);
    },
  };
};

/** Some accesses through a register, which points into memory at an offset that only the run knows. */
export const indexed = (scope: Scope): Step => {
  const { random, registers } = scope;
  const pointer = random.pick(registers);
  const index = random.pick(registers.filter((each) => each !== pointer));
  const { base, offset, size, of, strict } = random.pick(scope.memories);
  const mask = size / 2 - 8;
  let from = 0;
  const behind: Memory = {
    base: r(pointer),
    offset,
    size: size - mask,
    of: (machine) => of(machine).subarray(from),
    strict,
  };
  const start: Step = {
    code: [
      and(r(index), mask),
      // Linux 6.18 takes a number plus an address of the stack for one of the first function's (kernel-differences.test.ts).
      strict || random.below(2) === 0
        ? [mov(r(pointer), base), add(r(pointer), r(index))]
        : [mov(r(pointer), r(index)), add(r(pointer), base)],
    ],
    run: ({ registers: x }) => {
      x[index] = x[index]! & BigInt(mask);
      from = Number(x[index]);
    },
  };
  return through(scope, pointer, behind, start, strict ? [memory] : KINDS);
};

/** Some accesses through an address that has been on the stack. */
export const spilled = (scope: Scope): Step => {
  const { random, registers } = scope;
  const pointer = random.pick(registers);
  const behind = random.pick(scope.memories);
  const at = 8 * random.below(stack.size / 8);
  const slot = u64.at(stack.base, stack.offset + at);
  const start: Step = {
    // The address itself is another one in each run.
    code: [store(slot, behind.base), load(r(pointer), slot), store(slot, 1)],
    run: (machine) => writeMemory(machine.stack, at, 8, 1n),
  };
  return through(scope, pointer, { ...behind, base: r(pointer) }, start, KINDS);
};

const KINDS = [memory, memory, atomic];

/** Steps with an address in a register, which `start` puts there. No step sees the address as a number. */
const through = (
  scope: Scope,
  pointer: number,
  behind: Memory,
  start: Step,
  kinds: readonly ((scope: Scope) => Step)[],
): Step => {
  const { random } = scope;
  const inner: Scope = { ...without(scope, pointer), memories: [behind] };
  const steps = Array.from({ length: 1 + random.below(3) }, () => random.pick(kinds)(inner));
  const value = random.bits(64, true);
  return {
    code: [start.code, codesOf(steps), mov(r(pointer), value)],
    run: (machine) => {
      start.run(machine);
      runAll(steps, machine);
      machine.registers[pointer] = unsigned(64, value);
    },
  };
};
