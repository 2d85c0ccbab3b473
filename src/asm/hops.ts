/**
 * @module
 * The way along a place's pointers, which all readers of memory share: which helper copies, and the hops up to the
 * last one.
 */
import {
  type Access,
  type Bytes,
  type Chars,
  type Location,
  locationOf,
  type Mem,
  placeOfStep,
  pointer,
  u64,
} from '../layout/index.ts';
import { callFrom } from './call.ts';
import type { Code } from './code.ts';
import type { Helper } from './helper-types.ts';
import { helper } from './helpers.ts';
import { stackFrom } from './label.ts';
import { loadFrom } from './memory.ts';
import { isRegister, nameOf, type Register, r3 } from './register.ts';
import { AssemblerError, type Site } from './site.ts';

export type Block = Chars | Bytes;

export type AnyTarget = Register | Mem<unknown, 'plain'>;
export type AnySource = Mem<unknown, Access>;

export interface Memory {
  readonly copy: Helper;
  readonly string: Helper;
  /** Whether plain loads may follow pointers. */
  readonly direct: boolean;
}

export const KERNEL: Memory = {
  copy: helper.probe_read_kernel,
  string: helper.probe_read_kernel_str,
  direct: false,
};
export const TRUSTED: Memory = { ...KERNEL, direct: true };
export const USER: Memory = {
  copy: helper.probe_read_user,
  string: helper.probe_read_user_str,
  direct: false,
};

/** Refuses a target whose address the copy itself may destroy. */
export function requireLasting(what: string, to: AnyTarget, site: Site): void {
  const base = isRegister(to) ? to : (locationOf(to).base as Register);
  if (isRegister(base) && base.index < 6) {
    throw new AssemblerError(
      `${what}: it destroys r0 to r5, so what it fills is addressed by r6 to r10, not by ${nameOf(base)}`,
      site,
    );
  }
}

/** Whether a location starts in the program's context, which is loaded from, never probed. */
export const isContext = ({ steps }: Location): boolean =>
  steps[0]?.root?.origin === 'arguments' || steps[0]?.root?.origin === 'tracepoint';

/** Reads every pointer on the way; the place that remains is one step from its base. */
export function follow(what: string, memory: Memory, location: Location, site: Site) {
  const { layout, steps } = location;
  let base = location.base;
  const code: Code[] = [];
  const address = stackFrom(u64, site);
  steps.slice(0, -1).forEach((step, index) => {
    const hop = placeOfStep(pointer(), base, step);
    if (memory.direct || (index === 0 && isContext(location))) {
      code.push(loadFrom(what, r3, hop, site));
    } else {
      code.push(callFrom(site, memory.copy, [address, 8, { kind: 'kernel-address', place: hop }]));
      code.push(loadFrom(what, r3, address, site));
    }
    base = r3;
  });
  return { code, place: placeOfStep(layout, base, steps.at(-1)!) };
}
