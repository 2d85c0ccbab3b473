/**
 * @module
 * Features that can be hidden, so that what older kernels need is tested on new ones.
 */

/** The features under the names that `without` and BEESPOKE_WITHOUT take, with the first kernel that has them. */
export const FEATURES = {
  /** map type ringbuf */
  ringbuf: '5.8',
  /** BTF-enabled raw tracepoints */
  tp_btf: '5.5',
  raw_tp: '4.17',
  /** programs at functions by BPF trampolines: fentry, fexit and their kin */
  fentry: '5.5',
  kprobe: '4.1',
  /** one program at many functions of the kernel; else a program for each */
  kprobeMulti: '5.18',
  /** ... of a file */
  uprobeMulti: '6.6',
  /** bpf_link for perf events; else the ioctl */
  perfLink: '5.15',
  /** kprobes by perf_event_open; else by definitions in tracefs */
  kprobePmu: '4.17',
  /** bpf_link for cgroups; else BPF_PROG_ATTACH */
  cgroupLink: '5.7',
  /** bpf_link for network namespaces; else BPF_PROG_ATTACH */
  netnsLink: '5.8',
  /** bpf_link for XDP; else netlink */
  xdpLink: '5.9',
  /** traffic control by links; else filters, through netlink */
  tcx: '6.6',
  /** bpf_link for maps of sockets; else BPF_PROG_ATTACH */
  sockmapLink: '6.10',
  /** BPF_MAP_*_BATCH */
  batch: '5.6',
  /** mmap of arrays */
  mmap: '5.5',
  /** instructions of ISA version 4 */
  isaV4: '6.6',
  /** /sys/kernel/btf/vmlinux */
  btf: '5.4',
} as const;
export type Feature = keyof typeof FEATURES;

/** The features to do without: those given, and those of the environment. Throws for names that do not exist. */
export const featuresWithout = (given: readonly Feature[] = []): ReadonlySet<Feature> => {
  const fromEnvironment = (process.env.BEESPOKE_WITHOUT ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const all = [...given, ...fromEnvironment];
  for (const name of all) {
    if (!Object.hasOwn(FEATURES, name)) {
      throw new TypeError(
        `there is no feature ${JSON.stringify(name)} to do without: ${Object.keys(FEATURES).join(', ')}`,
      );
    }
  }
  return new Set(all as Feature[]);
};
