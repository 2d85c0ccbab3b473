/**
 * perf_event_open(2) and its ioctls: tracepoints and probes to attach programs to, clocks that run them,
 * and the buffers of BPF_MAP_TYPE_PERF_EVENT_ARRAY.
 *
 * Follows include/uapi/linux/perf_event.h (Linux 6.18), `struct perf_event_attr` up to its version 5.
 *
 *     const fd = perfEventOpen({ type: PERF_TYPE.PERF_TYPE_TRACEPOINT, config: id, samplePeriod: 1 });
 *     perfEventSetBpf(fd, progFd);
 *     perfEventEnable(fd);
 * @module
 */

import { SystemCallError } from './errors.ts';
import { systemCall } from './libc.ts';
import { clearAttr, putText, putU32, putU64, release, scratch } from './scratch.ts';

// biome-ignore-start format: rows as in the kernel's header

export const PERF_TYPE = {
  PERF_TYPE_HARDWARE: 0,
  PERF_TYPE_SOFTWARE: 1,
  PERF_TYPE_TRACEPOINT: 2,
  PERF_TYPE_HW_CACHE: 3,
  PERF_TYPE_RAW: 4,
  PERF_TYPE_BREAKPOINT: 5,
} as const;

export const PERF_COUNT_SW = {
  PERF_COUNT_SW_CPU_CLOCK: 0,
  PERF_COUNT_SW_TASK_CLOCK: 1,
  PERF_COUNT_SW_PAGE_FAULTS: 2,
  PERF_COUNT_SW_CONTEXT_SWITCHES: 3,
  PERF_COUNT_SW_CPU_MIGRATIONS: 4,
  PERF_COUNT_SW_PAGE_FAULTS_MIN: 5,
  PERF_COUNT_SW_PAGE_FAULTS_MAJ: 6,
  PERF_COUNT_SW_ALIGNMENT_FAULTS: 7,
  PERF_COUNT_SW_EMULATION_FAULTS: 8,
  PERF_COUNT_SW_DUMMY: 9,
  PERF_COUNT_SW_BPF_OUTPUT: 10,
  PERF_COUNT_SW_CGROUP_SWITCHES: 11,
} as const;

export const PERF_SAMPLE = {
  PERF_SAMPLE_IP: 1 << 0,
  PERF_SAMPLE_TID: 1 << 1,
  PERF_SAMPLE_TIME: 1 << 2,
  PERF_SAMPLE_CALLCHAIN: 1 << 5,
  PERF_SAMPLE_CPU: 1 << 7,
  PERF_SAMPLE_RAW: 1 << 10,
} as const;

export const PERF_EVENT_ATTR = {
  type: 0,
  attr_size: 4,
  config: 8,
  sample_period: 16,
  sample_freq: 16,
  sample_type: 24,
  read_format: 32,
  flags: 40,
  wakeup_events: 48,
  wakeup_watermark: 48,
  bp_type: 52,
  config1: 56,
  config2: 64,
  size: 112,
} as const;

/** The bits of the word at `flags`. */
const FLAG = {
  disabled: 1 << 0,
  inherit: 1 << 1,
  excludeUser: 1 << 4,
  excludeKernel: 1 << 5,
  excludeHypervisor: 1 << 6,
  excludeIdle: 1 << 7,
  freq: 1 << 10,
  watermark: 1 << 14,
} as const;

// biome-ignore-end format: rows as in the kernel's header

const PERF_FLAG_FD_CLOEXEC = 8;

export interface PerfEventOptions {
  /** One of {@link PERF_TYPE}, or the number in /sys/bus/event_source/devices/NAME/type. */
  readonly type: number;
  /** What to count: the id of a tracepoint, one of {@link PERF_COUNT_SW}. */
  readonly config?: bigint | number | undefined;
  /** A text (the function of a kprobe, the file of a uprobe) is passed as its address. */
  readonly config1?: bigint | number | string | undefined;
  /** The offset of a probe. */
  readonly config2?: bigint | number | undefined;
  /** Every how many events; or `sampleFrequency`, how often a second. */
  readonly samplePeriod?: bigint | number | undefined;
  readonly sampleFrequency?: number | undefined;
  /** Bits of {@link PERF_SAMPLE}. */
  readonly sampleType?: number | undefined;
  /** Wake up after so many records; or `wakeupWatermark`, so many bytes. */
  readonly wakeupEvents?: number | undefined;
  readonly wakeupWatermark?: number | undefined;
  readonly disabled?: boolean | undefined;
  readonly inherit?: boolean | undefined;
  readonly excludeUser?: boolean | undefined;
  readonly excludeKernel?: boolean | undefined;
  readonly excludeHypervisor?: boolean | undefined;
  readonly excludeIdle?: boolean | undefined;
  /** -1, the default, is every process; 0 is this one. */
  readonly pid?: number | undefined;
  /** -1 is every CPU, for one process. 0 if nothing is said: tracepoints and probes fire on all. */
  readonly cpu?: number | undefined;
  readonly groupFd?: number | undefined;
}

/** perf_event_open(2): the descriptor of an event, to be closed on exec. */
export function perfEventOpen(options: PerfEventOptions): number {
  const { config1, sampleFrequency, wakeupWatermark } = options;
  clearAttr(PERF_EVENT_ATTR.size);
  putU32(PERF_EVENT_ATTR.type, options.type);
  putU32(PERF_EVENT_ATTR.attr_size, PERF_EVENT_ATTR.size);
  putU64(PERF_EVENT_ATTR.config, options.config ?? 0);
  putU64(PERF_EVENT_ATTR.sample_period, sampleFrequency ?? options.samplePeriod ?? 0);
  putU64(PERF_EVENT_ATTR.sample_type, options.sampleType ?? 0);
  putU32(PERF_EVENT_ATTR.flags, flagsOf(options));
  putU32(PERF_EVENT_ATTR.wakeup_events, wakeupWatermark ?? options.wakeupEvents ?? 0);
  if (typeof config1 === 'string') putText(PERF_EVENT_ATTR.config1, config1);
  else putU64(PERF_EVENT_ATTR.config1, config1 ?? 0);
  putU64(PERF_EVENT_ATTR.config2, options.config2 ?? 0);

  const { pid = -1, cpu = 0, groupFd = -1 } = options;
  const { address } = scratch();
  const result = systemCall('perf_event_open', address, pid, cpu, groupFd, PERF_FLAG_FD_CLOEXEC);
  release();
  if (result >= 0) return result;
  throw new SystemCallError({
    call: 'perf_event_open',
    attempt: `open the perf event (type ${options.type}, config ${options.config ?? 0})`,
    errno: -result,
    needs: ['CAP_PERFMON'],
  });
}

function flagsOf(options: PerfEventOptions): number {
  let flags = 0;
  if (options.disabled) flags |= FLAG.disabled;
  if (options.inherit) flags |= FLAG.inherit;
  if (options.excludeUser) flags |= FLAG.excludeUser;
  if (options.excludeKernel) flags |= FLAG.excludeKernel;
  if (options.excludeHypervisor) flags |= FLAG.excludeHypervisor;
  if (options.excludeIdle) flags |= FLAG.excludeIdle;
  if (options.sampleFrequency !== undefined) flags |= FLAG.freq;
  if (options.wakeupWatermark !== undefined) flags |= FLAG.watermark;
  return flags;
}

const PERF_EVENT_IOC_ENABLE = 0x2400;
const PERF_EVENT_IOC_DISABLE = 0x2401;
const PERF_EVENT_IOC_SET_BPF = 0x40042408;

export function perfEventEnable(fd: number): void {
  ioctl(fd, PERF_EVENT_IOC_ENABLE, 0, 'enable the perf event');
}

export function perfEventDisable(fd: number): void {
  ioctl(fd, PERF_EVENT_IOC_DISABLE, 0, 'disable the perf event');
}

/** Attaches a program without a link, as kernels before 5.15 need; it stays until the event is closed. */
export function perfEventSetBpf(fd: number, progFd: number): void {
  ioctl(fd, PERF_EVENT_IOC_SET_BPF, progFd, 'attach the program to the perf event');
}

function ioctl(fd: number, request: number, argument: number, attempt: string): void {
  const result = systemCall('ioctl', fd, request, argument);
  if (result >= 0) return;
  const needs = request === PERF_EVENT_IOC_SET_BPF ? (['CAP_PERFMON'] as const) : undefined;
  throw new SystemCallError({ call: 'ioctl', attempt, errno: -result, needs });
}
