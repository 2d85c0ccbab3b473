/**
 * @module
 * Programs of a network namespace: the flow dissector (Linux 4.20) and the look-up of sockets (5.9). Follows
 * kernel/bpf/net_namespace.c.
 */
import { statfsSync } from 'node:fs';
import { HOOKS, NotFoundError, RequirementError } from '../object/index.ts';
import { duplicateFd, FileDescriptor, linkCreate, openFile } from '../syscall/index.ts';
import { attachDirectly } from './attach-directly.ts';
import { linkUnless, required } from './attachment.ts';
import { Link } from './link.ts';
import type { AttachContext } from './perf-link.ts';
import type { Program } from './program.ts';

export interface NetnsOptions {
  /** `/proc/PID/ns/net`, `/run/netns/NAME`, or a descriptor of it, which stays the caller's. */
  readonly netns: string | number;
}

/** This process's own. */
const OWN = '/proc/self/ns/net';

/** flow_dissector and sk_lookup. */
export const attachNetns = (
  program: Program,
  context: AttachContext,
  options: NetnsOptions,
): Link => {
  const { type, section } = program.spec.hook;
  const { netns } = options;
  using namespace = openNetns(required(program, netns, `{ netns: '${OWN}' }`));
  const hook = `${section} of ${namespace.name}`;
  const attachType = HOOKS[type].attach;
  const fd = linkUnless(context, 'netnsLink', () =>
    linkCreate({ progFd: program.fd, target: namespace.fd, attachType, attempt: `attach ${hook}` }),
  );
  if (fd !== undefined) return new Link(hook, 'link', [new FileDescriptor(fd, `link ${hook}`)]);
  if (type !== 'flow_dissector') throw new RequirementError(`${hook} needs Linux 5.9`);
  if (netns !== OWN)
    throw new RequirementError(
      `${hook}: without links, of Linux 5.8, only that of this process, '${OWN}'`,
    );
  // One dissector takes the place of another.
  return attachDirectly(program, { hook, attachType, feature: 'netnsLink' });
};

const NSFS_MAGIC = 0x6e736673;

/** A descriptor of our own of a network namespace. */
export const openNetns = (netns: string | number): FileDescriptor => {
  if (typeof netns === 'number')
    return new FileDescriptor(duplicateFd(netns), `the network namespace with descriptor ${netns}`);
  if (!isNamespace(netns))
    throw new NotFoundError(
      `${netns} is not a network namespace: those are /proc/PID/ns/net, and /run/netns/NAME of ip netns`,
    );
  return new FileDescriptor(openFile(netns), `the network namespace ${netns}`);
};

const isNamespace = (path: string): boolean => {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch {
    return false;
  }
};
