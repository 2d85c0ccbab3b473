/**
 * @module
 * What is asked of those who gather the probes of one kind.
 */
import type { ProbeTypes } from './types.ts';

export interface Wanted {
  readonly types: ProbeTypes;
  /** What the sections begin with, as it was spelled: `fexit`. */
  readonly hook: string;
  /** Whether a name is meant, which may be of a group: a module, a category of tracepoints. */
  readonly accepts: (name: string, group?: string) => boolean;
  /** Hears why a kind cannot be listed. */
  readonly miss: (why: string) => void;
  /** Hears why what is listed may not be so. */
  readonly doubt: (why: string) => void;
}
