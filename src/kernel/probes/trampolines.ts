/**
 * @module
 * What BPF trampolines take, by which fentry, fexit and hooks of the security module work (arch_prepare_bpf_trampoline).
 */
import type { ArgumentShape } from '../../btf/index.ts';
import type { ProbeSources } from './sources.ts';

export const NO_TRAMPOLINES = 'on arm64 BPF trampolines need Linux 6.0';

/** A test of what functions take; undefined where there are no trampolines. */
export const trampolineTest = ({
  architecture,
  isAtLeast,
}: ProbeSources): ((shape: ArgumentShape) => boolean) | undefined => {
  const isArm = architecture === 'arm64';
  if (isArm && !isAtLeast('6.0')) return undefined;
  // More than that many words are on the stack.
  const registers = isArm ? 8 : 6;
  const takesStack = isAtLeast(isArm ? '6.16' : '6.6');
  const takesStructs = isAtLeast('6.1');
  const takesUnions = isAtLeast('6.18');
  return ({ words, structs, unions }) =>
    (takesStack || words <= registers) && (takesStructs || !structs) && (takesUnions || !unions);
};
