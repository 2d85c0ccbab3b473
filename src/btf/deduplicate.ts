/**
 * BTF in which each type is there once, as pahole and linkers write it: what libbpf's btf__dedup does. Integers and enums
 * first, then structs with all that they refer to, forward declarations, and at last what refers to these. Sections and
 * variables stay as they are: they are the linker's matter.
 *
 * @example
 * const { bytes, ids } = deduplicate(new Btf(merge([first, second]).bytes));
 * ids[7];   // the id of what was type 7
 *
 * @module
 */
import type { Btf } from './btf.ts';
import { BTF_KIND } from './constants.ts';
import { wordsToBytes } from './encode.ts';
import { TypeClasses } from './equivalence.ts';
import { BtfError } from './error.ts';
import type { BtfExt } from './ext-section.ts';
import { encodeHeader } from './header.ts';
import { remapExt } from './mapping.ts';
import { rewriteRecord } from './record-fields.ts';
import { TypeSignatures } from './signature.ts';
import { StringTableBuilder } from './string-builder.ts';

export interface Deduplicated {
  readonly bytes: Uint8Array;
  /** New ids by old id. 0 stays 0. */
  readonly ids: Uint32Array;
  /** What was given, for the new BTF. */
  readonly ext?: BtfExt;
}

export interface DeduplicateOptions {
  /** The .BTF.ext section that goes with the BTF. */
  readonly ext?: BtfExt | undefined;
  /** Types that others stand for, by id, although they differ: an extern, and its definition. */
  readonly replace?: ReadonlyMap<number, number> | undefined;
}

/**
 * Deduplicates a BTF. The first of several equal types stays, in the order that there was. Strings that nothing uses are
 * dropped.
 */
export const deduplicate = (btf: Btf, { ext, replace }: DeduplicateOptions = {}): Deduplicated => {
  if (btf.base !== undefined) {
    throw new BtfError(`${btf.label} is split BTF: append it to its base (BtfMerger) before`);
  }
  const { records, strings } = btf.sections;
  const starts = records.starts();
  const words = records.words.slice();
  const table = new StringTableBuilder(0);
  const string = table.copier(strings);
  const checkId = (id: number, word: number): number => {
    if (id <= starts.length) return id;
    throw new BtfError(`there is no type ${id} in ${btf.label}`, records.byteOffset(word));
  };
  const stringOf = (offset: number, word: number): number =>
    string(offset, records.byteOffset(word));
  for (const at of starts) rewriteRecord(words, at, checkId, stringOf);

  const classes = new TypeClasses(words, starts);
  for (const [id, by] of replace ?? []) classes.replace(id, by);
  joinEqual(classes);
  const ids = numberClasses(classes);
  const types = wordsToBytes(recordsOfClasses(classes, ids), btf.littleEndian);
  const newExt = ext && { ext: remapExt(ext, { ids, string }) };
  const bytes = encodeHeader(types, table.encode(), new Uint8Array(), btf.littleEndian);
  return { bytes, ids, ...newExt };
};

/** In the order in which they are joined: each is told apart by those before it. */
// biome-ignore format: one row per pass
const PASSES: readonly (readonly number[])[] = [
  [BTF_KIND.INT, BTF_KIND.FLOAT, BTF_KIND.ENUM, BTF_KIND.ENUM64],
  [BTF_KIND.STRUCT, BTF_KIND.UNION],
  [BTF_KIND.FWD],
  [BTF_KIND.FUNC_PROTO],
  [BTF_KIND.PTR, BTF_KIND.ARRAY, BTF_KIND.TYPEDEF, BTF_KIND.VOLATILE, BTF_KIND.CONST, BTF_KIND.RESTRICT,
   BTF_KIND.FUNC, BTF_KIND.DECL_TAG, BTF_KIND.TYPE_TAG],
];

const joinEqual = (classes: TypeClasses): void => {
  const signatures = new TypeSignatures(classes);
  for (const kinds of PASSES) {
    if (kinds.includes(BTF_KIND.FWD)) joinDeclarations(classes);
    joinKinds(classes, kinds, signatures);
    classes.settle(kinds);
  }
};

/** Joins the types of these kinds that are equal. */
const joinKinds = (
  classes: TypeClasses,
  kinds: readonly number[],
  signatures: TypeSignatures,
): void => {
  const count = classes.kinds.length - 1;
  const bits = Math.max(4, Math.ceil(Math.log2(count + 1)));
  const heads = new Uint32Array(1 << bits);
  const links = new Uint32Array(count + 1);
  const hashes = new Int32Array(count + 1);
  const wanted = kinds.reduce((set, kind) => set | (1 << kind), 0);

  const joinToOneOf = (first: number, id: number, hash: number): boolean => {
    for (let other = first; other !== 0; other = links[other]!) {
      if (hashes[other] === hash && classes.unify(other, id)) return true;
    }
    return false;
  };
  for (let id = 1; id <= count; id++) {
    if (((wanted >>> classes.kinds[id]!) & 1) === 0 || classes.find(id) !== id) continue;
    const hash = signatures.of(id);
    const slot = hash >>> (32 - bits);
    if (joinToOneOf(heads[slot]!, id, hash)) continue;
    hashes[id] = hash;
    links[id] = heads[slot]!;
    heads[slot] = id;
  }
};

/** Makes a forward declaration the struct of its name, if there is one and no other. */
const joinDeclarations = (classes: TypeClasses): void => {
  const { words, starts, kinds } = classes;
  const count = kinds.length - 1;
  const keyOf = (id: number): number =>
    words[starts[id]!]! * 2 + (classes.keyword(id) === BTF_KIND.UNION ? 1 : 0);
  /** 0 where there are several. */
  const definitions = new Map<number, number>();
  for (let id = 1; id <= count; id++) {
    const isComposite = kinds[id] === BTF_KIND.STRUCT || kinds[id] === BTF_KIND.UNION;
    if (!isComposite || classes.find(id) !== id) continue;
    definitions.set(keyOf(id), definitions.has(keyOf(id)) ? 0 : id);
  }
  for (let id = 1; id <= count; id++) {
    const isOpen = kinds[id] === BTF_KIND.FWD && classes.find(id) === id;
    if (!isOpen || words[starts[id]!] === 0) continue;
    const definition = definitions.get(keyOf(id)) ?? 0;
    if (definition !== 0) classes.join(definition, id);
  }
};

/** New ids for all types: those that represent their class, in order. */
const numberClasses = (classes: TypeClasses): Uint32Array => {
  const ids = new Uint32Array(classes.kinds.length);
  let next = 0;
  for (let id = 1; id < ids.length; id++) if (classes.find(id) === id) ids[id] = ++next;
  for (let id = 1; id < ids.length; id++) ids[id] = ids[classes.find(id)]!;
  return ids;
};

/** The records of the representatives, with new ids. */
const recordsOfClasses = (classes: TypeClasses, ids: Uint32Array): Uint32Array => {
  const { words, starts } = classes;
  const result = new Uint32Array(words.length);
  let length = 0;
  for (let id = 1; id < ids.length; id++) {
    if (classes.find(id) !== id) continue;
    const start = length;
    const end = starts[id + 1] ?? words.length;
    for (let word = starts[id]!; word < end; word++) result[length++] = words[word]!;
    rewriteRecord(result, start, (reference) => ids[reference]!, same);
  }
  return result.subarray(0, length);
};

const same = (offset: number): number => offset;
