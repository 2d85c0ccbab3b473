/**
 * @module
 * The prototype of a function of another object, for a program that takes its place (freplace): the kernel compares both
 * (kernel/bpf/btf.c, btf_check_func_type_match), by the sizes of numbers and the names of structs.
 */
import type { Btf, BtfBuilder, BtfType } from '../btf/index.ts';
import { BtfError } from '../btf/index.ts';

/** A function in the types of an object that is loaded. */
export interface ForeignFunction {
  readonly btf: Btf;
  readonly id: number;
}

/** Adds a global function with that prototype; structs without their members. */
export const addFunctionLike = (
  builder: BtfBuilder,
  name: string,
  { btf, id }: ForeignFunction,
): number => {
  const func = btf.type(id);
  const prototype = func.kind === 'func' ? btf.type(func.type) : undefined;
  if (prototype?.kind !== 'func_proto')
    throw new BtfError(`type ${id} should be a function, got ${func.kind}`);
  const copied = (type: number): number => {
    const found = btf.resolve(type);
    return found.kind === 'ptr' ? builder.ptr(value(btf.resolve(found.type))) : value(found);
  };
  /** A number or a struct; void for the rest. */
  const value = (type: BtfType): number => {
    switch (type.kind) {
      case 'struct':
      case 'union':
        return builder.add({ kind: type.kind, name: type.name, size: type.size, members: [] });
      case 'int':
      case 'enum':
      case 'enum64': {
        const { id: _, ...copy } = type;
        return builder.add(copy);
      }
      default:
        return 0;
    }
  };
  const params = prototype.params.map((each, index) => ({
    name: each.name || `arg${index + 1}`,
    type: copied(each.type),
  }));
  return builder.func(name, builder.funcProto(copied(prototype.returnType), params), 'global');
};
