/**
 * @module
 * Random valid programs, from a seed: each step is code made with our constructors and, beside it, what it does to a
 * machine of the test's own (semantics.ts).
 *
 * The program's registers start from a map's value and end in it, so that the verifier knows none of them and the
 * test sees all. r9 points to that value; r0 to r8 are the program's.
 */
import * as namespace from '../../src/asm/index.ts';
import {
  type AnyMap,
  type Code,
  type Comparison,
  exit,
  fn,
  jal,
  jge,
  type Label,
  label,
  lea,
  load,
  loadAcquire,
  loadSigned,
  loop,
  mayGoto,
  mov,
  movsx,
  neg,
  type R,
  r0,
  r9,
  r10,
  type Subprogram,
  store,
  storeRelease,
  times,
  type W,
  when,
  whole,
} from '../../src/asm/index.ts';
import { bytes, i8, i16, i32, u8, u16, u32, u64 } from '../../src/layout/index.ts';
import { Random } from '../layout/random.ts';
import {
  ARITHMETIC,
  CONDITIONS,
  type Condition,
  compute,
  holds,
  type Operation,
  readMemory,
  signed,
  swapped,
  unsigned,
  type Width,
  writeMemory,
} from './semantics.ts';

/** Bytes of the scratch memory on the stack, and of that in the map's value. */
export const SCRATCH = 64;
const REGISTERS = 9;
/** Where things are in the map's value. */
const IN = 0;
const DATA = IN + 8 * REGISTERS;
const STACK = DATA + SCRATCH;
const OUT = STACK + SCRATCH;
export const VALUE_SIZE: number = OUT + 8 * REGISTERS;

export const shared: AnyMap = { kind: 'map', type: 'array', key: u32, value: bytes(VALUE_SIZE) };

/** The constructors by their names. */
const asm = { ...namespace };

export interface Machine {
  readonly registers: bigint[];
  readonly stack: Uint8Array;
  readonly data: Uint8Array;
}

interface Step {
  readonly code: Code;
  readonly run: (machine: Machine) => void;
}

interface Memory {
  readonly base: R;
  readonly offset: number;
  readonly of: (machine: Machine) => Uint8Array;
}

/** What the steps of one list may use. */
interface Scope {
  readonly random: Random;
  readonly registers: readonly number[];
  readonly memories: readonly Memory[];
  readonly depth: number;
  /** Functions to call; undefined where no call may be. */
  readonly functions: Callee[] | undefined;
  readonly acquire: boolean;
}

interface Callee {
  readonly subprogram: Subprogram;
  readonly run: (args: readonly bigint[]) => bigint;
}

export interface RandomProgram {
  readonly body: Code;
  /** The map's value before the run, and after it. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

const R_NAMES = ['r0', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8'] as const;
const W_NAMES = ['w0', 'w1', 'w2', 'w3', 'w4', 'w5', 'w6', 'w7', 'w8'] as const;
const r = (index: number): R => asm[R_NAMES[index]!];
const w = (index: number): W => asm[W_NAMES[index]!];

export const randomProgram = (seed: number, acquire: boolean): RandomProgram => {
  const random = new Random(seed);
  const stack: Memory = { base: r10, offset: -SCRATCH, of: (machine) => machine.stack };
  const data: Memory = { base: r9, offset: DATA, of: (machine) => machine.data };
  const registers = Array.from({ length: REGISTERS }, (_, index) => index);
  const scope: Scope = {
    random,
    registers,
    memories: [stack, data],
    depth: 0,
    functions: [],
    acquire,
  };
  const steps = list(scope, 4 + random.below(30));

  const before = random.bytes(VALUE_SIZE);
  for (const index of registers) writeMemory(before, IN + 8 * index, 8, random.bits(64, false));
  const machine: Machine = {
    registers: registers.map((index) => readMemory(before, IN + 8 * index, 8)),
    stack: before.slice(STACK, STACK + SCRATCH),
    data: before.slice(DATA, DATA + SCRATCH),
  };
  for (const step of steps) step.run(machine);
  const after = before.slice();
  after.set(machine.data, DATA);
  after.set(machine.stack, STACK);
  for (const index of registers) writeMemory(after, OUT + 8 * index, 8, machine.registers[index]!);

  const words = Array.from({ length: SCRATCH / 8 }, (_, index) => 8 * index);
  const body = [
    lea(r9, shared),
    words.map((at) => [load(r0, u64.at(r9, STACK + at)), store(u64.at(r10, at - SCRATCH), r0)]),
    registers.map((index) => load(r(index), u64.at(r9, IN + 8 * index))),
    steps.map(({ code }) => code),
    registers.map((index) => store(u64.at(r9, OUT + 8 * index), r(index))),
    words.map((at) => [load(r0, u64.at(r10, at - SCRATCH)), store(u64.at(r9, STACK + at), r0)]),
    mov(r0, 0),
    exit(),
  ];
  return { body, before, after };
};

const list = (scope: Scope, length: number): Step[] => Array.from({ length }, () => step(scope));

const step = (scope: Scope): Step => {
  const { random, depth, functions } = scope;
  const kinds = [arithmetic, arithmetic, arithmetic, unary, unary, memory, memory, atomic];
  const nested = depth < 2 ? [jump, jump, choice, counted, endless] : [];
  const calls = functions ? [calling] : [];
  return random.pick([...kinds, ...nested, ...calls])(scope);
};

const runAll = (steps: readonly Step[], machine: Machine): void => {
  for (const { run } of steps) run(machine);
};
const codes = (steps: readonly Step[]): Code => steps.map(({ code }) => code);

// ----------
// Arithmetic
// ----------

const OPERATIONS = Object.keys(ARITHMETIC) as Operation[];
const isShift = (operation: Operation) => ['lsh', 'rsh', 'arsh'].includes(operation);
const divides = (operation: Operation) => ['div', 'sdiv', 'mod', 'smod'].includes(operation);

/** A number that one instruction takes. */
const constant = ({ random }: Scope, operation: Operation, width: Width): bigint => {
  if (isShift(operation)) return BigInt(random.below(width));
  if (operation === 'mov' && width === 64) return random.bits(64, random.below(2) === 0);
  const signedOnly = width === 64 || operation === 'sdiv' || operation === 'smod';
  const value = random.bits(32, signedOnly || random.below(2) === 0);
  return value === 0n && divides(operation) ? 7n : value;
};

/** As a number where it is exact, else as a bigint: both are taken. */
const literal = (value: bigint): number | bigint =>
  value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER && value % 2n === 0n
    ? Number(value)
    : value;

const arithmetic = (scope: Scope): Step => {
  const { random, registers } = scope;
  const operation = random.pick(OPERATIONS);
  const width = random.pick([32, 64] as const);
  const [d, s] = [random.pick(registers), random.pick(registers)];
  const mnemonic = asm[operation];
  if (random.below(2) === 0) {
    return {
      code: width === 64 ? mnemonic(r(d), r(s)) : mnemonic(w(d), w(s)),
      run: ({ registers: x }) => {
        x[d] = compute(operation, width, x[d]!, x[s]!);
      },
    };
  }
  const value = constant(scope, operation, width);
  return {
    code: width === 64 ? mnemonic(r(d), literal(value)) : mnemonic(w(d), literal(value)),
    run: ({ registers: x }) => {
      x[d] = compute(operation, width, x[d]!, value);
    },
  };
};

const unary = ({ random, registers }: Scope): Step => {
  const [d, s] = [random.pick(registers), random.pick(registers)];
  const sets = (code: Code, value: (x: readonly bigint[]) => bigint): Step => ({
    code,
    run: ({ registers: x }) => {
      x[d] = value(x);
    },
  });
  switch (random.below(5)) {
    case 0:
      return sets(neg(r(d)), (x) => unsigned(64, -x[d]!));
    case 1:
      return sets(neg(w(d)), (x) => unsigned(32, -x[d]!));
    case 2: {
      const bits = random.pick([8, 16, 32] as const);
      return sets(movsx(r(d), r(s), bits), (x) => unsigned(64, signed(bits, x[s]!)));
    }
    case 3: {
      const bits = random.pick([8, 16] as const);
      return sets(movsx(w(d), w(s), bits), (x) => unsigned(32, signed(bits, x[s]!)));
    }
    default: {
      const kind = random.pick(['le', 'be', 'bswap'] as const);
      const bits = random.pick([16, 32, 64] as const);
      return sets(asm[kind](r(d), bits), (x) => swapped(kind, bits, x[d]!));
    }
  }
};

// ----------
// Memory
// ----------

const cell = ({ random, memories }: Scope, size: number) => {
  const { base, offset, of } = random.pick(memories);
  const at = size * random.below(SCRATCH / size);
  return {
    base,
    offset: offset + at,
    read: (machine: Machine) => readMemory(of(machine), at, size),
    write: (machine: Machine, value: bigint) => writeMemory(of(machine), at, size, value),
  };
};

const SIZES = { 1: u8, 2: u16, 4: u32 } as const;
const SIGNED_SIZES = { 1: i8, 2: i16, 4: i32 } as const;

const memory = (scope: Scope): Step => {
  const { random, registers, acquire } = scope;
  const register = random.pick(registers);
  const size = random.pick([1, 2, 4, 8] as const);
  const { base, offset, read, write } = cell(scope, size);
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
  switch (random.below(acquire ? 6 : 4)) {
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

const atomic = (scope: Scope): Step => {
  const { random, registers } = scope;
  const register = random.pick(registers);
  const width = random.pick([32, 64] as const);
  const { base, offset, read, write } = cell(scope, width / 8);
  if (random.below(6) === 0) {
    return {
      code:
        width === 64
          ? asm.cmpxchg(u64.at(base, offset), r(register))
          : asm.cmpxchg(u32.at(base, offset), w(register)),
      run: (machine) => {
        const old = read(machine);
        if (old === unsigned(width, machine.registers[0]!)) {
          write(machine, unsigned(width, machine.registers[register]!));
        }
        machine.registers[0] = old;
      },
    };
  }
  const name = random.pick(Object.keys(ATOMICS) as (keyof typeof ATOMICS)[]);
  const [operation, fetches] = ATOMICS[name];
  return {
    code:
      width === 64
        ? asm[name](u64.at(base, offset), r(register))
        : asm[name](u32.at(base, offset), w(register)),
    run: (machine) => {
      const old = read(machine);
      write(machine, compute(operation, width, old, machine.registers[register]!));
      if (fetches) machine.registers[register] = old;
    },
  };
};

// ----------
// Control
// ----------

const COMPARISONS = Object.keys(CONDITIONS) as Condition[];
const JUMPS = {
  '==': 'jeq',
  '!=': 'jne',
  '>': 'jgt',
  '>=': 'jge',
  '<': 'jlt',
  '<=': 'jle',
  's>': 'jsgt',
  's>=': 'jsge',
  's<': 'jslt',
  's<=': 'jsle',
  '&': 'jset',
} as const satisfies Record<Comparison, keyof typeof asm>;

/** A comparison: how it is written, and whether it holds. */
const comparison = (scope: Scope) => {
  const { random, registers } = scope;
  const condition = random.pick(COMPARISONS);
  const width = random.pick([32, 64] as const);
  const [d, s] = [random.pick(registers), random.pick(registers)];
  const signedOnly = width === 64 || condition.startsWith('s');
  const value =
    random.below(2) === 0 ? undefined : random.bits(32, signedOnly || random.below(2) === 0);
  return {
    go: (to: Label): Code =>
      width === 64
        ? asm[JUMPS[condition]](r(d), value === undefined ? r(s) : literal(value), to)
        : asm[JUMPS[condition]](w(d), value === undefined ? w(s) : literal(value), to),
    either: (yes: Code, no?: Code): Code =>
      width === 64
        ? when(r(d), condition, value === undefined ? r(s) : literal(value), yes, no)
        : when(w(d), condition, value === undefined ? w(s) : literal(value), yes, no),
    holds: ({ registers: x }: Machine) => holds(condition, width, x[d]!, value ?? x[s]!),
  };
};

const inner = (scope: Scope, registers = scope.registers): Step[] =>
  list({ ...scope, depth: scope.depth + 1, registers }, 1 + scope.random.below(4));

/** A jump over some steps: conditional, long, or one that is never taken. */
const jump = (scope: Scope): Step => {
  const steps = inner(scope);
  const [skip, over] = [label('skip'), label('over')];
  const { go, holds } = comparison(scope);
  switch (scope.random.below(4)) {
    case 0:
      return {
        code: [go(over), jal(skip), over, codes(steps), skip],
        run: (machine) => holds(machine) && runAll(steps, machine),
      };
    case 1:
      return {
        code: [mayGoto(skip), codes(steps), skip],
        run: (machine) => runAll(steps, machine),
      };
    default:
      return {
        code: [go(skip), codes(steps), skip],
        run: (machine) => !holds(machine) && runAll(steps, machine),
      };
  }
};

const choice = (scope: Scope): Step => {
  const { either, holds } = comparison(scope);
  const yes = inner(scope);
  const no = scope.random.below(2) === 0 ? undefined : inner(scope);
  return {
    code: either(codes(yes), no && codes(no)),
    run: (machine) => runAll(holds(machine) ? yes : (no ?? []), machine),
  };
};

/** A register that calls keep, for the counter of a loop. */
const counterOf = ({ random, registers }: Scope): number | undefined => {
  const kept = registers.filter((index) => index >= 6);
  return kept.length > 1 ? random.pick(kept) : undefined;
};

const counted = (scope: Scope): Step => {
  const counter = counterOf(scope);
  if (counter === undefined) return arithmetic(scope);
  const turns = 1 + scope.random.below(4);
  const steps = inner(
    scope,
    scope.registers.filter((index) => index !== counter),
  );
  const narrow = scope.random.below(2) === 0;
  return {
    code: narrow ? times(w(counter), turns, codes(steps)) : times(r(counter), turns, codes(steps)),
    run: (machine) => {
      for (let turn = 0; turn < turns; turn++) {
        machine.registers[counter] = BigInt(turn);
        runAll(steps, machine);
      }
      machine.registers[counter] = BigInt(turns);
    },
  };
};

/** A loop that the verifier need not bound, left by a jump. */
const endless = (scope: Scope): Step => {
  const counter = counterOf(scope);
  if (counter === undefined) return arithmetic(scope);
  const turns = 1 + scope.random.below(6);
  const steps = inner(
    scope,
    scope.registers.filter((index) => index !== counter),
  );
  const out = label('out');
  return {
    code: [
      mov(r(counter), 0),
      loop([jge(r(counter), turns, out), codes(steps), asm.add(r(counter), 1)]),
      out,
    ],
    run: (machine) => {
      for (let turn = 0; turn < turns; turn++) {
        machine.registers[counter] = BigInt(turn);
        runAll(steps, machine);
      }
      machine.registers[counter] = BigInt(turns);
    },
  };
};

// ----------
// Calls
// ----------

const newFunction = (scope: Scope, name: string): Callee => {
  const { random } = scope;
  const arity = random.below(6);
  const registers = [0, 1, 2, 3, 4, 5];
  const stack: Memory = { base: r10, offset: -SCRATCH, of: (machine) => machine.stack };
  const start = registers.map(() => random.bits(64, false));
  const steps = list(
    { ...scope, depth: 1, registers, memories: [stack], functions: undefined },
    1 + random.below(6),
  );
  const subprogram = fn(name, arity, [
    registers
      .filter((index) => index === 0 || index > arity)
      .map((index) => mov(r(index), start[index]!)),
    Array.from({ length: SCRATCH / 8 }, (_, index) => store(u64.at(r10, 8 * index - SCRATCH), 0)),
    codes(steps),
    exit(),
  ]);
  return {
    subprogram,
    run: (args) => {
      const machine: Machine = {
        registers: start.map((value, index) => args[index - 1] ?? value),
        stack: new Uint8Array(SCRATCH),
        data: new Uint8Array(0),
      };
      runAll(steps, machine);
      return machine.registers[0]!;
    },
  };
};

const calling = (scope: Scope): Step => {
  const { random, registers } = scope;
  const functions = scope.functions!;
  if (functions.length < 2 || random.below(4) === 0) {
    functions.push(newFunction(scope, `function${functions.length}`));
  }
  const { subprogram, run } = random.pick(functions);
  const args = Array.from({ length: subprogram.arity }, () => {
    const index = random.pick(registers);
    const value = random.bits(64, false);
    return random.pick([
      { passed: r(index), value: (x: readonly bigint[]) => x[index]! },
      { passed: w(index), value: (x: readonly bigint[]) => unsigned(32, x[index]!) },
      { passed: literal(value), value: () => value },
      { passed: Number(signed(16, value)), value: () => unsigned(64, signed(16, value)) },
    ]);
  });
  // The call destroys r1 to r5: they are filled again.
  const kept = registers.filter((index) => index === 0 || index > 5);
  const again = [1, 2, 3, 4, 5].map((to) => ({ to, from: random.pick(kept) }));
  return {
    code: [
      asm.call(subprogram, ...args.map(({ passed }) => passed)),
      again.map(({ to, from }) => mov(whole(r(to)), r(from))),
    ],
    run: ({ registers: x }) => {
      x[0] = run(args.map(({ value }) => value(x)));
      for (const { to, from } of again) x[to] = x[from]!;
    },
  };
};
