/**
 * @module
 * Why a value does not fit its layout: where, what was expected, what was found.
 */
import { integerOf, limitsOf } from './integers.ts';
import { nameOf } from './shape.ts';
import type { Layout } from './types.ts';

/** Thrown on the way out of nested writers, each of which adds its part of the path. */
export class Misfit {
  readonly expected: string;
  readonly got: string;
  readonly error: typeof RangeError | typeof TypeError;
  path = '';

  constructor(error: typeof RangeError | typeof TypeError, expected: string, got: string) {
    this.error = error;
    this.expected = expected;
    this.got = got;
  }

  /** `event.pid: expected a u32 (0 to 4294967295), got -1` */
  toError(root: string): Error {
    return new this.error(`${root}${this.path}: expected ${this.expected}, got ${this.got}`);
  }
}

/** `thrown`, with `part` in front of its path. */
export const within = (part: string, thrown: unknown): unknown => {
  if (thrown instanceof Misfit) thrown.path = `${part}${thrown.path}`;
  return thrown;
};

/** A value of the right type that does not fit. */
export const outside = (layout: Layout, got: string): Misfit =>
  new Misfit(RangeError, expectation(layout), got);

/** A value of the wrong type. */
export const mistyped = (layout: Layout, got: unknown): Misfit =>
  new Misfit(TypeError, expectation(layout), show(got));

/** What a layout takes. */
export const expectation = (layout: Layout): string => {
  switch (layout.kind) {
    case 'scalar':
    case 'bitfield':
    case 'pointer': {
      const integer = integerOf(layout);
      if (integer.repr === 'boolean') return 'true or false';
      const [least, most] = limitsOf(integer);
      const beyond = most > 2n ** 53n ? ', a bigint beyond 2^53' : '';
      return `${article(nameOf(layout))} (${least} to ${most}${beyond})`;
    }
    case 'enum': {
      const names = Object.keys(layout.values);
      const more = names.length > 8 ? `, ${names.length - 8} more` : '';
      const sign = layout.signed ? 'an i' : 'a u';
      return `${names.slice(0, 8).join(', ')}${more} or ${sign}${layout.size * 8}`;
    }
    case 'chars':
      return `a string of at most ${layout.size} bytes`;
    case 'text':
      return `a string of at most ${layout.max - 1} bytes and its NUL`;
    case 'bytes':
      return `a Uint8Array of ${layout.size} bytes`;
    case 'array':
      return `an array of ${layout.length}`;
    case 'struct':
      if (!layout.union) return `an object with the fields of ${layout.name}`;
      return `exactly one of ${layout.members.map(({ name }) => name).join(', ')}`;
  }
};

const article = (noun: string): string => (noun.startsWith('i') ? `an ${noun}` : `a ${noun}`);

/** A value, in a few words. */
export const show = (value: unknown): string => {
  switch (typeof value) {
    case 'string':
      return value.length > 40 ? `${JSON.stringify(value.slice(0, 40))}...` : JSON.stringify(value);
    case 'bigint':
      return `${value}n`;
    case 'symbol':
    case 'function':
      return `a ${typeof value}`;
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `an array of ${value.length}`;
      if (value instanceof Uint8Array) return `a Uint8Array of ${value.length} bytes`;
      return 'an object';
    default:
      return String(value);
  }
};
