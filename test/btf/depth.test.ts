import { describe, expect, it } from 'vitest';
import {
  Btf,
  BtfBuilder,
  BtfError,
  type BtfTypeInput,
  CoreResolver,
  fieldsCompatible,
  printAllRaw,
  printRaw,
  referencesOf,
  typesCompatible,
  typesMatch,
} from '../../src/btf/index.ts';
import { errorOf } from './support.ts';

const DEEP = 100_000;

/** An int, and on top of it a chain of types in which each holds the one before. */
const chain = (next: (below: number, i: number) => BtfTypeInput): { btf: Btf; top: number } => {
  const b = new BtfBuilder();
  let top = b.int('int', 4, 'signed');
  // define() does not look whether there is an equal type, which takes longer than all the rest.
  for (let i = 0; i < DEEP; i++) top = b.define(b.reserve(), next(top, i));
  return { btf: b.build(), top };
};

/** All that can be asked of a type; what cannot be answered must be a BtfError. */
const answers = (btf: Btf, top: number): readonly unknown[] => {
  const relocation = { kind: 'type_exists', typeId: top, access: '0' } as const;
  const resolver = new CoreResolver(btf, btf);
  return [
    () => btf.type(top),
    () => btf.resolve(top),
    () => btf.sizeOf(top),
    () => btf.alignOf(top),
    () => printRaw(btf, top),
    () => referencesOf(btf.type(top)),
    () => typesCompatible(btf, top, btf, top),
    () => typesMatch(btf, top, btf, top),
    () => fieldsCompatible(btf, top, btf, top),
    () => resolver.resolve(relocation).value,
    () => resolver.resolve({ ...relocation, kind: 'type_matches' }).value,
    () =>
      resolver.resolve({
        kind: 'field_byte_offset',
        typeId: top,
        access: `0${':0'.repeat(63)}`,
      }).value,
  ].map((ask) => {
    try {
      return ask();
    } catch (error) {
      if (error instanceof BtfError) return error.message;
      throw error;
    }
  });
};

describe('types that are nested 100,000 deep', () => {
  it('are refused where depth matters: pointers', () => {
    const { btf, top } = chain((type) => ({ kind: 'ptr', name: '', type }));
    const [type, resolved, size, align] = answers(btf, top);
    expect(type).toEqual({ id: top, kind: 'ptr', name: '', type: top - 1 });
    expect(resolved).toBe(type);
    expect([size, align]).toEqual([8, 8]);
  });

  it('are refused where depth matters: typedefs', () => {
    const { btf, top } = chain((type, i) => ({ kind: 'typedef', name: `t${i}`, type }));
    const [, resolved, size, align] = answers(btf, top);
    expect(resolved).toMatch(/decorated more than 32 times/);
    expect(size).toMatch(/nested more than 32 deep/);
    expect(align).toMatch(/decorated more than 32 times/);
  });

  it('are refused where depth matters: arrays', () => {
    const { btf, top } = chain((type) => ({
      kind: 'array',
      name: '',
      type,
      indexType: 1,
      nelems: 1,
    }));
    const [, , size, align] = answers(btf, top);
    expect(size).toMatch(/nested more than 32 deep/);
    expect(align).toMatch(/nested too deep/);
  });

  it('are refused where depth matters: structs', () => {
    const { btf, top } = chain((type, i) => ({
      kind: 'struct',
      name: `s${i}`,
      size: 4,
      members: [{ name: '', type, bitOffset: 0, bitSize: 0 }],
    }));
    const [, , size, align] = answers(btf, top);
    expect(size).toBe(4);
    expect(align).toMatch(/nested too deep/);
  });

  it('are refused where depth matters: prototypes', () => {
    const { btf, top } = chain((returnType) => ({
      kind: 'func_proto',
      name: '',
      returnType,
      params: [{ name: 'a', type: returnType }],
    }));
    expect(answers(btf, top)[2]).toMatch(/has no size/);
  });

  it('are decoded one by one, with an old bitfield among them: structs', () => {
    // Such an int makes the reader look at the type of every member.
    const oldInt: BtfTypeInput = {
      kind: 'int',
      name: 'bits',
      size: 4,
      encoding: 0,
      bits: 3,
      offset: 2,
    };
    const { btf, top } = chain((type, i) =>
      i === 0
        ? oldInt
        : {
            kind: 'struct',
            name: `s${i}`,
            size: 4,
            members: [{ name: 'm', type, bitOffset: 0, bitSize: 0 }],
          },
    );
    expect(btf.type(top)).toMatchObject({ members: [{ type: top - 1, bitSize: 0 }] });
    expect(btf.type(3)).toMatchObject({ members: [{ type: 2, bitOffset: 2, bitSize: 3 }] });
  });
});

describe('an old bitfield in a struct that holds itself', () => {
  it('does not make the reader go round in circles', () => {
    const b = new BtfBuilder();
    const bits = b.add({ kind: 'int', name: 'bits', size: 4, encoding: 0, bits: 3, offset: 0 });
    const self = b.reserve();
    b.define(self, {
      kind: 'struct',
      name: 's',
      size: 4,
      members: [
        { name: 'self', type: self, bitOffset: 0, bitSize: 0 },
        { name: 'flag', type: b.typedef('flag_t', bits), bitOffset: 8, bitSize: 0 },
      ],
    });
    expect(b.build().type(self)).toMatchObject({
      members: [
        { name: 'self', bitOffset: 0, bitSize: 0 },
        { name: 'flag', bitOffset: 8, bitSize: 3 },
      ],
    });
  });
});

describe('counts beyond what is there', () => {
  /** An int, then a record of 12 bytes with this `info` at the end of the section. */
  const last = (info: number): Btf => {
    const b = new BtfBuilder();
    b.int('int', 4);
    b.fwd('s');
    const bytes = b.encode();
    new DataView(bytes.buffer).setUint32(24 + 16 + 4, info, true);
    return new Btf(bytes);
  };

  it.each([
    ['struct', 4, 0xffff],
    ['union', 5, 0xffff],
    ['enum', 6, 0xffff],
    ['func_proto', 13, 0xffff],
    ['datasec', 15, 0xffff],
    ['enum64', 19, 0xffff],
    ['struct, by the 24 bits of Linux 7.1', 4, 0xff_ffff],
  ])('are refused with their offset: %s', (_, kind, vlen) => {
    const btf = last(kind * 2 ** 24 + vlen);
    const error = errorOf(() => btf.type(2));
    expect(error.message).toMatch(new RegExp(`${vlen} elements`));
    expect(error.offset).toBe(40);
    expect(errorOf(() => btf.typeCount).offset).toBe(40);
    expect(btf.type(1)).toMatchObject({ kind: 'int' });
  });

  it('are refused: an array of 2^32-1 arrays of 2^32-1 ints', () => {
    const b = new BtfBuilder();
    const inner = b.array(b.int('int', 4), 0xffff_ffff);
    const outer = b.array(inner, 0xffff_ffff);
    const btf = b.build();
    expect(btf.type(outer)).toMatchObject({ nelems: 0xffff_ffff });
    expect(errorOf(() => btf.sizeOf(inner)).message).toMatch(/larger than 4 GiB/);
    expect(errorOf(() => btf.sizeOf(outer)).message).toMatch(/larger than 4 GiB/);
    expect(btf.alignOf(outer)).toBe(4);
  });

  it('are refused: a string after the last', () => {
    const b = new BtfBuilder();
    b.int('int', 4);
    const bytes = b.encode();
    new DataView(bytes.buffer).setUint32(24, 0xffff_ffff, true);
    const btf = new Btf(bytes);
    const error = errorOf(() => btf.type(1));
    expect(error.message).toMatch(/string offset 4294967295 lies outside the string section/);
    expect(error.offset).toBe(24);
    expect(errorOf(() => btf.name(1)).offset).toBe(24);
    expect(errorOf(() => btf.string(5)).message).toMatch(/string offset 5 lies outside/);
  });
});

describe('names that share their bytes', () => {
  /** `count` forward declarations, whose names are the ends of one string of `length` bytes. */
  const overlapping = (count: number, length: number): Btf => {
    const b = new BtfBuilder();
    const offset = b.string('a'.repeat(length));
    for (let i = 0; i < count; i++) b.fwd(`b${i}`);
    const bytes = b.encode();
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < count; i++) view.setUint32(24 + i * 12, offset + i, true);
    return new Btf(bytes);
  };

  it('are found, as long as they are', () => {
    const btf = overlapping(300, 300);
    for (const indexed of [false, true]) {
      if (indexed) btf.index();
      for (let i = 0; i < 299; i++) {
        expect(btf.findByName('a'.repeat(300 - i))).toBe(i + 1);
      }
      expect(btf.findByName('a'.repeat(301))).toBeUndefined();
    }
    for (let id = 1; id < 300; id++) expect(btf.name(id).length).toBe(301 - id);
  });

  it('do not become a thousand times as large', () => {
    const btf = overlapping(20_000, 1 << 18);
    const started = performance.now();
    expect(btf.typeCount).toBe(20_000);
    btf.index();
    expect(btf.findByName('a')).toBeUndefined();
    expect(btf.findByName('aaaa')).toBeUndefined();
    expect(btf.candidates('aaaa')).toEqual([]);
    const error = errorOf(() => printAllRaw(btf));
    expect(error.message).toMatch(/too many long strings share their bytes/);
    expect(error.offset).toBeGreaterThan(24);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('may all be flavours', () => {
    const b = new BtfBuilder();
    for (let i = 0; i < 150_000; i++) b.fwd(`s___${i}`);
    const btf = b.build();
    btf.index();
    expect(btf.candidates('s').length).toBe(150_000);
  });
});
