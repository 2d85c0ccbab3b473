/**
 * @module
 * The PID namespace of this process, as namespaces(7) names it.
 */
import { readlinkSync } from 'node:fs';

/** `pid:[4026531836]`; undefined where there is no /proc. */
export const ownPidNamespace = (): string | undefined => {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return undefined;
  }
};
