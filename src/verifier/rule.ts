/**
 * @module
 * What the rules of the explanations are made of: a rule knows the kernel's sentence and says what it means for those
 * who wrote the program.
 */
import type { Refusal } from './log.ts';
import type { VerifiedProgram } from './program.ts';
import type { Loss, Provenance } from './provenance.ts';
import type { Step } from './steps.ts';

/** The kinds of mistakes that are told apart. */
export type RefusalClass =
  | 'null-check'
  | 'not-a-pointer'
  | 'packet-bounds'
  | 'stale-packet'
  | 'bounds'
  | 'stack-bounds'
  | 'uninitialised-stack'
  | 'stack-depth'
  | 'uninitialised-register'
  | 'pointer-arithmetic'
  | 'pointer-leak'
  | 'misaligned-access'
  | 'context-access'
  | 'read-only'
  | 'kernel-memory'
  | 'helper-argument'
  | 'wrong-map'
  | 'forbidden-helper'
  | 'unknown-helper'
  | 'kernel-function'
  | 'licence'
  | 'capability'
  | 'sleepable'
  | 'reference-leak'
  | 'use-after-release'
  | 'lock'
  | 'endless-loop'
  | 'complexity'
  | 'unreachable'
  | 'jump-range'
  | 'invalid-instruction'
  | 'return-value'
  | 'subprogram';

/** What a rule looks at. */
export interface Case {
  readonly refusal: Refusal;
  /** Of the rule's pattern in the kernel's message. */
  readonly match: RegExpExecArray;
  readonly steps: readonly Step[];
  /** The refused step; undefined when the verifier refused before it followed the program. */
  readonly step: Step | undefined;
  readonly program: VerifiedProgram | undefined;
  /** Whether the program is C: repairs are then spelled in C. */
  readonly isC: boolean;
  /** What a register held before the refused instruction, in the kernel's words. */
  readonly held: (register: string) => string | undefined;
  /** How it came to that. */
  readonly provenance: (register: string) => Provenance;
  /** The call that made a number of the pointer that it held. */
  readonly loss: (register: string) => Loss | undefined;
}

/** What a rule finds. */
export interface Meaning {
  /** What is wrong: a sentence without an end. */
  readonly cause: string;
  /** What is likely to help. */
  readonly repair: string;
  /** The slot of the instruction at fault, where it is not the refused one. */
  readonly slot?: number | undefined;
  /** The registers that matter, where they are not the one that the kernel names. */
  readonly registers?: readonly string[];
}

export interface Rule {
  readonly class: RefusalClass;
  /** Of the kernel's sentence. */
  readonly pattern: RegExp;
  /** Where one sentence has several causes: whether it is this one. */
  readonly when?: (it: Case) => boolean;
  readonly explain: (it: Case) => Meaning;
}

/** The name of the helper or function that a step calls: `bpf_map_lookup_elem`. */
export const calledBy = (step: Step | undefined): string | undefined =>
  /^call (\w+)#-?\d+/.exec(step?.text ?? '')?.[1];

/** `R6` of a pattern's first group, as our register: `r6`. */
export const registerOf = ({ match }: Case): string => `r${match[1]}`;

/** The register that a call took its argument from: the one that the program itself can compare and limit. */
export const ownRegister = (it: Case, argument: string): string => {
  const [last] = it.provenance(argument);
  const isCall = it.step?.text.startsWith('call ') === true;
  return (isCall && /^r\d+ = (r\d+)$/.exec(last?.text ?? '')?.[1]) || argument;
};

/** The register that addresses memory in an instruction; none where it is not of that kind. */
export const baseOf = (text: string | undefined): readonly string[] => {
  const base = /\(r(\d+) [-+]\d+\)/.exec(text ?? '')?.[1];
  return base === undefined ? [] : [`r${base}`];
};
