/**
 * @module
 * The arguments of calls: whatever registers, numbers and addresses are passed, in whatever order, arrive in r1 to r5.
 * The moves are interpreted here, on values that name themselves.
 */
import { describe, expect, it } from 'vitest';
import {
  type AnyMap,
  type Argument,
  add,
  assemble,
  type Code,
  call,
  exit,
  fn,
  helper,
  type Instruction,
  lea,
  load,
  lsh,
  mov,
  print,
  r0,
  r1,
  r2,
  r3,
  r4,
  r5,
  r6,
  r7,
  r8,
  r9,
  r10,
  stack,
  store,
  w0,
  w1,
  w2,
  w3,
  w4,
  w5,
  w6,
} from '../../src/asm/index.ts';
import { array, struct, u32, u64 } from '../../src/layout/index.ts';
import { Random } from '../layout/random.ts';
import { execute, missing, missingBefore, titled } from './kernel.ts';

/** A value by where it came from: `r3`, `w3` (its lower half), `r3+8`, `5`. */
type Value = string;

/** What r1 to r5 hold before the call, by interpreting the moves. */
const passed = (code: Code, arity: number): readonly Value[] => {
  const { instructions } = assemble([code, exit()], () => true);
  const registers: Value[] = Array.from({ length: 11 }, (_, index) => `r${index}`);
  for (const instruction of instructions) {
    if (instruction.opcode === 0x85) break;
    registers[instruction.dst] = after(instruction, registers);
  }
  return registers.slice(1, 1 + arity);
};

const after = (
  { opcode, dst, src, imm, imm64, reference }: Instruction,
  registers: readonly Value[],
): Value => {
  switch (opcode) {
    case 0xbf:
      return registers[src]!;
    case 0xbc:
      return registers[src]!.replace(/^r/, 'w');
    case 0xb7:
      return String(imm);
    case 0x07:
      return `${registers[dst]}${imm < 0 ? imm : `+${imm}`}`;
    case 0x18:
      return reference ? reference.kind : String(imm64);
    default:
      throw new Error(`a call needs no ${opcode.toString(16)}`);
  }
};

const Pair = struct('pair', { first: u64, second: u64, third: array(u32, 3) });
const map: AnyMap = { kind: 'map', type: 'hash', key: u32, value: u64 };
const callback = fn('callback', 0, [mov(r0, 0), exit()]);
const wide = [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10];
const narrow = [w0, w1, w2, w3, w4, w5, w6];

/** Every kind of argument on `index`, with the value that must arrive. */
const kinds: readonly ((index: number) => readonly [Argument, Value])[] = [
  (index) => [wide[index % 11]!, `r${index % 11}`],
  (index) => [narrow[index % 7]!, `w${index % 7}`],
  (index) => [Pair.at(wide[index % 11]!).first, `r${index % 11}`],
  (index) => [Pair.at(wide[index % 11]!).second, `r${index % 11}+8`],
  (index) => [Pair.at(wide[index % 11]!, -40).third[2], `r${index % 11}-16`],
  (index) => [index - 3, String(index - 3)],
  (index) => [2n ** 40n + BigInt(index), String(2n ** 40n + BigInt(index))],
  () => [map, 'map'],
  () => [callback, 'function'],
];

const target = (arity: number) => fn('target', arity, [mov(r0, 0), exit()]);
const targets = [0, 1, 2, 3, 4, 5].map(target);

const permutations = (items: readonly number[]): number[][] =>
  items.length === 0
    ? [[]]
    : items.flatMap((first) =>
        permutations(items.filter((item) => item !== first)).map((rest) => [first, ...rest]),
      );

const check = (args: readonly (readonly [Argument, Value])[]) => {
  const code = call(targets[args.length]!, ...args.map(([argument]) => argument));
  const wanted = args.map(([, value]) => value);
  const got = passed(code, args.length);
  if (got.join() === wanted.join()) return;
  const { instructions } = assemble([code, exit()], () => true);
  expect(got, instructions.map((each) => print(each)).join('\n')).toEqual(wanted);
};

describe('the arguments of a call', () => {
  it('arrive from every assignment of the registers r0 to r5', () => {
    let count = 0;
    for (let arity = 1; arity <= 5; arity++) {
      for (let code = 0; code < 6 ** arity; code++) {
        const sources = Array.from(
          { length: arity },
          (_, place) => Math.floor(code / 6 ** place) % 6,
        );
        check(sources.map((index) => [wide[index]!, `r${index}`] as const));
        count++;
      }
    }
    expect(count).toBe(6 + 36 + 216 + 1296 + 7776);
  });

  it('arrive from every permutation of r1 to r5 with every mixture of whole, half, and address', () => {
    for (const sources of permutations([1, 2, 3, 4, 5])) {
      for (let mixture = 0; mixture < 3 ** 5; mixture++) {
        check(
          sources.map((source, place) =>
            kinds[[0, 1, 3][Math.floor(mixture / 3 ** place) % 3]!]!(source),
          ),
        );
      }
    }
  });

  it('arrive from random mixtures of everything', () => {
    const random = new Random(7);
    for (let round = 0; round < 20_000; round++) {
      const arity = 1 + random.below(5);
      check(Array.from({ length: arity }, () => random.pick(kinds)(random.below(11))));
    }
  });

  it('take no instruction when they are in place, and one move for each that is not', () => {
    const moves = (...args: Argument[]) =>
      assemble([call(targets[args.length]!, ...args), exit()], () => true).instructions.slice(
        0,
        -4,
      );
    expect(moves(r1, r2, r3, r4, r5).map((each) => print(each))).toEqual([]);
    expect(moves(r2, r1).map((each) => print(each))).toEqual(['r0 = r1', 'r1 = r2', 'r2 = r0']);
    expect(moves(r6, Pair.at(r2).second).map((each) => print(each))).toEqual([
      'r1 = r6',
      'r2 += 8',
    ]);
    expect(moves(w1).map((each) => print(each))).toEqual(['w1 = w1']);
  });

  it('are addresses of stack slots, which may be fields', () => {
    const [key, pair] = [stack(u32), stack(Pair)];
    const code = [store(key, 1), call(targets[3]!, pair.second, key, 7), exit()];
    const { instructions } = assemble(code, () => true);
    expect(instructions.slice(1, 6).map((each) => print(each))).toEqual([
      'r1 = r10',
      'r1 += -32',
      'r2 = r10',
      'r2 += -8',
      'r3 = 7',
    ]);
  });
});

describe.skipIf(missing)(titled('calls on the kernel', missing), () => {
  /** Each argument in three bits of its own. */
  const weigh = fn('weigh', 5, [
    mov(r0, 0),
    [r1, r2, r3, r4, r5].map((argument, index) => [lsh(argument, 3 * index), add(r0, argument)]),
    exit(),
  ]);

  it('get their arguments in order', () => {
    // in a cycle: r1 goes to r5, r2 to r1, ...
    const body = [
      mov(r1, 5),
      mov(r2, 1),
      mov(r3, 2),
      mov(r4, 3),
      mov(r5, 4),
      call(weigh, r2, r3, r4, r5, r1),
      exit(),
    ];
    expect(execute(body)).toBe(0o54321);
  });

  it('keep two slots apart whose addresses are taken beside each other', () => {
    const [a, b] = [stack(u64), stack(u64)];
    const body = [
      lea(r6, a),
      lea(r7, b),
      store(u64.at(r6), 40),
      store(u64.at(r7), 2),
      load(r0, u64.at(r6)),
      load(r1, u64.at(r7)),
      add(r0, r1),
      exit(),
    ];
    expect(execute(body)).toBe(42);
  });

  it.skipIf(missingBefore('5.17'))('call back a subprogram', () => {
    const Sum = struct('sum', { total: u64 });
    const sum = stack(Sum);
    const each = fn('each', 2, [
      load(r3, Sum.at(r2).total),
      add(r3, r1),
      store(Sum.at(r2).total, r3),
      mov(r0, 0),
      exit(),
    ]);
    const body = [
      store(sum.total, 0),
      call(helper.loop, 10, each, sum, 0),
      load(r0, sum.total),
      exit(),
    ];
    expect(execute(body, { callbacks: true })).toBe(45);
  });
});
