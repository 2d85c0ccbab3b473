/**
 * Which types are the same, found by unification: two types are joined to one class, then what they refer to, and so on
 * until nothing is left to join or two do not fit; then everything joined since is taken apart again. Types that refer to
 * each other in a circle end by themselves, since what is joined already is not looked at twice.
 *
 * A forward declaration fits the first struct or union of its name, and stands for that one from then on; a forward
 * declared enum likewise.
 *
 * @module
 */
import { BTF_KIND, infoVlen } from './constants.ts';
import { BtfError } from './error.ts';
import { RECORD_FIELDS } from './record-fields.ts';
import { RECORD_WORDS } from './records.ts';

/**
 * How many pairs are looked at for each type, on average, before we give up. vmlinux beside itself takes half a step,
 * beside one in which one struct differs up to 10.
 */
const STEPS = 100;

/** The types of one BTF in classes. Types are given by id; a class by one of its types, its representative. */
export class TypeClasses {
  /** Records whose names are equal only if their offsets are. */
  readonly words: Uint32Array;
  /** Where the record of an id starts. There is none for 0, void. */
  readonly starts: Uint32Array;
  readonly kinds: Uint8Array;
  /** The next type on the way to the representative, which has itself. */
  readonly #parents: Uint32Array;
  /** Who has lost being a representative in this attempt. */
  readonly #joined: number[] = [];
  readonly #pending: number[] = [];
  #stepsLeft: number;
  #settled = 0;

  constructor(words: Uint32Array, recordStarts: Uint32Array) {
    const count = recordStarts.length;
    this.words = words;
    this.starts = new Uint32Array(count + 1);
    this.starts.set(recordStarts, 1);
    this.kinds = new Uint8Array(count + 1);
    this.#parents = new Uint32Array(count + 1);
    for (let id = 1; id <= count; id++) {
      this.kinds[id] = (words[this.starts[id]! + 1]! >>> 24) & 0x7f;
      this.#parents[id] = id;
    }
    this.#stepsLeft = (count + 1000) * STEPS;
  }

  /** The representative of a type's class. */
  find(id: number): number {
    const parents = this.#parents;
    let found = id;
    while (parents[found] !== found) found = parents[found]!;
    // Shorter ways could not be undone.
    if (this.#joined.length === 0) parents[id] = found;
    return found;
  }

  /** From now on types of these kinds stay in the classes in which they are. */
  settle(kinds: readonly number[]): void {
    for (const kind of kinds) this.#settled |= 1 << kind;
  }

  isSettled(kind: number): boolean {
    return ((this.#settled >>> kind) & 1) === 1;
  }

  /** Makes two types one, with all that follows from it. False, and nothing is changed, if they differ. */
  unify(a: number, b: number): boolean {
    const pending = this.#pending;
    pending.push(a, b);
    while (pending.length > 0) {
      const y = this.find(pending.pop()!);
      const x = this.find(pending.pop()!);
      if (x === y) continue;
      if (--this.#stepsLeft < 0) {
        throw new BtfError('the types are too entangled to be told apart in reasonable time');
      }
      if (!this.#fit(x, y)) {
        this.#undo();
        return false;
      }
      this.join(x, y);
      this.#joined.push(this.#parents[x] === x ? y : x);
      this.#pushReferences(x, y);
    }
    this.#joined.length = 0;
    return true;
  }

  /** Makes two classes one. A definition represents a declaration; otherwise the lower id does. */
  join(x: number, y: number): void {
    const yields = this.isDeclaration(x) === this.isDeclaration(y) ? x > y : this.isDeclaration(x);
    if (yields) this.#parents[x] = y;
    else this.#parents[y] = x;
  }

  /** Lets one type stand for another, whatever they are. */
  replace(id: number, by: number): void {
    const count = this.kinds.length - 1;
    if (!(id >= 1 && id <= count && by >= 1 && by <= count) || this.find(by) === id) {
      throw new BtfError(`type ${by} cannot stand for type ${id} (there are ${count})`);
    }
    this.#parents[id] = this.find(by);
  }

  /** Whether a type is only announced: a FWD, or an enum without values. */
  isDeclaration(id: number): boolean {
    const kind = this.kinds[id]!;
    if (kind === BTF_KIND.FWD) return true;
    const at = this.starts[id]!;
    return isEnum(kind) && infoVlen(this.words[at + 1]!) === 0 && this.words[at] !== 0;
  }

  /** STRUCT or UNION, also of what declares one; otherwise the kind. */
  keyword(id: number): number {
    const kind = this.kinds[id]!;
    if (kind !== BTF_KIND.FWD) return kind;
    return this.words[this.starts[id]! + 1]! >>> 31 === 0 ? BTF_KIND.STRUCT : BTF_KIND.UNION;
  }

  #undo(): void {
    for (const id of this.#joined) this.#parents[id] = id;
    this.#joined.length = 0;
    this.#pending.length = 0;
  }

  /** Whether two different types are the same as far as their own records go, references aside. */
  #fit(x: number, y: number): boolean {
    const { words } = this;
    const kind = this.kinds[x]!;
    const other = this.kinds[y]!;
    if (this.isSettled(kind) || this.isSettled(other)) return false;
    const a = this.starts[x]!;
    const b = this.starts[y]!;
    if (kind === BTF_KIND.FWD || other === BTF_KIND.FWD) {
      return words[a] === words[b] && this.keyword(x) === this.keyword(y);
    }
    if (isEnum(kind) && isEnum(other) && (this.isDeclaration(x) || this.isDeclaration(y))) {
      return words[a] === words[b];
    }
    // Sections and their variables are the linker's matter, and each void is the same.
    if (kind === 0 || other === 0 || kind === BTF_KIND.VAR || kind === BTF_KIND.DATASEC)
      return false;
    return words[a + 1] === words[b + 1] && this.#sameBody(kind, a, b);
  }

  /** Of two records with the same `info`. */
  #sameBody(kind: number, a: number, b: number): boolean {
    const { words } = this;
    if (words[a] !== words[b]) return false;
    switch (kind) {
      case BTF_KIND.INT:
        return words[a + 2] === words[b + 2] && words[a + 3] === words[b + 3];
      case BTF_KIND.ARRAY:
        return words[a + 5] === words[b + 5];
      case BTF_KIND.DECL_TAG:
        return words[a + 3] === words[b + 3];
      default:
    }
    const { ids, each, elementId } = RECORD_FIELDS[kind]!;
    if (ids.length === 0 && words[a + 2] !== words[b + 2]) return false;
    const length = infoVlen(words[a + 1]!) * each;
    for (let i = RECORD_WORDS; i < RECORD_WORDS + length; i++) {
      if (words[a + i] !== words[b + i] && (i - RECORD_WORDS) % each !== elementId) return false;
    }
    return true;
  }

  #pushReferences(x: number, y: number): void {
    const kind = this.kinds[x]!;
    // A declaration has none.
    if (kind !== this.kinds[y]) return;
    const { words } = this;
    const pending = this.#pending;
    const a = this.starts[x]!;
    const b = this.starts[y]!;
    const { ids, each, elementId } = RECORD_FIELDS[kind]!;
    for (const id of ids) pending.push(words[a + id]!, words[b + id]!);
    if (elementId === -1) return;
    const length = infoVlen(words[a + 1]!) * each;
    for (let i = RECORD_WORDS + elementId; i < RECORD_WORDS + length; i += each) {
      if (words[a + i] !== words[b + i]) pending.push(words[a + i]!, words[b + i]!);
    }
  }
}

const isEnum = (kind: number): boolean => kind === BTF_KIND.ENUM || kind === BTF_KIND.ENUM64;
