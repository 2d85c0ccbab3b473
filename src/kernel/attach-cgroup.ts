/**
 * @module
 * Programs at cgroups: they run for the processes and sockets of a cgroup and of all below it. By a link (Linux 5.7),
 * or by BPF_PROG_ATTACH (4.10). Follows kernel/bpf/cgroup.c.
 */
import { HOOKS, type HookType, RequirementError } from '../object/index.ts';
import { ATTACH_FLAG, type Direction, FileDescriptor, linkCreate } from '../syscall/index.ts';
import { attachDirectly } from './attach-directly.ts';
import { type OrderOptions, orderOf } from './attach-order.ts';
import { linkUnless, required } from './attachment.ts';
import { openCgroup } from './cgroup-directory.ts';
import { assembled } from './closable.ts';
import { Link } from './link.ts';
import type { AttachContext } from './perf-link.ts';
import type { Program } from './program.ts';

export interface CgroupOptions extends OrderOptions {
  /** A directory of a cgroup2 file system, or a descriptor of it, which stays the caller's. */
  readonly cgroup: string | number;
  /** For `cgroup/skb`, whose section does not say it: packets that come in, or that go out. */
  readonly direction?: Direction | undefined;
  /**
   * What becomes of programs at the same hook, here and below: `multi`, the default, runs all of them; with `override`
   * cgroups below can have one of their own instead; with `exclusive` they cannot have any. The last two are attached
   * without a link, and stay when the process ends.
   */
  readonly sharing?: 'multi' | 'override' | 'exclusive' | undefined;
}

const SHARING = {
  multi: ATTACH_FLAG.BPF_F_ALLOW_MULTI,
  override: ATTACH_FLAG.BPF_F_ALLOW_OVERRIDE,
  exclusive: 0,
} as const;

/** All hooks of cgroups, sockops and lsm_cgroup. */
export const attachCgroup = (
  program: Program,
  context: AttachContext,
  options: CgroupOptions,
): Link => {
  const { section } = program.spec.hook;
  const { sharing = 'multi' } = options;
  const attachType = cgroupAttachType(program.spec.hook.type, options.direction);
  const order = orderOf(options);
  const cgroup = openCgroup(required(program, options.cgroup, "{ cgroup: '/sys/fs/cgroup/NAME' }"));
  const hook = `${section} of ${cgroup.name}`;
  const multi = sharing === 'multi';
  return assembled((own) => {
    own(cgroup);
    const fd = multi
      ? linkUnless(context, 'cgroupLink', () =>
          linkCreate({
            progFd: program.fd,
            target: cgroup.fd,
            attachType,
            flags: order?.flags,
            extra: order && { kind: 'cgroup', ...order },
            attempt: `attach ${hook}`,
          }),
        )
      : undefined;
    if (fd !== undefined) {
      cgroup.close();
      return new Link(hook, 'link', [new FileDescriptor(fd, `link ${hook}`)]);
    }
    if (order)
      throw new RequirementError(`${hook}: an order among programs needs a link, and Linux 6.17`);
    return attachDirectly(program, {
      hook,
      attachType,
      target: cgroup,
      flags: SHARING[sharing],
      // Without `multi` there is one program, and the next takes its place. Linux 5.6.
      replaceFlags: multi ? ATTACH_FLAG.BPF_F_REPLACE : 0,
      look: !multi,
      feature: multi ? 'cgroupLink' : undefined,
    });
  });
};

const BY_DIRECTION = {
  ingress: HOOKS['cgroup_skb/ingress'].attach,
  egress: HOOKS['cgroup_skb/egress'].attach,
} as const satisfies Record<Direction, number>;

/** Of `enum bpf_attach_type`, for hooks of cgroups. */
export const cgroupAttachType = (type: HookType, direction: Direction | undefined): number => {
  if (type !== 'cgroup/skb') return HOOKS[type].attach;
  if (direction) return BY_DIRECTION[direction];
  throw new TypeError(
    "cgroup/skb does not say which packets it sees: { direction: 'ingress' } or 'egress'",
  );
};
