/**
 * One record of the type section as a `BtfType`: what follows struct btf_type for each kind (include/uapi/linux/btf.h).
 *
 * @module
 */
import { infoKind, infoKindFlag, infoVlen, KIND_TAGS, LINKAGES } from './constants.ts';
import { BtfError } from './error.ts';
import { RECORD_WORDS, type TypeRecords } from './records.ts';
import type { StringTable } from './strings.ts';
import type { BtfLinkage, BtfType } from './types.ts';

/** Decodes a record that exists, exactly as it is written. */
export const decodeRecord = (
  records: TypeRecords,
  strings: StringTable,
  index: number,
  id: number,
): BtfType => {
  const { words } = records;
  const at = records.at(index);
  const body = at + RECORD_WORDS;
  const info = words[at + 1]!;
  const flag = infoKindFlag(info);
  const vlen = infoVlen(info);
  // Of a record that the walk has accepted every word is there.
  const word = (position: number): number => words[position]!;
  const string = (position: number): string =>
    strings.get(word(position), records.byteOffset(position));
  const list = <T>(each: number, decode: (position: number) => T): T[] => {
    const result: T[] = [];
    for (let i = 0; i < vlen; i++) result.push(decode(body + i * each));
    return result;
  };
  const linkage = (value: number, position: number): BtfLinkage => {
    const found = LINKAGES[value];
    if (found !== undefined) return found;
    throw new BtfError(`type ${id} has unknown linkage ${value}`, records.byteOffset(position));
  };

  const code = infoKind(info);
  const kind = KIND_TAGS[code];
  const name = string(at);
  const sizeOrType = word(at + 2);
  switch (kind) {
    case 'int': {
      const data = word(body);
      const encoding = (data >>> 24) & 0xf;
      return {
        id,
        kind,
        name,
        size: sizeOrType,
        encoding,
        bits: data & 0xff,
        offset: (data >>> 16) & 0xff,
      };
    }
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
      return { id, kind, name, type: sizeOrType };
    case 'type_tag':
      return flag
        ? { id, kind, name, type: sizeOrType, attribute: true }
        : { id, kind, name, type: sizeOrType };
    case 'array':
      return {
        id,
        kind,
        name,
        type: word(body),
        indexType: word(body + 1),
        nelems: word(body + 2),
      };
    case 'struct':
    case 'union': {
      const members = list(3, (m) => {
        const offset = word(m + 2);
        return {
          name: string(m),
          type: word(m + 1),
          bitOffset: flag ? offset & 0xff_ffff : offset,
          bitSize: flag ? offset >>> 24 : 0,
        };
      });
      return { id, kind, name, size: sizeOrType, members };
    }
    case 'enum': {
      const values = list(2, (v) => ({
        name: string(v),
        value: flag ? word(v + 1) | 0 : word(v + 1),
      }));
      return { id, kind, name, size: sizeOrType, signed: flag, values };
    }
    case 'enum64': {
      const values = list(3, (v) => {
        const value = (BigInt(word(v + 2)) << 32n) | BigInt(word(v + 1));
        return { name: string(v), value: flag ? BigInt.asIntN(64, value) : value };
      });
      return { id, kind, name, size: sizeOrType, signed: flag, values };
    }
    case 'fwd':
      return { id, kind, name, fwdKind: flag ? 'union' : 'struct' };
    case 'func':
      return { id, kind, name, type: sizeOrType, linkage: linkage(vlen, at + 1) };
    case 'func_proto': {
      const params = list(2, (p) => ({ name: string(p), type: word(p + 1) }));
      return { id, kind, name, returnType: sizeOrType, params };
    }
    case 'var':
      return { id, kind, name, type: sizeOrType, linkage: linkage(word(body), body) };
    case 'datasec': {
      const variables = list(3, (v) => ({ type: word(v), offset: word(v + 1), size: word(v + 2) }));
      return { id, kind, name, size: sizeOrType, variables };
    }
    case 'float':
      return { id, kind, name, size: sizeOrType };
    case 'decl_tag': {
      const tag = { id, kind, name, type: sizeOrType, componentIndex: word(body) | 0 };
      return flag ? { ...tag, attribute: true } : tag;
    }
    default:
      return { id, kind: 'unknown', name, code };
  }
};
