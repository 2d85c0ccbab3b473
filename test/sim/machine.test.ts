import { describe, expect, it } from 'vitest';
import {
  add,
  arrayMap,
  type Code,
  call,
  exit,
  fn,
  globals,
  hash,
  helper,
  hookArguments,
  jeq,
  jgt,
  KiB,
  kernelStruct,
  label,
  ldAbs,
  lea,
  load,
  loop,
  mov,
  object,
  pointer,
  progArray,
  r0,
  r1,
  r2,
  r3,
  r6,
  r7,
  r10,
  rawTracepoint,
  ringbuf,
  socketFilter,
  stack,
  store,
  struct,
  tc,
  tpBtf,
  u8,
  u16,
  u32,
  u64,
  w0,
  w1,
  w2,
  w3,
  xdp,
} from '../../src/index.ts';
import { SimulationFault, simulate } from '../../src/sim/index.ts';
import { ENGINES, simulateOn } from './engines.ts';

describe.each(ENGINES)('on the engine %s', (engine) => {
  const simulate = simulateOn(engine);
  const run = (body: Code, context?: Uint8Array) =>
    simulate(tc(body)).programs.program.run(context);

  describe('faults', () => {
    it('name the instruction, its line and what the address is', () => {
      const counts = hash(u32, u64, { maxEntries: 4 });
      const key = stack(u32);
      const body = [
        store(key, 7),
        call(helper.map_lookup_elem, counts, key),
        load(r0, u64.at(r0)), // forgot the check
        exit(),
      ];
      expect(() => run(body)).toThrow(SimulationFault);
      expect(() => run(body)).toThrow(
        /^instruction 6, r0 = \*\(u64 \*\)\(r0 \+0\) \(machine\.test\.ts:66\): no 8 bytes to be read there: the address is null$/,
      );
    });

    it('stop an access behind a value, in front of the stack and at a number', () => {
      const variables = globals(struct('variables', { first: u32, second: u32 }));
      expect(() => run([lea(r1, variables), load(r0, u64.at(r1, 4)), exit()])).toThrow(
        'is 4 bytes into the map value map0, which has 8',
      );
      expect(() => run([store(u64.at(r10, -520), 1), mov(r0, 0), exit()])).toThrow(
        'is -8 bytes into the stack frame 0, which has 512',
      );
      expect(() => run([mov(r1, 0x1234), load(r0, u64.at(r1)), exit()])).toThrow(
        'is the number 0x1234, no pointer',
      );
    });

    it('stop a store to constants', () => {
      const variables = struct('variables', { first: u32 });
      const constants = globals(variables, { initial: { first: 5 }, readonly: true });
      const body = [lea(r1, constants), mov(w0, 1), store(u32.at(r1), w0), exit()];
      expect(() => run(body)).toThrow('no 4 bytes to be written there');
      expect(run([lea(r1, constants), load(w0, u32.at(r1)), exit()]).value).toBe(5n);
    });

    it('stop a program without end', () => {
      const again = label('again');
      const { programs } = simulate(tc([mov(r0, 0), again, add(r0, 1), jgt(r0, 0, again), exit()]));
      expect(() => programs.program.run(undefined, { limit: 1000 })).toThrow(
        'the program has not ended after 1000 instructions',
      );
    });

    it('stop a program that keeps a record', () => {
      const ring = ringbuf(u64, { maxEntries: 4 * KiB });
      const body = [call(helper.ringbuf_reserve, ring, 8, 0), mov(r0, 0), exit()];
      expect(() => run(body)).toThrow(/instruction 4, call .*neither submitted nor discarded/);
    });

    it('name a helper that is not simulated, which a test can supply', () => {
      const program = tc([mov(r6, r1), call(helper.get_route_realm, r6), exit()]);
      expect(() => simulate(program).programs.program.run()).toThrow(
        'the helper get_route_realm is not simulated',
      );
      const helpers = { get_route_realm: () => 17 };
      expect(simulate(program, { helpers }).programs.program.run().value).toBe(17n);
    });
  });

  describe("loads through the kernel's pointers", () => {
    const Inner = kernelStruct('inner', { number: u32 });
    const Outer = kernelStruct('outer', { inner: pointer(Inner) });
    const Arguments = hookArguments({ outer: pointer(Outer) });
    const follow = (outer: Code): Code => [
      outer,
      load(r2, Outer.at(r2).inner),
      load(w0, Inner.at(r2).number),
      exit(),
    ];
    const fromArgument = follow(load(r2, Arguments.at(r1).outer));

    it('find what is there, and 0 where nothing is', () => {
      const { program } = simulate(tpBtf('some_event', fromArgument)).programs;
      expect(program.run({ outer: { inner: { number: 7 } } }).value).toBe(7n);
      expect(program.run({ outer: {} }).value).toBe(0n);
      expect(program.run({ outer: null }).value).toBe(0n);
    });

    it('are no plain loads at hooks where the verifier does not know the pointers', () => {
      const { program } = simulate(rawTracepoint('some_event', fromArgument)).programs;
      expect(() => program.run({ outer: null })).toThrow('the address is null');
    });
  });

  describe('reads of stack that nothing has written', () => {
    it('are reported, by loads and by helpers', () => {
      const counts = hash(u64, u64, { maxEntries: 4 });
      const half = [store(u32.at(r10, -8), 1), mov(r0, 0)];
      expect(run([half, load(w1, u32.at(r10, -8)), exit()]).unwritten).toEqual([]);
      expect(run([half, load(w1, u32.at(r10, -4)), exit()]).unwritten).toEqual([2]);
      expect(run([half, load(r1, u64.at(r10, -8)), exit()]).unwritten).toEqual([2]);
      const lookup = [
        mov(r2, r10),
        add(r2, -8),
        lea(r1, counts),
        call(helper.map_lookup_elem, r1, r2),
      ];
      expect(run([half, lookup, mov(r0, 0), exit()]).unwritten).toEqual([5]);
    });

    it('find nothing of an earlier call of the same function', () => {
      const keep = fn('keep', 1, [store(u64.at(r10, -8), r1), mov(r0, 0), exit()]);
      const look = fn('look', 0, [load(r0, u64.at(r10, -8)), exit()]);
      const { value, unwritten } = run([call(keep, 5), call(look), exit()]);
      expect(value).toBe(0xaaaa_aaaa_aaaa_aaaan);
      expect(unwritten).toEqual([7]);
    });
  });

  describe('control', () => {
    it('tail calls replace a program, 33 times at most', () => {
      const next = progArray({ maxEntries: 2 });
      const count = globals(struct('count', { calls: u32 }));
      const again: Code = [
        mov(r6, r1),
        lea(r1, count),
        load(w2, u32.at(r1)),
        add(w2, 1),
        store(u32.at(r1), w2),
        call(helper.tail_call, r6, next, 0),
        mov(r0, 7),
        exit(),
      ];
      const { programs, maps } = simulate(
        object({ license: 'GPL', maps: { next, count }, programs: { first: tc(again) } }),
      );
      expect(programs.first.run().value).toBe(7n);
      expect(maps.count.get('calls')).toBe(1);
      maps.next.set(0, 'first');
      expect(programs.first.run().value).toBe(7n);
      expect(maps.count.get('calls')).toBe(1 + 34);
    });

    it('eight functions may be open, and no more', () => {
      const nested = (depth: number): ReturnType<typeof fn> =>
        fn(`f${depth}`, 0, [depth > 0 ? call(nested(depth - 1)) : mov(r0, 5), exit()]);
      expect(run([call(nested(6)), exit()]).value).toBe(5n);
      expect(() => run([call(nested(7)), exit()])).toThrow('more than 8 functions');
    });

    it('may_goto lets a loop go on 8 million times', { timeout: 60_000 }, () => {
      const { programs } = simulate(tc([mov(r0, 0), loop([add(r0, 1)]), exit()]));
      expect(programs.program.run(undefined, { limit: 1e8 }).value).toBe(8388608n);
    });

    it('timers run when their time has come', () => {
      const Value = struct('value', { timer: u64, opaque: u64, runs: u64 });
      const map = arrayMap(Value, { maxEntries: 1 });
      const tick = fn('tick', 3, [
        load(r1, Value.at(r3).runs),
        add(r1, 1),
        store(Value.at(r3).runs, r1),
        mov(r1, r3),
        call(helper.timer_start, r1, 1000, 0),
        mov(r0, 0),
        exit(),
      ]);
      const key = stack(u32);
      const out = label('out');
      const machine = simulate(
        object({
          license: 'GPL',
          maps: { map },
          programs: {
            start: tc([
              store(key, 0),
              call(helper.map_lookup_elem, map, key),
              jeq(r0, 0, out),
              mov(r7, r0),
              call(helper.timer_init, r7, map, 1),
              call(helper.timer_set_callback, r7, tick),
              call(helper.timer_start, r7, 500, 0),
              out,
              mov(r0, 0),
              exit(),
            ]),
          },
        }),
      );
      machine.programs.start.run();
      machine.advance(499);
      expect(machine.maps.map.get(0)!.runs).toBe(0n);
      machine.advance(1);
      expect(machine.maps.map.get(0)!.runs).toBe(1n);
      machine.advance(3000);
      expect(machine.maps.map.get(0)!.runs).toBe(4n);
    });
  });

  describe('packets', () => {
    const packet = Uint8Array.of(...Array.from({ length: 14 }, (_, index) => index), 0x45);

    it('are read and written through data and data_end of xdp_md', () => {
      const short = label('short');
      const { programs } = simulate(
        xdp([
          load(w2, u32.at(r1, 0)),
          load(w3, u32.at(r1, 4)),
          mov(r0, r2),
          add(r0, 14),
          jgt(r0, r3, short),
          load(w0, u16.at(r2, 12)),
          store(u8.at(r2, 0), 0xff),
          exit(),
          short,
          mov(r0, 1),
          exit(),
        ]),
      );
      const result = programs.program.run({ packet });
      expect(result.value).toBe(0x0d0cn);
      expect(result.packet![0]).toBe(0xff);
      expect(programs.program.run({ packet: packet.subarray(0, 13) }).value).toBe(1n);
    });

    it('are read by the old loads, in network order; beyond the end the program returns 0', () => {
      const filter = (offset: number) =>
        simulate(socketFilter([mov(r6, r1), ldAbs(u16, offset), exit()])).programs.program.run({
          packet,
        }).value;
      expect(filter(12)).toBe(0x0c0dn);
      expect(filter(14)).toBe(0n);
    });

    it('have fields in __sk_buff, of which some can be stored', () => {
      const MARK = 8;
      const body = [
        load(w0, u32.at(r1, 0)),
        mov(w2, 5),
        store(u32.at(r1, MARK), w2),
        load(w1, u32.at(r1, MARK)),
        add(w0, w1),
        exit(),
      ];
      expect(run(body, packet).value).toBe(15n + 5n);
      expect(() => run([mov(w2, 5), store(u32.at(r1, 0), w2), mov(r0, 0), exit()], packet)).toThrow(
        'no 4 bytes to be written there',
      );
    });
  });
});

describe('steps', () => {
  it('show each instruction before it is executed, through calls and callbacks', () => {
    const sum = fn('sum', 2, [
      add(w1, 10),
      load(r0, u64.at(r2)),
      add(r0, r1),
      store(u64.at(r2), r0),
      mov(r0, 0),
      exit(),
    ]);
    const total = stack(u64);
    const { programs } = simulate(
      tc([store(total, 0), call(helper.loop, 3, sum, total, 0), load(r0, total), exit()]),
    );
    const steps = [...programs.program.steps()];
    expect(steps.map(({ text, depth }) => `${depth} ${text}`).slice(6, 10)).toEqual([
      '0 call bpf_loop#181',
      '1 w1 += 10',
      '1 r0 = *(u64 *)(r2 +0)',
      '1 r0 += r1',
    ]);
    expect(steps.filter(({ depth }) => depth === 1)).toHaveLength(18);
    expect(steps.at(-1)!.registers[0]).toBe(33n);
    expect(programs.program.describe(steps[0]!.registers[10]!)).toBe(
      'is 512 bytes into the stack frame 0, which has 512',
    );
    expect(steps[0]!.frame?.file).toContain('machine.test.ts');
  });

  it('are not what compiled programs go by', () => {
    const { program } = simulate(tc([mov(r0, 0), exit()]), { engine: 'wasm' }).programs;
    expect(() => [...program.steps()]).toThrow(
      "program is compiled to WebAssembly, which has no steps: simulate it with engine: 'interpreter'",
    );
    expect(() => simulate(tc([mov(r0, 0), exit()]), { engine: 'wasm', watch: () => {} })).toThrow(
      'watch: only the interpreter tells of instructions, got engine: wasm',
    );
  });
});
