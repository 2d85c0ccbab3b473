import { describe, expect, it } from 'vitest';
import { BtfBuilder, printAllJson, printJson } from '../../src/btf/index.ts';
import { bpftoolJson, hasBpftool, hasVmlinux, VMLINUX, vmlinux } from './support.ts';

/** One type of every kind, and numbers at the ends of their ranges. */
const sample = () => {
  const b = new BtfBuilder();
  const int = b.int('int', 4, 'signed');
  b.int('"quoted"', 1, 'bool');
  b.add({ kind: 'int', name: 'odd', size: 1, encoding: 3, bits: 8, offset: 0 });
  b.enum('e', { A: -1, B: 5 });
  b.enum64('least', { X: -(2n ** 63n), Y: 1n });
  b.enum64('most', { X: 2n ** 64n - 1n });
  b.struct('s', 4, [{ name: '', type: int, bitOffset: 0, bitSize: 3 }]);
  b.union('u', 0, []);
  b.fwd('f', 'union');
  const proto = b.funcProto(0, [
    { name: 'a', type: b.ptr(b.const(b.volatile(int))) },
    { name: '', type: 0 },
  ]);
  const func = b.func('f', proto, 'extern');
  b.datasec('.data', 8, [{ type: b.var('v', b.array(int, 2)), offset: 0, size: 8 }]);
  b.declTag('tag', func, 0);
  b.restrict(b.typeTag('user', b.typedef('t', int)));
  b.float('double', 8);
  return b;
};

describe('types as JSON', () => {
  it('have the shape of bpftool -j', () => {
    const b = new BtfBuilder();
    const int = b.int('int', 4, 'signed');
    const id = b.struct('s', 8, [
      { name: 'a', type: int, bitOffset: 0 },
      { name: 'b', type: int, bitOffset: 32, bitSize: 3 },
    ]);
    expect(printJson(b.build(), id)).toBe(
      '{"id":2,"kind":"STRUCT","name":"s","size":8,"vlen":2,"members":[' +
        '{"name":"a","type_id":1,"bits_offset":0},' +
        '{"name":"b","type_id":1,"bits_offset":32,"bitfield_size":3}]}',
    );
    expect(printAllJson(b.build(), [])).toBe('{"types":[]}');
  });

  it('are exact beyond 2^53, and valid', () => {
    const text = printAllJson(sample().build());
    expect(text).toContain('"val":-9223372036854775808}');
    expect(text).toContain('"val":18446744073709551615}');
    expect(JSON.parse(text).types[1]).toMatchObject({ name: '"quoted"', encoding: 'BOOL' });
  });

  it('escape what moves the cursor', () => {
    const b = new BtfBuilder();
    const id = b.int('\x1b\x7f\x9b', 1);
    expect(printJson(b.build(), id)).toContain('"name":"\\u001b\\u007f\\u009b"');
  });

  it.skipIf(!hasBpftool)(
    'are what bpftool prints, every kind of them (skipped without bpftool)',
    () => {
      expect(printAllJson(sample().build())).toBe(bpftoolJson(sample().encode()));
    },
  );

  it.skipIf(!hasBpftool || !hasVmlinux)(
    `are what bpftool prints of the running kernel (skipped without bpftool or ${VMLINUX})`,
    () => {
      // bpftool 7.1 extends the sign of unsigned values: 0xf0000000 is 18446744073441116160 there.
      const theirs = bpftoolJson(VMLINUX).replace(/"kind":"ENUM",[^\]]*\]/g, (type) =>
        type.replace(/"val":(\d{20})/g, (_, value) => `"val":${BigInt.asUintN(32, BigInt(value))}`),
      );
      // Compared as a boolean: a diff of 17 MB helps nobody.
      expect(printAllJson(vmlinux()) === theirs).toBe(true);
    },
  );
});
