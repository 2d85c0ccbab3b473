/**
 * @module
 * How an instruction addresses a place: base register and offset, and what is still to be filled in.
 */
import {
  type Access,
  describePlace,
  type Location,
  locationOf,
  type Mem,
} from '../layout/index.ts';
import type { Instruction, Relocation } from './code.ts';
import { offset16, wholeOnly } from './make.ts';
import type { R } from './register.ts';
import { AssemblerError, type Site } from './site.ts';

/** The fields of an instruction that address a place. */
export interface Address {
  readonly register: number;
  readonly offset: number;
  readonly slot?: Instruction['slot'];
  readonly relocation?: Relocation;
}

/** How an instruction addresses `place`; not for chains, which take more than one. */
export const addressOf = (
  what: string,
  place: Mem<unknown, Access>,
  site: Site | undefined,
): Address => {
  const location = locationOf(place);
  const { base, steps, access } = location;
  if (access === 'chain') {
    throw new AssemblerError(
      `${what}: ${describePlace(place)} is behind a pointer; use coreRead or read`,
      site,
    );
  }
  const step = steps[0]!;
  if (base.kind === 'slot') {
    return {
      register: 10,
      offset: step.offset,
      slot: base as unknown as NonNullable<Instruction['slot']>,
    };
  }
  wholeOnly(what, base as R, site);
  const register = (base as R).index;
  if (access === 'plain') return { register, offset: offset16(what, step.offset, site) };
  return { register, offset: step.offset, relocation: offsetRelocation(location) };
};

/** The relocation of a place's last step: where the kernel has that field. */
export const offsetRelocation = ({ steps }: Location): Relocation => {
  const { root, path } = steps.at(-1)!;
  return { kind: 'field_byte_offset', root: root!, path };
};

/** What `place` holds, if one register can hold it. */
export const loadableOf = (what: string, place: Mem<unknown, Access>, site: Site | undefined) => {
  const { layout } = locationOf(place);
  if ('bits' in layout) return layout;
  throw new AssemblerError(
    `${what}: ${describePlace(place)} is no scalar but ${layout.kind} of ${layout.size} bytes`,
    site,
  );
};
