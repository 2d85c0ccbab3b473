import { describe, expect, it } from 'vitest';
import { EM, encodeUsdtSpec, parseUsdtArguments } from '../../src/elf/index.ts';
import {
  arrayMap,
  call,
  decode,
  exit,
  lea,
  load,
  mov,
  object,
  r0,
  r1,
  r6,
  r7,
  r8,
  stack,
  store,
  struct,
  u64,
  usdt,
  usdtArgument,
  usdtArgumentCount,
  usdtCookie,
  usdtMaps,
} from '../../src/index.ts';
import { type Mock, simulate } from '../../src/sim/index.ts';

const Seen = struct('seen', { value: u64, result: u64, count: u64, cookie: u64 });

/** Stores what a program gets of argument `n` of a probe. */
const reading = (n: number) => {
  const maps = usdtMaps();
  const seen = arrayMap(Seen, { maxEntries: 1 });
  const value = stack(u64);
  const [argument, count, cookie] = [usdtArgument, usdtArgumentCount, usdtCookie].map((make) =>
    make(maps),
  );
  const fields = Seen.at(r7);
  return object({
    license: 'GPL',
    maps: { ...maps, seen },
    programs: {
      passed: usdt('', [
        mov(r6, r1),
        lea(r7, seen),
        call(argument!, r6, n, value),
        mov(r8, r0),
        store(fields.result, r8),
        load(r1, value),
        store(fields.value, r1),
        call(count!, r6),
        store(fields.count, r0),
        call(cookie!, r6),
        store(fields.cookie, r0),
        mov(r0, 0),
        exit(),
      ]),
    },
  });
};

interface Given {
  readonly args: string;
  readonly registers?: Mock;
  readonly machine?: number;
  /** Bytes that registers of this name have the address of; at the end of a page. */
  readonly memory?: Readonly<Record<string, Uint8Array>>;
}

/** What is seen of argument `n`, with the description that the loader would put into the map. */
const seen = (n: number, { args, registers = {}, machine = EM.X86_64, memory = {} }: Given) => {
  const architecture = machine === EM.AARCH64 ? ('arm64' as const) : ('x86-64' as const);
  const simulated = simulate(reading(n), {
    architecture,
    helpers: { get_attach_cookie: () => 5n },
  });
  const { __bpf_usdt_specs: specs, seen: values } = simulated.maps;
  const spec = encodeUsdtSpec(parseUsdtArguments(args, machine), 77n);
  specs.set(5, decode(usdtMaps().__bpf_usdt_specs.value, spec));
  const addresses = Object.entries(memory).map(
    ([name, bytes]) => [name, simulated.user.putAtEnd(bytes)] as const,
  );
  const context = { ...registers, ...Object.fromEntries(addresses) };
  const { unwritten } = simulated.programs.passed.run(context);
  expect(unwritten).toEqual([]);
  const found = values.get(0)!;
  return {
    value: BigInt.asIntN(64, found.value),
    result: Number(BigInt.asIntN(64, found.result)),
    count: Number(found.count),
    cookie: found.cookie,
  };
};

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('the argument of a static probe', () => {
  it.each([
    ['a constant', '-4@$-7', {}, -7n],
    ['a constant without a sign', '2@$65535', {}, 65535n],
    ['a register', '8@%rdi', { di: 1n << 63n }, -(1n << 63n)],
    ['the lower half of a register, with its sign', '-4@%edi', { di: 0xdead_ffff_ffffn }, -1n],
    [
      'the lower half of a register, without a sign',
      '4@%edi',
      { di: 0xdead_ffff_ffffn },
      0xffff_ffffn,
    ],
    ['a byte of a register', '-1@%al', { ax: 0x1234_5680n }, -128n],
    ['two bytes of a register', '2@%r15w', { r15: 0xffff_8001n }, 0x8001n],
  ])('is %s', (_, args, registers, value) => {
    expect(seen(0, { args, registers })).toEqual({ value, result: 0, count: 1, cookie: 77n });
  });

  it.each([
    ['8 bytes', '8@(%rsi)', 0x8807_0605_0403_0201n],
    ['4 bytes', '4@4(%rsi)', 0x8807_0605n],
    ['4 bytes with a sign', '-4@4(%rsi)', BigInt.asIntN(32, 0x8807_0605n)],
    ['2 bytes', '2@6(%rsi)', 0x8807n],
    ['a byte with a sign', '-1@7(%rsi)', BigInt.asIntN(8, 0x88n)],
    ['a byte by index', '1@1(%rsi,%rcx,2)', 0x88n],
  ])('is %s of memory, and nothing behind is touched', (_, args, value) => {
    const memory = { si: bytes(1, 2, 3, 4, 5, 6, 7, 0x88) };
    expect(seen(0, { args, registers: { cx: 3 }, memory })).toMatchObject({
      value: BigInt.asIntN(64, value),
      result: 0,
    });
  });

  it('is in the registers of arm64, and in memory that they have the address of', () => {
    const machine = EM.AARCH64;
    const args = '-4@w3 8@x30 -2@[sp, 6] 4@9';
    const memory = { sp: bytes(0, 0, 0, 0, 0, 0, 0xfe, 0xff) };
    const registers = { x3: 0xffff_fffen, x30: 0x1234_5678_9abcn };
    const values = [0, 1, 2, 3].map((n) => seen(n, { args, registers, memory, machine }));
    expect(values.map(({ value }) => value)).toEqual([-2n, 0x1234_5678_9abcn, -2n, 9n]);
    expect(values.every(({ result, count }) => result === 0 && count === 4)).toBe(true);
  });

  it('is an error and 0 where the probe has none, and where its memory cannot be read', () => {
    expect(seen(1, { args: '4@%edi', registers: { di: 7 } })).toMatchObject({
      value: 0n,
      result: -2,
    });
    expect(seen(12, { args: '4@%edi', registers: { di: 7 } })).toMatchObject({
      value: 0n,
      result: -2,
    });
    expect(seen(0, { args: '4@(%rdi)', registers: { di: 7 } })).toMatchObject({
      value: 0n,
      result: -14,
    });
  });
});
