/**
 * Changes to BTF that is there already, for who changes a few types of thousands: records are rewritten where they are,
 * and ids and string offsets stay.
 *
 * @example
 * const edit = new BtfEdit(btf);
 * edit.replace(7, { ...btf.type(7), linkage: 'static' });
 * const changed = edit.finish();
 *
 * @module
 */
import type { Btf } from './btf.ts';
import type { BtfType, BtfTypeInput } from './types.ts';

/** Collects changes. */
export class BtfEdit {
  readonly #btf: Btf;
  readonly #replaced = new Map<number, BtfTypeInput>();
  readonly #added: BtfTypeInput[] = [];

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  /** A type of the BTF, or what it was replaced by. */
  type(id: number): BtfType {
    const replaced = this.#replaced.get(id);
    return replaced ? ({ ...replaced, id } as BtfType) : this.#btf.type(id);
  }

  /** Puts another type in the place of one. They must take the same bytes: `finish` throws a BtfError if not. */
  replace(id: number, type: BtfTypeInput): void {
    this.#replaced.set(id, type);
  }

  /** Adds a type. Returns its id. */
  add(type: BtfTypeInput): number {
    this.#added.push(type);
    return this.#btf.typeCount + this.#added.length;
  }

  /** The BTF with all changes; the same where there are none. */
  finish(): Btf {
    if (this.#replaced.size === 0 && this.#added.length === 0) return this.#btf;
    return this.#btf.with(this.#replaced, this.#added);
  }
}
