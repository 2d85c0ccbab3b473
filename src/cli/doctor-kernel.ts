/**
 * @module
 * What doctor finds out about the kernel: its version, how it was built, its types, and whether programs become machine
 * code.
 */
import { readdirSync } from 'node:fs';
import { configuration, configurationFile } from '../kernel/configuration.ts';
import { kernelBtf } from '../kernel/kernel-btf.ts';
import { isAtLeast, kernelVersion, onlineCpus } from '../syscall/index.ts';
import { type Finding, readText, withoutOption } from './doctor-finding.ts';

export const kernelFindings = (): Finding[] => [...kernel(), ...options(), ...types(), ...jit()];

// ----------
// The kernel
// ----------

const kernel = (): Finding[] => {
  const { release, major, minor, patch } = kernelVersion();
  const version = `${major}.${minor}.${patch}`;
  const cpus = cpuCount();
  const machine = process.arch === 'x64' ? 'x86-64' : process.arch;
  return [
    {
      topic: 'kernel',
      name: 'release',
      state: isAtLeast('5.10') ? 'yes' : 'no',
      value: release,
      brief: release.startsWith(version) ? `Linux ${release}` : `Linux ${version} (${release})`,
      advice: 'tools are tested on Linux 5.10 and later: use a newer kernel',
    },
    { topic: 'kernel', name: 'machine', state: 'yes', value: machine, brief: machine },
    {
      topic: 'kernel',
      name: 'CPUs online',
      state: cpus === undefined ? 'unknown' : 'yes',
      value: cpus,
      brief: cpus === undefined ? undefined : `${cpus} ${cpus === 1 ? 'CPU' : 'CPUs'}`,
      advice: 'sysfs is not mounted: mount -t sysfs sysfs /sys',
    },
    {
      topic: 'kernel',
      name: 'count of missed runs',
      state: isAtLeast('5.12') ? 'yes' : 'no',
      advice:
        'before Linux 5.12 nothing counts the runs of programs that the kernel skips: lost events are more than tools say',
    },
  ];
};

const cpuCount = (): number | undefined => {
  try {
    return onlineCpus().length;
  } catch {
    return undefined;
  }
};

/** Options with what comes with them, and the kernel that has them first. */
// biome-ignore-start format: a table
const OPTIONS: readonly (readonly [option: string, what: string, since?: string])[] = [
  ['CONFIG_BPF_SYSCALL', 'BPF'],
  ['CONFIG_BPF_JIT', 'machine code for programs'],
  ['CONFIG_DEBUG_INFO_BTF', 'types of the kernel, for CO-RE, tp_btf, fentry and iterators'],
  ['CONFIG_DEBUG_INFO_BTF_MODULES', 'types of modules', '5.11'],
  ['CONFIG_BPF_EVENTS', 'programs for tracing'],
  ['CONFIG_PERF_EVENTS', 'perf events, which probes and tracepoints are attached by'],
  ['CONFIG_KPROBE_EVENTS', 'kprobes'],
  ['CONFIG_UPROBE_EVENTS', 'uprobes and USDT'],
  ['CONFIG_FTRACE_SYSCALLS', 'tracepoints of system calls'],
  ['CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS', 'fentry and fexit'],
  ['CONFIG_FPROBE', 'kprobe.multi', '5.18'],
  ['CONFIG_BPF_KPROBE_OVERRIDE', 'bpf_override_return'],
  ['CONFIG_BPF_LSM', 'lsm programs'],
  ['CONFIG_CGROUP_BPF', 'programs at control groups'],
  ['CONFIG_NET_CLS_BPF', 'programs for tc'],
  ['CONFIG_NET_SCH_INGRESS', 'tc ingress and clsact'],
  ['CONFIG_NET_XGRESS', 'tcx', '6.6'],
  ['CONFIG_NETKIT', 'netkit', '6.7'],
  ['CONFIG_NETFILTER_BPF_LINK', 'netfilter programs', '6.4'],
  ['CONFIG_XDP_SOCKETS', 'AF_XDP and xskmap'],
  ['CONFIG_LWTUNNEL_BPF', 'lwt programs'],
  ['CONFIG_IPV6_SEG6_BPF', 'lwt_seg6local programs'],
  ['CONFIG_BPF_STREAM_PARSER', 'sk_skb programs'],
  ['CONFIG_BPF_LIRC_MODE2', 'lirc_mode2 programs'],
  ['CONFIG_SCHED_CLASS_EXT', 'schedulers in BPF', '6.12'],
];
// biome-ignore-end format: a table

const options = (): Finding[] => {
  const file = configurationFile();
  if (file === undefined) {
    const advice = `this kernel shows no configuration: neither /boot/config-${kernelVersion().release} nor /proc/config.gz (modprobe configs) can be read`;
    return [{ topic: 'configuration', name: 'file', state: 'unknown', brief: 'not shown', advice }];
  }
  const asked = OPTIONS.filter(([, , since]) => since === undefined || isAtLeast(since));
  const findings = asked.map(([name, what]): Finding => {
    const value = configuration(name);
    const state = value === 'y' || value === 'm' ? 'yes' : 'no';
    return {
      topic: 'configuration',
      name,
      state,
      value,
      brings: what,
      advice: withoutOption(name),
    };
  });
  const set = findings.filter(({ state }) => state === 'yes').length;
  const brief = `${set} of ${asked.length} options that matter (${file})`;
  return [{ topic: 'configuration', name: 'file', state: 'yes', value: file, brief }, ...findings];
};

// ----------
// Types and machine code
// ----------

const types = (): Finding[] => {
  const btf = kernelBtf();
  if (!btf) {
    const advice =
      configuration('CONFIG_DEBUG_INFO_BTF') === 'y'
        ? '/sys/kernel/btf/vmlinux cannot be read, though the kernel was built with CONFIG_DEBUG_INFO_BTF: mount -t sysfs sysfs /sys'
        : 'this kernel has no type information (CONFIG_DEBUG_INFO_BTF): what reads its structs cannot run';
    return [{ topic: 'types', name: 'vmlinux', state: 'no', brief: 'none of the kernel', advice }];
  }
  const megabytes = (btf.bytes.byteLength / 1e6).toFixed(1);
  const modules = moduleNames();
  return [
    {
      topic: 'types',
      name: 'vmlinux',
      state: 'yes',
      value: btf.typeCount,
      brief: `${btf.typeCount} of the kernel (${megabytes} MB)`,
    },
    {
      topic: 'types',
      name: 'modules',
      state: 'yes',
      value: modules,
      brief: modules === 0 ? 'no modules' : `${modules} modules`,
    },
  ];
};

const moduleNames = (): number => {
  try {
    return readdirSync('/sys/kernel/btf').filter((name) => name !== 'vmlinux').length;
  } catch {
    return 0;
  }
};

const jit = (): Finding[] => {
  const setting = (name: string) => readText(`/proc/sys/net/core/bpf_jit_${name}`);
  const always = configuration('CONFIG_BPF_JIT_ALWAYS_ON') === 'y';
  const enable = setting('enable') ?? (always ? '1' : undefined);
  const harden = setting('harden');
  const on = ENABLING[enable ?? ''];
  return [
    {
      topic: 'jit',
      name: 'net.core.bpf_jit_enable',
      state: enable === undefined ? 'unknown' : enable === '0' ? 'no' : 'yes',
      value: enable,
      brief: on ?? 'not shown to this process',
      advice:
        enable === '0'
          ? 'programs are interpreted, which is slow, and some cannot run: sysctl net.core.bpf_jit_enable=1'
          : 'only root can see whether programs become machine code: run it with sudo',
    },
    {
      topic: 'jit',
      name: 'net.core.bpf_jit_harden',
      state: harden === undefined ? 'unknown' : 'yes',
      value: harden,
      brief: harden === undefined ? undefined : HARDENING[harden],
      advice: 'only root can see it: run it with sudo',
    },
  ];
};

const ENABLING: Readonly<Record<string, string>> = { 0: 'off', 1: 'on', 2: 'on, with debugging' };
const HARDENING: Readonly<Record<string, string>> = {
  0: 'not hardened',
  1: 'hardened for unprivileged users',
  2: 'hardened for all (slower)',
};
