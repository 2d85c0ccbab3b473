/**
 * @module
 * What all kinds of random steps share: the machine that they change, and what each may use.
 */

import type { Code, R, Subprogram, W } from '../../src/asm/index.ts';
import * as namespace from '../../src/asm/index.ts';
import type { Random } from '../layout/random.ts';

/** The constructors by their names. */
export const asm = { ...namespace };

/** Bytes of the scratch memory on the stack of each function, and of that in the map's value. */
export const SCRATCH = 32;

/** What a function sees: r0 to r8, its stack, and the memory that it was given. */
export interface Machine {
  readonly registers: bigint[];
  readonly stack: Uint8Array;
  readonly data: Uint8Array;
}

export interface Step {
  readonly code: Code;
  readonly run: (machine: Machine) => void;
}

/** Bytes that steps may read and write. */
export interface Memory {
  readonly base: R;
  /** Of its first byte, from the base. */
  readonly offset: number;
  readonly size: number;
  readonly of: (machine: Machine) => Uint8Array;
  /** Whether it may be the stack, of which the verifier wants aligned accesses, and atomic ones at fixed offsets. */
  readonly strict: boolean;
}

/** A function of the program that is whole. */
export interface Callee {
  readonly subprogram: Subprogram;
  /** Whether its first argument is the address of SCRATCH bytes. */
  readonly pointed: boolean;
  readonly run: (args: readonly bigint[], data: Uint8Array) => bigint;
}

/** What the steps of one list may use. */
export interface Scope {
  readonly random: Random;
  readonly registers: readonly number[];
  /** The stack, then others. */
  readonly memories: readonly [Memory, ...Memory[]];
  /** How many lists this one is in, and how many loops. */
  readonly depth: number;
  readonly loops: number;
  /** All functions of the program; a new one comes to it. */
  readonly functions: Callee[];
  /** How many functions have called each other. */
  readonly calls: number;
  /** Whether the kernel knows load_acquire and store_release. */
  readonly acquire: boolean;
  /** Some steps of any kind. */
  readonly steps: (scope: Scope, count: number) => readonly Step[];
}

export const stack: Memory = {
  base: asm.r10,
  offset: -SCRATCH,
  size: SCRATCH,
  of: (machine) => machine.stack,
  strict: true,
};

const R_NAMES = ['r0', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8'] as const;
const W_NAMES = ['w0', 'w1', 'w2', 'w3', 'w4', 'w5', 'w6', 'w7', 'w8'] as const;
export const r = (index: number): R => asm[R_NAMES[index]!];
export const w = (index: number): W => asm[W_NAMES[index]!];

/** As a number where it is exact, else as a bigint: both are taken. */
export const literal = (value: bigint): number | bigint =>
  value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER && value % 2n === 0n
    ? Number(value)
    : value;

export const codesOf = (steps: readonly Step[]): Code => steps.map(({ code }) => code);
export const runAll = (steps: readonly Step[], machine: Machine): void => {
  for (const { run } of steps) run(machine);
};

export const without = (scope: Scope, register: number): Scope => ({
  ...scope,
  registers: scope.registers.filter((index) => index !== register),
});
