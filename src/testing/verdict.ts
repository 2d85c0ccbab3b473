/**
 * @module
 * Whether the verifier takes the programs of an object: the kernel's word where it can be had. Else that of
 * the static checks, which find less, and which the verdict names.
 */
import { framesOf } from '../asm/index.ts';
import { loadObject, sourceOf, VerifierError } from '../kernel/index.ts';
import { type ObjectSpec, RequirementError } from '../object/index.ts';
import { SystemCallError, UnsupportedError } from '../syscall/index.ts';
import { checkProgram, type Finding } from '../verifier/index.ts';
import { assembledOf } from './assembled.ts';

export interface Verdict {
  readonly pass: boolean;
  /** Who judged, as a sentence. */
  readonly judge: string;
  /** What is wrong: lines. */
  readonly why: string;
}

export const verdictOn = (spec: ObjectSpec): Verdict => {
  const judge = 'the kernel judged';
  try {
    loadObject(spec, { pinPath: '' }).close();
    return { pass: true, judge, why: '' };
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof VerifierError) return { pass: false, judge, why: error.explanation };
    if (isOutOfReach(error)) return withoutKernel(spec, message);
    return { pass: false, judge, why: message };
  }
};

/** No kernel, no rights, or a kernel without what the object needs. */
export const isOutOfReach = (error: unknown): boolean =>
  error instanceof RequirementError ||
  error instanceof UnsupportedError ||
  (error instanceof SystemCallError && /^(EPERM|ENOSYS)$/.test(error.code));

/** The static checks of every variant: what they find is wrong, what they do not find may be. */
export const withoutKernel = (spec: ObjectSpec, reason: string): Verdict => {
  const judge = `the static checks judged, which find less than the kernel, which was not asked: ${reason}`;
  const found = assembledOf(spec).flatMap((program) =>
    checkProgram(program).map((finding) => describe(program.name, finding)),
  );
  return { pass: found.length === 0, judge, why: [...new Set(found)].join('\n') };
};

const describe = (program: string, { message, slot, site }: Finding): string => {
  const [frame] = framesOf(site);
  const source = frame && sourceOf(frame);
  return [
    `${program}, instruction ${slot}: ${message}`,
    ...(source ? [`  at ${source.file}:${source.line}:${source.column}`] : []),
    ...(source?.text ? [`      ${source.text}`] : []),
  ].join('\n');
};
