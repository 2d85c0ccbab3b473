/** By examples, for machines without a kernel, what calls-live.test.ts compares with one. */
import { describe, expect, it } from 'vitest';
import {
  add,
  call,
  chars,
  exit,
  globals,
  helper,
  jeq,
  label,
  lea,
  load,
  mov,
  object,
  r0,
  r1,
  r2,
  r3,
  r4,
  r5,
  r6,
  r8,
  r10,
  rawTracepoint,
  SocketBuffer,
  store,
  struct,
  tc,
  u64,
  w0,
  xdp,
} from '../../src/index.ts';
import { ENGINES, simulateOn } from './engines.ts';

const Texts = struct('texts', { format: chars(40), word: chars(8) });

describe.each(ENGINES)('%s', (engine) => {
  const simulate = simulateOn(engine);

  it('prints as the kernel does, and nothing where it refuses the format', () => {
    const printed = (format: string) => {
      const texts = globals(Texts, { initial: { format, word: 'word' } });
      const program = rawTracepoint('sys_enter', [
        [lea(r1, texts), mov(r2, 40), mov(r3, -5), lea(r4, texts), add(r4, 40), mov(r5, 0)],
        [call(helper.trace_printk, r1, r2 as never, r3, r4, r5), exit()],
      ]);
      const machine = simulate(object({ license: 'GPL', maps: { texts }, programs: { program } }));
      const { returnValue } = machine.programs.program.run();
      return [returnValue, ...machine.printed];
    };
    expect(printed('%+d|%6s|\n')).toEqual([11, '-5|  word|']);
    expect(printed('%05d|%-6s|100%%')).toEqual([17, '-0005|word  |100%']);
    expect(printed('%x %pI4')).toEqual([24, 'fffffffb 119.111.114.100']);
    for (const refused of ['%hd', '%.2d', '%d %s %d %d', '%sx', '%f', '100%'])
      expect(printed(refused)).toEqual([-22]);
  });

  it('adds up the words of a checksum', () => {
    // The example of RFC 1071, whose sum is ddf2 in the order of the network.
    const body = [
      [mov(r0, 0xf7f6_f5f4_03f2_0100n), store(u64.at(r10, -8), r0)],
      [call(helper.csum_diff, 0, 0, u64.at(r10, -8), 8, 0), exit()],
    ];
    expect(simulate(tc(body)).programs.program.run().returnValue).toBe(0xf2dd);
  });

  it('copies the strings of a process in words', () => {
    const program = rawTracepoint('sys_enter', [
      [load(r6, u64.at(r1)), mov(r0, -1), store(u64.at(r10, -16), r0), store(u64.at(r10, -8), r0)],
      [
        call(helper.probe_read_user_str, u64.at(r10, -16), 16, r6),
        load(r0, u64.at(r10, -16)),
        exit(),
      ],
    ]);
    const machine = simulate(program);
    const run = (address: bigint) => machine.programs.program.run([address]).value;
    expect(run(machine.user.put('ab'))).toBe(0x6261n);
    // Where there is no whole word to be read, bytes.
    expect(run(machine.user.putAtEnd('ab'))).toBe(0xffff_ffff_ff00_6261n);
  });

  it('tells addresses of nobody from those where nothing is', () => {
    const read = (address: bigint) => {
      const body = [
        mov(r3, address),
        call(helper.probe_read_kernel, u64.at(r10, -8), 8, r3),
        exit(),
      ];
      return simulate(rawTracepoint('sys_enter', body)).programs.program.run().returnValue;
    };
    expect(read(0n)).toBe(-34);
    expect(read(0x1234_5678_9abc_def0n)).toBe(-34);
    expect(read(0xffff_8880_0000_0000n)).toBe(-14);
  });

  it('makes packets longer, with zeros', () => {
    const program = xdp([
      [mov(r8, r1), mov(r2, 4), call(helper.xdp_adjust_tail, r8, r2), mov(r6, r0)],
      [mov(r2, 3500), call(helper.xdp_adjust_tail, r8, r2), add(r0, r6), exit()],
    ]);
    const { returnValue, packet } = simulate(program).programs.program.run(
      new Uint8Array(20).fill(7),
    );
    expect(returnValue).toBe(-22);
    expect([...packet!.slice(18)]).toEqual([7, 7, 0, 0, 0, 0]);
  });

  it('looks into memory by way of a dynptr as far as it goes', () => {
    const texts = globals(Texts, { initial: { format: 'abcdefgh', word: 'word' } });
    const [none, out] = [label('none'), label('out')];
    const read = (offset: number) =>
      tc([
        [lea(r6, texts), call(helper.dynptr_from_mem, r6, 16, 0, u64.at(r10, -16))],
        [mov(r1, r10), add(r1, -16), mov(r2, offset), mov(r3, 8)],
        [call(helper.dynptr_data, r1, r2 as never, r3 as never), jeq(r0, 0, none)],
        [load(r0, u64.at(r0)), jeq(r0, 0, out), mov(r0, 1), none, out, exit()],
      ]);
    expect(simulate(read(0)).programs.program.run().value).toBe(1n);
    expect(simulate(read(8)).programs.program.run().value).toBe(0n);
    expect(simulate(read(9)).programs.program.run().value).toBe(0n);
    expect(simulate(read(-1)).programs.program.run().value).toBe(0n);
  });

  it('refuses fields that programs of a type do not have', () => {
    const body = [load(w0, SocketBuffer.at(r1).family), exit()];
    expect(() => simulate(tc(body)).programs.program.run()).toThrow('no 4 bytes to be read there');
    const stored = [mov(w0, 1), store(SocketBuffer.at(r1).hash, w0), exit()];
    expect(() => simulate(tc(stored)).programs.program.run()).toThrow('to be written there');
  });
});
