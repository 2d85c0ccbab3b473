import { describe, expect, it } from 'vitest';
import { BtfBuilder, type BtfFeature, type BtfBuilder as Builder } from '../../src/btf/index.ts';
import { bpftoolRaw, hasBpftool } from './support.ts';

/** What bpftool reads of a BTF that was built without some features. */
const without = (features: readonly BtfFeature[], build: (b: Builder) => void): string[] => {
  const builder = new BtfBuilder();
  build(builder);
  return bpftoolRaw(builder.encode({ without: features }))
    .trimEnd()
    .split('\n');
};

describe.skipIf(!hasBpftool)(
  'BTF for old kernels, as bpftool reads it (skipped without bpftool)',
  () => {
    it('makes global functions static', () => {
      const lines = without(['func_global'], (b) => b.func('f', b.funcProto(0), 'global'));
      expect(lines[1]).toBe("[2] FUNC 'f' type_id=1 linkage=static");
    });

    it('makes functions typedefs of enums', () => {
      const lines = without(['func'], (b) => {
        const int = b.int('int', 4);
        b.func(
          'f',
          b.funcProto(0, [
            { name: 'a', type: int },
            { name: '', type: int },
          ]),
        );
      });
      expect(lines.slice(1)).toEqual([
        "[2] ENUM '(anon)' encoding=UNSIGNED size=4 vlen=2",
        "\t'a' val=1",
        "\t'arg1' val=1",
        "[3] TYPEDEF 'f' type_id=2",
      ]);
    });

    it('makes sections structs and variables bytes', () => {
      const lines = without(['datasec'], (b) => {
        const v = b.var('counter', b.int('int', 4));
        b.datasec('.data.x', 8, [{ type: v, offset: 4, size: 4 }]);
      });
      expect(lines.slice(1)).toEqual([
        "[2] INT 'counter' size=1 bits_offset=0 nr_bits=8 encoding=(none)",
        "[3] STRUCT '_data_x' size=8 vlen=1",
        "\t'counter' type_id=2 bits_offset=32",
      ]);
    });

    it('makes floats structs, type tags const, declaration tags bytes', () => {
      const lines = without(['float', 'type_tag', 'decl_tag'], (b) => {
        const double = b.float('double', 8);
        b.typeTag('user', double);
        b.declTag('tag', b.struct('s', 0, []));
      });
      expect(lines).toEqual([
        "[1] STRUCT '(anon)' size=8 vlen=0",
        "[2] CONST '(anon)' type_id=1",
        "[3] STRUCT 's' size=0 vlen=0",
        "[4] INT 'tag' size=1 bits_offset=0 nr_bits=8 encoding=(none)",
      ]);
    });

    it('makes enum64 a union of placeholders, and takes the sign from enums', () => {
      const lines = without(['enum64'], (b) => {
        b.enum64('wide', { A: 1n, B: 2n });
        b.enum('sign', { MINUS: -1 });
      });
      expect(lines).toEqual([
        "[1] UNION 'wide' size=8 vlen=2",
        "\t'A' type_id=3 bits_offset=0",
        "\t'B' type_id=3 bits_offset=0",
        "[2] ENUM 'sign' encoding=UNSIGNED size=4 vlen=1",
        "\t'MINUS' val=4294967295",
        "[3] INT 'enum64_placeholder' size=1 bits_offset=0 nr_bits=8 encoding=(none)",
      ]);
    });

    it('takes the question mark from sections', () => {
      const lines = without(['qmark_datasec'], (b) => b.datasec('?.struct_ops', 0, []));
      expect(lines).toEqual(["[1] DATASEC '_.struct_ops' size=0 vlen=0"]);
    });
  },
);

describe('BTF for old kernels', () => {
  it('leaves string offsets and the builder as they were', () => {
    const b = new BtfBuilder();
    b.datasec('.data', 0, []);
    const line = b.string('a line');
    const before = b.encode();
    expect(b.build({ without: ['datasec'] }).string(line)).toBe('a line');
    expect(b.encode()).toEqual(before);
  });

  it('leaves out the layout section', () => {
    const b = new BtfBuilder();
    b.int('int', 4);
    expect(b.encode({ layout: true })[4]).toBe(32);
    expect(b.encode({ layout: true, without: ['layout'] })).toEqual(b.encode());
  });
});
