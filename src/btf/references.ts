/**
 * Which other types a type refers to, and the same type with other ids.
 *
 * @module
 */
import type { BtfType, BtfTypeInput } from './types.ts';

/** The ids in a type, in order; 0 is void. */
export const referencesOf = (type: BtfType | BtfTypeInput): readonly number[] => {
  switch (type.kind) {
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
    case 'func':
    case 'var':
    case 'decl_tag':
      return [type.type];
    case 'array':
      return [type.type, type.indexType];
    case 'struct':
    case 'union':
      return type.members.map((member) => member.type);
    case 'func_proto':
      return [type.returnType, ...type.params.map((param) => param.type)];
    case 'datasec':
      return type.variables.map((variable) => variable.type);
    default:
      return [];
  }
};

/** The type with each id replaced. */
export const withReferences = <T extends BtfType | BtfTypeInput>(
  type: T,
  map: (id: number) => number,
): T => {
  const renumbered = <E extends { readonly type: number }>(list: readonly E[]): E[] =>
    list.map((element) => ({ ...element, type: map(element.type) }));
  switch (type.kind) {
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
    case 'func':
    case 'var':
    case 'decl_tag':
      return { ...type, type: map(type.type) };
    case 'array':
      return { ...type, type: map(type.type), indexType: map(type.indexType) };
    case 'struct':
    case 'union':
      return { ...type, members: renumbered(type.members) };
    case 'func_proto':
      return { ...type, returnType: map(type.returnType), params: renumbered(type.params) };
    case 'datasec':
      return { ...type, variables: renumbered(type.variables) };
    default:
      return type;
  }
};
