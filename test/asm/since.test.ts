/**
 * @module
 * The oldest kernel that takes some instructions.
 */
import { describe, expect, it } from 'vitest';
import {
  type AnyMap,
  add,
  addrSpaceCast,
  arsh,
  assemble,
  atomicAdd,
  atomicOr,
  bswap,
  type Code,
  call,
  decode,
  encode,
  exit,
  fetchAdd,
  fn,
  gotox,
  helper,
  jal,
  jeq,
  jgt,
  jlt,
  label,
  lea,
  load,
  loadAcquire,
  loadSigned,
  loop,
  make,
  mayGoto,
  mod,
  mov,
  movsx,
  neg,
  r0,
  r1,
  r2,
  r6,
  r11,
  requires,
  sdiv,
  smod,
  stack,
  storeRelease,
  times,
  w1,
} from '../../src/asm/index.ts';
import { i32, u32, u64 } from '../../src/layout/index.ts';

const needs = (body: Code): string => {
  const { instructions } = assemble([body, mov(r0, 0), exit()], () => true);
  const { version, because } = requires(instructions);
  // what is decoded needs the same
  const again = requires(decode(encode(instructions)));
  expect([again.version, again.because]).toEqual([version, because]);
  return `${because}: ${version}`;
};
const over = (jump: (to: ReturnType<typeof label>) => Code): Code => {
  const out = label('out');
  return [mov(r1, 0), jump(out), mov(r2, 0), out];
};
const map = (type: string): AnyMap => ({ kind: 'map', type, key: u32, value: u64 });
const callee = fn('callee', 0, [mov(r0, 0), exit()]);

// biome-ignore format: a table
const ROWS: readonly [() => Code, string][] = [
  [() => [add(r1, 1), mod(w1, 7), neg(r1), atomicAdd(u64.at(r1), r2), over((to) => jgt(r1, 5, to))], 'eBPF: 3.18'],
  [() => call(helper.map_delete_elem, map('hash'), stack(u32)), 'helper map_delete_elem: 3.19'],
  [() => over((to) => jlt(r1, 5, to)), 'a jump on less: 4.14'],
  [() => call(callee), 'a subprogram: 4.16'],
  [() => arsh(w1, 3), 'a 32-bit arithmetic right shift: 5.0'],
  [() => over((to) => jeq(w1, 5, to)), 'a 32-bit jump: 5.1'],
  [() => over((to) => jlt(w1, 5, to)), 'a 32-bit jump: 5.1'],
  [() => lea(r1, map('array')), 'a global variable: 5.2'],
  [() => Array.from({ length: 5000 }, () => neg(r0)), 'a program of 5002 instructions: 5.2'],
  [() => times(r6, 3, [add(r1, 1)]), 'a loop: 5.3'],
  [() => call(helper.ringbuf_output, map('ringbuf'), stack(u64), 8, 0), 'helper ringbuf_output: 5.8'],
  [() => make({ opcode: 0x18, dst: 1, src: 3, imm64: 5n }), 'a variable of the kernel: 5.10'],
  [() => atomicOr(u64.at(r1), r2), 'an atomic operation other than add: 5.12'],
  [() => fetchAdd(u32.at(r1), w1), 'an atomic operation other than add: 5.12'],
  [() => lea(r1, callee), 'a callback: 5.13'],
  [() => make({ opcode: 0x85, src: 2, imm: 77 }), 'a kernel function: 5.13'],
  [() => make({ opcode: 0x18, dst: 1, src: 5, imm64: 0n }), 'a map by its index: 5.14'],
  [() => call(helper.loop, 3, callee, 0, 0), 'helper loop: 5.17'],
  [() => sdiv(r1, 3), 'signed division: 6.6'],
  [() => smod(w1, 3), 'signed remainder: 6.6'],
  [() => movsx(r1, r2, 8), 'a move that extends the sign: 6.6'],
  [() => movsx(w1, w1, 16), 'a move that extends the sign: 6.6'],
  [() => bswap(r1, 16), 'bswap: 6.6'],
  [() => loadSigned(r1, i32.at(r1)), 'a load that extends the sign: 6.6'],
  [() => [mov(r1, 0), over(jeqThenLong)], 'gotol: 6.6'],
  [() => over(mayGoto), 'may_goto: 6.9'],
  [() => { const out = label(); return [loop([jeq(r1, 0, out)]), out]; }, 'may_goto: 6.9'],
  [() => addrSpaceCast(r1, r2, 1, 0), 'addr_space_cast: 6.9'],
  [() => loadAcquire(r1, u64.at(r1)), 'load_acquire: 6.15'],
  [() => storeRelease(u32.at(r1), w1), 'store_release: 6.15'],
  [() => gotox(r1), 'gotox: 6.19'],
  [() => load(r1, u64.at(r11, 8)), 'r11 (arguments on the stack): 7.2'],
];
function jeqThenLong(to: ReturnType<typeof label>): Code {
  const other = label('other');
  return [jeq(r1, 0, other), jal(to), other];
}

describe('what a program requires', () => {
  it.each(ROWS)('%#: %s', (build, expected) => {
    expect(needs(build())).toBe(expected);
  });

  it('is that of its newest part, with the instruction that needs it', () => {
    const { instructions } = assemble(
      [mov(r1, 1), bswap(r1, 16), over(mayGoto), sdiv(r1, 3), mov(r0, 0), exit()],
      () => true,
    );
    const { version, instruction } = requires(instructions);
    expect([version, instruction?.opcode]).toEqual(['6.9', 0xe5]);
  });

  it('knows the way of a choice that was taken', () => {
    const old = assemble([loadSigned(r1, i32.at(r1)), mov(r0, 0), exit()], () => false);
    expect(requires(old.instructions).version).toBe('3.18');
  });
});
