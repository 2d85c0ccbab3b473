/**
 * @module
 * Classifiers of traffic control at network interfaces: TCX links (Linux 6.6), netkit links (6.7), and before them BPF
 * filters at a clsact qdisc (4.5). Follows kernel/bpf/tcx.c, drivers/net/netkit.c and net/sched/cls_bpf.c.
 */
import { HOOKS, RequirementError } from '../object/index.ts';
import {
  addClsact,
  type Direction,
  deleteFilter,
  FileDescriptor,
  filtersOf,
  linkCreate,
  setFilter,
} from '../syscall/index.ts';
import { ownedName, removeAbandonedFilters, removeUnusedClsact } from './abandoned-filters.ts';
import { type OrderOptions, orderOf } from './attach-order.ts';
import { Attachment, linkUnless, required } from './attachment.ts';
import { Link } from './link.ts';
import { interfaceOf } from './network-interface.ts';
import type { AttachContext } from './perf-link.ts';
import type { Program } from './program.ts';

export interface TcOptions extends OrderOptions {
  /** The network interface, by name or index, in the network namespace of this process. */
  readonly interface: string | number;
  /** For `tc`, whose section does not say it: packets that come in, or that go out. */
  readonly direction?: Direction | undefined;
  /**
   * How to attach it: `tcx` programs by a link, where the kernel has those, `tc` programs as a filter at a clsact
   * qdisc. Filters run after TCX programs that return TCX_NEXT.
   */
  readonly through?: 'tcx' | 'clsact' | undefined;
  /** Of a filter: lower ones run first. From 1 to 65535; without it before all others. */
  readonly priority?: number | undefined;
  /** Of a filter: its number among those of its priority; without it a free one. */
  readonly handle?: number | undefined;
}

export interface NetkitOptions extends OrderOptions {
  /** The netkit interface, by name or index: the primary one of the pair, whichever side the program is for. */
  readonly interface: string | number;
}

const TCX = {
  ingress: HOOKS['tcx/ingress'].attach,
  egress: HOOKS['tcx/egress'].attach,
} as const satisfies Record<Direction, number>;

/** tc, tc/ingress, tc/egress, tcx/ingress, tcx/egress. */
export const attachTc = (program: Program, context: AttachContext, options: TcOptions): Link => {
  const { section } = program.spec.hook;
  const { index, name } = interfaceOf(
    required(program, options.interface, "{ interface: 'eth0', direction: 'ingress' }"),
  );
  const direction = directionOf(program, options.direction);
  const hook = section === 'tc' ? `tc/${direction} on ${name}` : `${section} on ${name}`;
  const through = options.through ?? (section.includes('/') ? undefined : 'clsact');
  const order = orderOf(options);
  if (order && through === 'clsact')
    throw new TypeError(`${hook}: filters are ordered by { priority }, not by before and after`);
  const isFilter = options.priority !== undefined || options.handle !== undefined;
  if (isFilter && through !== 'clsact')
    throw new TypeError(`${hook}: { priority } and { handle } go with { through: 'clsact' }`);
  const fd =
    through === 'clsact'
      ? undefined
      : linkUnless(context, 'tcx', () =>
          orderedLink(program, hook, index, TCX[direction], 'tcx', options),
        );
  if (fd !== undefined) return new Link(hook, 'link', [new FileDescriptor(fd, `link ${hook}`)]);
  if (through === 'tcx' || order)
    throw new RequirementError(`${hook}: TCX links, and an order among them, need Linux 6.6`);
  return attachFilter(program, hook, index, direction, options);
};

const directionOf = (
  { name, spec: { hook } }: Program,
  given: Direction | undefined,
): Direction => {
  const own = (['ingress', 'egress'] as const).find((each) => hook.type.endsWith(`/${each}`));
  if (own && given && own !== given)
    throw new TypeError(
      `${name}: ${hook.section} programs are attached to ${own}, not to ${given}`,
    );
  const direction = own ?? given;
  if (direction) return direction;
  throw new TypeError(
    `${name}: ${hook.section} does not say which packets it sees: { direction: 'ingress' } or 'egress'`,
  );
};

/** netkit/primary and netkit/peer. */
export const attachNetkit = (
  program: Program,
  _context: AttachContext,
  options: NetkitOptions,
): Link => {
  const { hook: at } = program.spec;
  const { index, name } = interfaceOf(required(program, options.interface, "{ interface: 'nk0' }"));
  const hook = `${at.section} on ${name}`;
  const fd = orderedLink(program, hook, index, HOOKS[at.type].attach, 'netkit', options);
  return new Link(hook, 'link', [new FileDescriptor(fd, `link ${hook}`)]);
};

const orderedLink = (
  { fd }: Program,
  hook: string,
  target: number,
  attachType: number,
  kind: 'tcx' | 'netkit',
  options: OrderOptions,
): number => {
  const { flags = 0, ...order } = orderOf(options) ?? {};
  const attempt = `attach ${hook}`;
  return linkCreate({ progFd: fd, target, attachType, flags, extra: { kind, ...order }, attempt });
};

const attachFilter = (
  program: Program,
  hook: string,
  index: number,
  direction: Direction,
  { priority, handle }: TcOptions,
): Link => {
  removeAbandonedFilters(index);
  const made = addClsact(index);
  const removeQdisc = (): void => {
    // Whoever has put a filter there meanwhile needs it.
    if (made) removeUnusedClsact(index);
  };
  const name = (of: Program): string => ownedName(`${of.name}:[${of.info().id}]`, made);
  try {
    const { fd: progFd } = program;
    const filter = setFilter({
      index,
      direction,
      progFd,
      name: name(program),
      priority,
      handle,
    });
    let id = program.info().id;
    const isOurs = (): boolean =>
      filtersOf(index, direction).some(
        (each) =>
          each.priority === filter.priority &&
          each.handle === filter.handle &&
          (each.progId === id || each.progId === undefined),
      );
    return new Attachment({
      hook,
      how: 'netlink',
      replace: (next) => {
        if (!isOurs()) throw new RequirementError(`${hook} is not attached any more`);
        setFilter({ ...filter, index, progFd: next.fd, name: name(next), replace: true });
        id = next.info().id;
      },
      detach: () => {
        if (isOurs()) deleteFilter(index, filter);
        removeQdisc();
      },
      feature: 'tcx',
    });
  } catch (error) {
    removeQdisc();
    throw error;
  }
};
