/**
 * BTF for kernels that do not know all of it: each type that is too new becomes one that takes the same id and does no
 * harm (libbpf's bpf_object__sanitize_btf, in its order).
 *
 * @example
 * downgrade([{ kind: 'float', name: 'double', size: 8 }], ['float']);
 * // [{ kind: 'struct', name: '', size: 8, members: [] }]
 *
 * @module
 */
import type { BtfTypeInput } from './types.ts';

/** What a kernel may lack, and the first that has it. */
export const BTF_FEATURES = {
  func: '5.0',
  datasec: '5.2',
  func_global: '5.6',
  float: '5.13',
  decl_tag: '5.16',
  type_tag: '5.17',
  enum64: '6.0',
  qmark_datasec: '6.10',
  layout: '7.1',
} as const;

export type BtfFeature = keyof typeof BTF_FEATURES;

const PLACEHOLDER = {
  kind: 'int',
  name: 'enum64_placeholder',
  size: 1,
  encoding: 0,
  bits: 8,
  offset: 0,
} as const;

/** The types without these features. All keep their ids, counted from `firstId`; one may be added at the end. */
export const downgrade = (
  types: readonly BtfTypeInput[],
  without: readonly BtfFeature[],
  firstId = 1,
): readonly BtfTypeInput[] => {
  if (without.length === 0) return types;
  const lacks = new Set(without);
  const placeholder = firstId + types.length;
  const result = types.map((type) => replace(type, lacks, types, firstId, placeholder));
  const needsPlaceholder = lacks.has('enum64') && types.some(({ kind }) => kind === 'enum64');
  return needsPlaceholder ? [...result, PLACEHOLDER] : result;
};

const replace = (
  type: BtfTypeInput,
  lacks: ReadonlySet<BtfFeature>,
  types: readonly BtfTypeInput[],
  firstId: number,
  placeholder: number,
): BtfTypeInput => {
  switch (type.kind) {
    case 'var':
      return lacks.has('datasec') ? byte(type.name) : type;
    case 'decl_tag':
      return lacks.has('decl_tag') ? byte(type.name) : type;
    case 'datasec': {
      if (lacks.has('datasec')) {
        const members = type.variables.map(({ type: id, offset }) => ({
          name: (types[id - firstId]?.name ?? '').replaceAll('.', '_'),
          type: id,
          bitOffset: offset * 8,
          bitSize: 0,
        }));
        const name = type.name.replaceAll(/[.?]/g, '_');
        return { kind: 'struct', name, size: type.size, members };
      }
      return lacks.has('qmark_datasec') ? { ...type, name: type.name.replace(/^\?/, '_') } : type;
    }
    case 'func_proto': {
      if (!lacks.has('func')) return type;
      // libbpf leaves parameters without a name, which the kernel then refuses.
      const values = type.params.map(({ name, type: id }, i) => ({
        name: name || `arg${i}`,
        value: id,
      }));
      return { kind: 'enum', name: '', size: 4, signed: false, values };
    }
    case 'func':
      if (lacks.has('func')) return { kind: 'typedef', name: type.name, type: type.type };
      return lacks.has('func_global') ? { ...type, linkage: 'static' } : type;
    case 'float':
      return lacks.has('float') ? { kind: 'struct', name: '', size: type.size, members: [] } : type;
    case 'type_tag':
      return lacks.has('type_tag') ? { kind: 'const', name: '', type: type.type } : type;
    case 'enum': {
      // Before 6.0 an enum has no sign: the bits stay.
      if (!lacks.has('enum64') || !type.signed) return type;
      const values = type.values.map(({ name, value }) => ({ name, value: value >>> 0 }));
      return { ...type, signed: false, values };
    }
    case 'enum64': {
      if (!lacks.has('enum64')) return type;
      const members = type.values.map(({ name }) => ({
        name,
        type: placeholder,
        bitOffset: 0,
        bitSize: 0,
      }));
      return { kind: 'union', name: type.name, size: type.size, members };
    }
    default:
      return type;
  }
};

/** One byte: more could reach beyond the end of a section. */
const byte = (name: string): BtfTypeInput => ({
  kind: 'int',
  name,
  size: 1,
  encoding: 0,
  bits: 8,
  offset: 0,
});
