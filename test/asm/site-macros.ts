/**
 * @module
 * Macros in a file of their own, for the tests that ask which line an instruction comes from.
 */
import { add, type Code, callSite, mov, type R, restamp } from '../../src/asm/index.ts';

/** A user's macro: its instructions know its own lines and those that called it. */
export const twice = (register: R): Code => [
  add(register, register), // line 9
];

export const fourTimes = (register: R): Code => [
  twice(register), // line 13
  twice(register),
];

/** A library's macro: its instructions have the line of its caller alone. */
export const zero = (register: R): Code => restamp(callSite(zero), [mov(register, 0)]);
