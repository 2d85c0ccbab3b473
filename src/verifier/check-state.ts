/**
 * @module
 * What the static checks know at one place of a function: of each register only what holds on every way there, and of
 * the stack which bytes some way has written.
 */
import type { AnyMap } from '../asm/index.ts';

/** What a register holds on every way. */
export type Known =
  /** Nothing: no way has written it, or a call has destroyed it since. */
  | { readonly kind: 'unset' }
  | { readonly kind: 'unknown' }
  /** A number that is no pointer; its value where that is known. */
  | {
      readonly kind: 'number';
      readonly value: bigint | undefined;
      /** What gave the 0, where it stands for a missing pointer. */
      readonly nothingOf?: string;
    }
  /** What the call in this slot gave, before it was compared with 0. */
  | { readonly kind: 'or-null'; readonly call: number; readonly what: string }
  /** A pointer into the frame, so many bytes from r10. */
  | { readonly kind: 'frame'; readonly offset: number }
  /** A pointer to constants, and what was loaded from there: the kernel knows the number, we do not. */
  | { readonly kind: 'constants' }
  | { readonly kind: 'constant' }
  | { readonly kind: 'context' }
  | { readonly kind: 'map'; readonly map: AnyMap };

export const UNSET: Known = { kind: 'unset' };
export const UNKNOWN: Known = { kind: 'unknown' };
export const NUMBER: Known = { kind: 'number', value: undefined };

export interface CheckState {
  /** r0 to r10. */
  readonly registers: readonly Known[];
  /** Bit n is set when some way may have written the byte n + 1 below r10. */
  readonly written: bigint;
  /** Whether some way leads here for certain. Behind a comparison of constants the kernel may know better. */
  readonly isCertain: boolean;
}

/** All 512 bytes. */
export const WHOLE_FRAME = (1n << 512n) - 1n;

/** The bits of `size` bytes from an offset to r10 on; those outside of the frame are left out. */
export const frameBits = (offset: number, size: number): bigint => {
  let bits = 0n;
  for (let at = offset; at < offset + size; at++)
    if (at < 0 && at >= -512) bits |= 1n << BigInt(-at - 1);
  return bits;
};

/** What holds when control comes from either of two places. */
export const joined = (a: CheckState, b: CheckState): CheckState => ({
  registers: a.registers.map((known, index) => common(known, b.registers[index]!)),
  written: a.written | b.written,
  isCertain: a.isCertain || b.isCertain,
});

const common = (a: Known, b: Known): Known => {
  if (a.kind === 'number' && b.kind === 'number') return a.value === b.value ? a : NUMBER;
  return isSame(a, b) ? a : UNKNOWN;
};

export const isSame = (a: Known, b: Known): boolean => {
  if (a === b) return true;
  switch (a.kind) {
    case 'number':
      return b.kind === 'number' && a.value === b.value;
    case 'or-null':
      return b.kind === 'or-null' && a.call === b.call;
    case 'frame':
      return b.kind === 'frame' && a.offset === b.offset;
    case 'map':
      return b.kind === 'map' && a.map === b.map;
    default:
      return a.kind === b.kind;
  }
};

export const isSameState = (a: CheckState, b: CheckState): boolean =>
  a.written === b.written &&
  a.isCertain === b.isCertain &&
  a.registers.every((known, index) => isSame(known, b.registers[index]!));
