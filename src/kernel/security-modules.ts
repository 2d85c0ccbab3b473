/**
 * @module
 * The security modules of the kernel that are on (Documentation/admin-guide/LSM/index.rst): programs at its hooks run
 * only when `bpf` is one of them.
 */
import { readFileSync } from 'node:fs';

/** Their names, in the order in which they are asked; undefined where securityfs is not mounted. */
export const securityModules = (): readonly string[] | undefined => {
  try {
    return readFileSync('/sys/kernel/security/lsm', 'latin1').trim().split(',');
  } catch {
    return undefined;
  }
};
