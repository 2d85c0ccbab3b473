/**
 * bpf(2): one call with the attribute that the caller has written into the scratch memory.
 * @module
 */

import { BPF_CMD } from './bpf-attr.ts';
import { BpfError, type BpfFailure } from './errors.ts';
import { bpfCall } from './libc.ts';
import { release, scratch } from './scratch.ts';

/** Calls bpf(2) with one of {@link BPF_CMD}. The result is what it returned, or the negative error number. */
export function bpf(command: number, size: number): number {
  const result = bpfCall(command, scratch().address, size);
  release();
  return result;
}

/** As {@link bpf}, but throws what the kernel refuses. */
export function bpfOrThrow(
  command: number,
  size: number,
  attempt: string,
  details?: Partial<BpfFailure>,
): number {
  const result = bpf(command, size);
  if (result >= 0) return result;
  throw bpfError(command, result, attempt, details);
}

/** The error for a negative result of {@link bpf}; `attempt` completes "cannot ...". */
export function bpfError(
  command: number,
  result: number,
  attempt: string,
  details?: Partial<BpfFailure>,
): BpfError {
  const name = Object.entries(BPF_CMD).find(([, number]) => number === command)?.[0];
  return new BpfError({ call: name ?? 'bpf', attempt, errno: -result, ...details });
}
