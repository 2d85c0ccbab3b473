/**
 * @module
 * Programs at the hooks of netfilter, beside iptables and nftables, in the network namespace of this process. Linux
 * 6.4. Follows net/netfilter/nf_bpf_link.c.
 */
import { HOOKS } from '../object/index.ts';
import { FileDescriptor, linkCreate } from '../syscall/index.ts';
import { required } from './attachment.ts';
import { Link } from './link.ts';
import type { AttachContext } from './perf-link.ts';
import type { Program } from './program.ts';

export interface NetfilterOptions {
  readonly netfilter: {
    /** Default `ipv4`. */
    readonly family?: 'ipv4' | 'ipv6' | undefined;
    readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
    /** Lower ones run first; iptables' filter table has 0. Not the lowest and not the highest number of 32 bits. */
    readonly priority: number;
    /** Whether to put fragments together before. Linux 6.6. */
    readonly defragment?: boolean | undefined;
  };
}

/** NFPROTO_* and enum nf_inet_hooks. */
const FAMILIES = { ipv4: 2, ipv6: 10 } as const;
const NETFILTER_HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
const BPF_F_NETFILTER_IP_DEFRAG = 1;

/** netfilter. */
export const attachNetfilter = (
  program: Program,
  _context: AttachContext,
  options: NetfilterOptions,
): Link => {
  const { hook: at } = program.spec;
  const place = required(
    program,
    options.netfilter,
    "{ netfilter: { hook: 'input', priority: 100 } }",
  );
  const { family = 'ipv4', hook, priority, defragment = false } = place;
  if (!Object.hasOwn(FAMILIES, family) || !Object.hasOwn(NETFILTER_HOOKS, hook))
    throw new TypeError(
      `${program.name}: a netfilter hook is ${Object.keys(NETFILTER_HOOKS).join(', ')} of ipv4 or ipv6, got ${hook} of ${family}`,
    );
  if (!Number.isInteger(priority) || Math.abs(priority) >= 2 ** 31 - 1)
    throw new RangeError(
      `${program.name}: a priority lies between -2147483647 and 2147483647, got ${priority}`,
    );
  const name = `${at.section} at ${family} ${hook}`;
  const fd = linkCreate({
    progFd: program.fd,
    attachType: HOOKS[at.type].attach,
    attempt: `attach ${name}`,
    extra: {
      kind: 'netfilter',
      family: FAMILIES[family],
      hook: NETFILTER_HOOKS[hook],
      priority,
      flags: defragment ? BPF_F_NETFILTER_IP_DEFRAG : 0,
    },
  });
  return new Link(name, 'link', [new FileDescriptor(fd, `link ${name}`)]);
};
