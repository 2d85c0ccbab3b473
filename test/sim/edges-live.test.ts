/**
 * @module
 * Programs at the edges of what instructions do, in the kernel and on both engines: each pair of awkward numbers through
 * each operation, and ways of control that are easy to get wrong.
 */
import { describe, expect, it } from 'vitest';
import {
  type Alu,
  add,
  and,
  array,
  arsh,
  atomicAdd,
  atomicAnd,
  atomicOr,
  atomicXor,
  be,
  bswap,
  type Code,
  call,
  cmpxchg,
  div,
  exit,
  fetchAdd,
  fetchAnd,
  fetchOr,
  fetchXor,
  fn,
  globals,
  helper,
  jeq,
  jge,
  jgt,
  jle,
  jlt,
  jne,
  jset,
  jsge,
  jsgt,
  jsle,
  jslt,
  label,
  ldAbs,
  lddw,
  ldInd,
  le,
  lea,
  load,
  loadSigned,
  lsh,
  mod,
  mov,
  movsx,
  mul,
  neg,
  object,
  or,
  type ProgramSpec,
  progArray,
  r0,
  r1,
  r2,
  r3,
  r4,
  r6,
  r7,
  r8,
  r9,
  r10,
  rsh,
  sdiv,
  smod,
  store,
  struct,
  sub,
  tc,
  u8,
  u16,
  u32,
  u64,
  w0,
  w2,
  w3,
  w6,
  w7,
  xchg,
  xdp,
  xor,
} from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { simulate } from '../../src/sim/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { ENGINES } from './engines.ts';

// biome-ignore format: numbers that lie beside each other
const NUMBERS = [
  0n, 1n, 2n, 31n, 32n, 33n, 63n, 64n, 0x7fn, 0x80n, 0x8000n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn,
  0x1_0000_0000n, 0x8000_0000_0000_0000n, 0x8000_0000_8000_0000n, 0x7fff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_ffffn, 0xffff_ffff_0000_0000n, 0x0123_4567_89ab_cdefn, 0x001f_ffff_ffff_ffffn,
];

const COUNT = NUMBERS.length ** 2;
const Cells = struct('cells', { cell: array(u64, COUNT) });

/** What a program leaves in its cells, and returns: in the kernel and on both engines. */
const onAll = (write: (cell: (index: number) => ReturnType<typeof u64.at>) => Code): void => {
  const cells = globals(Cells);
  const program = tc([lea(r9, cells), write((index) => u64.at(r9, 8 * index)), mov(r0, 0), exit()]);
  const spec = object({ license: 'GPL', maps: { cells }, programs: { program } });
  using loaded = loadObject(spec);
  loaded.programs.program.testRun({ dataIn: new Uint8Array(64) });
  const theirs = loaded.maps.cells.get('cell');
  for (const engine of ENGINES) {
    const { programs, maps } = simulate(spec, { engine });
    programs.program.run(new Uint8Array(64));
    expect(maps.cells.get('cell'), engine).toEqual(theirs);
  }
};

/** Each pair of numbers in r6 and r7, and what some code makes of them in r6. */
const pairs = (operation: Code | ((b: bigint) => Code)): void =>
  onAll((cell) =>
    NUMBERS.flatMap((a, row) =>
      NUMBERS.map(
        (b, column): Code => [
          [lddw(r6, a), lddw(r7, b), typeof operation === 'function' ? operation(b) : operation],
          store(cell(row * NUMBERS.length + column), r6),
        ],
      ),
    ),
  );

const OPERATIONS: Readonly<Record<string, Alu>> = {
  ...{ add, sub, mul, div, sdiv, mod, smod, or, and, xor, lsh, rsh, arsh, mov },
};
const JUMPS = { jeq, jne, jgt, jge, jlt, jle, jset, jsgt, jsge, jslt, jsle };

describe.skipIf(noBpf)(kernel('the kernel and both engines agree on'), () => {
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    it(`${name} of registers`, () => {
      pairs(operation(r6, r7));
      pairs(operation(w6, w7));
    });
    it(`${name} of immediates`, () => {
      const divides = ['div', 'sdiv', 'mod', 'smod'].includes(name);
      const shifts = ['lsh', 'rsh', 'arsh'].includes(name);
      const of = (b: bigint, width: number): number => {
        const small = Number(BigInt.asIntN(32, b));
        if (shifts) return small & (width - 1);
        return divides && small === 0 ? 7 : small;
      };
      pairs((b) => operation(r6, of(b, 64)));
      pairs((b) => operation(w6, of(b, 32)));
    });
  }

  it.each(Object.entries(JUMPS))('%s', (_, jump) => {
    const taken = (operands: (to: ReturnType<typeof label>, b: bigint) => Code) => (b: bigint) => {
      const there = label('there');
      return [operands(there, b), mov(r6, 5), there, add(r6, 1)];
    };
    const small = (b: bigint) => Number(BigInt.asIntN(32, b));
    pairs(taken((to) => jump(r6, r7, to)));
    pairs(taken((to) => jump(w6, w7, to)));
    pairs(taken((to, b) => jump(r6, small(b), to)));
    pairs(taken((to, b) => jump(w6, small(b), to)));
  });

  const UNARY: Readonly<Record<string, Code>> = {
    neg: [neg(r6), add(r6, r7), neg(w6)],
    'negated halves': [neg(w6), add(r6, r7)],
    'signs of 8 bits': [movsx(r6, r7, 8)],
    'signs of 16 bits': [movsx(r6, r7, 16)],
    'signs of 32 bits': [movsx(r6, r7, 32)],
    'signs of 8 bits in halves': [movsx(w6, w7, 8)],
    'signs of 16 bits in halves': [movsx(w6, w7, 16)],
    'the order of 16 bits': [be(r6, 16), lsh(r6, 16), le(r7, 16), add(r6, r7)],
    'the order of 32 bits': [be(r6, 32), lsh(r6, 31), le(r7, 32), add(r6, r7)],
    'the order of 64 bits': [be(r6, 64), le(r7, 64), xor(r6, r7)],
    'swaps of bytes': [mov(r8, r6), bswap(r6, 16), bswap(r7, 32), bswap(r8, 64), add(r6, r7)],
  };
  it.each(Object.entries(UNARY))('%s', (_, code) => pairs(code));

  const ATOMICS = {
    ...{ atomicAdd, atomicOr, atomicAnd, atomicXor },
    ...{ fetchAdd, fetchOr, fetchAnd, fetchXor, xchg, cmpxchg },
  };
  it.each(Object.entries(ATOMICS))('%s', (_, operation) => {
    const cell = u64.at(r10, -8);
    const low = u32.at(r10, -8);
    const high = u32.at(r10, -4);
    // What is fetched, what was r0, and what is in memory then.
    const mixed = [load(r3, cell), lsh(r6, 1), xor(r6, r7), lsh(r6, 1), xor(r6, r0), add(r6, r3)];
    const start = [mov(r0, r6), store(cell, r6)];
    pairs([start, operation(cell, r7), mixed]);
    pairs([start, mov(r0, r7), operation(cell, r7), mixed]);
    pairs([start, operation(low, w7), mixed]);
    pairs([start, operation(high, w7), mixed]);
    pairs([start, operation(low, w7), operation(high, w0), operation(low, w6), mixed]);
  });

  it('loads with a sign', () => {
    const read = (offset: number) => [
      [loadSigned(r8, u8.at(r10, -8 + offset)), add(r6, r8), mul(r6, 3)],
      [loadSigned(r8, u16.at(r10, -8 + (offset & 6))), add(r6, r8), mul(r6, 3)],
      [loadSigned(r8, u32.at(r10, -8 + (offset & 4))), add(r6, r8), mul(r6, 3)],
    ];
    pairs([store(u64.at(r10, -8), r7), [0, 1, 2, 3, 4, 5, 6, 7].map(read)]);
  });
});

const PACKET = Uint8Array.from({ length: 64 }, (_, index) => 0xf0 + index);

/** What a program returns, and leaves of the packet: the same in the kernel and on both engines. */
const outcome = (program: ProgramSpec) => {
  const spec = object({ license: 'GPL', programs: { program } });
  using loaded = loadObject(spec);
  const { returnValue, dataOut } = loaded.programs.program.testRun({
    dataIn: PACKET,
    dataOutSize: 512,
  });
  for (const engine of ENGINES) {
    const { programs } = simulate(spec, { engine });
    const ours = programs.program.run(PACKET);
    expect(ours.returnValue, engine).toBe(returnValue | 0);
    expect([...ours.packet!], engine).toEqual([...dataOut]);
  }
  return { returnValue: returnValue | 0, packet: [...dataOut] };
};
const returned = (program: ProgramSpec): number => outcome(program).returnValue;

describe.skipIf(noBpf)(kernel('in the kernel and on both engines'), () => {
  it('a load behind the packet ends its function with 0', () => {
    const peek = (offset: number) =>
      fn('peek', 1, [mov(r6, r1), ldAbs(u8, offset), add(r0, 1), exit()]);
    const body = (offset: number) => [mov(r6, r1), call(peek(offset), r6), add(r0, 100), exit()];
    expect(returned(tc(body(1)))).toBe(0xf1 + 101);
    expect(returned(tc(body(64)))).toBe(100);
    expect(returned(tc([mov(r6, r1), ldAbs(u8, 64), mov(r0, 7), exit()]))).toBe(0);
    const indirect = (offset: number) =>
      returned(tc([mov(r6, r1), mov(r7, 50), ldInd(u32, r7, offset), add(r0, 1), exit()]));
    expect(indirect(-40)).toBe(0xfafb_fcfe | 0);
    expect(indirect(10)).toBe(0x2c2d_2e30);
    expect(indirect(11)).toBe(0);
    expect(indirect(-51)).toBe(0);
  });

  it('functions call each other eight deep', () => {
    const chain = (depth: number): ReturnType<typeof fn> =>
      fn(`depth${depth}`, 1, [
        [store(u64.at(r10, -8), r1), mov(r6, r1), add(r1, 1)],
        depth > 1 ? call(chain(depth - 1), r1) : mov(r0, 0),
        [load(r1, u64.at(r10, -8)), mul(r0, 2), add(r0, r1), add(r0, r6), exit()],
      ]);
    const body = (depth: number) => tc([mov(r6, 3), call(chain(depth), r6), add(r0, r6), exit()]);
    expect(returned(body(7))).toBe(2049);
    const spec = object({ license: 'GPL', programs: { program: body(8) } });
    expect(() => loadObject(spec)).toThrow('too deep');
    for (const engine of ENGINES)
      expect(() => simulate(spec, { engine }).programs.program.run()).toThrow(
        'more than 8 functions call each other',
      );
  });

  it('callbacks call helpers that call back', () => {
    const [go, stay] = [label('go'), label('stay')];
    const inner = fn('inner', 2, [
      [load(r3, u64.at(r2)), mul(r3, 3), add(r3, r1), store(u64.at(r2), r3)],
      [mov(r0, 0), jlt(r1, 3, go), mov(r0, 1), go, exit()],
    ]);
    const outer = fn('outer', 2, [
      [mov(r6, r1), mov(r7, r2), mov(r1, 10), mov(r3, r7)],
      [call(helper.loop, r1, inner, r3, 0), add(r0, r6), load(r3, u64.at(r7))],
      [mul(r3, 5), add(r3, r0), store(u64.at(r7), r3)],
      [mov(r0, 0), jlt(r6, 4, stay), mov(r0, 1), stay, exit()],
    ]);
    const body = [
      [mov(r6, 7), store(u64.at(r10, -8), 1), mov(r3, r10), add(r3, -8)],
      [call(helper.loop, 9, outer, r3, 0), mul(r0, 1000), add(r0, r6)],
      [load(r1, u64.at(r10, -8)), mod(r1, 991), add(r0, r1), exit()],
    ];
    expect(returned(tc(body))).toBe(5222);
  });

  it('a program that goes on in the place of a function returns to its caller', () => {
    const next = progArray({ maxEntries: 2 });
    const jump = fn('jump', 2, [
      mov(r6, r2),
      call(helper.tail_call, r1, next, r6),
      mov(r0, 1),
      exit(),
    ]);
    const spec = object({
      license: 'GPL',
      maps: { next },
      programs: {
        first: tc([
          [mov(r6, r1), call(jump, r6, 0), mov(r7, r0), call(jump, r6, 1), mul(r0, 100)],
          [add(r0, r7), exit()],
        ]),
        // Goes on with itself, until the kernel has had enough.
        second: tc([
          [load(w0, u32.at(r1, 8)), add(r0, 1), store(u32.at(r1, 8), w0), mov(r6, r1)],
          [call(helper.tail_call, r6, next, 0), load(w0, u32.at(r6, 8)), exit()],
        ]),
      },
    });
    using loaded = loadObject(spec);
    loaded.maps.next.set(0, loaded.programs.second);
    const { returnValue } = loaded.programs.first.testRun({ dataIn: PACKET });
    expect(returnValue).toBe(133);
    for (const engine of ENGINES) {
      const { maps, programs } = simulate(spec, { engine });
      maps.next.set(0, 'second');
      expect(programs.first.run(PACKET).returnValue, engine).toBe(returnValue);
    }
  });

  it('the control block of a packet is bytes', () => {
    const block = (offset: number, size: typeof u8 | typeof u16 | typeof u64) =>
      (size as typeof u8).at(r1, 48 + offset);
    const body = [
      [store(block(0, u64), -1), store(block(1, u8), 7), store(block(6, u16), 0x1234)],
      [load(r0, u64.at(r1, 48)), rsh(r0, 36), load(w2, block(1, u8)), lsh(r2, 30), add(r0, r2)],
      [load(w2, u16.at(r1, 54)), sub(r0, r2), exit()],
    ];
    expect(returned(tc(body))).toBe(-1_054_655_029);
  });

  it('packets of XDP get longer in front and shorter behind', () => {
    const short = label('short');
    const adjust = (head: number, tail: number) =>
      xdp([
        [mov(r6, r1), mov(r2, head), call(helper.xdp_adjust_head, r6, r2), mov(r7, r0)],
        [mov(r2, tail), call(helper.xdp_adjust_tail, r6, r2), mul(r7, 100), add(r7, r0)],
        [load(w2, u32.at(r6)), load(w3, u32.at(r6, 4)), mov(r4, r2), add(r4, 14), mov(r0, r7)],
        [jgt(r4, r3, short), store(u8.at(r2), 77), store(u8.at(r2, 13), 78)],
        [sub(r3, r2), mul(r3, 100_000), add(r0, r3), short, exit()],
      ]);
    // [start, end], what both helpers return, and the length afterwards, in one number.
    // biome-ignore format: a table
    const cases = [
      [-16, -10, 7_000_000], [20, 0, 4_400_000], [50, 0, 1_400_000], [51, 0, 6_397_800], [0, -50, 1_400_000],
      [0, -51, 6_399_978], [40, -10, 1_400_000], [40, -11, 2_399_978], [-216, 0, 28_000_000], [-217, 0, 6_397_800],
    ] as const;
    for (const [head, tail, result] of cases) expect(returned(adjust(head, tail))).toBe(result);
    // What comes back is not what was there.
    const again = xdp([
      [mov(r6, r1), mov(r2, -20), call(helper.xdp_adjust_tail, r6, r2)],
      [mov(r2, 15), call(helper.xdp_adjust_tail, r6, r2), exit()],
    ]);
    expect(outcome(again).packet.slice(42)).toEqual([26, 27, ...Array(15).fill(0)]);
  });
});
