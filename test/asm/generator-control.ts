/**
 * @module
 * Random jumps, choices, loops and calls around other steps.
 */
import {
  add,
  type Code,
  type Comparison,
  exit,
  fn,
  jal,
  jge,
  type Label,
  label,
  loop,
  mayGoto,
  mov,
  r6,
  store,
  times,
  when,
  whole,
} from '../../src/asm/index.ts';
import { u64 } from '../../src/layout/index.ts';
import { arithmetic } from './generator-arithmetic.ts';
import {
  asm,
  type Callee,
  codesOf,
  literal,
  type Machine,
  type Memory,
  r,
  runAll,
  SCRATCH,
  type Scope,
  type Step,
  stack,
  w,
  without,
} from './generator-scope.ts';
import { CONDITIONS, type Condition, holds, signed, unsigned } from './semantics.ts';

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

const inner = (scope: Scope): readonly Step[] =>
  scope.steps({ ...scope, depth: scope.depth + 1 }, 1 + scope.random.below(3));

/** A jump over some steps: conditional, long, or one that is never taken. */
export const jump = (scope: Scope): Step => {
  const steps = inner(scope);
  const [skip, over] = [label('skip'), label('over')];
  const { go, holds } = comparison(scope);
  switch (scope.random.below(4)) {
    case 0:
      return {
        code: [go(over), jal(skip), over, codesOf(steps), skip],
        run: (machine) => holds(machine) && runAll(steps, machine),
      };
    case 1:
      return {
        code: [mayGoto(skip), codesOf(steps), skip],
        run: (machine) => runAll(steps, machine),
      };
    default:
      return {
        code: [go(skip), codesOf(steps), skip],
        run: (machine) => !holds(machine) && runAll(steps, machine),
      };
  }
};

export const choice = (scope: Scope): Step => {
  const { either, holds } = comparison(scope);
  const yes = inner(scope);
  const no = scope.random.below(2) === 0 ? undefined : inner(scope);
  return {
    code: either(codesOf(yes), no && codesOf(no)),
    run: (machine) => runAll(holds(machine) ? yes : (no ?? []), machine),
  };
};

/** A register that calls keep, for the counter of a loop. */
const counterOf = ({ random, registers }: Scope): number | undefined => {
  const kept = registers.filter((index) => index >= 6);
  return kept.length > 1 ? random.pick(kept) : undefined;
};

const repeated = (scope: Scope, counter: number): readonly Step[] =>
  inner({ ...without(scope, counter), loops: scope.loops + 1 });

const turn = (steps: readonly Step[], counter: number, turns: number) => (machine: Machine) => {
  for (let index = 0; index < turns; index++) {
    machine.registers[counter] = BigInt(index);
    runAll(steps, machine);
  }
  machine.registers[counter] = BigInt(turns);
};

export const counted = (scope: Scope): Step => {
  const counter = counterOf(scope);
  if (counter === undefined) return arithmetic(scope);
  const turns = 1 + scope.random.below(3);
  const steps = repeated(scope, counter);
  const narrow = scope.random.below(2) === 0;
  return {
    code: narrow
      ? times(w(counter), turns, codesOf(steps))
      : times(r(counter), turns, codesOf(steps)),
    run: turn(steps, counter, turns),
  };
};

/** A loop that the verifier need not bound, left by a jump. */
export const endless = (scope: Scope): Step => {
  const counter = counterOf(scope);
  if (counter === undefined) return arithmetic(scope);
  const turns = 1 + scope.random.below(3);
  const steps = repeated(scope, counter);
  const out = label('out');
  return {
    code: [
      mov(r(counter), 0),
      loop([jge(r(counter), turns, out), codesOf(steps), add(r(counter), 1)]),
      out,
    ],
    run: turn(steps, counter, turns),
  };
};

// ----------
// Calls
// ----------

const words = Array.from({ length: SCRATCH / 8 }, (_, index) => 8 * index);
const given: Memory = {
  base: r6,
  offset: 0,
  size: SCRATCH,
  of: (machine) => machine.data,
  strict: true,
};

/** A function with a stack of its own; `pointed` ones have the address of their caller's memory in r6. */
const newFunction = (scope: Scope): Callee => {
  const { random } = scope;
  const pointed = random.below(2) === 0;
  const arity = pointed ? 1 + random.below(5) : random.below(6);
  const all = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const registers = pointed ? all.filter((index) => index !== 6) : all;
  const set = registers.filter((index) => index === 0 || index > arity || (pointed && index === 1));
  const start = all.map(() => random.bits(64, false));
  const steps = scope.steps(
    {
      ...scope,
      registers,
      memories: pointed ? [stack, given] : [stack],
      depth: 1,
      loops: 1,
      calls: scope.calls + 1,
    },
    1 + random.below(4),
  );
  const subprogram = fn(`function${scope.functions.length}`, arity, [
    pointed && mov(r6, asm.r1),
    set.map((index) => mov(r(index), start[index]!)),
    words.map((at) => store(u64.at(stack.base, stack.offset + at), 0)),
    codesOf(steps),
    exit(),
  ]);
  return {
    subprogram,
    pointed,
    run: (args, data) => {
      const registers = start.map((value, index) =>
        set.includes(index) ? value : (args[index - 1] ?? value),
      );
      const machine = { registers, stack: new Uint8Array(SCRATCH), data };
      runAll(steps, machine);
      return machine.registers[0]!;
    },
  };
};

export const calling = (scope: Scope): Step => {
  const { random, registers, functions } = scope;
  if (functions.length < 2 || random.below(4) === 0) functions.push(newFunction(scope));
  const { subprogram, pointed, run } = random.pick(functions);
  // The register with the address is not to be seen as a number.
  const pointer = random.pick(registers);
  const values = registers.filter((index) => index !== pointer);
  const memory = random.pick(scope.memories);
  const args = Array.from({ length: subprogram.arity - Number(pointed) }, () => {
    const index = random.pick(values);
    const value = random.bits(64, false);
    return random.pick([
      { passed: r(index), value: (x: readonly bigint[]) => x[index]! },
      { passed: w(index), value: (x: readonly bigint[]) => unsigned(32, x[index]!) },
      { passed: literal(value), value: () => value },
      { passed: Number(signed(16, value)), value: () => unsigned(64, signed(16, value)) },
    ]);
  });
  const passed = args.map((each) => each.passed);
  // The call destroys r1 to r5: they are filled again.
  const kept = registers.filter((index) => index === 0 || index > 5);
  const sources = kept.filter((index) => index === 0 || index !== pointer);
  const again = [1, 2, 3, 4, 5, pointer]
    .filter((to) => to !== 0)
    .map((to) => ({ to, from: random.pick(sources) }));
  return {
    code: [
      pointed && [mov(r(pointer), memory.base), add(r(pointer), memory.offset)],
      pointed ? asm.call(subprogram, r(pointer), ...passed) : asm.call(subprogram, ...passed),
      again.map(({ to, from }) => mov(whole(r(to)), r(from))),
    ],
    run: (machine) => {
      const x = machine.registers;
      const values = args.map(({ value }) => value(x));
      x[0] = run(pointed ? [0n, ...values] : values, memory.of(machine));
      for (const { to, from } of again) x[to] = x[from]!;
    },
  };
};
