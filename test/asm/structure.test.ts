/**
 * @module
 * What expands to plain jumps and stack offsets: `when`, loops, choices, subprograms, slots, and jumps that are made
 * long. Texts show the expansion; the kernel runs it.
 */
import { describe, expect, it } from 'vitest';
import {
  type AnyMap,
  add,
  assemble,
  type Code,
  type Comparison,
  call,
  callSite,
  checkFunction,
  either,
  exit,
  fn,
  helper,
  helperExists,
  hookExists,
  ja,
  jeq,
  jge,
  jgt,
  jne,
  jset,
  label,
  lea,
  listing,
  load,
  loop,
  mapExists,
  mov,
  mul,
  r0,
  r1,
  r2,
  r3,
  r4,
  r6,
  r7,
  r9,
  slotsOf,
  stack,
  store,
  sub,
  times,
  w6,
  w7,
  when,
} from '../../src/asm/index.ts';
import { bytes, u32, u64 } from '../../src/layout/index.ts';
import { BPF_MAP_TYPE, closeFd, mapCreate, mapUpdate } from '../../src/syscall/index.ts';
import { execute, missing, missingBefore, run, titled, withProgram } from './kernel.ts';
import { CONDITIONS, holds } from './semantics.ts';

const text = (body: Code, choose = true): string[] =>
  listing(assemble(body, () => choose).instructions, { lines: false }).map((line) =>
    line.replace(/^ *(\d+): \(..\) /, '$1 '),
  );

describe('stack slots', () => {
  const offsets = (body: Code) => {
    const { instructions, functions } = assemble([body, exit()], () => true);
    return [
      ...instructions.filter(({ opcode }) => opcode === 0x7a).map(({ offset }) => offset),
      -functions[0]!.frame,
    ];
  };

  it('of lists beside each other share their bytes', () => {
    const [a, b, c] = [stack(u64), stack(bytes(20)), stack(u64)];
    const B = u64.at(r6);
    expect(
      offsets([
        [store(a, 1), [store(a, 2)]],
        [lea(r6, b), store(B, 3), lea(r7, b)],
        [[store(c, 4)], store(c, 5)],
      ]),
    ).toEqual([-8, -8, 0, -8, -8, -24]);
  });

  it('of a list lie below those of the lists around it', () => {
    const [outer, middle, inner, sibling] = [stack(u64), stack(u64), stack(u64), stack(u64)];
    const nop = mov(r0, 0);
    expect(
      offsets([
        store(outer, 1),
        [nop, store(middle, 2), [nop, store(inner, 3)], [nop, store(sibling, 4)]],
        [nop, store(stack(u64), 5)],
        store(outer, 6),
      ]),
    ).toEqual([-8, -16, -24, -24, -16, -8, -24]);
  });

  it('belong to the innermost list that holds all their uses', () => {
    const [shared, own] = [stack(u64), stack(u64)];
    expect(
      offsets([
        mov(r0, 0),
        [mov(r0, 0), store(shared, 1), [mov(r0, 0), store(own, 2)]],
        [mov(r0, 0), store(shared, 3)],
      ]),
    ).toEqual([-8, -16, -8, -16]);
  });

  it('whose address is taken stay apart from others in the same list', () => {
    const [a, b] = [stack(u64), stack(u64)];
    expect(text([lea(r6, a), lea(r7, b), mov(r0, 0), exit()])).toEqual([
      '0 r6 = r10',
      '1 r6 += -8',
      '2 r7 = r10',
      '3 r7 += -16',
      '4 r0 = 0',
      '5 exit',
    ]);
  });

  it('of the two ways of a choice share their bytes, and only those of the chosen way are placed', () => {
    const [a, b] = [stack(bytes(64)), stack(u64)];
    const body = [
      mov(r0, 0),
      either(hookExists('x'), [lea(r6, a), lea(r7, a)], [mov(r0, 0), store(b, 1)]),
      exit(),
    ];
    expect([true, false].map((choose) => assemble(body, () => choose).functions[0]!.frame)).toEqual(
      [64, 8],
    );
  });

  it('belong to each function for itself', () => {
    const slot = stack(u64);
    const callee = fn('callee', 0, [store(slot, 2), load(r0, slot), exit()]);
    const { functions } = assemble([call(callee), exit()], () => true);
    expect(functions.map(({ frame }) => frame)).toEqual([0, 8]);
  });
});
describe('choices', () => {
  it('leave one way, and drop what cannot be reached then', () => {
    const body = [
      mov(r0, 0),
      either(helperExists(helper.ringbuf_reserve), [exit()], [mov(r0, 1)]),
      mov(r0, 2),
      exit(),
    ];
    checkFunction('p', body, 1, callSite(text));
    expect(text(body)).toEqual(['0 r0 = 0', '1 exit']);
    expect(text(body, false)).toEqual(['0 r0 = 0', '1 r0 = 1', '2 r0 = 2', '3 exit']);
  });

  it('nest', () => {
    const inner = either(mapExists('ringbuf'), [mov(r0, 1)], [mov(r0, 2)]);
    const body = [either(hookExists('tp_btf/sched_switch'), [inner], [mov(r0, 3)]), exit()];
    const way = (hook: boolean, map: boolean) =>
      listing(assemble(body, ({ test }) => (test === 'hook' ? hook : map)).instructions, {
        lines: false,
      })[0];
    expect([way(true, true), way(true, false), way(false, true)]).toEqual([
      '   0: (b7) r0 = 1',
      '   0: (b7) r0 = 2',
      '   0: (b7) r0 = 3',
    ]);
  });
});

describe('long jumps', () => {
  const filler = (count: number) => Array.from({ length: count }, () => add(r0, 1));

  it('are made where a label is out of reach, and nowhere else', () => {
    const out = label('out');
    const reach = (count: number) => {
      const { instructions } = assemble(
        [mov(r0, 0), jeq(r1, 0, out), filler(count), out, exit()],
        () => true,
      );
      return instructions.slice(1, 4).map(({ opcode }) => opcode);
    };
    expect(reach(32_767)).toEqual([0x15, 0x07, 0x07]);
    expect(reach(32_768)).toEqual([0x15, 0x05, 0x06]);
  });

  it('go back as far', () => {
    const top = label('top');
    const reach = (count: number) => {
      const { instructions } = assemble(
        [mov(r0, 0), top, filler(count), jne(r1, 0, top), exit()],
        () => true,
      );
      return instructions.slice(1 + count).map(({ opcode, offset, imm }) => [opcode, offset, imm]);
    };
    expect(reach(32_767)).toEqual([
      [0x55, -32768, 0],
      [0x95, 0, 0],
    ]);
    expect(reach(32_768)).toEqual([
      [0x55, 1, 0],
      [0x05, 1, 0],
      [0x06, 0, -32771],
      [0x95, 0, 0],
    ]);
  });

  it('push others out of reach, which are then made long too', () => {
    const [near, far] = [label('near'), label('far')];
    const body = [
      mov(r0, 0),
      jeq(r1, 0, near),
      jset(r1, 1, far),
      filler(32_766),
      near,
      filler(10),
      far,
      exit(),
    ];
    const opcodes = assemble(body, () => true)
      .instructions.slice(1, 7)
      .map(({ opcode }) => opcode);
    expect(opcodes).toEqual([0x15, 0x05, 0x06, 0x45, 0x05, 0x06]);
  });

  it.skipIf(missingBefore('6.6'))('arrive on the kernel', () => {
    const [out, on] = [label('out'), label('on')];
    const body = (value: number) => [
      mov(r6, value),
      mov(r0, 0),
      jeq(r6, 1, out),
      jgt(r6, 5, out),
      ja(on),
      out,
      add(r0, 100_000),
      exit(),
      on,
      filler(40_000),
      jne(r6, 2, out),
      exit(),
    ];
    expect(execute(body(1))).toBe(100_000);
    expect(execute(body(2))).toBe(40_000);
    expect(execute(body(3))).toBe(140_000);
  });
});

describe.skipIf(missing)(titled('structure on the kernel', missing), () => {
  const values = [
    0n,
    1n,
    5n,
    2n ** 31n - 1n,
    2n ** 31n,
    2n ** 32n - 1n,
    2n ** 63n,
    2n ** 64n - 1n,
    2n ** 64n - 5n,
  ];

  it('takes the way of `when` that the comparison says, for every comparison', () => {
    for (const comparison of Object.keys(CONDITIONS) as Comparison[]) {
      for (const a of values) {
        const rows: Code[] = [];
        const expected: boolean[] = [];
        values.forEach((b, index) => {
          const bit = (on: Code[]) => on;
          rows.push([mov(r6, a), mov(r7, b)]);
          rows.push(when(r6, comparison, r7, bit([add(r0, 2 ** index)])));
          expected.push(holds(comparison, 64, a, b));
          rows.push(
            when(w6, comparison, w7, [add(r0, 2 ** (index + values.length))], [mov(r1, 0)]),
          );
          expected.push(holds(comparison, 32, a, b));
        });
        const wanted = values.map(
          (_, index) =>
            (expected[2 * index] ? 2 ** index : 0) +
            (expected[2 * index + 1] ? 2 ** (index + values.length) : 0),
        );
        expect([comparison, a, execute([mov(r0, 0), rows, exit()])]).toEqual([
          comparison,
          a,
          wanted.reduce((x, y) => x + y),
        ]);
      }
    }
  });

  it('counts turns, from a number and from a register', () => {
    expect(execute([mov(r0, 0), times(r6, 10, [add(r0, r6)]), exit()])).toBe(45);
    expect(
      execute([
        mov(r0, 0),
        mov(w7, 4),
        times(w6, w7, [add(r0, r6), times(r2, 3, [add(r0, 100)])]),
        exit(),
      ]),
    ).toBe(1206);
    expect(execute([mov(r0, 7), mov(r7, 0), times(r6, r7, [add(r0, 1)]), exit()])).toBe(7);
  });

  it.skipIf(missingBefore('6.9'))('runs a loop until it is left', () => {
    const out = label('out');
    expect(
      execute([
        mov(r0, 0),
        mov(r6, 0),
        loop([jge(r6, 100, out), add(r0, r6), add(r6, 1)]),
        out,
        exit(),
      ]),
    ).toBe(4950);
  });

  it('calls subprograms that call others, each with registers of its own', () => {
    const square = fn('square', 1, [mov(r6, r1), mov(r0, r1), mul(r0, r6), exit()]);
    const difference = fn('difference', 2, [
      mov(r7, r2),
      call(square, r1),
      mov(r6, r0),
      call(square, r7),
      sub(r6, r0),
      mov(r0, r6),
      exit(),
    ]);
    const body = [mov(r6, 1), mov(r7, 2), call(difference, 7, 5), add(r0, r6), add(r0, r7), exit()];
    expect(execute(body)).toBe(49 - 25 + 3);
    expect(assemble(body, () => true).functions.map(({ subprogram }) => subprogram?.name)).toEqual([
      undefined,
      'difference',
      'square',
    ]);
  });

  it.skipIf(missingBefore('5.13'))('calls back for each element of a map', () => {
    const map: AnyMap = { kind: 'map', type: 'hash', key: u32, value: u64 };
    const total = stack(u64);
    const each = fn('each', 4, [
      load(r1, u64.at(r3)),
      load(r2, u64.at(r4)),
      add(r2, r1),
      store(u64.at(r4), r2),
      mov(r0, 0),
      exit(),
    ]);
    const body = [
      store(total, 0),
      call(helper.for_each_map_elem, map, each, total, 0),
      load(r0, total),
      exit(),
    ];
    const fd = mapCreate({
      type: BPF_MAP_TYPE.BPF_MAP_TYPE_HASH,
      keySize: 4,
      valueSize: 8,
      maxEntries: 8,
    });
    try {
      for (const key of [1, 2, 3]) {
        mapUpdate(
          fd,
          new Uint8Array(new Uint32Array([key]).buffer),
          new Uint8Array(new BigUint64Array([BigInt(10 ** key)]).buffer),
        );
      }
      expect(execute(body, { callbacks: true, maps: new Map([[map, fd]]) })).toBe(1110);
    } finally {
      closeFd(fd);
    }
  });

  it('takes the largest program that a frame of 512 bytes allows', () => {
    const slots = Array.from({ length: 64 }, () => stack(u64));
    const body = [
      slots.map((slot, index) => [lea(r9, slot), store(u64.at(r9), index)]),
      mov(r0, 0),
      slots.map((slot) => [load(r1, slot), add(r0, r1)]),
      exit(),
    ];
    const assembly = assemble(body, () => true);
    expect(assembly.functions[0]!.frame).toBe(512);
    expect(assembly.slots).toBe(
      assembly.instructions.reduce((sum, each) => sum + slotsOf(each), 0),
    );
    expect(withProgram(assembly, {}, ({ fd }) => run(fd))).toBe((63 * 64) / 2);
  });
});
