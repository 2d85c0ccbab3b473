import { describe, expect, it } from 'vitest';
import { BtfBuilder } from '../../src/btf/index.ts';
import { u32 } from '../../src/index.ts';
import { type AnyMapSpec, kernelOperations, layoutOf } from '../../src/object/index.ts';
import type { World } from '../../src/object/world.ts';

interface Shape {
  readonly name?: string;
  /** Members of 8 bytes each: a function, or a number of this many bytes. */
  readonly members: readonly (readonly [name: string, size: 'function' | number])[];
}

const build = ({ name = 'my_ops', members }: Shape, label: string, outer: boolean) => {
  const builder = new BtfBuilder();
  const int = builder.int('int', 4, 'signed');
  const long = builder.int('long', 8, 'signed');
  const run = builder.ptr(builder.funcProto(int, []));
  const struct = builder.struct(
    name,
    members.length * 8,
    members.map(([member, size], index) => ({
      name: member,
      type: size === 'function' ? run : size === 4 ? int : long,
      bitOffset: index * 64,
    })),
  );
  if (outer)
    builder.struct(`bpf_struct_ops_${name}`, 16 + members.length * 8, [
      { name: 'common', type: long, bitOffset: 0 },
      { name: 'data', type: struct, bitOffset: 128 },
    ]);
  return builder.build({ label });
};

const worldOf = (shape: Shape) =>
  ({ btf: build(shape, 'this kernel', true), modules: () => [] }) as unknown as World;

/** The map of a file whose struct has this shape and these bytes. */
const found = (local: Shape, kernel: Shape, data?: readonly number[]) => {
  const types = build(local, 'a file', false);
  const id = types.findByName(local.name ?? 'my_ops', 'struct')!;
  const spec: AnyMapSpec = {
    kind: 'map',
    type: 'struct_ops',
    key: u32,
    value: layoutOf(types, id),
    maxEntries: 1,
    flags: 0,
    extra: 0,
    bufferSize: 0,
    typeIds: { key: 0, value: id },
    initial: data && [Uint8Array.from(data)],
    operations: { start: 'on_start', stop: 'on_stop' },
  };
  return kernelOperations('mine', spec, types, worldOf(kernel));
};

const zeros = [0, 0, 0, 0, 0, 0, 0, 0];

describe('a struct of functions in the running kernel', () => {
  it('gets data and functions to where this kernel has them', () => {
    const { value, operations, module } = found(
      {
        name: 'my_ops___mine',
        members: [
          ['start', 'function'],
          ['flags', 4],
          ['stop', 'function'],
        ],
      },
      {
        members: [
          ['flags', 4],
          ['other', 8],
          ['stop', 'function'],
          ['start', 'function'],
        ],
      },
      [...zeros, 7, 0, 0, 0, 0, 0, 0, 0, ...zeros],
    );
    expect(operations).toEqual([
      { program: 'on_start', index: 3, offset: 16 + 24 },
      { program: 'on_stop', index: 2, offset: 16 + 16 },
    ]);
    expect([...value]).toEqual([
      ...zeros,
      ...zeros,
      7,
      ...zeros.slice(1),
      ...zeros,
      ...zeros,
      ...zeros,
    ]);
    expect(module).toBe(undefined);
  });

  it('may lack members that are zero, and functions', () => {
    const local: Shape = {
      members: [
        ['start', 'function'],
        ['new_flags', 8],
      ],
    };
    const kernel: Shape = { members: [['stop', 'function']] };
    expect(found(local, kernel).operations).toEqual([]);
    expect(() => found(local, kernel, [...zeros, 1, ...zeros.slice(1)])).toThrow(
      'map mine: new_flags of struct my_ops is set, but this kernel does not have it',
    );
  });

  it('refuses members of another type or size, and structs that the kernel takes no programs for', () => {
    const local: Shape = { members: [['flags', 4]] };
    expect(() => found(local, { members: [['flags', 8]] })).toThrow(
      'map mine: flags of struct my_ops has another size in this kernel',
    );
    expect(() => found(local, { members: [['flags', 'function']] })).toThrow(
      'map mine: flags of struct my_ops has another type in this kernel',
    );
    expect(() => found(local, { name: 'other_ops', members: [] })).toThrow(
      'map mine: this kernel takes no programs for struct my_ops: its type information has no bpf_struct_ops_my_ops',
    );
  });
});
