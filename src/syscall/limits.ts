/**
 * Two calls about the process as a whole: its limit of locked memory, and a barrier that waits for running
 * BPF programs. Follows prlimit(2) and membarrier(2).
 * @module
 */

import { SystemCallError } from './errors.ts';
import { systemCall } from './libc.ts';
import { DATA_OFFSET, putU64, scratch, u64At } from './scratch.ts';

const RLIMIT_MEMLOCK = 8;
/** RLIM_INFINITY */
export const UNLIMITED = 0xffff_ffff_ffff_ffffn;

export interface Limit {
  readonly soft: bigint;
  readonly hard: bigint;
}

/** RLIMIT_MEMLOCK in bytes: before Linux 5.11, maps and programs count against it. */
export function memlockLimit(): Limit {
  const { address } = scratch();
  const result = systemCall('prlimit64', 0, RLIMIT_MEMLOCK, 0, address + DATA_OFFSET);
  if (result < 0) {
    const attempt = 'read the limit of locked memory';
    throw new SystemCallError({ call: 'prlimit', attempt, errno: -result });
  }
  return { soft: u64At(DATA_OFFSET), hard: u64At(DATA_OFFSET + 8) };
}

/** Sets RLIMIT_MEMLOCK. Raising the hard limit needs CAP_SYS_RESOURCE. */
export function setMemlockLimit({ soft, hard }: Limit): void {
  putU64(DATA_OFFSET, soft);
  putU64(DATA_OFFSET + 8, hard);
  const { address } = scratch();
  const result = systemCall('prlimit64', 0, RLIMIT_MEMLOCK, address + DATA_OFFSET, 0);
  if (result >= 0) return;
  throw new SystemCallError({
    call: 'prlimit',
    attempt: `set the limit of locked memory to ${hard === UNLIMITED ? 'unlimited' : hard} bytes`,
    errno: -result,
    needs: ['CAP_SYS_RESOURCE'],
  });
}

const MEMBARRIER_CMD_GLOBAL = 1;

/**
 * membarrier(MEMBARRIER_CMD_GLOBAL): returns once every CPU has left the kernel code that it was in, and so
 * every BPF program that was running when its link was closed has ended. Takes some milliseconds.
 */
export function waitForRunningPrograms(): void {
  const result = systemCall('membarrier', MEMBARRIER_CMD_GLOBAL);
  if (result >= 0) return;
  const attempt = 'wait for running programs to end';
  throw new SystemCallError({ call: 'membarrier', attempt, errno: -result });
}
