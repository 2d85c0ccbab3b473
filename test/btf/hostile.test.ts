import { describe, expect, it } from 'vitest';
import { Btf, BtfBuilder, BtfError, CoreResolver, printRaw } from '../../src/btf/index.ts';
import { base64, errorOf, golden, withUnknownKind } from './support.ts';

const valid = (): Uint8Array => {
  const b = new BtfBuilder();
  b.int('int', 4);
  b.struct('s', 4, [{ name: 'a', type: 1, bitOffset: 0 }]);
  return b.encode();
};
const u32 = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value, true);
  return bytes;
};

describe('a header that', () => {
  it.each([
    ['is empty', () => new Uint8Array(), 0, /24 bytes/],
    ['is cut off', () => valid().subarray(0, 23), 0, /24 bytes/],
    ['has another magic number', () => valid().fill(0x7f, 0, 1), 0, /eb9f, found eb7f/],
    ['has another version', () => valid().fill(2, 2, 3), 2, /version 1, found 2/],
    ['is too short', () => u32(valid(), 4, 20), 4, /20 bytes/],
    ['is longer than the bytes', () => u32(valid(), 4, 0xffff_ffff), 4, /4294967295/],
    ['has types after the end', () => u32(valid(), 8, 0x1000), 8, /type section ends/],
    [
      'has offset and length that wrap',
      () => u32(u32(valid(), 8, 0xffff_fff0), 12, 0x20),
      8,
      /after the end/,
    ],
    ['has strings after the end', () => u32(valid(), 20, 0x100), 16, /string section ends/],
    [
      'has types at no multiple of 4',
      () => u32(u32(valid(), 8, 2), 12, 4),
      8,
      /whole 4-byte words/,
    ],
    ['has no strings', () => u32(valid(), 20, 0), 24 + 40, /empty string/],
    ['has strings without an end', () => u32(valid(), 20, 3), 24 + 40 + 2, /no end/],
    [
      'has a layout section after the end',
      () => u32(new BtfBuilder().encode({ layout: true }), 28, 999),
      24,
      /layout/,
    ],
  ])('%s is refused with its offset', (_, make, offset, message) => {
    const error = errorOf(() => new Btf(make()));
    expect(error.message).toMatch(message);
    expect(error.offset).toBe(offset);
  });
});

describe('a record that', () => {
  it.each([
    ['is cut off', () => u32(valid(), 12, 20), /record 2 is cut off/, 40],
    [
      'has more members than there are bytes',
      () => u32(valid(), 44, 0x04ff_ffff),
      /16777215 elements/,
      40,
    ],
    ['is of kind 0', () => u32(valid(), 44, 0), /kind 0 is no type/, 40],
    [
      'is of an unknown kind without a layout section',
      () => withUnknownKind(false),
      /kind 20 has no known size/,
      24,
    ],
  ])('%s is refused with its offset', (_, make, message, offset) => {
    const btf = new Btf(make());
    const error = errorOf(() => btf.typeCount);
    expect(error.message).toMatch(message);
    expect(error.offset).toBe(offset);
    expect(errorOf(() => btf.type(2)).offset).toBe(offset);
    expect(errorOf(() => btf.findByName('s')).offset).toBe(offset);
  });

  it('has a name outside the strings is refused with the offset of the name', () => {
    expect(errorOf(() => new Btf(u32(valid(), 40, 999)).type(2)).offset).toBe(40);
    expect(errorOf(() => new Btf(u32(valid(), 52, 999)).type(2)).offset).toBe(52);
    expect(new Btf(u32(valid(), 40, 999)).findByName('s')).toBeUndefined();
  });

  it('has an unknown linkage is refused with its offset', () => {
    const b = new BtfBuilder();
    b.func('f', 0);
    expect(errorOf(() => new Btf(u32(b.encode(), 28, 0x0c00_0003)).type(1)).offset).toBe(28);
  });

  it.each([-1, 3, 1.5, Number.NaN, 2 ** 40])('does not exist (%d) is refused', (id) => {
    expect(errorOf(() => new Btf(valid()).type(id)).message).toMatch(/there is no type/);
  });
});

describe('types in a circle', () => {
  const circle = (build: (b: BtfBuilder, self: number) => void): Btf => {
    const b = new BtfBuilder();
    const self = b.reserve();
    build(b, self);
    return b.build();
  };
  const reference = (kind: 'const' | 'typedef', name: string) =>
    circle((b, self) => b.define(self, { kind, name, type: self }));
  const array = () =>
    circle((b, self) =>
      b.define(self, { kind: 'array', name: '', type: self, indexType: 0, nelems: 1 }),
    );
  const struct = (members: number, name = '') =>
    circle((b, self) => {
      const list = Array.from({ length: members }, (_, i) => ({
        name: name && `${name}${i}`,
        type: self,
        bitOffset: 0,
        bitSize: 0,
      }));
      b.define(self, { kind: 'struct', name: 's', size: 8, members: list });
    });

  it.each([
    ['a const of itself', () => reference('const', '')],
    ['a typedef of itself', () => reference('typedef', 't')],
  ])('end in an error: %s', (_, make) => {
    expect(errorOf(() => make().resolve(1)).message).toMatch(/in a circle/);
    expect(errorOf(() => make().sizeOf(1)).message).toMatch(/in a circle/);
    expect(errorOf(() => make().alignOf(1)).message).toMatch(/in a circle/);
  });

  it('end in an error: an array of itself', () => {
    expect(errorOf(() => array().sizeOf(1)).message).toMatch(/in a circle/);
    expect(errorOf(() => array().alignOf(1)).message).toMatch(/too deep/);
  });

  it('end in an error: a struct inside itself', () => {
    expect(errorOf(() => struct(3).alignOf(1)).message).toMatch(/too deep/);
  });

  it('end in an error when a member is looked for', () => {
    const b = new BtfBuilder();
    const int = b.int('int', 4);
    const local = b.struct('s', 4, [{ name: 'wanted', type: int, bitOffset: 0 }]);
    const relocation = { kind: 'field_exists', typeId: local, access: '0:0' } as const;
    const resolver = new CoreResolver(b.build(), struct(2));
    expect(errorOf(() => resolver.resolve(relocation)).message).toMatch(/too deep|too entangled/);
  });

  it('end in an error when types are matched', () => {
    const local = struct(2, 'm');
    const relocation = { kind: 'type_matches', typeId: 1, access: '0' } as const;
    expect(
      errorOf(() => new CoreResolver(local, struct(2, 'm')).resolve(relocation)),
    ).toBeInstanceOf(BtfError);
  });

  it('do not take forever when prototypes branch', () => {
    const b = new BtfBuilder();
    let id = b.funcProto(0);
    for (let i = 0; i < 30; i++) {
      const p = b.ptr(id);
      id = b.funcProto(p, [
        { name: 'a', type: p },
        { name: 'b', type: p },
      ]);
    }
    const root = b.typedef('root', id);
    const btf = b.build();
    for (const kind of ['type_exists', 'type_matches'] as const) {
      const relocation = { kind, typeId: root, access: '0' };
      expect(errorOf(() => new CoreResolver(btf, btf).resolve(relocation))).toBeInstanceOf(
        BtfError,
      );
    }
  });
});

describe('sizes beyond all measure', () => {
  it('are refused', () => {
    const b = new BtfBuilder();
    const big = b.array(b.array(b.int('int', 4), 0xffff_ffff), 0xffff_ffff);
    expect(errorOf(() => b.build().sizeOf(big)).message).toMatch(/larger than 4 GiB/);
  });
});

describe('bytes changed at random', () => {
  it('give types or a BtfError, nothing else', () => {
    const original = base64(golden().program.btf);
    let seed = 42;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    let errors = 0;
    for (let round = 0; round < 2000; round++) {
      const bytes = original.slice(0, round % 5 === 0 ? random(original.length) : original.length);
      for (let i = random(6); i >= 0 && bytes.length > 0; i--) {
        bytes[random(round % 2 === 0 ? bytes.length : Math.min(bytes.length, 400))] = random(256);
      }
      try {
        const btf = new Btf(bytes);
        for (let id = 1; id <= Math.min(btf.typeCount, 100); id++) {
          printRaw(btf, id);
          btf.findByName(btf.name(id));
          btf.candidates(btf.name(id));
          btf.alignOf(id);
        }
      } catch (error) {
        errors++;
        if (!(error instanceof BtfError)) throw error;
      }
    }
    expect(errors).toBeGreaterThan(500);
  });
});
