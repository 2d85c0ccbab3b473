/**
 * @module
 * The types of programs, with what it takes to load the smallest of each: a hook that stands for it, the first kernel
 * that has it (kernel/bpf/syscall.c and its history), and the option that kernels can be built without.
 */
import { HOOKS, type Hook, parseSection, RequirementError } from '../object/index.ts';
import { type Answer, type ProbeOptions, probeProgram } from './feature-probe.ts';
import { kernelBtf } from './kernel-btf.ts';
import { KernelWorld } from './kernel-world.ts';

/** What is known of a type, or of a way of attaching, before the kernel is asked. */
export interface Known {
  /** The section names that stand for it. */
  readonly sections: readonly string[];
  /** The first kernel, as `5.8`. */
  readonly since: string;
  /** The option of the kernel that it comes with. */
  readonly option: string | undefined;
}

const known = (sections: string, since: string, option?: string): Known => ({
  sections: sections.split(' '),
  since,
  option,
});

// biome-ignore-start format: a table
/** Types of `enum bpf_prog_type`, in its order. Those of BTF have several sections: a kernel can refuse some. */
export const PROGRAM_TYPES: Readonly<Record<string, Known>> = /* @__PURE__ */ Object.freeze({
  socket_filter: known('socket', '3.19'),
  kprobe: known('kprobe', '4.1', 'CONFIG_BPF_EVENTS'),
  sched_cls: known('tc', '4.1', 'CONFIG_NET_CLS_ACT'),
  sched_act: known('action', '4.1', 'CONFIG_NET_CLS_ACT'),
  tracepoint: known('tracepoint', '4.7', 'CONFIG_BPF_EVENTS'),
  xdp: known('xdp', '4.8'),
  perf_event: known('perf_event', '4.9', 'CONFIG_BPF_EVENTS'),
  cgroup_skb: known('cgroup_skb/ingress', '4.10', 'CONFIG_CGROUP_BPF'),
  cgroup_sock: known('cgroup/sock_create', '4.10', 'CONFIG_CGROUP_BPF'),
  lwt_in: known('lwt_in', '4.10', 'CONFIG_LWTUNNEL_BPF'),
  lwt_out: known('lwt_out', '4.10', 'CONFIG_LWTUNNEL_BPF'),
  lwt_xmit: known('lwt_xmit', '4.10', 'CONFIG_LWTUNNEL_BPF'),
  sock_ops: known('sockops', '4.13'),
  sk_skb: known('sk_skb/stream_verdict', '4.14', 'CONFIG_BPF_STREAM_PARSER'),
  cgroup_device: known('cgroup/dev', '4.15', 'CONFIG_CGROUP_BPF'),
  sk_msg: known('sk_msg', '4.17', 'CONFIG_BPF_STREAM_PARSER'),
  raw_tracepoint: known('raw_tp/sched_switch', '4.17', 'CONFIG_BPF_EVENTS'),
  cgroup_sock_addr: known('cgroup/connect4', '4.17', 'CONFIG_CGROUP_BPF'),
  lwt_seg6local: known('lwt_seg6local', '4.18', 'CONFIG_IPV6_SEG6_BPF'),
  lirc_mode2: known('lirc_mode2', '4.18', 'CONFIG_BPF_LIRC_MODE2'),
  sk_reuseport: known('sk_reuseport', '4.19'),
  flow_dissector: known('flow_dissector', '4.20'),
  cgroup_sysctl: known('cgroup/sysctl', '5.2', 'CONFIG_CGROUP_BPF'),
  raw_tracepoint_writable: known('raw_tp.w/sched_switch', '5.2', 'CONFIG_BPF_EVENTS'),
  cgroup_sockopt: known('cgroup/getsockopt', '5.3', 'CONFIG_CGROUP_BPF'),
  tracing: known(
    'tp_btf/sched_switch iter/task fentry/bpf_fentry_test1',
    '5.5',
    'CONFIG_DEBUG_INFO_BTF',
  ),
  struct_ops: known('struct_ops/cong_avoid', '5.6', 'CONFIG_DEBUG_INFO_BTF'),
  ext: known('freplace', '5.6', 'CONFIG_DEBUG_INFO_BTF'),
  lsm: known('lsm/file_open lsm.s/bprm_committed_creds', '5.7', 'CONFIG_BPF_LSM'),
  sk_lookup: known('sk_lookup', '5.9'),
  syscall: known('syscall', '5.14'),
  netfilter: known('netfilter', '6.4', 'CONFIG_NETFILTER_BPF_LINK'),
});
// biome-ignore-end format: a table

const world = /* @__PURE__ */ new KernelWorld();

/** What the smallest program at a hook is loaded with; undefined where the kernel's types lack what it needs. */
export const probeOptions = (hook: Hook): ProbeOptions | undefined => {
  if (hook.type === 'struct_ops') return congestionControl(hook.name);
  // Without a program to extend the kernel says that it cannot replace its own functions.
  if (hook.type === 'freplace') return { attachBtfId: 1 };
  const { module: _, ...attachment } = world.attachment(hook);
  const isTyped = HOOKS[hook.type].target !== undefined;
  return isTyped && attachment.attachBtfId === undefined ? undefined : attachment;
};

/** An operation of TCP's congestion control, which every kernel with struct_ops can take from programs. */
const congestionControl = (operation: string): ProbeOptions | undefined => {
  const btf = kernelBtf();
  const attachBtfId = btf?.findByName('tcp_congestion_ops', 'struct');
  const type = attachBtfId === undefined ? undefined : btf?.type(attachBtfId);
  if (type?.kind !== 'struct') return undefined;
  return {
    attachBtfId: type.id,
    expectedAttachType: type.members.findIndex(({ name }) => name === operation),
  };
};

/** Whether the smallest program at a hook can be loaded; a RequirementError where that needs types and there are none. */
export const probeHook = (hook: Hook): Answer | RequirementError => {
  const needsTypes = HOOKS[hook.type].target !== undefined || hook.type === 'struct_ops';
  if (needsTypes && !kernelBtf())
    return new RequirementError('it needs the types of the kernel (BTF), and there are none');
  const options = probeOptions(hook);
  return options === undefined ? false : probeProgram(HOOKS[hook.type].program, options);
};

/** The hooks of a type; the first that can be loaded is the one that helpers are asked of. */
export const hooksOf = ({ sections }: Known): readonly Hook[] =>
  sections.map((section) => parseSection(section)!);
