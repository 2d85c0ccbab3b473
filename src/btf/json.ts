/**
 * Types as JSON, in the shape and spelling of `bpftool -j btf dump`, byte for byte (tools/bpf/bpftool/btf.c,
 * dump_btf_type), so that scripts work with both.
 *
 * Every type is an object that begins with `id`, `kind` (INT, PTR, STRUCT ...) and `name`, which is `(anon)` where there is
 * none. What follows depends on the kind: `type_id`, `size`, `vlen`, and `members`, `values`, `params` or `vars`, which are
 * lists of objects. Numbers are exact: values of enum64 may be beyond 2^53, where JSON.parse rounds.
 *
 * @example
 * printJson(btf, 21);   // {"id":21,"kind":"INT","name":"int","size":4,"bits_offset":0,"nr_bits":32,"encoding":"SIGNED"}
 *
 * @module
 */
import type { Btf } from './btf.ts';
import { INT_ENCODINGS } from './raw.ts';
import type { BtfType } from './types.ts';

/** Prints the type with this id as one JSON object. */
export const printJson = (btf: Btf, id: number): string => {
  const type = btf.typeAsWritten(id);
  const kind = type.kind === 'void' ? 'UNKNOWN' : type.kind.toUpperCase();
  return `{"id":${id},"kind":"${kind}",${nameOf(type)}${details(type)}}`;
};

/** Prints types as one JSON object with the list `types`; without ids all types, those of the base excepted. */
export const printAllJson = (btf: Btf, ids?: Iterable<number>): string => {
  const types: string[] = [];
  if (ids === undefined) {
    for (let id = btf.firstId; btf.has(id); id++) types.push(printJson(btf, id));
  } else {
    for (const id of ids) types.push(printJson(btf, id));
  }
  return `{"types":[${types.join(',')}]}`;
};

const nameOf = ({ name }: { readonly name: string }): string =>
  `"name":${name === '' ? '"(anon)"' : quote(name)}`;

/** As JSON has it, with the control characters escaped that some terminals obey. */
const quote = (text: string): string =>
  JSON.stringify(text).replace(
    /[\x7f-\x9f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const list = <T>(name: string, elements: readonly T[], fieldsOf: (element: T) => string): string =>
  `,"vlen":${elements.length},"${name}":[${elements.map((each) => `{${fieldsOf(each)}}`).join(',')}]`;

const details = (type: BtfType): string => {
  switch (type.kind) {
    case 'int': {
      const encoding = INT_ENCODINGS[type.encoding] ?? 'UNKN';
      return `,"size":${type.size},"bits_offset":${type.offset},"nr_bits":${type.bits},"encoding":"${encoding}"`;
    }
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
      return `,"type_id":${type.type}`;
    case 'array':
      return `,"type_id":${type.type},"index_type_id":${type.indexType},"nr_elems":${type.nelems}`;
    case 'struct':
    case 'union':
      return `,"size":${type.size}${list('members', type.members, (member) => {
        const bits = member.bitSize > 0 ? `,"bitfield_size":${member.bitSize}` : '';
        return `${nameOf(member)},"type_id":${member.type},"bits_offset":${member.bitOffset}${bits}`;
      })}`;
    case 'enum':
    case 'enum64': {
      const encoding = type.signed ? 'SIGNED' : 'UNSIGNED';
      const values: readonly { readonly name: string; readonly value: number | bigint }[] =
        type.values;
      return `,"encoding":"${encoding}","size":${type.size}${list(
        'values',
        values,
        (each) => `${nameOf(each)},"val":${each.value}`,
      )}`;
    }
    case 'fwd':
      return `,"fwd_kind":"${type.fwdKind}"`;
    case 'func':
      return `,"type_id":${type.type},"linkage":"${type.linkage}"`;
    case 'func_proto':
      return `,"ret_type_id":${type.returnType}${list(
        'params',
        type.params,
        (param) => `${nameOf(param)},"type_id":${param.type}`,
      )}`;
    case 'var':
      return `,"type_id":${type.type},"linkage":"${type.linkage}"`;
    case 'datasec':
      return `,"size":${type.size}${list(
        'vars',
        type.variables,
        ({ type: id, offset, size }) => `"type_id":${id},"offset":${offset},"size":${size}`,
      )}`;
    case 'float':
      return `,"size":${type.size}`;
    case 'decl_tag':
      return `,"type_id":${type.type},"component_idx":${type.componentIndex}`;
    default:
      return '';
  }
};
