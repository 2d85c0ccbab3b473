/**
 * A bound on comparing types. Depth is bounded by libbpf's rules, but a hostile BTF can branch at each level; no kernel's
 * types come near this many steps.
 *
 * @module
 */
import { BtfError } from '../error.ts';

/** libbpf: how deep types are compared, and how many accessors an access has. */
export const MAX_DEPTH = 32;
export const MAX_ACCESSORS = 64;

const MAX_STEPS = 1_000_000;

export class Budget {
  #left = MAX_STEPS;

  /** Counts one comparison. Throws BtfError when there were too many. */
  spend(): void {
    if (--this.#left < 0) throw new BtfError('these types are too entangled to be compared');
  }
}
