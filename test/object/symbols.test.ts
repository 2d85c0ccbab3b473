import { describe, expect, it } from 'vitest';
import { BPF_CALL, BPF_JMP, LDDW, make } from '../../src/asm/index.ts';
import { type Btf, BtfBuilder } from '../../src/btf/index.ts';
import type { ExternSpec } from '../../src/object/index.ts';
import { KernelSymbols, linkSymbol } from '../../src/object/symbols.ts';
import { messageOf, world } from './support.ts';

/** The types of the program: `int`, `long`, `int (int)`. */
const types = new BtfBuilder();
const int = types.int('int', 4, 'signed');
const struct = types.struct('thing', 4, [{ name: 'a', type: int, bitOffset: 0 }]);
const proto = types.funcProto(int, [{ name: 'x', type: int }]);
const local = types.build();

const kernelOf = (build: (b: BtfBuilder) => void, base?: Btf, label = 'this kernel'): Btf => {
  const builder = new BtfBuilder({ base });
  build(builder);
  return builder.build({ label });
};

const kernel = kernelOf((b) => {
  const number = b.int('int', 4, 'signed');
  b.var('counter', number);
  b.func('take', b.funcProto(number, [{ name: 'x', type: number }]));
  b.func('other', b.funcProto(0, []));
});

const module = kernelOf(
  (b) => {
    const number = b.int('int', 4, 'signed');
    b.func('give', b.funcProto(number, [{ name: 'x', type: number }]));
    b.var('inside', number);
  },
  kernel,
  'some_module',
);

const find = (
  name: string,
  more: Partial<ExternSpec> = {},
  from = world({ btf: kernel, modules: () => [module] }),
) =>
  new KernelSymbols(local, from).resolve({
    kind: 'extern',
    name,
    form: 'function',
    weak: false,
    typeId: proto,
    ...more,
  });

describe('a symbol of the kernel', () => {
  it('is a function or a variable of its BTF, of the same type', () => {
    expect(find('take')).toEqual({ kind: 'type', id: kernel.findByName('take', 'func') });
    expect(find('counter', { form: 'variable', typeId: int })).toMatchObject({ kind: 'type' });
  });

  it('is looked for in modules after the kernel', () => {
    const id = module.findByName('give', 'func');
    expect(find('give')).toEqual({ kind: 'type', id, module: 'some_module' });
    const inside = find('inside', { form: 'variable', typeId: int });
    expect(inside).toMatchObject({ module: 'some_module' });
  });

  it('may have a flavour, if it is a function', () => {
    expect(find('take___old')).toEqual(find('take'));
  });

  it('is an address where the program gives no type', () => {
    const from = world({
      symbolAddress: (name) => (name === 'jiffies' ? 0xffff_8000n : undefined),
    });
    const untyped = { form: 'variable', typeId: 0 } as const;
    expect(find('jiffies', untyped, from)).toEqual({ kind: 'address', address: 0xffff_8000n });
    expect(messageOf(() => find('nowhere', untyped, from))).toBe(
      'this kernel has no symbol nowhere',
    );
    expect(find('nowhere', { ...untyped, weak: true }, from)).toMatchObject({ kind: 'missing' });
  });

  it('is named when it is missing or of another type, unless it is weak', () => {
    expect(messageOf(() => find('nothing'))).toBe(
      'this kernel has no function that programs may call (kfunc) nothing',
    );
    expect(messageOf(() => find('other'))).toBe(
      'other has another type in this kernel than in the program',
    );
    expect(find('other', { weak: true })).toMatchObject({ kind: 'missing' });
    // As libbpf has it: a variable of another type is never right.
    const wrong = { form: 'variable', typeId: struct, weak: true } as const;
    expect(() => find('counter', wrong)).toThrow('counter has another type');
  });

  it('needs the types of the kernel', () => {
    expect(messageOf(() => find('take', {}, world()))).toMatch(/CONFIG_DEBUG_INFO_BTF/);
  });
});

describe('an instruction with a symbol', () => {
  const call = make({ opcode: BPF_JMP | BPF_CALL, src: 1, imm: -1 });
  const load = make({ opcode: LDDW, dst: 1, imm64: 0n });

  it('calls by the id of the function, and says which module it is from', () => {
    expect(linkSymbol(call, { kind: 'type', id: 7 })).toMatchObject({ src: 2, imm: 7 });
    expect(linkSymbol(call, { kind: 'type', id: 7, module: 'some_module' })).toMatchObject({
      reference: { kind: 'module', module: 'some_module' },
    });
  });

  it('loads a type, an address, or 0 for what is missing', () => {
    expect(linkSymbol(load, { kind: 'type', id: 7 })).toMatchObject({ src: 3, imm64: 7n });
    const address = 0xffff_ffff_8100_0000n;
    expect(linkSymbol(load, { kind: 'address', address })).toMatchObject({
      src: 0,
      imm64: address,
    });
    expect(linkSymbol(load, { kind: 'missing', why: '' })).toMatchObject({ src: 0, imm64: 0n });
  });

  it('must not be reached where it calls what is missing', () => {
    expect(linkSymbol(call, { kind: 'missing', why: 'no such thing' })).toBe('no such thing');
  });
});
