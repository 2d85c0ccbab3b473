/**
 * @module
 * The ways of attaching that kernels differ in, each asked of the running one: by loading a program that does nothing,
 * and where that does not tell, by what the kernel shows of itself. Only a function that the kernel has for tests
 * (net/bpf/test_run.c) is attached to, for a moment.
 */
import { HOOKS, type HookType, parseSection, RequirementError } from '../object/index.ts';
import {
  BpfError,
  closeFd,
  isAtLeast,
  PERF_COUNT_SW,
  PERF_TYPE,
  type PerfEventOptions,
  perfEventOpen,
  progQuery,
  SystemCallError,
} from '../syscall/index.ts';
import type { Answer } from './feature-probe.ts';
import { hasKprobeMulti, hasUprobe, hasUprobeMulti } from './hook-probe.ts';
import { kernelBtf } from './kernel-btf.ts';
import { KernelWorld } from './kernel-world.ts';
import { probePmu } from './probe-pmu.ts';
import { probeHook } from './program-types.ts';
import { securityModules } from './security-modules.ts';

/** Yes, no, or why the kernel cannot be asked. */
export type AttachAnswer = Answer | SystemCallError | RequirementError;

export interface AttachKind {
  /** As in section names. */
  readonly name: string;
  /** The first kernel, as `5.8`. */
  readonly since: string;
  /** The option of the kernel that it comes with. */
  readonly option: string | undefined;
  probe(): AttachAnswer;
}

const kind = (
  name: string,
  since: string,
  option: string | undefined,
  probe: () => AttachAnswer,
): AttachKind => ({ name, since, option, probe });

const world = /* @__PURE__ */ new KernelWorld();

/** The kernel has the hook, takes a program for it, and where it can be tried lets it be attached. */
const loads = (section: string) => (): AttachAnswer => {
  const hook = parseSection(section)!;
  const answer = probeHook(hook);
  return answer === true ? world.hasHook(hook, { thorough: isForTests(hook.name) }) : answer;
};

const isForTests = (name: string): boolean => /^bpf_fentry_test/.test(name);

/** Programs of LSM run where the kernel was told to ask BPF, which is said at boot. */
const lsm = (section: string) => (): AttachAnswer => {
  const answer = loads(section)();
  if (answer !== true || securityModules()?.includes('bpf') !== false) return answer;
  return new RequirementError(
    'the kernel does not ask BPF: add bpf to lsm= of its command line, and boot it again',
  );
};

const perfEvent = (options: PerfEventOptions) => (): AttachAnswer => {
  try {
    closeFd(perfEventOpen({ ...options, disabled: true, pid: 0, cpu: -1 }));
    return true;
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    return error.code === 'ENOENT' || error.code === 'ENODEV' ? false : error;
  }
};

/** Whether the kernel knows what is attached to the interface 1, which is `lo`: EINVAL where it knows no such type. */
const interfaces = (type: HookType) => (): AttachAnswer => {
  try {
    progQuery({ target: 1, attachType: HOOKS[type].attach });
    return true;
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    // lo is no netkit.
    return error.code === 'ENXIO' ? true : error.code === 'EINVAL' ? false : error;
  }
};

/** Whether programs can implement a struct of functions, which the kernel's types tell. */
const struct = (name: string) => (): AttachAnswer =>
  kernelBtf()?.findByName(`bpf_struct_ops_${name}`, 'struct') !== undefined;

// biome-ignore-start format: a table
export const ATTACH_KINDS: readonly AttachKind[] = /* @__PURE__ */ Object.freeze([
  kind('kprobe', '4.1', 'CONFIG_KPROBE_EVENTS', () => probePmu('kprobe') !== undefined),
  kind('kprobe.multi', '5.18', 'CONFIG_FPROBE', hasKprobeMulti),
  kind('kprobe.session', '6.10', 'CONFIG_FPROBE', () => hasKprobeMulti() && isAtLeast('6.10')),
  kind('uprobe', '4.3', 'CONFIG_UPROBE_EVENTS', hasUprobe),
  kind('uprobe.multi', '6.6', 'CONFIG_UPROBE_EVENTS', hasUprobeMulti),
  kind('tracepoint', '4.7', 'CONFIG_BPF_EVENTS', loads('tracepoint/sched/sched_switch')),
  kind(
    'tracepoint/syscalls',
    '4.7',
    'CONFIG_FTRACE_SYSCALLS',
    loads('tracepoint/syscalls/sys_enter_openat'),
  ),
  kind('raw_tp', '4.17', 'CONFIG_BPF_EVENTS', loads('raw_tp/sched_switch')),
  kind('tp_btf', '5.5', 'CONFIG_DEBUG_INFO_BTF', loads('tp_btf/sched_switch')),
  kind(
    'fentry',
    '5.5',
    'CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS',
    loads('fentry/bpf_fentry_test1'),
  ),
  kind('fexit', '5.5', 'CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS', loads('fexit/bpf_fentry_test1')),
  kind(
    'fmod_ret',
    '5.7',
    'CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS',
    loads('fmod_ret/security_file_open'),
  ),
  kind(
    'fsession',
    '7.0',
    'CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS',
    loads('fsession/bpf_fentry_test1'),
  ),
  kind(
    'fentry.multi',
    '7.2',
    'CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS',
    loads('fentry.multi/bpf_fentry_test?'),
  ),
  kind('lsm', '5.7', 'CONFIG_BPF_LSM', lsm('lsm/file_open')),
  kind(
    'lsm_cgroup',
    '6.0',
    'CONFIG_BPF_LSM',
    () => isAtLeast('6.0') && lsm('lsm_cgroup/socket_post_create')(),
  ),
  kind('iter', '5.8', 'CONFIG_DEBUG_INFO_BTF', loads('iter/task')),
  kind(
    'perf_event software',
    '4.9',
    'CONFIG_PERF_EVENTS',
    perfEvent({
      type: PERF_TYPE.PERF_TYPE_SOFTWARE,
      config: PERF_COUNT_SW.PERF_COUNT_SW_CPU_CLOCK,
      samplePeriod: 1_000_000,
    }),
  ),
  kind(
    'perf_event hardware',
    '4.9',
    'CONFIG_PERF_EVENTS',
    perfEvent({ type: PERF_TYPE.PERF_TYPE_HARDWARE, config: 0, samplePeriod: 1_000_000 }),
  ),
  kind('tcx', '6.6', 'CONFIG_NET_XGRESS', interfaces('tcx/ingress')),
  kind('netkit', '6.7', 'CONFIG_NETKIT', interfaces('netkit/primary')),
  kind('netfilter', '6.4', 'CONFIG_NETFILTER_BPF_LINK', loads('netfilter')),
  kind(
    'struct_ops/tcp_congestion_ops',
    '5.6',
    'CONFIG_DEBUG_INFO_BTF',
    struct('tcp_congestion_ops'),
  ),
  kind('struct_ops/sched_ext_ops', '6.12', 'CONFIG_SCHED_CLASS_EXT', struct('sched_ext_ops')),
]);
// biome-ignore-end format: a table
