/**
 * @module
 * Which fields of their contexts programs may read and store, and in which sizes: what the kernel's `is_valid_access`
 * functions say (net/core/filter.c, kernel/bpf/cgroup.c, Linux 6.18), for each type of program.
 */
import type { Layout, Member } from '../layout/index.ts';
import { HOOKS, type Hook } from '../object/index.ts';

/** Fields by their names. All are read in their own size, those of 4 bytes in parts too; none is stored. */
interface Rules {
  readonly hidden?: readonly string[];
  /** Of all fields, only these are not hidden. */
  readonly shown?: readonly string[];
  /** Not in parts; or only in those that begin where the field does; or in halves. */
  readonly whole?: readonly string[] | 'all';
  readonly start?: readonly string[];
  readonly halves?: readonly string[];
  /** In parts without the padding behind them. */
  readonly short?: readonly string[];
  /** Arrays of which two elements are accessed at once, where they lie on a multiple of eight. */
  readonly pairs?: readonly string[];
  readonly stored?: readonly string[];
  /** Stored in parts as well. */
  readonly bytes?: readonly string[];
}

const ADDRESSES = ['remote_ip4', 'local_ip4', 'remote_ip6', 'local_ip6'];
const SOCKET = ['family', 'remote_port', 'local_port', ...ADDRESSES];
const LATER = ['tstamp', 'wire_len', 'tstamp_type', 'hwtstamp'];

/** An `__sk_buff`: what is hidden, and what is stored beside the control block. */
const packet = (hidden: readonly string[], stored: readonly string[]): Rules => ({
  hidden,
  whole: ['data', 'data_end', 'data_meta', ...ADDRESSES],
  pairs: ['cb'],
  stored,
  bytes: ['cb'],
});

const traffic = packet(
  ['flow_keys', ...SOCKET],
  ['mark', 'queue_mapping', 'priority', 'tc_index', 'tc_classid', 'tstamp'],
);
const tunnel = packet(
  ['tc_classid', 'data_meta', 'flow_keys', ...SOCKET, ...LATER],
  ['mark', 'priority'],
);

/** By the type of the program. */
const RULES: ReadonlyMap<number, Rules> = /* @__PURE__ */ new Map<number, Rules>([
  [
    1,
    packet(['tc_classid', 'data', 'data_end', 'data_meta', 'flow_keys', ...SOCKET, ...LATER], []),
  ],
  [3, traffic],
  [4, traffic],
  [6, { whole: 'all', hidden: ['egress_ifindex'] }],
  [
    8,
    packet(
      ['tc_classid', 'data_meta', 'flow_keys', 'wire_len', 'tstamp_type'],
      ['mark', 'priority', 'tstamp'],
    ),
  ],
  [10, tunnel],
  [11, tunnel],
  [12, tunnel],
  [13, { whole: 'all', start: ['skb_tcp_flags'], stored: ['value', 'sk_txhash'] }],
  [
    14,
    {
      ...packet(
        ['mark', 'tc_classid', 'data_meta', 'flow_keys', ...LATER],
        ['priority', 'tc_index'],
      ),
      bytes: [],
    },
  ],
  [15, { whole: ['major', 'minor'] }],
  [16, { whole: 'all' }],
  [19, tunnel],
  [21, { whole: ['hash'], halves: ['eth_protocol'] }],
  [22, { whole: 'all', shown: ['data', 'data_end', 'flow_keys'] }],
  [23, { stored: ['file_pos'] }],
]);

const bound = ['bound_dev_if', 'mark', 'priority'];
const described = ['family', 'type', 'protocol', 'state', 'rx_queue_mapping'];
const newSocket: Rules = {
  hidden: ['src_ip4', 'src_ip6', 'src_port'],
  whole: bound,
  start: described,
  short: ['dst_port'],
  stored: bound,
};
const boundSocket = (hidden: string): Rules => ({
  hidden: [...bound, hidden],
  start: [...described, 'src_port'],
  short: ['dst_port'],
});

/** Of hooks with an address, those that are of one family see it, and `sendmsg` the source. */
const socketAddress = (name: string): Rules => {
  const version = /[46]$/.exec(name)?.[0];
  const source = name.startsWith('sendmsg');
  const stored = version ? [`user_ip${version}`, ...(source ? [`msg_src_ip${version}`] : [])] : [];
  return {
    hidden: ['user_ip4', 'user_ip6', 'msg_src_ip4', 'msg_src_ip6'].filter(
      (each) => !stored.includes(each),
    ),
    whole: ['user_family', 'family', 'type', 'protocol'],
    pairs: ['user_ip6', 'msg_src_ip6'],
    stored: [...stored, 'user_port'],
  };
};

const rulesOf = ({ type }: Hook): Rules => {
  const { program } = HOOKS[type];
  const name = type.slice(type.indexOf('/') + 1);
  if (program === 6 && name === 'devmap') return { whole: 'all' };
  if (program === 9)
    return name.startsWith('post_bind')
      ? boundSocket(name.endsWith('4') ? 'src_ip6' : 'src_ip4')
      : newSocket;
  if (program === 18) return socketAddress(name);
  if (program === 25)
    return name === 'getsockopt'
      ? { whole: 'all', stored: ['optlen', 'retval'] }
      : { whole: 'all', hidden: ['retval'], stored: ['level', 'optname', 'optlen'] };
  return RULES.get(program) ?? {};
};

/** Whether programs at a hook may read, or store, `size` bytes at an offset of their context. */
export type ContextAccess = (offset: number, size: number, store: boolean) => boolean;

/** What a hook lets programs do to a context of these fields. */
export const contextAccess = (hook: Hook, members: readonly Member[]): ContextAccess => {
  const before = known.get(hook);
  if (before) return before;
  const rules = rulesOf(hook);
  const found = new Map<number, boolean>();
  const access: ContextAccess = (offset, size, store) => {
    const key = offset * 32 + size * 2 + (store ? 1 : 0);
    const answer = found.get(key) ?? allows(rules, members, offset, size, store);
    found.set(key, answer);
    return answer;
  };
  known.set(hook, access);
  return access;
};

/** Each run has a new context, of a hook that stays. */
const known = /* @__PURE__ */ new WeakMap<Hook, ContextAccess>();

const allows = (
  rules: Rules,
  members: readonly Member[],
  offset: number,
  size: number,
  store: boolean,
): boolean => {
  const member = members.findLast((each) => each.offset <= offset);
  if (!member || offset % size !== 0) return false;
  const end = member.offset + Math.max(member.layout.size, ownSize(member.layout));
  return offset + size <= end && isAllowed(rules, member, offset - member.offset, size, store);
};

const isAllowed = (
  rules: Rules,
  { name, layout }: Member,
  inside: number,
  size: number,
  store: boolean,
): boolean => {
  const has = (names: readonly string[] | 'all' | undefined): boolean =>
    names === 'all' || (names?.includes(name) ?? false);
  if (has(rules.hidden) || (rules.shown && !has(rules.shown))) return false;
  const inBytes = has(rules.bytes);
  if (store && !inBytes && !has(rules.stored)) return false;
  const own = ownSize(layout);
  if (own !== 4) return size === own && inside === 0;
  if (size === 8) return has(rules.pairs);
  // Of the answer to a socket's event, only the first word is given back.
  if (size === 4) return inside % 4 === 0 && !(store && name === 'value' && inside > 0);
  if (store) return inBytes;
  if (has(rules.start)) return inside === 0;
  if (has(rules.short)) return inside < layout.size;
  return has(rules.halves) ? size === 2 : !has(rules.whole);
};

/** 8 for pointers and numbers of 64 bits; of shorter numbers 4, as the kernel looks at them, but for a single byte. */
const ownSize = (layout: Layout): number => {
  if (layout.kind === 'pointer') return 8;
  if (layout.kind !== 'scalar') return 4;
  return layout.size === 2 ? 4 : layout.size;
};
