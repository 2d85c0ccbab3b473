/**
 * @module
 * What doctor finds out about this process and where it runs: privileges, settings, file systems, and whether this is a
 * container.
 */
import { closeSync, existsSync, openSync, readlinkSync, readSync, statfsSync } from 'node:fs';
import { BPF_FILE_SYSTEM } from '../kernel/pins.ts';
import { securityModules } from '../kernel/security-modules.ts';
import { openToken } from '../kernel/token.ts';
import { tracefs } from '../kernel/tracefs.ts';
import {
  type Capability,
  holds,
  isAtLeast,
  type Privileges,
  readPrivileges,
} from '../syscall/index.ts';
import { type Finding, readText } from './doctor-finding.ts';

export const processFindings = (): Finding[] => {
  const privileges = readPrivileges();
  return [
    ...rights(privileges),
    ...settings(privileges),
    ...fileSystems(),
    ...container(privileges),
  ];
};

// ----------
// Privileges and settings
// ----------

const NEEDED: readonly (readonly [capability: Capability, what: string])[] = [
  ['CAP_BPF', 'to load programs and create maps'],
  ['CAP_PERFMON', 'for programs that trace'],
  ['CAP_NET_ADMIN', 'for programs that see packets'],
  ['CAP_SYS_ADMIN', 'to look at what others have loaded'],
];

const rights = (privileges: Privileges): Finding[] => {
  const { initialUserNamespace, seccomp, memlock = 0 } = privileges;
  const uid = process.getuid?.();
  const findings: Finding[] = [
    {
      topic: 'privileges',
      name: 'user',
      state: 'yes',
      value: uid,
      brief: uid === 0 ? 'root' : `user ${uid}`,
    },
    ...NEEDED.map(([name, what]): Finding => {
      const has = holds(privileges, name);
      const advice = `needed ${what}: run it as root (sudo), or grant it`;
      const brief = has ? name : undefined;
      return { topic: 'privileges', name, state: has ? 'yes' : 'no', brief, advice };
    }),
    {
      topic: 'privileges',
      name: 'first user namespace',
      state: initialUserNamespace || hasToken() ? 'yes' : 'no',
      value: initialUserNamespace,
      brief: initialUserNamespace ? undefined : 'in a user namespace',
      advice:
        'capabilities of a user namespace do not count for BPF: run it on the host, or mount a BPF file system that delegates rights (Linux 6.9)',
    },
    {
      topic: 'privileges',
      name: 'system calls',
      state: 'yes',
      value: seccomp ? 'filtered by seccomp' : 'not filtered',
      brief: seccomp ? 'system calls filtered by seccomp' : undefined,
    },
  ];
  if (!isAtLeast('5.11')) {
    const enough = memlock >= 2 ** 30 || holds(privileges, 'CAP_SYS_RESOURCE');
    findings.push({
      topic: 'privileges',
      name: 'RLIMIT_MEMLOCK',
      state: enough ? 'yes' : 'no',
      value: Number.isFinite(memlock) ? memlock : 'unlimited',
      advice:
        'before Linux 5.11 maps and programs count as locked memory: ulimit -l unlimited, as root',
    });
  }
  return findings;
};

const hasToken = (): boolean => {
  try {
    const token = openToken();
    token?.close();
    return token !== undefined;
  } catch {
    return false;
  }
};

const settings = (privileges: Privileges): Finding[] => {
  const { lockdown, perfEventParanoid, unprivilegedBpfDisabled } = privileges;
  const setting = (name: string, value: number | string | undefined, without: string): Finding => ({
    topic: 'settings',
    name,
    state: value === undefined ? 'unknown' : 'yes',
    value,
    brief: value === undefined ? undefined : `${name.replace('kernel.', '')} ${value}`,
    advice: without,
  });
  const kptr = readText('/proc/sys/kernel/kptr_restrict');
  const isHidden = addressesHidden();
  const confidential = lockdown === 'confidentiality';
  return [
    setting(
      'kernel.unprivileged_bpf_disabled',
      unprivilegedBpfDisabled,
      'there is no such setting: this kernel has no bpf(2) (CONFIG_BPF_SYSCALL), or /proc is not mounted',
    ),
    setting(
      'kernel.perf_event_paranoid',
      perfEventParanoid,
      'there is no such setting: this kernel has no perf events (CONFIG_PERF_EVENTS), or /proc is not mounted',
    ),
    {
      ...setting('kernel.kptr_restrict', kptr, 'there is no such setting: /proc is not mounted'),
      ...(isHidden && {
        state: 'no' as const,
        advice:
          'addresses of the kernel are hidden from this process, so functions in stacks have no names: run it as root (sudo), with kernel.kptr_restrict below 2',
      }),
    },
    {
      topic: 'settings',
      name: 'lockdown',
      state: confidential ? 'no' : 'yes',
      value: lockdown ?? 'not shown',
      brief: `lockdown ${lockdown ?? 'not shown'}`,
      advice:
        'the kernel forbids programs to read its memory: boot it without Secure Boot, or without lockdown=confidentiality',
    },
    {
      topic: 'settings',
      name: 'security modules',
      state: 'yes',
      value: securityModules()?.join(','),
    },
  ];
};

/** Whether the addresses in /proc/kallsyms are zeros: its beginning tells, and all of it takes 45 ms. */
const addressesHidden = (): boolean => {
  const bytes = Buffer.alloc(64 * 1024);
  try {
    const fd = openSync('/proc/kallsyms', 'r');
    const length = readSync(fd, bytes);
    closeSync(fd);
    return length > 0 && !/^(?!0+ )[\da-f]+ /m.test(bytes.toString('latin1', 0, length));
  } catch {
    return false;
  }
};

// ----------
// File systems, containers
// ----------

/** BPF_FS_MAGIC */
const BPF_MAGIC = 0xcafe4a11;

const fileSystems = (): Finding[] => {
  const cgroup = /^\S+ (\S+) cgroup2 /m.exec(readText('/proc/self/mounts') ?? '')?.[1];
  return [
    ...tracing(),
    {
      topic: 'file systems',
      name: 'bpf',
      state: isBpf() ? 'yes' : 'no',
      value: isBpf() ? BPF_FILE_SYSTEM : undefined,
      brief: isBpf() ? `bpf ${BPF_FILE_SYSTEM}` : undefined,
      advice: `nothing can be pinned: mount -t bpf bpf ${BPF_FILE_SYSTEM}`,
    },
    {
      topic: 'file systems',
      name: 'cgroup2',
      state: cgroup === undefined ? 'no' : 'yes',
      value: cgroup,
      brief: cgroup === undefined ? undefined : `cgroup2 ${cgroup}`,
      advice: 'programs cannot be at control groups: mount -t cgroup2 none /sys/fs/cgroup',
    },
  ];
};

const isBpf = (): boolean => {
  try {
    return statfsSync(BPF_FILE_SYSTEM).type === BPF_MAGIC;
  } catch {
    return false;
  }
};

const tracing = (): Finding[] => {
  let directory: string;
  try {
    directory = tracefs();
  } catch (error) {
    const advice = (error as Error).message;
    return [{ topic: 'file systems', name: 'tracefs', state: 'no', advice }];
  }
  const on = readText(`${directory}/tracing_on`);
  return [
    {
      topic: 'file systems',
      name: 'tracefs',
      state: on === undefined ? 'no' : 'yes',
      value: directory,
      brief: `tracefs ${directory}`,
      advice: `this process may not read ${directory}, where tracepoints are described: run it as root (sudo)`,
    },
    ...(on === undefined
      ? []
      : [
          {
            topic: 'file systems',
            name: 'tracing_on',
            state: on === '0' ? 'no' : 'yes',
            value: on,
            advice: `what programs print with trace_printk is thrown away: echo 1 > ${directory}/tracing_on`,
          } as const,
        ]),
  ];
};

/** The number of the first PID namespace (include/linux/proc_ns.h). */
const FIRST_PID_NAMESPACE = 'pid:[4026531836]';

const container = ({ initialUserNamespace }: Privileges): Finding[] => {
  const signs: string[] = [];
  if (existsSync('/.dockerenv')) signs.push('/.dockerenv');
  if (existsSync('/run/.containerenv')) signs.push('/run/.containerenv');
  if (process.env.container) signs.push(`container=${process.env.container}`);
  const group = /docker|kubepods|containerd|libpod|lxc/.exec(
    readText('/proc/self/cgroup') ?? '',
  )?.[0];
  if (group !== undefined) signs.push(`control group of ${group}`);
  const namespace = pidNamespace();
  const isOwn = namespace !== undefined && namespace !== FIRST_PID_NAMESPACE;
  if (isOwn) signs.push('a PID namespace');
  if (!initialUserNamespace) signs.push('a user namespace');
  const brief = signs.length === 0 ? 'no sign of one' : `perhaps: ${signs.join(', ')}`;
  return [
    { topic: 'container', name: 'signs', state: 'yes', value: signs.join(', '), brief },
    {
      topic: 'container',
      name: 'process numbers',
      state: isOwn ? 'no' : 'yes',
      advice:
        'programs see the process numbers of the host, which differ from those in this PID namespace: run it in that of the host (docker run --pid=host)',
    },
  ];
};

const pidNamespace = (): string | undefined => {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return undefined;
  }
};
