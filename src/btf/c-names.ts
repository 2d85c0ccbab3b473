/**
 * The names that types have in C. BTF can hold several types of one name (each file of C may have its own `struct state`),
 * and C has two name spaces: tags, and everything else. Whoever comes later gets `name___2`, a flavour that CO-RE strips.
 *
 * @module
 */
import type { Btf } from './btf.ts';
import { BtfError } from './error.ts';
import type { BtfEnum, BtfEnum64, BtfFwd, BtfType } from './types.ts';

// biome-ignore format: a list of words
const KEYWORDS = new Set([
  'asm', 'auto', 'break', 'case', 'char', 'const', 'continue', 'default', 'do', 'double', 'else', 'enum', 'extern',
  'float', 'for', 'goto', 'if', 'inline', 'int', 'long', 'register', 'restrict', 'return', 'short', 'signed', 'sizeof',
  'static', 'struct', 'switch', 'typedef', 'typeof', 'union', 'unsigned', 'void', 'volatile', 'while',
]);

/** A name as C can hold it: BTF allows dots, and other languages have other keywords. */
export const identifierOf = (name: string): string => {
  const identifier = name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=[0-9])/, '_');
  return KEYWORDS.has(identifier) ? `${identifier}_` : identifier;
};

/** Remembers which type has which name. */
export class CNames {
  readonly #btf: Btf;
  readonly #tags = new Map<string, number>();
  readonly #identifiers = new Map<string, number>();
  readonly #ofType = new Map<number, string>();
  readonly #forwards = new Map<string, number>();

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  /** The name behind `struct`, `union` or `enum`. */
  tag(type: BtfType): string {
    return this.#nameOf(this.owner(type), this.#tags);
  }

  /** The name of a typedef, a function, a variable, or of an int that C does not have. */
  identifier(type: BtfType): string {
    return this.#nameOf(type, this.#identifiers);
  }

  /** A name for an enumerator, which is printed now. */
  enumerator(name: string): string {
    return claim(this.#identifiers, identifierOf(name));
  }

  /** The type that a tag stands for: of a forward declaration the definition, if there is one. */
  owner(type: BtfType): BtfType {
    if (type.name === '' || !isForward(type)) return type;
    const key = `${type.kind === 'fwd' ? type.fwdKind : 'enum'} ${type.name}`;
    const known = this.#forwards.get(key);
    if (known !== undefined) return this.#btf.type(known);
    const owner = this.#definitionOf(type) ?? type.id;
    this.#forwards.set(key, owner);
    return this.#btf.type(owner);
  }

  #definitionOf(forward: BtfFwd | BtfEnum | BtfEnum64): number | undefined {
    const { name } = forward;
    if (forward.kind === 'fwd') return this.#btf.findByName(name, forward.fwdKind);
    const found = (['enum', 'enum64'] as const).map((kind) => this.#btf.findByName(name, kind));
    return found.find((id) => id !== undefined && !isForward(this.#btf.type(id)));
  }

  #nameOf(type: BtfType, space: Map<string, number>): string {
    const known = this.#ofType.get(type.id);
    if (known !== undefined) return known;
    if (type.name === '') throw new BtfError(`type ${type.id} (${type.kind}) has no name`);
    const name = claim(space, identifierOf(type.name));
    this.#ofType.set(type.id, name);
    return name;
  }
}

const isForward = (type: BtfType): type is BtfFwd | BtfEnum | BtfEnum64 =>
  type.kind === 'fwd' ||
  ((type.kind === 'enum' || type.kind === 'enum64') && type.values.length === 0);

/** A name that nothing else has: itself, or the first of `name___2`, `name___3` that is free. */
const claim = (space: Map<string, number>, name: string): string => {
  let count = space.get(name) ?? 0;
  let free = name;
  do {
    count++;
    if (count > 1) free = `${name}___${count}`;
  } while (space.has(free) && count > 1);
  space.set(name, count);
  if (free !== name) space.set(free, 1);
  return free;
};
