/**
 * @module
 * Jumps (RFC 9669, section 4.3). Targets are labels; distances are found when the program is assembled, and jumps
 * beyond 32,767 instructions are made long.
 */
import type { Width } from '../layout/index.ts';
import type { Instruction, Label } from './code.ts';
import { immediate, make, readable, sameWidth, wholeOnly } from './make.ts';
import {
  BPF_EXIT,
  BPF_JA,
  BPF_JCOND,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_X,
} from './opcodes.ts';
import { isRegister, nameOf, type R, type Register } from './register.ts';
import { AssemblerError, callSite, type Site } from './site.ts';

/** Goes to the label when the comparison of `d` with `s` holds. */
export type Jump = <B extends Width>(
  d: Register<B>,
  s: Register<NoInfer<B>> | number | bigint,
  to: Label,
) => Instruction;

/** The operators of conditions, spelled as the kernel prints them, with their opcodes. */
export const COMPARISONS = {
  '==': BPF_JEQ,
  '!=': BPF_JNE,
  '>': BPF_JGT,
  '>=': BPF_JGE,
  '<': BPF_JLT,
  '<=': BPF_JLE,
  's>': BPF_JSGT,
  's>=': BPF_JSGE,
  's<': BPF_JSLT,
  's<=': BPF_JSLE,
  '&': BPF_JSET,
} as const;
export type Comparison = keyof typeof COMPARISONS;

/** A conditional jump; `site` is the line to blame. */
export const compareAndJump = (
  comparison: Comparison,
  d: Register,
  s: Register | number | bigint,
  to: Label,
  site: Site,
): Instruction => {
  const what = `if ${nameOf(d)} ${comparison}`;
  if (!Object.hasOwn(COMPARISONS, comparison)) {
    const known = Object.keys(COMPARISONS).join(' ');
    throw new AssemblerError(`${what}: a comparison is one of ${known}`, site);
  }
  requireLabel(what, to, site);
  const opcode = (d.width === 64 ? BPF_JMP : BPF_JMP32) | COMPARISONS[comparison];
  const dst = readable(what, d, site);
  if (isRegister(s)) {
    sameWidth(what, d, s, site);
    return make({ opcode: opcode | BPF_X, dst, src: readable(what, s, site), target: to, site });
  }
  const signed = comparison.startsWith('s');
  const imm = immediate(what, d.width, s, 'put it in a register with mov first', site, signed);
  return make({ opcode, dst, imm, target: to, site });
};

const requireLabel = (what: string, to: Label, site: Site): void => {
  if (typeof to !== 'object' || to?.kind !== 'label') {
    throw new AssemblerError(`${what}: a jump goes to a label, from label('name')`, site);
  }
};

const conditional = (comparison: Comparison): Jump => {
  const jump: Jump = (d, s, to) => compareAndJump(comparison, d, s, to, callSite(jump));
  return jump;
};

export const jeq: Jump = /* @__PURE__ */ conditional('==');
export const jne: Jump = /* @__PURE__ */ conditional('!=');
/** Unsigned, as `jge`, `jlt` and `jle`. */
export const jgt: Jump = /* @__PURE__ */ conditional('>');
export const jge: Jump = /* @__PURE__ */ conditional('>=');
export const jlt: Jump = /* @__PURE__ */ conditional('<');
export const jle: Jump = /* @__PURE__ */ conditional('<=');
/** Signed, as `jsge`, `jslt` and `jsle`. */
export const jsgt: Jump = /* @__PURE__ */ conditional('s>');
export const jsge: Jump = /* @__PURE__ */ conditional('s>=');
export const jslt: Jump = /* @__PURE__ */ conditional('s<');
export const jsle: Jump = /* @__PURE__ */ conditional('s<=');
/** When `d & s` is not 0. */
export const jset: Jump = /* @__PURE__ */ conditional('&');

/** Always. */
export const ja = (to: Label): Instruction => {
  const site = callSite(ja);
  requireLabel('ja', to, site);
  return make({ opcode: BPF_JMP | BPF_JA, target: to, site });
};

/** Always, with a 32-bit distance; `ja` becomes this by itself where it must. Linux 6.6. */
export const jal = (to: Label): Instruction => {
  const site = callSite(jal);
  requireLabel('jal', to, site);
  return make({ opcode: BPF_JMP32 | BPF_JA, target: to, site });
};

/** To the address in `d`, which comes from a map of instruction addresses. Linux 6.19. */
export const gotox = (d: R): Instruction => {
  const site = callSite(gotox);
  wholeOnly('gotox', d, site);
  return make({ opcode: BPF_JMP | BPF_JA | BPF_X, dst: readable('gotox', d, site), site });
};

/**
 * Goes to the label when the loop around it has run 8 million times or for a quarter of a second; else goes on. With
 * it the verifier accepts loops that it cannot bound. Linux 6.9.
 */
export const mayGoto = (to: Label): Instruction => {
  const site = callSite(mayGoto);
  requireLabel('mayGoto', to, site);
  return make({ opcode: BPF_JMP | BPF_JCOND, target: to, site });
};

/** Returns r0. */
export const exit = (): Instruction => make({ opcode: BPF_JMP | BPF_EXIT, site: callSite(exit) });
