/**
 * @module
 * How operators, types and casts are spelled, by their numbers: alike in the kernel's text and in LLVM's.
 */
import * as op from './opcodes.ts';

/** Of arithmetic. */
export const ARITHMETIC: Readonly<Record<number, string>> = {
  [op.BPF_ADD]: '+=',
  [op.BPF_SUB]: '-=',
  [op.BPF_MUL]: '*=',
  [op.BPF_DIV]: '/=',
  [op.BPF_OR]: '|=',
  [op.BPF_AND]: '&=',
  [op.BPF_LSH]: '<<=',
  [op.BPF_RSH]: '>>=',
  [op.BPF_MOD]: '%=',
  [op.BPF_XOR]: '^=',
  [op.BPF_MOV]: '=',
  [op.BPF_ARSH]: 's>>=',
};
/** With 1 as offset. */
export const SIGNED_ARITHMETIC: Readonly<Record<number, string>> = {
  [op.BPF_DIV]: 's/=',
  [op.BPF_MOD]: 's%=',
};
/** Moves of a register, by their offset. */
export const CASTS: Readonly<Record<number, string>> = { 8: '(s8)', 16: '(s16)', 32: '(s32)' };

/** Types of memory, by their bytes. */
export const UNSIGNED = { 1: 'u8', 2: 'u16', 4: 'u32', 8: 'u64' } as const;
export const SIGNED = { 1: 's8', 2: 's16', 4: 's32', 8: 's64' } as const;
export const COMPARISON_TEXTS: Readonly<Record<number, string>> = {
  [op.BPF_JEQ]: '==',
  [op.BPF_JGT]: '>',
  [op.BPF_JLT]: '<',
  [op.BPF_JGE]: '>=',
  [op.BPF_JLE]: '<=',
  [op.BPF_JSET]: '&',
  [op.BPF_JNE]: '!=',
  [op.BPF_JSGT]: 's>',
  [op.BPF_JSLT]: 's<',
  [op.BPF_JSGE]: 's>=',
  [op.BPF_JSLE]: 's<=',
};
