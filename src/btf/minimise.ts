/**
 * The part of a kernel's BTF that programs need for CO-RE, for kernels that bring no BTF of their own (what `bpftool gen
 * min_core_btf` makes). Members that no relocation reads are dropped; sizes and offsets stay.
 *
 * @example
 * const { bytes } = minimise(vmlinux, [{ local: program, relocations }]);   // 5 MB become 5 kB
 *
 * @module
 */
import { Btf } from './btf.ts';
import { type CoreAccess, type CoreRelocation, parseAccess } from './core/access.ts';
import { type CoreKind, isEnumKind, isFieldKind, isTypeKind } from './core/kinds.ts';
import { matchAccess } from './core/match.ts';
import { encodeTypes } from './encode.ts';
import { BtfError } from './error.ts';
import { encodeHeader } from './header.ts';
import { referencesOf, withReferences } from './references.ts';
import { candidatesIn } from './relocate.ts';
import { StringTableBuilder } from './string-builder.ts';
import type { BtfComposite, BtfType, BtfTypeInput } from './types.ts';

/** The relocations of one program or object, and the BTF whose ids and members they mean. */
export interface ProgramRelocations {
  readonly local: Btf;
  readonly relocations: readonly CoreRelocation[];
}

export interface MinimalBtf {
  readonly bytes: Uint8Array;
  /** New ids by old id, of the types that are left. */
  readonly ids: ReadonlyMap<number, number>;
}

/**
 * The BTF against which these relocations come to the same as against `target`, but for type_id_target: ids are new. Its
 * types keep their order. A pointer whose target nothing needs points to void. Throws BtfError for malformed relocations.
 *
 * bpftool takes the first candidate that has what a relocation reads. Here it is all of them, since a resolver forgets
 * those that lack something.
 */
export const minimise = (target: Btf, programs: readonly ProgramRelocations[]): MinimalBtf => {
  const marks = new Marks(target);
  let others: Other[] = [];
  for (const { local, relocations } of programs) {
    for (const relocation of relocations) {
      if (relocation.kind === 'type_id_local') continue;
      const access = parseAccess(local, relocation);
      for (const id of candidatesIn(target, local, relocation.typeId)) {
        const match = matchAccess(access, target, id).access;
        if (match !== undefined) marks.add(match);
        else if (isTypeKind(access.kind)) others.push({ access, id });
      }
    }
  }

  for (;;) {
    const minimal = encodeMarked(marks);
    const passing = pretenders(others, minimal);
    if (passing.length === 0) return minimal;
    for (const { access, id } of passing) marks.addWhole(id, access.kind);
    others = others.filter((other) => !passing.includes(other));
  }
};

/** A type that is not the one that a program means, although it has its name. */
interface Other {
  readonly access: CoreAccess;
  readonly id: number;
}

/** Those that look like the program's type now that parts are missing. */
const pretenders = (others: readonly Other[], { bytes, ids }: MinimalBtf): readonly Other[] => {
  const btf = new Btf(bytes);
  return others.filter(({ access, id }) => {
    const reduced = ids.get(id);
    return reduced !== undefined && matchAccess(access, btf, reduced).access !== undefined;
  });
};

const encodeMarked = (marks: Marks): MinimalBtf => {
  const { littleEndian } = marks.btf;
  const kept = [...marks.types].sort((a, b) => a - b);
  const ids = new Map(kept.map((id, index) => [id, index + 1]));
  const types = kept.map((id) =>
    withReferences(marks.reduced(id), (reference) => ids.get(reference) ?? 0),
  );
  const strings = new StringTableBuilder(0);
  const section = encodeTypes(types, (text) => strings.add(text), littleEndian);
  return { bytes: encodeHeader(section, strings.encode(), new Uint8Array(), littleEndian), ids };
};

/** What is needed of a BTF. */
class Marks {
  readonly btf: Btf;
  readonly types = new Set<number>();
  readonly #members = new Map<number, Set<number>>();
  /** What the walks have been through: the type, and whether what pointers point to was looked at. */
  readonly #walked = new Set<string>();

  constructor(btf: Btf) {
    this.btf = btf;
  }

  /** What a relocation has found. */
  add({ kind, typeId, raw }: CoreAccess): void {
    if (isFieldKind(kind)) this.#addField(typeId, raw);
    else if (isEnumKind(kind)) this.#addType(typeId, false);
    else this.addWhole(typeId, kind);
  }

  /** A member at the end of a path of indices, and what lies on the way to it. */
  #addField(root: number, path: readonly number[]): void {
    this.#addType(root, false);
    let id = root;
    // The first index is that of the root in an array.
    for (const index of path.slice(1)) {
      const type = this.btf.resolve(id);
      if (type.kind === 'array') {
        id = type.type;
      } else if (type.kind === 'struct' || type.kind === 'union') {
        this.#addMember(type.id, index);
        id = type.members[index]!.type;
        this.#addType(id, false);
      }
    }
  }

  /** A type as far as a relocation of this kind looks at it. */
  addWhole(id: number, kind: CoreKind): void {
    if (kind === 'type_matches') this.#addMatch(id);
    else this.#addType(id, true);
  }

  /** A type and what it consists of, structs without members; `follow`: what pointers point to as well. */
  #addType(root: number, follow: boolean): void {
    this.#walk(
      root,
      (type) => {
        if (type.kind === 'ptr') return follow ? [type.type] : [];
        return isComposite(type) ? [] : referencesOf(type);
      },
      follow ? 'all' : 'value',
    );
  }

  /** A type with all of its members; behind pointers structs without members. */
  #addMatch(root: number): void {
    const pointees: number[] = [];
    this.#walk(
      root,
      (type) => {
        if (isComposite(type)) {
          for (const index of type.members.keys()) this.#addMember(type.id, index);
        }
        if (type.kind !== 'ptr') return referencesOf(type);
        pointees.push(type.type);
        return [];
      },
      'match',
    );
    for (const id of pointees) this.#addType(id, true);
  }

  /** A type that is needed: a struct or union with the members that are. */
  reduced(id: number): BtfTypeInput {
    const type = this.btf.typeAsWritten(id);
    if (type.kind === 'void' || type.kind === 'unknown') {
      throw new BtfError(`type ${id} of ${this.btf.label} is of a kind that cannot be written`);
    }
    if (!isComposite(type)) return type;
    const wanted = this.#members.get(id);
    return { ...type, members: type.members.filter((_, index) => wanted?.has(index)) };
  }

  #addMember(id: number, index: number): void {
    const known = this.#members.get(id);
    if (known === undefined) this.#members.set(id, new Set([index]));
    else known.add(index);
  }

  #walk(root: number, next: (type: BtfType) => readonly number[], how: string): void {
    const pending = [root];
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      if (id === 0 || this.#walked.has(`${how} ${id}`)) continue;
      this.#walked.add(`${how} ${id}`);
      this.types.add(id);
      pending.push(...next(this.btf.typeAsWritten(id)));
    }
  }
}

const isComposite = (type: BtfType): type is BtfComposite =>
  type.kind === 'struct' || type.kind === 'union';
