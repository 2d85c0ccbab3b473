/**
 * Small files of the kernel's own file systems: /proc, sysfs, tracefs. That one is not there says what the kernel does
 * not have; that one cannot be opened for another reason, as too many open files, must not be taken for that.
 *
 *     kernelFile('/sys/kernel/tracing/events/sched/sched_switch/id'); // '316\n', or undefined
 * @module
 */

import { readFileSync } from 'node:fs';
import { ERRNO } from './errno.ts';
import { SystemCallError } from './errors.ts';

const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO']);

/** Whether an error says that something does not exist. */
export const isAbsence = (error: unknown): boolean =>
  ABSENT.has((error as NodeJS.ErrnoException).code ?? '');

const SHORT = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EIO', 'EINTR', 'EAGAIN']);

/** Whether an error says that something is short, or was disturbed: then nothing was found out. */
export const isShortage = (error: unknown): boolean =>
  SHORT.has((error as NodeJS.ErrnoException).code ?? '');

/** The text of a file; undefined when there is none. Throws a {@link SystemCallError} when it cannot be read. */
export function kernelFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (isAbsence(error)) return undefined;
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !Object.hasOwn(ERRNO, code)) throw error;
    const [errno] = ERRNO[code as keyof typeof ERRNO];
    throw new SystemCallError({ call: 'open', attempt: `read ${path}`, errno });
  }
}
