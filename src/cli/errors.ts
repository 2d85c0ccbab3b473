/**
 * @module
 * What ends a command: statuses, and one clear sentence for every failure.
 */
import type { SystemCallError } from '../syscall/index.ts';

/** Exit statuses. */
export const DONE = 0;
export const FAILED = 1;
export const USAGE = 2;
export const UNSUPPORTED = 3;

/** The command line was wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Names of the errors that say that this kernel or these privileges do not suffice. */
const REQUIREMENTS = new Set(['RequirementError', 'UnsupportedError']);

/** The status that an error ends with. */
export const statusOf = (error: unknown): number => {
  if (!(error instanceof Error)) return FAILED;
  // By name: a command has the class from its own file of the package.
  if (error.name === 'UsageError') return USAGE;
  // The verifier's refusal of what this kernel is too old for.
  if ('requirement' in error && error.requirement !== undefined) return UNSUPPORTED;
  if (REQUIREMENTS.has(error.name)) return UNSUPPORTED;
  const { code } = error as Partial<SystemCallError>;
  // Told by name, so that commands which need no kernel do not load the room of system calls.
  const fromKernel = error.name === 'BpfError' || error.name === 'SystemCallError';
  return fromKernel && (code === 'EPERM' || code === 'EACCES') ? UNSUPPORTED : FAILED;
};
