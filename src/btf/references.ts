/**
 * Which other types a type refers to.
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
