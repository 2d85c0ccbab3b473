import { describe, expect, it } from 'vitest';
import { BtfBuilder } from '../../src/btf/index.ts';
import { addFunctionLike } from '../../src/object/foreign-function.ts';

/** `enum verdict classify(const struct xdp_md *ctx, unsigned int limit, char *text, void *more)`, and its types. */
const foreign = () => {
  const b = new BtfBuilder();
  const u32 = b.int('unsigned int', 4);
  const context = b.struct('xdp_md', 4, [{ name: 'data', type: u32, bitOffset: 0, bitSize: 0 }]);
  const verdict = b.enum('verdict', { PASS: 0, DROP: 1 });
  const proto = b.funcProto(verdict, [
    { name: 'ctx', type: b.ptr(b.const(context)) },
    { name: 'limit', type: b.typedef('u32', u32) },
    { name: 'text', type: b.ptr(b.int('char', 1, 'signed')) },
    { name: '', type: b.ptr(0) },
  ]);
  const id = b.func('classify', proto, 'global');
  return { btf: b.build({ label: 'another program' }), id };
};

describe('the prototype of a function of another object', () => {
  it('is that of a global function here, with numbers as they are and structs by name and size', () => {
    const builder = new BtfBuilder();
    const id = addFunctionLike(builder, 'mine', foreign());
    const btf = builder.build({ label: 'this program' });
    const func = btf.type(id);
    expect(func).toMatchObject({ kind: 'func', name: 'mine', linkage: 'global' });
    const proto = btf.resolve((func as { readonly type: number }).type);
    if (proto.kind !== 'func_proto') throw new Error('expected a prototype');
    expect(btf.type(proto.returnType)).toMatchObject({
      kind: 'enum',
      name: 'verdict',
      values: [
        { name: 'PASS', value: 0 },
        { name: 'DROP', value: 1 },
      ],
    });
    expect(proto.params.map(({ name }) => name)).toEqual(['ctx', 'limit', 'text', 'arg4']);
    const [context, limit, text, more] = proto.params.map(({ type }) => btf.type(type));
    const target = (pointer: unknown) => btf.type((pointer as { readonly type: number }).type);
    expect(target(context)).toMatchObject({ kind: 'struct', name: 'xdp_md', size: 4, members: [] });
    expect(limit).toMatchObject({ kind: 'int', name: 'unsigned int', size: 4 });
    expect(target(text)).toMatchObject({ kind: 'int', name: 'char', size: 1 });
    expect(target(more)).toMatchObject({ kind: 'void' });
  });

  it('is refused where there is no function', () => {
    const { btf } = foreign();
    const add = () => addFunctionLike(new BtfBuilder(), 'mine', { btf, id: 1 });
    expect(add).toThrow('type 1 should be a function, got int');
  });
});
