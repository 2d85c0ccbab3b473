/**
 * @module
 * Labels and stack slots: identities that a program places.
 */
import { type Layout, type PlaceOf, placeAt } from '../layout/index.ts';
import type { Label, StackSlot } from './code.ts';
import { AssemblerError, callSite, type Site } from './site.ts';

/** A place to jump to: put it into the list once, name it in jumps as often as you like. */
export const label = (name = 'label'): Label => ({ kind: 'label', name, site: callSite(label) });

/**
 * A piece of the stack, typed by its layout and aligned to 8 bytes. It belongs to the innermost list that holds all
 * its uses; when that list ends, its bytes are free for the slots of the lists that follow. An address that `lea` has
 * left in a register must not be used after that.
 */
export const stack = <L extends Layout>(layout: L): PlaceOf<L> =>
  stackFrom(layout, callSite(stack));

/** `stack` for macros, which blame their own caller. */
export const stackFrom = <L extends Layout>(layout: L, site: Site | undefined): PlaceOf<L> => {
  if (layout.kind === 'bitfield' || layout.kind === 'text') {
    throw new AssemblerError(
      `stack: a ${layout.kind} has no size of its own; put it in a struct`,
      site,
    );
  }
  if (layout.kind === 'struct' && layout.origin !== 'local') {
    throw new AssemblerError(
      `stack: the size of ${layout.name} is the kernel's; copy the fields that you need`,
      site,
    );
  }
  if (layout.size > 512) {
    throw new AssemblerError(
      `stack: a frame has 512 bytes, got ${layout.size}; use a per-CPU array of one entry`,
      site,
    );
  }
  const name = 'name' in layout ? layout.name : layout.kind;
  const slot: StackSlot = { kind: 'slot', width: 64, size: layout.size, align: 8, name, site };
  return placeAt(layout, slot) as unknown as PlaceOf<L>;
};
