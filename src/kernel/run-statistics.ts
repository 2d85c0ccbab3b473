/**
 * @module
 * How often programs run, and how long they take: counted for all programs of the system while somebody asks for it.
 *
 *     using counted = countRuns();
 *     // ... the program runs ...
 *     const { runCount, runTimeNs } = program.info();
 */
import { enableStats, FileDescriptor } from '../syscall/index.ts';

/**
 * Has the kernel count runs and nanoseconds, until `close()`. It is 0 that programs have where nobody counts, and each
 * run takes some 20 nanoseconds longer where somebody does. Needs CAP_SYS_ADMIN, and Linux 5.8; kernel.bpf_stats_enabled
 * does the same on older ones.
 */
export const countRuns = (): FileDescriptor =>
  new FileDescriptor(enableStats(), 'the count of runs');
