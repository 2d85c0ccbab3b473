/**
 * Slow and simple judges of deduplication: whether each type is what became of it, and how many different types there
 * are at all.
 */
import { expect } from 'vitest';
import { type Btf, type BtfType, referencesOf, withReferences } from '../../src/btf/index.ts';

/** All of a type but its id, references given by `map`. */
const shapeOf = (type: BtfType, map: (id: number) => number): string => {
  const { id: _, ...rest } = withReferences(type, map);
  return JSON.stringify(rest, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value));
};

/** Whether one type only announces the other. */
const announces = (declaration: BtfType, definition: BtfType): boolean => {
  if (declaration.name !== definition.name || declaration.name === '') return false;
  const { kind } = definition;
  if (declaration.kind === 'fwd') return kind === declaration.fwdKind;
  const isEnum = declaration.kind === 'enum' || declaration.kind === 'enum64';
  return isEnum && declaration.values.length === 0 && (kind === 'enum' || kind === 'enum64');
};

/**
 * Each type, with the ids of its references replaced, is its image. With that holding for all of them, each is
 * equivalent to its image: no step of any walk through the types tells them apart.
 */
export const expectImages = (before: Btf, after: Btf, ids: Uint32Array): void => {
  expect(ids.length).toBe(before.typeCount + 1);
  expect(ids[0]).toBe(0);
  for (let id = 1; id <= before.typeCount; id++) {
    const type = before.typeAsWritten(id);
    const image = after.typeAsWritten(ids[id]!);
    if (announces(type, image)) continue;
    const [expected, found] = [shapeOf(type, (old) => ids[old]!), shapeOf(image, (same) => same)];
    // expect() for each would take most of the time.
    if (expected !== found) expect(found, `the image of type ${id}`).toBe(expected);
  }
};

/**
 * How many types differ from each other by anything that can be reached from them: classes are split until none has
 * types that refer to different classes. Variables and sections count each.
 */
export const countDifferent = (btf: Btf): number => {
  const types = Array.from({ length: btf.typeCount }, (_, i) => btf.typeAsWritten(i + 1));
  const numbers = (keys: readonly string[]): number[] => {
    const known = new Map<string, number>();
    return keys.map((key) => {
      if (!known.has(key)) known.set(key, known.size);
      return known.get(key)!;
    });
  };
  let classes = numbers(
    types.map((type) =>
      type.kind === 'var' || type.kind === 'datasec' ? `${type.id}` : shapeOf(type, () => 0),
    ),
  );
  for (let count = 0; count !== new Set(classes).size; ) {
    count = new Set(classes).size;
    const current = classes;
    classes = numbers(
      types.map((type, i) => {
        const references = referencesOf(type).map((id) => (id === 0 ? -1 : current[id - 1]!));
        return `${current[i]} ${references.join(' ')}`;
      }),
    );
  }
  return new Set(classes).size;
};

/** How many types of each kind there are. */
export const kindsOf = (btf: Btf): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (let id = 1; id <= btf.typeCount; id++) {
    const { kind } = btf.typeAsWritten(id);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
};

/** A type and what can be reached from it in so many steps, without ids. */
export const describeType = (btf: Btf, id: number, depth: number): string => {
  const type = btf.typeAsWritten(id);
  const references = referencesOf(type);
  const shape = shapeOf(type, () => 0);
  if (depth === 0 || references.length === 0) return shape;
  return `${shape}(${references.map((to) => describeType(btf, to, depth - 1)).join()})`;
};
