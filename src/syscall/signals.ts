/**
 * Signals of this thread, held back while the kernel does what a signal would make it give up. Follows sigprocmask(2).
 * @module
 */

import { systemCall } from './libc.ts';
import { DATA_OFFSET, putU64, scratch, u64At } from './scratch.ts';

const SIG_SETMASK = 2;
/** The bytes of the kernel's `sigset_t`, a bit for each of 64 signals. */
const SET_SIZE = 8;
const ALL = 0xffff_ffff_ffff_ffffn;

/**
 * Runs `run` without signals for this thread, which gets them afterwards. What is sent to the process goes to its other
 * threads, Ctrl-C among it; SIGKILL and SIGSTOP cannot be held back. The attribute in the scratch memory stays as it is.
 */
export function withoutSignals<T>(run: () => T): T {
  const set = scratch().address + DATA_OFFSET;
  putU64(DATA_OFFSET, ALL);
  const held = systemCall('rt_sigprocmask', SIG_SETMASK, set, set, SET_SIZE);
  if (held < 0) return run(); // a filter of system calls forbids it
  const before = u64At(DATA_OFFSET);
  try {
    return run();
  } finally {
    putU64(DATA_OFFSET, before);
    systemCall('rt_sigprocmask', SIG_SETMASK, set, 0, SET_SIZE);
  }
}
