/**
 * @module
 * Which types of a BTF are meant: by name, by pattern, with a kind in front or without.
 */

import { closeNames } from '../asm/close-names.ts';
import type { Btf, BtfKind } from '../btf/index.ts';

/** The words in front of a name, and the kinds that each takes. */
const KINDS: Readonly<Record<string, readonly BtfKind[]>> = {
  struct: ['struct'],
  union: ['union'],
  enum: ['enum', 'enum64'],
  typedef: ['typedef'],
  func: ['func'],
  var: ['var'],
};

/** What a name alone can mean: a type, and what is none only where there is no type. */
const TYPES: readonly BtfKind[] = ['struct', 'union', 'enum', 'enum64', 'typedef', 'int', 'float'];
const OTHERS: readonly BtfKind[] = ['func', 'var', 'datasec'];

interface Wanted {
  readonly name: string;
  readonly isPattern: boolean;
  /** The word in front of the name. */
  readonly kind: string | undefined;
  /** In the order in which they are tried. */
  readonly kinds: readonly (readonly BtfKind[])[];
  matches(name: string): boolean;
}

/** The ids of the types that words ask for: `['struct', 'sock', 'tcp_*']`. Throws when a word finds nothing. */
export const selectTypes = (btf: Btf, words: readonly string[]): number[] => {
  const ids = new Set<number>();
  for (const wanted of wantedBy(words)) {
    const found = find(btf, wanted);
    if (found.length === 0) throw new Error(complaint(btf, wanted));
    for (const id of found) ids.add(id);
  }
  return [...ids];
};

const wantedBy = (words: readonly string[]): Wanted[] => {
  const parts = words.flatMap((word) => word.split(/\s+/)).filter((part) => part !== '');
  const wanted: Wanted[] = [];
  for (let i = 0; i < parts.length; i++) {
    const kind = Object.hasOwn(KINDS, parts[i]!) && i + 1 < parts.length ? parts[i++] : undefined;
    const name = parts[i]!;
    const isPattern = /[*?]/.test(name);
    const pattern = patternOf(name);
    wanted.push({
      name,
      isPattern,
      kind,
      kinds: kind !== undefined ? [KINDS[kind]!] : isPattern ? [TYPES] : [TYPES, OTHERS],
      matches: isPattern ? (each) => pattern.test(each) : (each) => each === name,
    });
  }
  return wanted;
};

const patternOf = (glob: string): RegExp => {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  // Neighbouring stars would make the engine try every split between them.
  return new RegExp(`^${escaped.replace(/\*+/g, '.*').replace(/\?/g, '.')}$`, 's');
};

const find = (btf: Btf, { kinds, matches }: Wanted): number[] => {
  const named: number[] = [];
  for (let id = 1; btf.has(id); id++) if (matches(btf.name(id))) named.push(id);
  for (const some of kinds) {
    const found = named.filter((id) => some.includes(kindOf(btf, id)));
    // A forward declaration is of no interest beside what it declares.
    const complete = found.filter((id) => btf.type(id).kind !== 'fwd');
    if (found.length > 0) return complete.length > 0 ? complete : found;
  }
  return [];
};

/** The kind, of a forward declaration what it declares. */
const kindOf = (btf: Btf, id: number): BtfKind => {
  const type = btf.type(id);
  return type.kind === 'fwd' ? type.fwdKind : type.kind;
};

const complaint = (btf: Btf, { kind, name, kinds, isPattern }: Wanted): string => {
  const what = kind ?? 'type';
  if (isPattern) return `no ${what} of ${btf.label} is like ${JSON.stringify(name)}`;
  const names: string[] = [];
  for (let id = 1; btf.has(id); id++) {
    const known = btf.name(id);
    if (known !== '' && kinds.some((some) => some.includes(kindOf(btf, id)))) names.push(known);
  }
  const close = closeNames(name, names);
  const hint = close.length === 0 ? '' : `; similar names: ${close.join(', ')}`;
  return `there is no ${what} ${JSON.stringify(name)} in ${btf.label}${hint}`;
};
