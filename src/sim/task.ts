/**
 * @module
 * The task that runs: what helpers tell of it, and its `task_struct`.
 */
import type { KernelMemory, Mock } from './kernel-memory.ts';

export interface CurrentTask {
  /** The thread's number, and the process's. */
  readonly pid: number;
  readonly tgid: number;
  readonly comm: string;
  /** Of its `task_struct`. */
  readonly address: number;
}

const DEFAULT = { pid: 1000, tgid: 1000, comm: 'test' };

/** A task from the fields that a test gives. Those that the kernel's types have are in its `task_struct`. */
export const taskOf = (kernel: KernelMemory, given: Mock = {}): CurrentTask => {
  const tgid = Number(given.tgid ?? given.pid ?? DEFAULT.tgid);
  const pid = Number(given.pid ?? tgid);
  const comm = String(given.comm ?? DEFAULT.comm);
  let address: number | undefined;
  return {
    pid,
    tgid,
    comm,
    get address() {
      address ??= kernel.placeKnown('task_struct', { pid, tgid, comm, ...given }, given);
      return address;
    },
  };
};
