/**
 * @module
 * Where a program runs among the others of its hook (kernel/bpf/mprog.c): for TCX and netkit since Linux 6.6, for
 * cgroups since 6.17.
 */
import { ATTACH_FLAG } from '../syscall/index.ts';
import { Link } from './link.ts';
import type { Program } from './program.ts';

/**
 * One of the programs at a hook: ours, or by the ids that `attachedPrograms` gives. At cgroups a link, since there
 * links are ordered among links.
 */
export type Neighbour =
  | Program
  | Link
  | { readonly programId: number }
  | { readonly linkId: number };

export interface OrderOptions {
  /** To run before this one, or before all that are there. */
  readonly before?: Neighbour | 'all' | undefined;
  /** To run after this one, or, as without a word, after all. */
  readonly after?: Neighbour | 'all' | undefined;
  /** Attach only if nothing has changed since `attachedPrograms` gave this. */
  readonly revision?: bigint | undefined;
}

export interface Order {
  readonly flags: number;
  readonly relative: number;
  readonly expectedRevision: bigint;
}

/** What BPF_LINK_CREATE is told; undefined where nothing is asked for. */
export const orderOf = ({ before, after, revision }: OrderOptions): Order | undefined => {
  if (before === undefined && after === undefined && revision === undefined) return undefined;
  const sides = [
    before === undefined ? undefined : neighbour(ATTACH_FLAG.BPF_F_BEFORE, before),
    after === undefined ? undefined : neighbour(ATTACH_FLAG.BPF_F_AFTER, after),
  ].filter((each) => each !== undefined);
  if (sides.length > 1)
    throw new TypeError('a program is attached before another one or after it, not both');
  const { flags, relative } = sides[0] ?? { flags: 0, relative: 0 };
  return { flags, relative, expectedRevision: revision ?? 0n };
};

const neighbour = (side: number, other: Neighbour | 'all') => {
  const { BPF_F_ID, BPF_F_LINK } = ATTACH_FLAG;
  if (other === 'all') return { flags: side, relative: 0 };
  if (other instanceof Link) return { flags: side | BPF_F_LINK, relative: other.fd };
  if ('linkId' in other) return { flags: side | BPF_F_LINK | BPF_F_ID, relative: other.linkId };
  if ('programId' in other) return { flags: side | BPF_F_ID, relative: other.programId };
  return { flags: side, relative: other.fd };
};
