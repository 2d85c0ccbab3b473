/**
 * What this process may do, as far as bpf(2) and perf_event_open(2) ask: read only when an error message
 * is composed, or by `beespoke doctor`.
 *
 * Follows proc_pid_status(5), user_namespaces(7), Documentation/admin-guide/sysctl/kernel.rst and
 * security/lockdown/lockdown.c (Linux 6.18).
 * @module
 */

import { readFileSync } from 'node:fs';
import { type KernelVersion, kernelVersion } from './kernel-version.ts';

/** The capabilities that matter here, by bit (include/uapi/linux/capability.h). */
export const CAPABILITIES = {
  CAP_NET_ADMIN: 12,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
} as const;
export type Capability = keyof typeof CAPABILITIES;

export interface Privileges {
  /** The effective capabilities as a bit set; `undefined` when /proc does not say. */
  readonly effective: bigint | undefined;
  /** bpf(2) counts capabilities in the initial user namespace only: not in a rootless container. */
  readonly initialUserNamespace: boolean;
  /** A seccomp filter is active, as in most containers. */
  readonly seccomp: boolean;
  /** kernel.unprivileged_bpf_disabled: 0 allowed, 1 and 2 refused. */
  readonly unprivilegedBpfDisabled: number | undefined;
  /** kernel.perf_event_paranoid: from 2 on, measuring the kernel needs CAP_PERFMON. */
  readonly perfEventParanoid: number | undefined;
  readonly lockdown: 'none' | 'integrity' | 'confidentiality' | undefined;
  /** RLIMIT_MEMLOCK in bytes, which maps and programs count against before Linux 5.11. */
  readonly memlock: number | undefined;
  readonly kernel: KernelVersion;
}

export function readPrivileges(): Privileges {
  const status = read('/proc/self/status');
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  const memlock = /^Max locked memory\s+(\S+)/m.exec(read('/proc/self/limits'))?.[1];
  return {
    effective: effective === undefined ? undefined : BigInt(`0x${effective}`),
    initialUserNamespace: /^\s*0\s+0\s+4294967295\s*$/.test(
      read('/proc/self/uid_map', '0 0 4294967295'),
    ),
    seccomp: /^Seccomp:\s*2$/m.test(status),
    unprivilegedBpfDisabled: readNumber('/proc/sys/kernel/unprivileged_bpf_disabled'),
    perfEventParanoid: readNumber('/proc/sys/kernel/perf_event_paranoid'),
    lockdown: /\[(.+)\]/.exec(read('/sys/kernel/security/lockdown'))?.[1] as Privileges['lockdown'],
    memlock:
      memlock === undefined
        ? undefined
        : memlock === 'unlimited'
          ? Number.POSITIVE_INFINITY
          : Number(memlock),
    kernel: kernelVersion(),
  };
}

/** Does the process hold a capability? CAP_SYS_ADMIN stands in for those that were split from it. */
export function holds(privileges: Privileges, capability: Capability): boolean {
  const { effective } = privileges;
  if (effective === undefined) return true;
  const has = (name: Capability) => ((effective >> BigInt(CAPABILITIES[name])) & 1n) === 1n;
  return has(capability) || (capability !== 'CAP_SYS_RESOURCE' && has('CAP_SYS_ADMIN'));
}

function read(path: string, otherwise = ''): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

function readNumber(path: string): number | undefined {
  const text = read(path).trim();
  return text === '' ? undefined : Number(text);
}
