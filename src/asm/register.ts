/**
 * @module
 * The registers. The name carries the width: `r0` to `r10` are 64 bits wide, `w0` to `w9` are their lower halves.
 *
 * r0 returns values, r1 to r5 pass arguments and are destroyed by calls, r6 to r9 survive calls, r10 is the frame
 * pointer and is read-only (RFC 9669, section 2.1).
 */
import type { Width } from '../layout/index.ts';

/** A register, or the lower half of one. */
export interface Register<W extends Width = Width> {
  readonly kind: 'register';
  readonly width: W;
  /** 0 to 10; 11 is the base of stack arguments (Linux 7.2). */
  readonly index: number;
}
export type R = Register<64>;
export type W = Register<32>;

const register = <B extends Width>(width: B, index: number): Register<B> =>
  Object.freeze({ kind: 'register', width, index });

export const r0: R = /* @__PURE__ */ register(64, 0);
export const r1: R = /* @__PURE__ */ register(64, 1);
export const r2: R = /* @__PURE__ */ register(64, 2);
export const r3: R = /* @__PURE__ */ register(64, 3);
export const r4: R = /* @__PURE__ */ register(64, 4);
export const r5: R = /* @__PURE__ */ register(64, 5);
export const r6: R = /* @__PURE__ */ register(64, 6);
export const r7: R = /* @__PURE__ */ register(64, 7);
export const r8: R = /* @__PURE__ */ register(64, 8);
export const r9: R = /* @__PURE__ */ register(64, 9);
/** The frame pointer: the stack grows down from it, 512 bytes. */
export const r10: R = /* @__PURE__ */ register(64, 10);
/** The base of arguments beyond the fifth, for loads and stores only. Linux 7.2. */
export const r11: R = /* @__PURE__ */ register(64, 11);

export const w0: W = /* @__PURE__ */ register(32, 0);
export const w1: W = /* @__PURE__ */ register(32, 1);
export const w2: W = /* @__PURE__ */ register(32, 2);
export const w3: W = /* @__PURE__ */ register(32, 3);
export const w4: W = /* @__PURE__ */ register(32, 4);
export const w5: W = /* @__PURE__ */ register(32, 5);
export const w6: W = /* @__PURE__ */ register(32, 6);
export const w7: W = /* @__PURE__ */ register(32, 7);
export const w8: W = /* @__PURE__ */ register(32, 8);
export const w9: W = /* @__PURE__ */ register(32, 9);

const wholes = /* @__PURE__ */ Object.freeze([r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11]);

/** The 64-bit register of which `register` is the lower half, or itself. */
export const whole = (register: Register): R => wholes[register.index]!;

/** Whether `value` is a register. */
export const isRegister = (value: unknown): value is Register =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'register';

/** `r3` or `w3`; what it is for anything else, which plain JavaScript callers can pass. */
export const nameOf = (register: Register): string =>
  isRegister(register) ? `${register.width === 64 ? 'r' : 'w'}${register.index}` : typeof register;
