/**
 * Which capabilities bpf(2) asks for, by type. Follows map_create() and bpf_prog_load(),
 * is_net_admin_prog_type() and is_perfmon_prog_type() in kernel/bpf/syscall.c (Linux 6.18).
 * @module
 */

import type { Capability } from './privileges.ts';
import { BPF_MAP_TYPE, BPF_PROG_TYPE } from './types.ts';

/** For creating a map. CAP_BPF is not needed by the simplest ones if unprivileged_bpf_disabled is 0. */
export function needsOfMap(type: number): readonly Capability[] {
  return NET_ADMIN_MAPS.includes(type) ? ['CAP_BPF', 'CAP_NET_ADMIN'] : ['CAP_BPF'];
}

/** For loading a program. */
export function needsOfProgram(type: number): readonly Capability[] {
  const needs: Capability[] = ['CAP_BPF'];
  if (NET_ADMIN_PROGRAMS.includes(type)) needs.push('CAP_NET_ADMIN');
  if (PERFMON_PROGRAMS.includes(type)) needs.push('CAP_PERFMON');
  return needs;
}

const NET_ADMIN_MAPS: readonly number[] = [
  BPF_MAP_TYPE.BPF_MAP_TYPE_SOCKMAP,
  BPF_MAP_TYPE.BPF_MAP_TYPE_SOCKHASH,
  BPF_MAP_TYPE.BPF_MAP_TYPE_DEVMAP,
  BPF_MAP_TYPE.BPF_MAP_TYPE_DEVMAP_HASH,
  BPF_MAP_TYPE.BPF_MAP_TYPE_XSKMAP,
];

const NET_ADMIN_PROGRAMS: readonly number[] = [
  BPF_PROG_TYPE.BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE.BPF_PROG_TYPE_SCHED_ACT,
  BPF_PROG_TYPE.BPF_PROG_TYPE_XDP,
  BPF_PROG_TYPE.BPF_PROG_TYPE_LWT_IN,
  BPF_PROG_TYPE.BPF_PROG_TYPE_LWT_OUT,
  BPF_PROG_TYPE.BPF_PROG_TYPE_LWT_XMIT,
  BPF_PROG_TYPE.BPF_PROG_TYPE_LWT_SEG6LOCAL,
  BPF_PROG_TYPE.BPF_PROG_TYPE_SK_SKB,
  BPF_PROG_TYPE.BPF_PROG_TYPE_SK_MSG,
  BPF_PROG_TYPE.BPF_PROG_TYPE_FLOW_DISSECTOR,
  BPF_PROG_TYPE.BPF_PROG_TYPE_CGROUP_DEVICE,
  BPF_PROG_TYPE.BPF_PROG_TYPE_CGROUP_SOCK,
  BPF_PROG_TYPE.BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
  BPF_PROG_TYPE.BPF_PROG_TYPE_CGROUP_SOCKOPT,
  BPF_PROG_TYPE.BPF_PROG_TYPE_CGROUP_SYSCTL,
  BPF_PROG_TYPE.BPF_PROG_TYPE_SOCK_OPS,
  BPF_PROG_TYPE.BPF_PROG_TYPE_EXT,
  BPF_PROG_TYPE.BPF_PROG_TYPE_NETFILTER,
];

const PERFMON_PROGRAMS: readonly number[] = [
  BPF_PROG_TYPE.BPF_PROG_TYPE_KPROBE,
  BPF_PROG_TYPE.BPF_PROG_TYPE_TRACEPOINT,
  BPF_PROG_TYPE.BPF_PROG_TYPE_PERF_EVENT,
  BPF_PROG_TYPE.BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
  BPF_PROG_TYPE.BPF_PROG_TYPE_TRACING,
  BPF_PROG_TYPE.BPF_PROG_TYPE_LSM,
  BPF_PROG_TYPE.BPF_PROG_TYPE_STRUCT_OPS,
  BPF_PROG_TYPE.BPF_PROG_TYPE_EXT,
];
