/**
 * Hashes of types that are equal for equal types: they say which types are worth comparing. A hash goes through pointers,
 * arrays and decorations to what has a name or is settled already; types in a circle do not trouble it.
 *
 * @module
 */
import { BTF_KIND, infoVlen } from './constants.ts';
import type { TypeClasses } from './equivalence.ts';
import { mix } from './names.ts';
import { RECORD_FIELDS } from './record-fields.ts';
import { RECORD_WORDS } from './records.ts';

/** How many pointers, arrays and decorations are looked through. */
const MAX_STEPS = 8;

export class TypeSignatures {
  readonly #classes: TypeClasses;

  constructor(classes: TypeClasses) {
    this.#classes = classes;
  }

  /** The signature of a type. */
  of(id: number): number {
    const { words, starts, kinds } = this.#classes;
    const at = starts[id]!;
    const kind = kinds[id]!;
    switch (kind) {
      case BTF_KIND.INT:
        return mix(mix(mix(kind, words[at]!), words[at + 2]!), words[at + 3]!);
      case BTF_KIND.FLOAT:
        return mix(mix(kind, words[at]!), words[at + 2]!);
      case BTF_KIND.ENUM:
      case BTF_KIND.ENUM64:
        // A declaration has nothing but the name.
        return words[at] === 0 ? this.#ofElements(kind, at) : mix(BTF_KIND.ENUM, words[at]!);
      case BTF_KIND.FWD:
        return mix(this.#classes.keyword(id), words[at]!);
      case BTF_KIND.STRUCT:
      case BTF_KIND.UNION:
        return this.#ofElements(mix(mix(kind, words[at]!), words[at + 2]!), at);
      case BTF_KIND.FUNC_PROTO:
        return this.#ofElements(mix(kind, this.#ofReference(words[at + 2]!)), at);
      case BTF_KIND.DECL_TAG:
        return mix(this.#ofReference(id), words[at + 3]!);
      default:
        return this.#ofReference(id);
    }
  }

  #ofElements(seed: number, at: number): number {
    const { words } = this.#classes;
    const info = words[at + 1]!;
    const { each, elementId } = RECORD_FIELDS[(info >>> 24) & 0x7f]!;
    let hash = mix(seed, info);
    const end = at + RECORD_WORDS + infoVlen(info) * each;
    for (let element = at + RECORD_WORDS; element < end; element += each) {
      for (let i = 0; i < each; i++) {
        const word = words[element + i]!;
        hash = mix(hash, i === elementId ? this.#ofReference(word) : word);
      }
    }
    return hash;
  }

  #ofReference(reference: number): number {
    const { words, starts, kinds } = this.#classes;
    let hash = 0;
    let id = reference;
    for (let step = 0; step < MAX_STEPS; step++) {
      id = this.#classes.find(id);
      const kind = kinds[id]!;
      const at = starts[id]!;
      if (this.#classes.isSettled(kind)) return mix(hash, id);
      switch (kind) {
        case BTF_KIND.STRUCT:
        case BTF_KIND.UNION:
        case BTF_KIND.FWD:
          // Of a struct that is declared elsewhere, or that is not compared yet, only the name is known.
          return mix(mix(hash, this.#classes.keyword(id)), words[at]!);
        case BTF_KIND.FUNC_PROTO:
          return mix(hash, words[at + 1]!);
        case BTF_KIND.ARRAY:
          hash = mix(mix(hash, kind), words[at + 5]!);
          id = words[at + 3]!;
          break;
        default:
          // Void, and variables: each is its own.
          if (RECORD_FIELDS[kind]!.ids.length === 0 || kind === BTF_KIND.VAR) return mix(hash, id);
          hash = mix(mix(hash, words[at + 1]!), words[at]!);
          id = words[at + 2]!;
      }
    }
    return hash;
  }
}
