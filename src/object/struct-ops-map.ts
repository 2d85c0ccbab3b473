/**
 * @module
 * Structs of the kernel's whose functions are programs, in the language: the congestion controls of TCP, the schedulers
 * of sched_ext. Only the members that are needed are declared, in any order: the loader puts them where the kernel has
 * them (struct-ops.ts).
 * @example
 * const CongestionOps = struct('tcp_congestion_ops', { ssthresh: pointer(), undo_cwnd: pointer(), name: chars(16), ... });
 * object({
 *   license: 'GPL',
 *   maps: { mine: structOps(CongestionOps, { name: 'mine', ssthresh: 'onLoss', ... }) },
 *   programs: { onLoss: structOp('ssthresh', [...]), ... },
 * })
 */
import { AssemblerError, callSite } from '../asm/index.ts';
import {
  encodeInto,
  type Fields,
  type Input,
  type Layout,
  type Struct,
  u32,
} from '../layout/index.ts';
import type { MapSpec } from './map-spec.ts';

/** What the members are: of a function the name of the program, of others their value; zero where it is left out. */
export type Operations<F extends Fields> = {
  readonly [K in keyof F]?: F[K] extends { readonly kind: 'pointer' } ? string : Input<F[K]>;
};

/** Whether it is registered by a link, and so for no longer than this process runs. */
const BPF_F_LINK = 1 << 13;

/**
 * A struct that the kernel gets when the object is attached; `struct` has its name there, and of its members those that
 * are needed. `link: false` registers it as kernels before 6.4 do: it then stays when the process is killed. Linux 5.6.
 */
export const structOps = <F extends Fields>(
  struct: Struct<F>,
  members: Operations<F>,
  { link = true }: { readonly link?: boolean } = {},
): MapSpec<'struct_ops', typeof u32, Struct<F>> => {
  const site = callSite(structOps);
  const value = new Uint8Array(struct.size);
  const view = new DataView(value.buffer);
  const operations: Record<string, string> = {};
  for (const [name, given] of Object.entries(members)) {
    if (given === undefined) continue;
    const member = struct.members.find((each) => each.name === name);
    if (!member || member.layout.kind === 'bitfield')
      throw new AssemblerError(`structOps: ${struct.name} is declared without ${name}`, site);
    if (member.layout.kind !== 'pointer')
      encodeInto(member.layout as Layout, given as never, view, member.offset);
    else if (typeof given === 'string') operations[name] = given;
    else
      throw new AssemblerError(
        `structOps: ${struct.name}.${name} is the name of a program, got ${typeof given}`,
        site,
      );
  }
  return Object.freeze({
    kind: 'map',
    type: 'struct_ops',
    key: u32,
    value: struct,
    maxEntries: 1,
    flags: link ? BPF_F_LINK : 0,
    extra: 0,
    bufferSize: 0,
    initial: [value],
    operations,
  }) as MapSpec<'struct_ops', typeof u32, Struct<F>>;
};
