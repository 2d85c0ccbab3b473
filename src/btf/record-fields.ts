/**
 * Where in a record of the type section names and ids of other types are: for who renumbers whole sections and has no use
 * for decoded types (struct btf_type and what follows it, include/uapi/linux/btf.h).
 *
 * @example
 * rewriteRecord(words, at, (id) => ids[id]!, (offset) => strings[offset]!);
 *
 * @module
 */
import { BTF_KIND, infoKind, infoVlen } from './constants.ts';
import { BtfError } from './error.ts';
import { RECORD_WORDS } from './records.ts';

/** Words are counted from the record's start, those of an element from the element's. A name is an element's first word. */
export interface RecordFields {
  /** The words that hold an id, once. */
  readonly ids: readonly number[];
  /** Words of an element; 0 without elements. */
  readonly each: number;
  /** Whether elements have names. */
  readonly named: boolean;
  /** The word of an element that holds an id, or -1. */
  readonly elementId: number;
}

const fields = (ids: readonly number[], each = 0, named = false, elementId = -1): RecordFields => ({
  ids,
  each,
  named,
  elementId,
});

const LEAF = /* @__PURE__ */ fields([]);
const REFERENCE = /* @__PURE__ */ fields([2]);

/** By kind. The record's own name is its first word in all of them. */
// biome-ignore format: kernel order, one row per line
export const RECORD_FIELDS: readonly RecordFields[] = /* @__PURE__ */ (() => [
  LEAF,                     // UNKN
  LEAF,                     // INT
  REFERENCE,                // PTR
  fields([3, 4]),           // ARRAY
  fields([], 3, true, 1),   // STRUCT
  fields([], 3, true, 1),   // UNION
  fields([], 2, true),      // ENUM
  LEAF,                     // FWD
  REFERENCE,                // TYPEDEF
  REFERENCE,                // VOLATILE
  REFERENCE,                // CONST
  REFERENCE,                // RESTRICT
  REFERENCE,                // FUNC
  fields([2], 2, true, 1),  // FUNC_PROTO
  REFERENCE,                // VAR
  fields([], 3, false, 0),  // DATASEC
  LEAF,                     // FLOAT
  REFERENCE,                // DECL_TAG
  REFERENCE,                // TYPE_TAG
  fields([], 3, true),      // ENUM64
])();

/** The fields of the record whose `info` this is. Throws for a kind of which we do not know what it refers to. */
export const fieldsOf = (info: number): RecordFields => {
  const kind = infoKind(info);
  const found = RECORD_FIELDS[kind];
  if (found !== undefined && kind !== BTF_KIND.UNKN) return found;
  throw new BtfError(`types of the unknown kind ${kind} cannot be renumbered`);
};

/** Replaces each id and each string offset of a record. */
export const rewriteRecord = (
  words: Uint32Array,
  at: number,
  idOf: (id: number, word: number) => number,
  stringOf: (offset: number, word: number) => number,
): void => {
  const info = words[at + 1]!;
  const { ids, each, named, elementId } = fieldsOf(info);
  words[at] = stringOf(words[at]!, at);
  for (const id of ids) words[at + id] = idOf(words[at + id]!, at + id);
  if (each === 0) return;
  const end = at + RECORD_WORDS + infoVlen(info) * each;
  for (let element = at + RECORD_WORDS; element < end; element += each) {
    if (named) words[element] = stringOf(words[element]!, element);
    if (elementId === -1) continue;
    const word = element + elementId;
    words[word] = idOf(words[word]!, word);
  }
};
