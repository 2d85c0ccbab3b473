/**
 * @module
 * XDP programs at network interfaces: by a link (Linux 5.9), or through rtnetlink(7). Follows net/core/dev.c.
 */
import { RequirementError } from '../object/index.ts';
import {
  FileDescriptor,
  interfaceInfo,
  linkCreate,
  SystemCallError,
  XDP_FLAG,
  xdpSet,
} from '../syscall/index.ts';
import { Attachment, linkUnless, required } from './attachment.ts';
import { Link } from './link.ts';
import { interfaceOf } from './network-interface.ts';
import type { AttachContext } from './perf-link.ts';
import type { Program } from './program.ts';

/** Where an XDP program runs: in the driver, in the network stack (for any driver, slower), on the card. */
export type XdpMode = 'driver' | 'generic' | 'offload';

export interface XdpOptions {
  /** The network interface, by name or index, in the network namespace of this process. */
  readonly interface: string | number;
  /** Without it in the driver, where that can, and else in the network stack. */
  readonly mode?: XdpMode | undefined;
  /** How to attach it. By a link, where the kernel has those; `netlink` is what it did before. */
  readonly through?: 'link' | 'netlink' | undefined;
  /** Through netlink: take the place of a program that is there. */
  readonly replace?: boolean | undefined;
}

const MODES = {
  driver: XDP_FLAG.XDP_FLAGS_DRV_MODE,
  generic: XDP_FLAG.XDP_FLAGS_SKB_MODE,
  offload: XDP_FLAG.XDP_FLAGS_HW_MODE,
} as const satisfies Record<XdpMode, number>;

/** BPF_XDP of `enum bpf_attach_type`. */
const BPF_XDP = 37;

/** xdp and xdp.frags. */
export const attachXdp = (program: Program, context: AttachContext, options: XdpOptions): Link => {
  const { index, name } = interfaceOf(
    required(program, options.interface, "{ interface: 'eth0' }"),
  );
  const { mode, through } = options;
  const hook = `${program.spec.hook.section} on ${name}`;
  const flags = mode === undefined ? 0 : MODES[mode];
  if (options.replace && through !== 'netlink')
    throw new TypeError(`${hook}: { replace } goes with { through: 'netlink' }`);
  try {
    const fd =
      through === 'netlink'
        ? undefined
        : linkUnless(context, 'xdpLink', () =>
            linkCreate({
              progFd: program.fd,
              target: index,
              attachType: BPF_XDP,
              flags,
              attempt: `attach ${hook}`,
            }),
          );
    if (fd !== undefined) return new Link(hook, 'link', [new FileDescriptor(fd, `link ${hook}`)]);
    if (through === 'link')
      throw new RequirementError(`${hook}: a link for XDP programs needs Linux 5.9`);
    return attachThroughNetlink(program, hook, index, flags, options.replace === true);
  } catch (error) {
    throw explained(error, hook, name, mode);
  }
};

const attachThroughNetlink = (
  program: Program,
  hook: string,
  index: number,
  flags: number,
  replace: boolean,
): Link => {
  const first = replace ? flags : flags | XDP_FLAG.XDP_FLAGS_UPDATE_IF_NOEXIST;
  xdpSet({ index, progFd: program.fd, flags: first });
  let id = program.info().id;
  // The kernel has no name for what is attached but the program: one that another has put there stays.
  const isOurs = (): boolean => {
    const xdp = interfaceInfo(index)?.xdp ?? {};
    return Object.values(xdp).includes(id);
  };
  return new Attachment({
    hook,
    how: 'netlink',
    replace: (next) => {
      if (!isOurs()) throw new RequirementError(`${hook} is not attached any more`);
      xdpSet({ index, progFd: next.fd, flags });
      id = next.info().id;
    },
    detach: () => {
      if (isOurs()) xdpSet({ index, progFd: -1, flags });
    },
    feature: 'xdpLink',
  });
};

/** The same error, or what the user can do about it. */
const explained = (
  error: unknown,
  hook: string,
  name: string,
  mode: XdpMode | undefined,
): unknown => {
  if (!(error instanceof SystemCallError)) return error;
  const because = (text: string) =>
    new RequirementError(`cannot attach ${hook}: ${text}`, { cause: error });
  switch (error.code) {
    case 'EOPNOTSUPP':
    case 'ENOTSUPP':
      return because(
        mode === undefined || mode === 'generic'
          ? `${error.code}, ${name} takes no such program in this kernel`
          : `its driver cannot run XDP programs in the mode '${mode}'; 'generic' works on any interface`,
      );
    case 'EBUSY':
    case 'EEXIST':
      return because(`${name} has an XDP program already, or one in another mode`);
    default:
      return error;
  }
};
