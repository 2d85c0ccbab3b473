import { describe, expect, it } from 'vitest';
import {
  add,
  cgroup,
  exit,
  fetchAdd,
  globals,
  jlt,
  label,
  lea,
  load,
  mov,
  object,
  r0,
  r1,
  r6,
  r7,
  SocketAddress,
  stack,
  store,
  struct,
  tc,
  u32,
  u64,
  w2,
} from '../../src/index.ts';
import { formatTrace, simulate, trace } from '../../src/sim/index.ts';

const Seen = struct('seen', { count: u64, last: u32 });

const counting = () => {
  const seen = globals(Seen);
  const fields = Seen.at(r7);
  const kept = stack(u32);
  const again = label('again');
  const program = tc([
    lea(r7, seen),
    mov(r6, 0),
    again,
    mov(r1, 5),
    fetchAdd(fields.count, r1),
    store(fields.last, 7),
    add(r6, 1),
    jlt(r6, 3, again),
    store(kept, 9),
    load(r0, fields.count),
    exit(),
  ]);
  return simulate(object({ license: 'GPL', maps: { seen }, programs: { program } })).programs
    .program;
};

describe('a trace', () => {
  it('tells what each instruction changed, and what it read and wrote', () => {
    const entries = [...trace(counting())];
    const texts = entries
      .map(formatTrace)
      .map((text) => text.replace(/ \(trace.test.ts:\d+\)$/, ''));
    expect(texts.slice(1, 7)).toEqual([
      '1: r6 = 0',
      '2: r1 = 5  ; r1 = 5',
      '3: r1 = atomic64_fetch_add((u64 *)(r7 +0), r1)  ; r1 = 0, atomic: is 0 bytes into the map value seen, which has 16, now 5',
      '4: *(u32 *)(r7 +8) = 7  ; store: is 8 bytes into the map value seen, which has 16, now 7',
      '5: r6 += 1  ; r6 = 1',
      '6: if r6 < 0x3 goto pc-5',
    ]);
    const loads = entries.filter(({ access }) => access?.kind === 'load');
    expect(loads.map(({ access, changed }) => [access!.value, access!.size, [...changed]])).toEqual(
      [[15n, 8, [[0, 15n]]]],
    );
  });

  it('has no memory behind the fields of a context', () => {
    const body = [load(w2, SocketAddress.at(r1).user_port), mov(r0, 1), exit()];
    const { program } = simulate(cgroup('connect4', body)).programs;
    const [first] = [...trace(program, { user_port: 80 })];
    expect(first!.access).toMatchObject({ kind: 'load', size: 4, value: undefined });
    expect(first!.changed).toEqual(new Map([[2, 80n]]));
  });

  it('gives back what the run came to', () => {
    const run = trace(counting());
    let now = run.next();
    while (!now.done) now = run.next();
    expect(now.value).toMatchObject({ value: 15n, instructions: 20 });
  });
});

describe('breakpoints', () => {
  it('stop at each visit of a line', () => {
    const program = counting();
    const last = program.instructions.find(({ opcode }) => opcode === 0x62)!;
    const [, line] = /trace\.test\.ts:(\d+)/.exec(last.site!.stack!)!;
    const stops = [...program.steps(undefined, { at: [`trace.test.ts:${line}`] })];
    expect(stops.map(({ registers, text }) => [registers[6], text])).toEqual(
      [0n, 1n, 2n].map((turn) => [turn, '*(u32 *)(r7 +8) = 7']),
    );
  });

  it('stop once at a line of several instructions', () => {
    const { program } = simulate(tc([[mov(r6, 1), mov(r7, 2)], mov(r0, 0), exit()])).programs;
    const [, line] = /trace\.test\.ts:(\d+)/.exec(program.instructions[0]!.site!.stack!)!;
    const stops = [...program.steps(undefined, { at: [`trace.test.ts:${line}`] })];
    expect(stops.map(({ text }) => text)).toEqual(['r6 = 1']);
  });

  it('are lines that instructions are from', () => {
    expect(() => [...counting().steps(undefined, { at: ['trace.test.ts:1'] })]).toThrow(
      /^no instruction of program is from trace\.test\.ts:1: trace\.test\.ts:\d+, /,
    );
  });
});
