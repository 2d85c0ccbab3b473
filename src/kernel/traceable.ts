/**
 * @module
 * The functions that the kernel's tracers can be attached to: `available_filter_functions` of tracefs.
 */
import { readFileSync } from 'node:fs';
import { RequirementError } from '../object/index.ts';
import { tracefs } from './tracefs.ts';

/** A function of the kernel, or of a module. */
export interface KernelFunction {
  readonly name: string;
  readonly module: string | undefined;
}

/** Their names, each once. Throws where the kernel does not tell them. */
export const traceableFunctions = (): readonly string[] => [
  ...new Set(readTraceable('patterns of kernel functions').map(({ name }) => name)),
];

/**
 * As the kernel lists them, which takes it some time: it looks up each name. Throws a RequirementError where the kernel
 * does not tell them.
 * @param what Who needs them, for the message.
 */
export const readTraceable = (what = 'lists of traceable functions'): readonly KernelFunction[] => {
  const file = `${tracefs(what)}/available_filter_functions`;
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new RequirementError(
      `${what} need ${file}, which cannot be read: ${REASONS[code] ?? (error as Error).message}`,
      { cause: error },
    );
  }
  return parseTraceable(text);
};

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'this kernel has no function tracer (CONFIG_FUNCTION_TRACER)',
  EACCES: 'run it as root (sudo)',
  EPERM: 'this kernel does not show it (lockdown)',
};

/** Lines as `vfs_read`, `nf_hook [nf_tables]`, `__ftrace_invalid_address___64`. */
export const parseTraceable = (text: string): readonly KernelFunction[] =>
  [...text.matchAll(/^(\S+)(?:[ \t]+\[(\S+)\])?/gm)]
    .map(([, name, module]) => ({ name: name!, module }))
    .filter(({ name }) => !name.startsWith('__ftrace_invalid'));
