/**
 * @module
 * Hooks, and the section names that stand for them: libbpf's whole table (`section_defs` of tools/lib/bpf/libbpf.c,
 * Documentation/bpf/libbpf/program_types.rst), with the numbers that BPF_PROG_LOAD takes.
 * @example
 * parseSection('fentry.s/vfs_read'); // { type: 'fentry.s', section: 'fentry.s/vfs_read', name: 'vfs_read' }
 */

/** What the kernel's BTF is searched for when a program says at load what it is attached to. */
export type BtfTarget = 'function' | 'tracepoint' | 'lsm' | 'iterator';

export interface HookDefinition {
  /** Of `enum bpf_prog_type`. */
  readonly program: number;
  /** Of `enum bpf_attach_type`: what BPF_PROG_LOAD is told to expect; 0 where it expects nothing. */
  readonly attach: number;
  /** Whether a name follows: `kprobe/NAME`. */
  readonly named: boolean;
  /** Whether the program may sleep (BPF_F_SLEEPABLE). */
  readonly sleepable: boolean;
  /** Whether packets may be in several fragments (BPF_F_XDP_HAS_FRAGS). */
  readonly fragments: boolean;
  readonly target: BtfTarget | undefined;
  /** Whether plain loads may follow the kernel's pointers: PTR_TO_BTF_ID contexts. */
  readonly trusted: boolean;
}

const hook = (
  program: number,
  attach: number,
  traits: Partial<Omit<HookDefinition, 'program' | 'attach'>> = {},
): HookDefinition => ({
  program,
  attach,
  named: false,
  sleepable: false,
  fragments: false,
  target: undefined,
  trusted: false,
  ...traits,
});

const named = { named: true } as const;
const sleepable = { named: true, sleepable: true } as const;
const typed = (target: BtfTarget | undefined) => ({ named: true, target, trusted: true }) as const;
const typedSleepable = (target: BtfTarget | undefined) =>
  ({ ...typed(target), sleepable: true }) as const;

/** Program types of `enum bpf_prog_type` that several rows have. */
const KPROBE = 2;
const SCHED_CLS = 3;
const XDP = 6;
const CGROUP_SKB = 8;
const CGROUP_SOCK = 9;
const SK_SKB = 14;
const RAW_TP = 17;
const SOCK_ADDR = 18;
const RAW_TP_WRITABLE = 24;
const TRACING = 26;
const LSM = 29;

/** Hooks under the names of their sections. */
// biome-ignore-start format: a table
export const HOOKS = /* @__PURE__ */ Object.freeze({
  /** a section that libbpf does not know: it can be looked at */
  unspec: hook(0, 0),
  socket: hook(1, 0),
  'sk_reuseport/migrate': hook(21, 40),
  sk_reuseport: hook(21, 39),
  kprobe: hook(KPROBE, 0, named),
  kretprobe: hook(KPROBE, 0, named),
  uprobe: hook(KPROBE, 0, named),
  'uprobe.s': hook(KPROBE, 0, sleepable),
  uretprobe: hook(KPROBE, 0, named),
  'uretprobe.s': hook(KPROBE, 0, sleepable),
  'kprobe.multi': hook(KPROBE, 42, named),
  'kretprobe.multi': hook(KPROBE, 42, named),
  'kprobe.session': hook(KPROBE, 56, named),
  'uprobe.multi': hook(KPROBE, 48, named),
  'uprobe.multi.s': hook(KPROBE, 48, sleepable),
  'uretprobe.multi': hook(KPROBE, 48, named),
  'uretprobe.multi.s': hook(KPROBE, 48, sleepable),
  'uprobe.session': hook(KPROBE, 57, named),
  'uprobe.session.s': hook(KPROBE, 57, sleepable),
  ksyscall: hook(KPROBE, 0, named),
  kretsyscall: hook(KPROBE, 0, named),
  usdt: hook(KPROBE, 0, named),
  'usdt.s': hook(KPROBE, 0, sleepable),
  'tc/ingress': hook(SCHED_CLS, 46),
  'tc/egress': hook(SCHED_CLS, 47),
  'tcx/ingress': hook(SCHED_CLS, 46),
  'tcx/egress': hook(SCHED_CLS, 47),
  tc: hook(SCHED_CLS, 0),
  action: hook(4, 0),
  'netkit/primary': hook(SCHED_CLS, 54),
  'netkit/peer': hook(SCHED_CLS, 55),
  tracepoint: hook(5, 0, named),
  'tracepoint.s': hook(5, 0, sleepable),
  raw_tp: hook(RAW_TP, 0, named),
  'raw_tp.s': hook(RAW_TP, 0, sleepable),
  'raw_tp.w': hook(RAW_TP_WRITABLE, 0, named),
  tp_btf: hook(TRACING, 23, typed('tracepoint')),
  'tp_btf.s': hook(TRACING, 23, typedSleepable('tracepoint')),
  fentry: hook(TRACING, 24, typed('function')),
  'fentry.s': hook(TRACING, 24, typedSleepable('function')),
  fexit: hook(TRACING, 25, typed('function')),
  'fexit.s': hook(TRACING, 25, typedSleepable('function')),
  fmod_ret: hook(TRACING, 26, typed('function')),
  'fmod_ret.s': hook(TRACING, 26, typedSleepable('function')),
  fsession: hook(TRACING, 58, typed('function')),
  'fsession.s': hook(TRACING, 58, typedSleepable('function')),
  'fentry.multi': hook(TRACING, 59, named),
  'fentry.multi.s': hook(TRACING, 59, sleepable),
  'fexit.multi': hook(TRACING, 60, named),
  'fexit.multi.s': hook(TRACING, 60, sleepable),
  'fsession.multi': hook(TRACING, 61, named),
  'fsession.multi.s': hook(TRACING, 61, sleepable),
  freplace: hook(28, 0, named),
  lsm: hook(LSM, 27, typed('lsm')),
  'lsm.s': hook(LSM, 27, typedSleepable('lsm')),
  lsm_cgroup: hook(LSM, 43, typed('lsm')),
  iter: hook(TRACING, 28, typed('iterator')),
  'iter.s': hook(TRACING, 28, typedSleepable('iterator')),
  syscall: hook(31, 0, { sleepable: true }),
  'xdp.frags/devmap': hook(XDP, 33, { fragments: true }),
  'xdp/devmap': hook(XDP, 33),
  'xdp.frags/cpumap': hook(XDP, 35, { fragments: true }),
  'xdp/cpumap': hook(XDP, 35),
  'xdp.frags': hook(XDP, 37, { fragments: true }),
  xdp: hook(XDP, 37),
  perf_event: hook(7, 0),
  lwt_in: hook(10, 0),
  lwt_out: hook(11, 0),
  lwt_xmit: hook(12, 0),
  lwt_seg6local: hook(19, 0),
  sockops: hook(13, 3),
  'sk_skb/stream_parser': hook(SK_SKB, 4),
  'sk_skb/stream_verdict': hook(SK_SKB, 5),
  'sk_skb/verdict': hook(SK_SKB, 38),
  sk_skb: hook(SK_SKB, 0),
  sk_msg: hook(16, 7),
  lirc_mode2: hook(20, 16),
  flow_dissector: hook(22, 17),
  'cgroup_skb/ingress': hook(CGROUP_SKB, 0),
  'cgroup_skb/egress': hook(CGROUP_SKB, 1),
  'cgroup/skb': hook(CGROUP_SKB, 0),
  'cgroup/sock_create': hook(CGROUP_SOCK, 2),
  'cgroup/sock_release': hook(CGROUP_SOCK, 34),
  'cgroup/sock': hook(CGROUP_SOCK, 2),
  'cgroup/post_bind4': hook(CGROUP_SOCK, 12),
  'cgroup/post_bind6': hook(CGROUP_SOCK, 13),
  'cgroup/bind4': hook(SOCK_ADDR, 8),
  'cgroup/bind6': hook(SOCK_ADDR, 9),
  'cgroup/connect4': hook(SOCK_ADDR, 10),
  'cgroup/connect6': hook(SOCK_ADDR, 11),
  'cgroup/connect_unix': hook(SOCK_ADDR, 49),
  'cgroup/sendmsg4': hook(SOCK_ADDR, 14),
  'cgroup/sendmsg6': hook(SOCK_ADDR, 15),
  'cgroup/sendmsg_unix': hook(SOCK_ADDR, 50),
  'cgroup/recvmsg4': hook(SOCK_ADDR, 19),
  'cgroup/recvmsg6': hook(SOCK_ADDR, 20),
  'cgroup/recvmsg_unix': hook(SOCK_ADDR, 51),
  'cgroup/getpeername4': hook(SOCK_ADDR, 29),
  'cgroup/getpeername6': hook(SOCK_ADDR, 30),
  'cgroup/getpeername_unix': hook(SOCK_ADDR, 52),
  'cgroup/getsockname4': hook(SOCK_ADDR, 31),
  'cgroup/getsockname6': hook(SOCK_ADDR, 32),
  'cgroup/getsockname_unix': hook(SOCK_ADDR, 53),
  'cgroup/sysctl': hook(23, 18),
  'cgroup/getsockopt': hook(25, 21),
  'cgroup/setsockopt': hook(25, 22),
  'cgroup/dev': hook(15, 6),
  sk_lookup: hook(30, 36),
  netfilter: hook(32, 45),
  struct_ops: hook(27, 0, typed(undefined)),
  'struct_ops.s': hook(27, 0, typedSleepable(undefined)),
} satisfies Record<string, HookDefinition>);
// biome-ignore-end format: a table

export type HookType = keyof typeof HOOKS;

/** Other names for the same. */
const ALIASES: Readonly<Record<string, HookType>> = {
  tp: 'tracepoint',
  'tp.s': 'tracepoint.s',
  raw_tracepoint: 'raw_tp',
  'raw_tracepoint.s': 'raw_tp.s',
  'raw_tracepoint.w': 'raw_tp.w',
  classifier: 'tc',
};

type TracepointType = 'tracepoint' | 'tracepoint.s';

/** Where a program is attached; under its libbpf section name `section`. */
export type Hook =
  | {
      readonly type: TracepointType;
      readonly section: string;
      readonly category: string;
      readonly name: string;
    }
  | {
      readonly type: Exclude<HookType, TracepointType>;
      readonly section: string;
      /** What follows the slash, '' where nothing does: such programs are loaded, and attached by other means. */
      readonly name: string;
    };

/** The hook of a section name, without a leading `?`; undefined when libbpf does not know it either. */
export const parseSection = (section: string): Hook | undefined => {
  // The whole name first: `tc/ingress` is a hook of its own, `kprobe/vfs_read` is not.
  const whole = hookType(section);
  if (whole) return hookOf(whole, section, '');
  for (
    let slash = section.lastIndexOf('/');
    slash > 0;
    slash = section.lastIndexOf('/', slash - 1)
  ) {
    const type = hookType(section.slice(0, slash));
    if (type && HOOKS[type].named) return hookOf(type, section, section.slice(slash + 1));
  }
  return undefined;
};

const hookType = (name: string): HookType | undefined => {
  if (Object.hasOwn(ALIASES, name)) return ALIASES[name];
  return Object.hasOwn(HOOKS, name) && name !== 'unspec' ? (name as HookType) : undefined;
};

const hookOf = (type: HookType, section: string, name: string): Hook => {
  if (type !== 'tracepoint' && type !== 'tracepoint.s') return { type, section, name };
  const slash = name.indexOf('/');
  const [category, event] = slash < 0 ? ['', name] : [name.slice(0, slash), name.slice(slash + 1)];
  return { type, section, category, name: event };
};
