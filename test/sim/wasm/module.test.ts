import { describe, expect, it } from 'vitest';
import { webAssembly } from '../../../src/sim/wasm/api.ts';
import { moduleBytes } from '../../../src/sim/wasm/module.ts';
import { I32, I64, WASM, WasmWriter } from '../../../src/sim/wasm/writer.ts';

const result = { parameters: [], results: [I64] };

/** What a function of these instructions returns, in the WebAssembly of this JavaScript. */
const evaluate = (code: WasmWriter): unknown => {
  const { Memory, Table, Global, Module, Instance } = webAssembly();
  const functions = [{ type: result, name: 'value', locals: [], code: code.end().bytes }];
  const global = new Global({ value: 'i64', mutable: true }, 0n);
  const { exports } = new Instance(new Module(moduleBytes({ types: [], imports: {}, functions })), {
    beespoke: {
      memory: new Memory({ initial: 1 }),
      table: new Table({ element: 'anyfunc', initial: 1 }),
      fuel: global,
      replaced: global,
    },
  });
  return (exports.value as () => unknown)();
};

describe('a module', () => {
  it('has the sections of the specification, byte by byte', () => {
    const code = new WasmWriter().get(0).long(5).op(WASM.i64Add).end().bytes;
    const type = { parameters: [I64], results: [I64] };
    const bytes = moduleBytes({
      types: [],
      imports: { tell: { parameters: [I32], results: [] } },
      functions: [{ type, name: '7', locals: [[2, I32]], code }],
    });
    expect(Buffer.from(bytes).toString('hex').match(/../g)!.join(' ')).toBe(
      [
        '00 61 73 6d 01 00 00 00',
        // Types: tell(i32), and (i64) -> i64.
        '01 0a 02 60 01 7f 00 60 01 7e 01 7e',
        // Imports: beespoke.tell, beespoke.memory, beespoke.table, beespoke.fuel, beespoke.replaced.
        '02 5d 05',
        '08 62 65 65 73 70 6f 6b 65 04 74 65 6c 6c 00 00',
        '08 62 65 65 73 70 6f 6b 65 06 6d 65 6d 6f 72 79 02 00 00',
        '08 62 65 65 73 70 6f 6b 65 05 74 61 62 6c 65 01 70 00 01',
        '08 62 65 65 73 70 6f 6b 65 04 66 75 65 6c 03 7e 01',
        '08 62 65 65 73 70 6f 6b 65 08 72 65 70 6c 61 63 65 64 03 7e 01',
        // One function of the second type, exported as 7.
        '03 02 01 01',
        '07 05 01 01 37 00 01',
        // Two locals; local 0 + 5.
        '0a 0b 01 09 01 02 7f 20 00 42 05 7c 0b',
      ].join(' '),
    );
  });

  it('has constants of 64 bits as they are', () => {
    for (const value of [0, 1, -1, 63, 64, -64, -65, 127, 128, 2 ** 31, -(2 ** 31), 2 ** 52 + 1])
      expect(evaluate(new WasmWriter().long(value)), String(value)).toBe(BigInt(value));
    for (const value of [2n ** 63n - 1n, -(2n ** 63n), 0x1234_5678_9abc_def0n, -(2n ** 32n)]) {
      const [low, high] = [value, value >> 32n].map((half) => Number(BigInt.asIntN(32, half)));
      expect(evaluate(new WasmWriter().halves(low!, high!)), String(value)).toBe(value);
    }
  });

  it('has constants of 32 bits as they are', () => {
    for (const value of [0, -1, 64, 2 ** 31 - 1, -(2 ** 31), 0xffff_ffff])
      expect(evaluate(new WasmWriter().int(value).op(WASM.i64ExtendI32S))).toBe(BigInt(value | 0));
  });

  it('has numbers without a sign of several bytes', () => {
    const far = new WasmWriter().int(0).long(77).memory(WASM.i64Store, 65_528);
    expect(evaluate(far.int(65_528).memory(WASM.i64Load, 0))).toBe(77n);
  });
});
