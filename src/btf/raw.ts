/**
 * Types as `bpftool btf dump file X format raw` prints them, byte for byte (tools/bpf/bpftool/btf.c, dump_btf_type).
 *
 * @example
 * printRaw(btf, 9);   // "[9] STRUCT 'pair' size=8 vlen=2\n\t'a' type_id=1 bits_offset=0\n\t'b' type_id=1 bits_offset=32"
 *
 * @module
 */
import type { Btf } from './btf.ts';
import type { BtfType } from './types.ts';

export const INT_ENCODINGS: Readonly<Record<number, string>> = {
  0: '(none)',
  1: 'SIGNED',
  2: 'CHAR',
  4: 'BOOL',
};

/** Prints the type with this id, without a newline at the end. */
export const printRaw = (btf: Btf, id: number): string => {
  const type = btf.typeAsWritten(id);
  // bpftool speaks of UNKNOWN where it does not know better.
  const kind = type.kind === 'void' ? 'UNKNOWN' : type.kind.toUpperCase();
  return `[${id}] ${kind} ${quote(type.name)}${details(btf, type)}`;
};

/** Prints all types, those of the base excepted, a line for each and one for each member. */
export const printAllRaw = (btf: Btf): string => {
  const lines: string[] = [];
  for (let id = btf.firstId; btf.has(id); id++) lines.push(printRaw(btf, id));
  return lines.map((line) => `${line}\n`).join('');
};

const quote = (name: string): string => (name === '' ? "'(anon)'" : `'${name}'`);

const details = (btf: Btf, type: BtfType): string => {
  switch (type.kind) {
    case 'int': {
      const encoding = INT_ENCODINGS[type.encoding] ?? 'UNKN';
      return ` size=${type.size} bits_offset=${type.offset} nr_bits=${type.bits} encoding=${encoding}`;
    }
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
      return ` type_id=${type.type}`;
    case 'array':
      return ` type_id=${type.type} index_type_id=${type.indexType} nr_elems=${type.nelems}`;
    case 'struct':
    case 'union':
      return ` size=${type.size} vlen=${type.members.length}${type.members
        .map(
          (m) =>
            `\n\t${quote(m.name)} type_id=${m.type} bits_offset=${m.bitOffset}` +
            (m.bitSize > 0 ? ` bitfield_size=${m.bitSize}` : ''),
        )
        .join('')}`;
    case 'enum':
    case 'enum64': {
      const suffix = type.kind === 'enum' ? '' : type.signed ? 'LL' : 'ULL';
      const values = type.values.map((v) => `\n\t${quote(v.name)} val=${v.value}${suffix}`);
      const encoding = type.signed ? 'SIGNED' : 'UNSIGNED';
      return ` encoding=${encoding} size=${type.size} vlen=${values.length}${values.join('')}`;
    }
    case 'fwd':
      return ` fwd_kind=${type.fwdKind}`;
    case 'func':
      return ` type_id=${type.type} linkage=${type.linkage}`;
    case 'func_proto':
      return ` ret_type_id=${type.returnType} vlen=${type.params.length}${type.params
        .map((p) => `\n\t${quote(p.name)} type_id=${p.type}`)
        .join('')}`;
    case 'var':
      return ` type_id=${type.type}, linkage=${type.linkage}`;
    case 'datasec':
      return ` size=${type.size} vlen=${type.variables.length}${type.variables
        .map(
          (v) => `\n\ttype_id=${v.type} offset=${v.offset} size=${v.size}${variable(btf, v.type)}`,
        )
        .join('')}`;
    case 'float':
      return ` size=${type.size}`;
    case 'decl_tag':
      return ` type_id=${type.type} component_idx=${type.componentIndex}`;
    default:
      return '';
  }
};

const variable = (btf: Btf, id: number): string => {
  if (!btf.has(id)) return '';
  const { kind, name } = btf.typeAsWritten(id);
  return ` (${kind.toUpperCase()} ${quote(name)})`;
};
