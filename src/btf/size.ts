/**
 * What a type is underneath, how large and how aligned: libbpf's btf__resolve_type, btf__resolve_size and btf__align_of.
 *
 * @example
 * sizeOf(btf, btf.findByName('task_struct', 'struct')!);   // 9792
 *
 * @module
 */
import type { Btf } from './btf.ts';
import { MAX_RESOLVE_DEPTH } from './constants.ts';
import { BtfError } from './error.ts';
import type { BtfComposite, BtfType } from './types.ts';

const MAX_SIZE = 0xffff_ffff;

/** The type without typedefs, const, volatile, restrict and type tags. */
export const resolve = (btf: Btf, id: number): BtfType => {
  let type = btf.type(id);
  for (let depth = 0; depth < MAX_RESOLVE_DEPTH; depth++) {
    switch (type.kind) {
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
        type = btf.type(type.type);
        break;
      default:
        return type;
    }
  }
  throw new BtfError(`type ${id} is decorated more than ${MAX_RESOLVE_DEPTH} times, in a circle?`);
};

/** The size of a type in bytes; a flexible array has none (0). Throws for void, functions and forward declarations. */
export const sizeOf = (btf: Btf, id: number): number => {
  let count = 1;
  let type = btf.type(id);
  for (let depth = 0; depth < MAX_RESOLVE_DEPTH; depth++) {
    switch (type.kind) {
      case 'int':
      case 'struct':
      case 'union':
      case 'enum':
      case 'enum64':
      case 'float':
      case 'datasec':
        return checked(count * type.size, id);
      case 'ptr':
        return checked(count * btf.pointerSize, id);
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
      case 'decl_tag':
      case 'var':
        type = btf.type(type.type);
        break;
      case 'array':
        count = checked(count * type.nelems, id);
        type = btf.type(type.type);
        break;
      default:
        throw new BtfError(`type ${id} has no size: it is ${describe(type)}`);
    }
  }
  throw new BtfError(`type ${id} is nested more than ${MAX_RESOLVE_DEPTH} deep, in a circle?`);
};

/**
 * The alignment of a type in bytes. At most the size of a pointer, as libbpf has it; 1 for a struct whose members or size
 * show that it is packed.
 */
export const alignOf = (btf: Btf, id: number): number => alignAt(btf, id, new Map(), 0);

const alignAt = (btf: Btf, id: number, known: Map<number, number>, depth: number): number => {
  // The number of nested structs is bounded for the stack's sake, and each is looked at once.
  if (depth > MAX_RESOLVE_DEPTH * 2) throw new BtfError(`type ${id} is nested too deep`);
  const type = resolve(btf, id);
  switch (type.kind) {
    case 'int':
    case 'enum':
    case 'enum64':
    case 'float':
      return Math.max(1, Math.min(btf.pointerSize, type.size));
    case 'ptr':
      return btf.pointerSize;
    case 'array':
      return alignAt(btf, type.type, known, depth + 1);
    case 'struct':
    case 'union': {
      const found = known.get(type.id) ?? compositeAlign(btf, type, known, depth);
      known.set(type.id, found);
      return found;
    }
    default:
      throw new BtfError(`type ${id} has no alignment: it is ${describe(type)}`);
  }
};

const compositeAlign = (
  btf: Btf,
  composite: BtfComposite,
  known: Map<number, number>,
  depth: number,
): number => {
  let most = 1;
  for (const { type, bitOffset, bitSize } of composite.members) {
    const align = alignAt(btf, type, known, depth + 1);
    if (bitSize === 0 && bitOffset % (8 * align) !== 0) return 1;
    most = Math.max(most, align);
  }
  return composite.size % most === 0 ? most : 1;
};

const checked = (size: number, id: number): number => {
  if (size <= MAX_SIZE) return size;
  throw new BtfError(`type ${id} is larger than 4 GiB`);
};

const describe = ({ kind, name }: BtfType): string => (name === '' ? kind : `${kind} ${name}`);
