/**
 * @module
 * Values of a layout for property-based tests with fast-check, which the test hands over: this package has no part in
 * its version.
 * @example
 * fc.assert(fc.property(arbitrary(fc, Event), (event) => {
 *   expect(decode(Event, encode(Event, event))).toEqual(event);
 * }));
 */
import type { Input, Layout, Value } from '../layout/index.ts';

/** What is used of fast-check: 3 or newer. */
export interface FastCheck {
  boolean(): unknown;
  integer(range: { readonly min: number; readonly max: number }): unknown;
  bigInt(range: { readonly min: bigint; readonly max: bigint }): unknown;
  string(length: { readonly maxLength: number }): unknown;
  uint8Array(length: { readonly minLength: number; readonly maxLength: number }): unknown;
  constantFrom(...values: never[]): unknown;
  array(
    element: never,
    length: { readonly minLength: number; readonly maxLength: number },
  ): unknown;
  record(fields: never, how: { readonly noNullPrototype: boolean }): unknown;
  oneof(...ways: never[]): unknown;
}

/**
 * An `fc.Arbitrary<T>`, by its shape: these types do not ask for fast-check. What only fast-check itself calls has the
 * result that fits every version of it.
 */
export interface Arbitrary<T> {
  generate(random: never, bias: number | undefined): Generated<T>;
  canShrinkWithoutContext(value: unknown): value is T;
  shrink(value: T, context: unknown): never;
  filter<U extends T>(keep: (value: T) => value is U): Arbitrary<U>;
  filter(keep: (value: T) => boolean): Arbitrary<T>;
  map<U>(mapper: (value: T) => U, unmapper?: (value: unknown) => T): Arbitrary<U>;
  chain<U>(chainer: (value: T) => Arbitrary<U>): Arbitrary<U>;
}

/** fast-check's `Value`. */
interface Generated<T> {
  readonly hasToBeCloned: boolean;
  readonly value: T;
  readonly value_: T;
  readonly context: unknown;
}

/**
 * Any value of a layout: numbers of its width, strings that fit, names of an enumeration, one field of a union, where
 * decoding gives all of them.
 */
export const arbitrary = <L extends Layout>(
  fc: FastCheck,
  layout: L,
): Arbitrary<Value<L> & Input<L>> => valuesOf(fc, layout) as Arbitrary<Value<L> & Input<L>>;

/** Objects such as decoding gives: fast-check makes some without a prototype. */
const PLAIN = { noNullPrototype: true } as const;

const valuesOf = (fc: FastCheck, layout: Layout): unknown => {
  switch (layout.kind) {
    case 'scalar':
      return integersOf(fc, layout, 8 * layout.size);
    case 'bitfield':
      return integersOf(fc, layout.type, layout.width);
    case 'pointer':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case 'enum':
      return fc.constantFrom(...(Object.keys(layout.values) as never[]));
    case 'chars':
      // Printable ASCII: a byte for each character.
      return fc.string({ maxLength: layout.size });
    case 'text':
      return fc.string({ maxLength: layout.max - 1 });
    case 'bytes':
      return fc.uint8Array({ minLength: layout.size, maxLength: layout.size });
    case 'array': {
      const { element, length } = layout;
      const sizes = { minLength: length, maxLength: length };
      return fc.array(valuesOf(fc, element) as never, sizes);
    }
    case 'struct': {
      const record = (fields: readonly (readonly [string, unknown])[]) =>
        fc.record(Object.fromEntries(fields) as never, PLAIN);
      const fields = layout.members.map(
        (member) => [member.name, valuesOf(fc, member.layout)] as const,
      );
      if (!layout.union) return record(fields);
      const ways = fields.map((field) => record([field]));
      return fc.oneof(...(ways as never[]));
    }
  }
};

const integersOf = (
  fc: FastCheck,
  { repr, signed }: Extract<Layout, { readonly kind: 'scalar' }>,
  bits: number,
): unknown => {
  if (repr === 'boolean') return fc.boolean();
  const min = signed ? -(2n ** BigInt(bits - 1)) : 0n;
  const max = 2n ** BigInt(signed ? bits - 1 : bits) - 1n;
  if (repr === 'bigint') return fc.bigInt({ min, max });
  return fc.integer({
    min: Math.max(Number(min), Number.MIN_SAFE_INTEGER),
    max: Math.min(Number(max), Number.MAX_SAFE_INTEGER),
  });
};
