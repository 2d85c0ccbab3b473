import { describe, expect, it } from 'vitest';
import { Btf, BtfBuilder, functionsOf, namesOf } from '../../src/btf/index.ts';
import { hasVmlinux, vmlinux } from './support.ts';

const builder = new BtfBuilder();
const int = builder.int('int', 4, 'signed');
const long = builder.int('long', 8, 'signed');
const pair = builder.struct('pair', 16, [{ name: 'first', type: long, bitOffset: 0 }]);
const triple = builder.struct('triple', 24, [{ name: 'first', type: long, bitOffset: 0 }]);
const params = (...types: readonly number[]) =>
  types.map((type, index) => ({ name: type === 0 ? '' : `a${index}`, type }));
const add = (name: string, result: number, ...types: readonly number[]) =>
  builder.func(name, builder.funcProto(result, params(...types)));
add('nothing', 0);
add('twelve', int, ...Array<number>(12).fill(int));
add('thirteen', int, ...Array<number>(13).fill(int));
add('variadic', int, int, 0);
add('takes_pair', int, builder.const(builder.typedef('pair_t', pair)));
add('takes_triple', int, builder.const(builder.typedef('triple_t', triple)));
add('takes_union', int, builder.union('either', 4, []));
add('takes_pointer', int, builder.ptr(triple));
add('gives_struct', pair);
add('gives_pointer', builder.ptr(triple));
const base = builder.build({ label: 'kernel' });

describe('the functions of BTF', () => {
  it('are those of prototypes that BPF trampolines take', () => {
    expect(functionsOf(base).map(({ name, shape }) => [name, shape])).toEqual([
      ['nothing', { words: 0, structs: false, unions: false }],
      ['twelve', { words: 12, structs: false, unions: false }],
      ['thirteen', undefined],
      ['variadic', undefined],
      ['takes_pair', { words: 2, structs: true, unions: false }],
      ['takes_triple', undefined],
      ['takes_union', { words: 1, structs: false, unions: true }],
      ['takes_pointer', { words: 1, structs: false, unions: false }],
      ['gives_struct', undefined],
      ['gives_pointer', { words: 0, structs: false, unions: false }],
    ]);
  });

  it('have their ids', () => {
    for (const { id, name } of functionsOf(base))
      expect(base.type(id)).toMatchObject({ kind: 'func', name });
  });

  it('are those of a module alone, with names and prototypes of the kernel', () => {
    const module = new BtfBuilder({ base });
    module.func('own', module.funcProto(int, params(int)));
    module.func('nothing', module.funcProto(triple, params(int)));
    const btf = new Btf(module.encode(), { base });
    expect(functionsOf(btf).map(({ name, shape }) => [name, shape])).toEqual([
      ['own', { words: 1, structs: false, unions: false }],
      ['nothing', undefined],
    ]);
  });

  it('are none where there are none', () => {
    expect(functionsOf(new BtfBuilder().build())).toEqual([]);
  });

  it('end with types that lead in a circle', () => {
    const circle = new BtfBuilder();
    const first = circle.reserve();
    const second = circle.typedef('second', first);
    circle.define(first, { kind: 'typedef', name: 'first', type: second });
    circle.func('lost', circle.funcProto(0, params(second)));
    expect(functionsOf(circle.build())).toHaveLength(1);
  });
});

describe.skipIf(!hasVmlinux)('the functions of this kernel', () => {
  it('are what decoding each of them says', () => {
    const btf = vmlinux();
    const functions = functionsOf(btf);
    expect(functions.length).toBeGreaterThan(10_000);
    const wrong = functions.filter(({ id, name, shape }) => {
      const func = btf.type(id);
      const proto = func.kind === 'func' ? btf.type(func.type) : undefined;
      if (proto?.kind !== 'func_proto' || func.name !== name) return true;
      const result = btf.resolve(proto.returnType).kind;
      const fits =
        proto.params.length <= 12 &&
        result !== 'struct' &&
        result !== 'union' &&
        proto.params.every(({ type }) => type !== 0 && btf.sizeOf(type) <= 16);
      if (!fits) return shape !== undefined;
      const sizesOf = (kind: string): number[] =>
        proto.params.flatMap(({ type }) =>
          btf.resolve(type).kind === kind ? [btf.sizeOf(type)] : [],
        );
      const [structs, unions] = [sizesOf('struct'), sizesOf('union')];
      const twice = [...structs, ...unions].filter((size) => size > 8);
      return (
        shape?.words !== proto.params.length + twice.length ||
        shape.structs !== structs.length > 0 ||
        shape.unions !== unions.length > 0
      );
    });
    expect(wrong).toEqual([]);
  });

  it('have the names that asking for each gives, as types of other kinds do', () => {
    const btf = vmlinux();
    for (const kind of ['typedef', 'union'] as const) {
      const names = namesOf(btf, kind);
      expect(names.map(({ id }) => id)).toEqual(btf.idsOf(kind));
      expect(names.filter(({ id, name }) => btf.name(id) !== name)).toEqual([]);
    }
  });
});
