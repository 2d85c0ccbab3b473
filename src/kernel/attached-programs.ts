/**
 * @module
 * What is attached at a hook, ours or not (BPF_PROG_QUERY, and rtnetlink for XDP and filters).
 * @example
 * attachedPrograms('tcx/ingress', { interface: 'eth0' }).programs; // [{ id: 17, linkId: 3 }]
 * attachedPrograms('cgroup/connect4', { cgroup: '/sys/fs/cgroup/system.slice', effective: true });
 */
import { HOOKS, type HookType, RequirementError } from '../object/index.ts';
import {
  type AttachedProgram,
  type Direction,
  filtersOf,
  hasClsact,
  progQuery,
} from '../syscall/index.ts';
import { cgroupAttachType } from './attach-cgroup.ts';
import { openNetns } from './attach-netns.ts';
import { PLACED } from './attach-network.ts';
import type { XdpMode } from './attach-xdp.ts';
import { openCgroup } from './cgroup-directory.ts';
import { interfaceOf } from './network-interface.ts';

/** Where to look: the place that `attach` takes. */
export interface QueryPlace {
  readonly interface?: string | number | undefined;
  readonly cgroup?: string | number | undefined;
  readonly netns?: string | number | undefined;
  readonly map?: { readonly fd: number } | undefined;
  /** For `tc` and `cgroup/skb`, which do not say it. */
  readonly direction?: Direction | undefined;
  /** For cgroups: what runs there, with what is attached to those above it. */
  readonly effective?: boolean | undefined;
}

/** One program at a hook. */
export interface Found extends AttachedProgram {
  /** Of XDP programs. */
  readonly mode?: XdpMode;
  /** Of filters. */
  readonly priority?: number;
  readonly handle?: number;
}

export interface AttachedPrograms {
  /** In the order in which they run. */
  readonly programs: readonly Found[];
  /** Counts the changes, for TCX, netkit and, since Linux 6.17, cgroups: `attach` takes it. 0 elsewhere. */
  readonly revision: bigint;
}

/** The programs at a hook. Netfilter and sockets do not tell. */
export const attachedPrograms = (type: HookType, place: QueryPlace): AttachedPrograms => {
  if (place.interface !== undefined && takes(type, 'interface'))
    return atInterface(type, interfaceOf(place.interface), place.direction);
  const attachType = HOOKS[type].attach;
  if (place.cgroup !== undefined && takes(type, 'cgroup')) {
    using cgroup = openCgroup(place.cgroup);
    const { effective, direction } = place;
    return progQuery({
      target: cgroup.fd,
      attachType: cgroupAttachType(type, direction),
      effective,
    });
  }
  if (place.netns !== undefined && takes(type, 'netns')) {
    using netns = openNetns(place.netns);
    return progQuery({ target: netns.fd, attachType });
  }
  if (place.map && takes(type, 'map')) return progQuery({ target: place.map.fd, attachType });
  const option = ['interface', 'cgroup', 'netns', 'map'].find((each) => takes(type, each));
  throw new RequirementError(
    option
      ? `what is attached to ${type} is asked for with { ${option} }`
      : `the kernel does not tell what is attached to ${type}`,
  );
};

const takes = (type: HookType, option: string): boolean =>
  PLACED[type]?.takes.includes(option) === true;

const atInterface = (
  type: HookType,
  { index, xdp }: ReturnType<typeof interfaceOf>,
  direction: Direction | undefined,
): AttachedPrograms => {
  if (type === 'xdp' || type === 'xdp.frags') {
    const programs = Object.entries(xdp).map(([mode, id]) => ({
      id,
      linkId: undefined,
      mode: mode as XdpMode,
    }));
    return { programs, revision: 0n };
  }
  if (type !== 'tc') return progQuery({ target: index, attachType: HOOKS[type].attach });
  if (!direction)
    throw new TypeError("tc does not say which packets: { direction: 'ingress' } or 'egress'");
  const programs = (hasClsact(index) ? filtersOf(index, direction) : []).flatMap(
    ({ progId, priority, handle }) =>
      progId === undefined ? [] : [{ id: progId, linkId: undefined, priority, handle }],
  );
  return { programs, revision: 0n };
};
