import { afterEach, describe, expect, it, vi } from 'vitest';
import { Btf, BtfBuilder, decodeBtfExt, essentialName, printRaw } from '../../src/btf/index.ts';
import { horspool } from '../../src/btf/strings.ts';
import { base64, golden, withUnknownKind } from './support.ts';

afterEach(() => vi.unstubAllGlobals());

describe('Btf', () => {
  it('reads a longer header than it knows', () => {
    const b = new BtfBuilder();
    b.int('int', 4);
    const bytes = b.encode({ layout: true });
    const longer = new Uint8Array(bytes.length + 8);
    longer.set(bytes.subarray(0, 32));
    longer.set(bytes.subarray(32), 40);
    longer[4] = 40;
    expect(new Btf(longer).type(1)).toMatchObject({ kind: 'int', name: 'int' });
  });

  it('skips a kind it does not know when the layout section tells its size', () => {
    const bytes = withUnknownKind(true);
    const btf = new Btf(bytes);
    expect(btf.type(1)).toEqual({ id: 1, kind: 'unknown', name: '', code: 20 });
    expect(btf.type(2)).toMatchObject({ id: 2, kind: 'int', name: 'int' });
    expect(btf.typeCount).toBe(2);
    expect(printRaw(btf, 1)).toBe("[1] UNKNOWN '(anon)'");
  });

  it('normalises the bitfields of old compilers', () => {
    const b = new BtfBuilder();
    const bits = b.add({
      kind: 'int',
      name: 'unsigned int',
      size: 4,
      encoding: 0,
      bits: 3,
      offset: 2,
    });
    const int = b.int('int', 4);
    b.struct('s', 8, [
      { name: 'a', type: b.typedef('three', bits), bitOffset: 8 },
      { name: 'b', type: int, bitOffset: 32 },
    ]);
    const btf = b.build();
    const id = btf.findByName('s')!;
    expect(btf.type(id)).toMatchObject({
      members: [
        { name: 'a', bitOffset: 10, bitSize: 3 },
        { name: 'b', bitOffset: 32, bitSize: 0 },
      ],
    });
    expect(btf.typeAsWritten(id)).toMatchObject({ members: [{ bitOffset: 8, bitSize: 0 }, {}] });
  });

  it('reads what clang wrote', () => {
    const { program } = golden();
    const btf = new Btf(base64(program.btf));
    const sample = btf.type(btf.findByName('sample', 'struct')!);
    expect(sample).toMatchObject({ kind: 'struct', size: 192 });
    const ext = decodeBtfExt(base64(program.ext));
    expect(ext.funcInfos.map(({ section }) => btf.string(section))).toEqual(['socket']);
    const { typeId } = ext.funcInfos[0]!.records[0]!;
    expect(btf.type(typeId)).toMatchObject({ kind: 'func', name: 'fields', linkage: 'global' });
    const first = ext.lineInfos[0]!.records[0]!;
    expect(btf.string(first.fileNameOffset)).toMatch(/core\.c$/);
  });

  it('gives void for id 0', () => {
    const btf = new BtfBuilder().build();
    expect(btf.type(0)).toEqual({ id: 0, kind: 'void', name: '' });
    expect([btf.typeCount, btf.name(0)]).toEqual([0, '']);
    expect([0, 1, -1, 0.5, Number.NaN].map((id) => btf.has(id))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('names', () => {
  it.each([
    ['task_struct', 'task_struct'],
    ['task_struct___old', 'task_struct'],
    ['a___b___c', 'a___b'],
    ['a____b', 'a____b'],
    ['___a', '___a'],
    ['a___', 'a___'],
    ['a___b_', 'a'],
    ['a_____b', 'a_____b'],
    ['_a___b', '_a'],
    ['', ''],
  ])('has of %s the essential name %s', (name, essential) => {
    expect(essentialName(name)).toBe(essential);
  });

  /** More than 64 KiB of strings: searched at first. */
  const large = (): Btf => {
    const b = new BtfBuilder();
    for (let i = 0; i < 3000; i++) b.struct(`a_rather_long_name_${i}`, i, []);
    b.fwd('needle', 'union');
    b.struct('needle', 1, []);
    b.struct('needle___one', 2, []);
    b.struct('needle___two', 3, []);
    b.struct('needle_case', 4, []);
    b.struct('needle___', 5, []);
    b.struct('my_needle', 6, []);
    // Members and types that look like the name's offset.
    const offset = b.string('needle');
    b.struct('decoy', 8, [{ name: 'needle', type: 1, bitOffset: offset }]);
    b.struct('decoy', 8, [
      { name: 'a', type: 1, bitOffset: 4, bitSize: 4 },
      { name: 'needle', type: 1, bitOffset: 5, bitSize: 4 },
    ]);
    b.struct('needle', 7, []);
    return b.build();
  };

  describe.each([
    ['by searching', () => large()],
    [
      'by the index',
      () => {
        const btf = large();
        btf.index();
        return btf;
      },
    ],
    [
      'without Node',
      () => {
        vi.stubGlobal('Buffer', undefined);
        return large();
      },
    ],
  ])('found %s', (_, make) => {
    it('are those of this kind', () => {
      expect(make().findByName('needle')).toBe(3001);
      expect(make().findByName('needle', 'struct')).toBe(3002);
      expect(make().findByName('needle', 'enum')).toBeUndefined();
      expect(make().findByName('a_rather_long_name_2999', 'struct')).toBe(3000);
      expect(make().findByName('eedle')).toBeUndefined();
      expect(make().findByName('')).toBeUndefined();
      expect(make().findByName('needle\0my_needle')).toBeUndefined();
    });

    it('include flavours among candidates', () => {
      expect(make().candidates('needle', ['struct'])).toEqual([3002, 3003, 3004, 3010]);
      expect(make().candidates('needle')).toEqual([3001, 3002, 3003, 3004, 3010]);
      expect(make().candidates('needle___')).toEqual([3006]);
      expect(make().candidates('nothing')).toEqual([]);
      expect(make().candidates('')).toEqual([]);
    });

    it('stay the same when many are looked for', () => {
      const btf = make();
      for (let i = 0; i < 20; i++) {
        expect(btf.findByName(`a_rather_long_name_${i}`)).toBe(i + 1);
        expect(btf.candidates('needle', ['struct'])).toEqual([3002, 3003, 3004, 3010]);
      }
    });
  });

  it('are found when strings share their ends', () => {
    // "int" is the end of "my_point": offset 1 + 5.
    const b = new BtfBuilder();
    b.string('my_point');
    b.add({ kind: 'float', name: 'my_point', size: 8 });
    for (let i = 0; i < 4000; i++) b.string(`padding_to_make_it_large_${i}`);
    const bytes = b.encode();
    new DataView(bytes.buffer).setUint32(24, 6, true);
    expect(new Btf(bytes).findByName('int')).toBe(1);
    expect(new Btf(bytes).candidates('int')).toEqual([1]);
    expect(new Btf(bytes).candidates('oint')).toEqual([]);
  });

  it('are searched by Horspool like by a naive search', () => {
    const text = new TextEncoder().encode('abababcabab\0abc\0aabcab\0');
    for (const needle of ['a', 'ab', 'abc', '\0a', 'aabcab\0', 'zz', 'cab']) {
      const bytes = new TextEncoder().encode(needle);
      for (let from = 0; from < text.length; from++) {
        expect(horspool(text, bytes, from)).toBe(Buffer.from(text).indexOf(needle, from));
      }
    }
  });
});
