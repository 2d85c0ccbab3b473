import { describe, expect, it } from 'vitest';
import { assemble } from '../../../src/asm/index.ts';
import {
  bswap,
  type Code,
  call,
  exit,
  helper,
  label,
  mayGoto,
  mov,
  r0,
  r1,
} from '../../../src/index.ts';
import { Constants, machineCode } from '../../../src/sim/code.ts';
import type { Engine, Environment } from '../../../src/sim/engine.ts';
import { Interpreter } from '../../../src/sim/interpreter.ts';
import { Memory } from '../../../src/sim/memory.ts';
import { Registers } from '../../../src/sim/registers.ts';
import { WasmHeap } from '../../../src/sim/wasm/api.ts';
import { WasmEngine } from '../../../src/sim/wasm/engine.ts';

const refuse = (): never => {
  throw new Error('not asked for');
};

/** Code that no program is made of, on an engine alone; `call` is what helpers return. */
const run = (engine: 'interpreter' | 'wasm', body: Code, result: number | bigint = 0): Engine => {
  const heap = new WasmHeap();
  const memory = new Memory(heap);
  const constants = new Constants();
  const code = machineCode({
    name: 'test',
    assembly: assemble(body, () => true),
    constants,
    memory,
    constantOf: () => 0n,
  });
  const environment: Environment = {
    memory,
    registers: new Registers(constants.values),
    call: () => result,
    callKernel: refuse,
    load: refuse,
    store: refuse,
    packet: refuse,
    unwritten: refuse,
  };
  const made = engine === 'wasm' ? new WasmEngine(environment, heap) : new Interpreter(environment);
  made.start(code, 0, [5]);
  expect(made.run(Number.POSITIVE_INFINITY)).toBe(true);
  expect(environment.registers.get(0)).toBe(BigInt.asUintN(64, BigInt(result)));
  return made;
};

describe.each(['interpreter', 'wasm'] as const)('the engine %s', (engine) => {
  it('ends a run behind the last instruction', () => {
    expect(() => run(engine, [mov(r0, 0)])).toThrow(
      /^the program goes on behind its last instruction$/,
    );
    const out = label('out');
    expect(() => run(engine, [mov(r0, 0), mayGoto(out), out])).toThrow('behind its last');
  });

  it('refuses what is no instruction, where a run comes to it', () => {
    const [move] = assemble([mov(r1, 0)], () => true).instructions;
    const unknown = { ...move!, opcode: 0xff, imm: 0 };
    expect(() => run(engine, [mov(r0, 0), unknown, exit()])).toThrow(
      'there is no such instruction',
    );
    const out = label('out');
    run(engine, [mov(r0, 0), mayGoto(out), out, exit(), unknown]);
  });

  it('takes results of helpers of any sign and size', () => {
    const body = [call(helper.ktime_get_ns), exit()];
    for (const value of [0, -1, 2 ** 52, -(2 ** 40), 2n ** 64n - 1n, -(2n ** 63n)])
      expect(run(engine, body, value).executed).toBe(2);
  });
});

describe('the engine wasm', () => {
  it('refuses a function that is larger than WebAssembly takes', () => {
    const [swap] = assemble([bswap(r0, 64)], () => true).instructions;
    const body = [mov(r0, 0), Array.from({ length: 150_000 }, () => swap!), exit()];
    expect(() => run('wasm', body)).toThrow(
      /^the function at instruction 0 of test has \d+ bytes as WebAssembly, which takes 7654321: simulate it with engine: 'interpreter'$/,
    );
  });
});
