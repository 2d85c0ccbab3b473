/**
 * @module
 * Integers in memory, little-endian: whole ones of 1 to 8 bytes, and runs of bits in a storage unit.
 *
 * Reading and writing are side by side; `source` is the reader as an expression, for generated decoders.
 */
import type { Bitfield, Enum, Pointer, Scalar, Width } from './types.ts';

export type IntegerLayout =
  | Scalar<unknown, Width>
  | Enum<string, Width>
  | Bitfield<unknown, Width>
  | Pointer<unknown>;

/** `width` bits, `shift` bits into a unit of `size` bytes. */
export interface Integer {
  readonly size: number;
  readonly shift: number;
  readonly width: number;
  readonly signed: boolean;
  readonly repr: 'number' | 'bigint' | 'boolean';
}

/** How `layout` is held; `shift` is for bitfields. */
export const integerOf = (layout: IntegerLayout, shift = 0): Integer => {
  const { size, signed } = layout;
  switch (layout.kind) {
    case 'scalar':
      return { size, shift: 0, width: size * 8, signed, repr: layout.repr };
    case 'bitfield':
      return { size, shift, width: layout.width, signed, repr: layout.type.repr };
    case 'enum':
      return { size, shift: 0, width: size * 8, signed, repr: 'number' };
    case 'pointer':
      return { size, shift: 0, width: 64, signed: false, repr: 'bigint' };
  }
};

/** The least and the greatest value. */
export const limitsOf = ({ width, signed }: Integer): readonly [bigint, bigint] =>
  signed
    ? [-(1n << BigInt(width - 1)), (1n << BigInt(width - 1)) - 1n]
    : [0n, (1n << BigInt(width)) - 1n];

const whole = ({ size, width }: Integer): boolean => width === size * 8;

/** An expression for the value of `integer` at `offset` of `view`. */
export const source = (integer: Integer, offset: string): string => {
  const { size, shift, width, signed, repr } = integer;
  const little = size === 1 ? '' : ', true';
  const sign = signed ? 'Int' : 'Uint';
  if (size === 8) {
    if (whole(integer) && repr === 'number') {
      const high = `view.get${sign}32(${offset} + 4, true)`;
      return `view.getUint32(${offset}, true) + ${high} * 4294967296`;
    }
    const unit = `view.getBig${sign}64(${offset}, true)`;
    if (whole(integer)) return unit;
    const bits = `BigInt.as${sign}N(${width}, ${unit} >> ${shift}n)`;
    return repr === 'bigint' ? bits : `Number(${bits})`;
  }
  if (whole(integer)) {
    const value = `view.get${sign}${size * 8}(${offset}${little})`;
    return repr === 'boolean' ? `${value} !== 0` : value;
  }
  const unit = `view.getUint${size * 8}(${offset}${little})`;
  const bits = `${unit} << ${32 - shift - width} ${signed ? '>>' : '>>>'} ${32 - width}`;
  return repr === 'boolean' ? `(${bits}) !== 0` : bits;
};

/** Reads `integer` at an offset. */
export const reader = (
  integer: Integer,
): ((view: DataView, offset: number) => number | bigint | boolean) => {
  const { size, shift, width, signed, repr } = integer;
  if (size === 8) {
    if (whole(integer) && repr === 'number') {
      return signed
        ? (view, at) => view.getUint32(at, true) + view.getInt32(at + 4, true) * 2 ** 32
        : (view, at) => view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
    }
    if (whole(integer)) {
      return signed
        ? (view, at) => view.getBigInt64(at, true)
        : (view, at) => view.getBigUint64(at, true);
    }
    const cut = signed ? BigInt.asIntN : BigInt.asUintN;
    const by = BigInt(shift);
    return repr === 'bigint'
      ? (view, at) => cut(width, view.getBigUint64(at, true) >> by)
      : (view, at) => Number(cut(width, view.getBigUint64(at, true) >> by));
  }
  const get = unsigned(size);
  const left = 32 - shift - width;
  const right = 32 - width;
  if (repr === 'boolean') return (view, at) => (get(view, at) << left) >>> right !== 0;
  return signed
    ? (view, at) => (get(view, at) << left) >> right
    : (view, at) => (get(view, at) << left) >>> right;
};

/** Writes a value that is known to fit. Bits are added to their unit, which must have been zeroed. */
export const writer = (
  integer: Integer,
): ((view: DataView, offset: number, value: number | bigint) => void) => {
  const { size, shift, width } = integer;
  if (size === 8) {
    if (whole(integer)) return (view, at, value) => view.setBigUint64(at, BigInt(value), true);
    const by = BigInt(shift);
    return (view, at, value) => {
      const bits = BigInt.asUintN(width, BigInt(value)) << by;
      view.setBigUint64(at, view.getBigUint64(at, true) | bits, true);
    };
  }
  const get = unsigned(size);
  const set = setter(size);
  if (whole(integer)) return (view, at, value) => set(view, at, Number(value));
  const mask = 2 ** width - 1;
  return (view, at, value) => set(view, at, get(view, at) | ((Number(value) & mask) << shift));
};

const unsigned = (size: number): ((view: DataView, offset: number) => number) => {
  if (size === 1) return (view, at) => view.getUint8(at);
  if (size === 2) return (view, at) => view.getUint16(at, true);
  return (view, at) => view.getUint32(at, true);
};

const setter = (size: number): ((view: DataView, offset: number, value: number) => void) => {
  if (size === 1) return (view, at, value) => view.setUint8(at, value);
  if (size === 2) return (view, at, value) => view.setUint16(at, value, true);
  return (view, at, value) => view.setUint32(at, value, true);
};
