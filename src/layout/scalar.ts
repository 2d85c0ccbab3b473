/**
 * @module
 * Integers, booleans, characters, enumerations, pointers and bitfields.
 *
 * 64-bit integers decode to bigint, which loses nothing; `u64.number` decodes durations and counts, which stay
 * below 2^53, to numbers.
 */
import { identifier } from './names.ts';
import { placeAt } from './place.ts';
import type { Base, Bitfield, Enum, Mem, Pointer, Scalar, Width } from './types.ts';

const scalar = <T, B extends Width, S extends boolean>(
  name: string,
  size: 1 | 2 | 4 | 8,
  bits: B,
  signed: S,
  repr: 'number' | 'bigint' | 'boolean' = size === 8 ? 'bigint' : 'number',
): Scalar<T, B, S> =>
  Object.freeze({
    kind: 'scalar',
    name,
    size,
    align: size,
    bits,
    signed,
    repr,
    at(this: Scalar<T, B, S>, base: Base, offset?: number) {
      return placeAt(this, base, offset) as unknown as Mem<Scalar<T, B, S>, 'plain'>;
    },
  } as Scalar<T, B, S>);

/** A 64-bit scalar, with a twin that decodes to a number. */
export type Wide<S extends boolean> = Scalar<bigint, 64, S> & {
  /** The same in memory, decoded to a number: exact to 2^53. Meant for durations and counts. */
  readonly number: Scalar<number, 64, S>;
};

const wide = <S extends boolean>(name: string, signed: S): Wide<S> =>
  Object.freeze({
    ...scalar<bigint, 64, S>(name, 8, 64, signed),
    number: scalar<number, 64, S>(name, 8, 64, signed, 'number'),
  });

export const u8: Scalar<number, 32, false> = /* @__PURE__ */ scalar('u8', 1, 32, false);
export const u16: Scalar<number, 32, false> = /* @__PURE__ */ scalar('u16', 2, 32, false);
export const u32: Scalar<number, 32, false> = /* @__PURE__ */ scalar('u32', 4, 32, false);
export const u64: Wide<false> = /* @__PURE__ */ wide('u64', false);
export const i8: Scalar<number, 32, true> = /* @__PURE__ */ scalar('i8', 1, 32, true);
export const i16: Scalar<number, 32, true> = /* @__PURE__ */ scalar('i16', 2, 32, true);
export const i32: Scalar<number, 32, true> = /* @__PURE__ */ scalar('i32', 4, 32, true);
export const i64: Wide<true> = /* @__PURE__ */ wide('i64', true);
export const bool: Scalar<boolean, 32, false> = /* @__PURE__ */ scalar(
  'bool',
  1,
  32,
  false,
  'boolean',
);
/** One character; `pointer(char)` is a C string. */
export const char: Scalar<number, 32, true> = /* @__PURE__ */ scalar('char', 1, 32, true);
/** Where a tracepoint's record holds a dynamic array: offset in the low half, length in the high half. */
export const dataLoc: Scalar<number, 32, false> = /* @__PURE__ */ scalar(
  '__data_loc',
  4,
  32,
  false,
);

/** An enumeration of int size. */
export const enumeration = <const V extends Readonly<Record<string, number>>>(
  name: string,
  values: V,
): Enum<Extract<keyof V, string>> => makeEnum(name, values, 'local');

/** An enumeration of the kernel's: its values are looked up when the program is loaded. */
export const kernelEnum = <const V extends Readonly<Record<string, number>>>(
  name: string,
  values: V,
): Enum<Extract<keyof V, string>> => makeEnum(name, values, 'kernel');

function makeEnum<N extends string>(
  name: string,
  values: Readonly<Record<string, number>>,
  origin: 'local' | 'kernel',
): Enum<N> {
  identifier('enumeration', name);
  let signed = false;
  for (const [key, value] of Object.entries(values)) {
    identifier(`enumeration ${name}: enumerator`, key);
    if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 32) {
      throw new RangeError(`enumeration ${name}: ${key} must fit in 32 bits, got ${value}`);
    }
    signed ||= value < 0;
  }
  const most = Math.max(...Object.values(values), 0);
  if (signed && most >= 2 ** 31) {
    throw new RangeError(
      `enumeration ${name}: no 32-bit integer holds both negative values and ${most}`,
    );
  }
  return Object.freeze({
    kind: 'enum',
    name,
    size: 4,
    align: 4,
    bits: 32,
    signed,
    values: Object.freeze({ ...values }) as Record<N, number>,
    origin,
    at(this: Enum<N>, base: Base, offset?: number) {
      return placeAt(this, base, offset) as unknown as Mem<Enum<N>, 'plain'>;
    },
  } as Enum<N>);
}

/** A pointer to `to`, or a `void *`. */
export function pointer(): Pointer<undefined>;
export function pointer<L>(to: L): Pointer<L>;
export function pointer(to?: unknown): Pointer<unknown> {
  return Object.freeze({ kind: 'pointer', size: 8, align: 8, bits: 64, signed: false, to });
}

/** `width` bits of `type`: a struct member that shares a storage unit with its neighbours. */
export const bitfield = <T, B extends Width>(type: Scalar<T, B>, width: number): Bitfield<T, B> => {
  const most = type.repr === 'boolean' ? 1 : type.size * 8;
  if (!Number.isInteger(width) || width < 1 || width > most) {
    throw new RangeError(`a bitfield of ${type.name} is 1 to ${most} bits wide, got ${width}`);
  }
  const { size, align, bits, signed } = type;
  return Object.freeze({ kind: 'bitfield', type, width, size, align, bits, signed });
};
