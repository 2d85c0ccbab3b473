/**
 * @module
 * The functions that the kernel's tracers can be attached to: `available_filter_functions` of tracefs.
 */
import { readFileSync } from 'node:fs';
import { RequirementError } from '../object/index.ts';
import { tracefs } from './tracefs.ts';

/** Their names, each once. Takes a second or more: the kernel looks up each name. Throws where it does not tell them. */
export const traceableFunctions = (): readonly string[] => {
  const file = `${tracefs()}/available_filter_functions`;
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch (error) {
    throw new RequirementError(
      `patterns of kernel functions need ${file}, which cannot be read: ${(error as Error).message} (CONFIG_FUNCTION_TRACER, lockdown)`,
      { cause: error },
    );
  }
  // `vfs_read`, `nf_hook [nf_tables]`, `__ftrace_invalid_address___64`
  const names = text.split('\n').map((line) => /^\S*/.exec(line)![0]);
  return [...new Set(names)].filter((name) => name !== '' && !name.startsWith('__ftrace_invalid'));
};
