/**
 * Why the kernel probably said no, and what to do about it: one sentence or two for the end of an error
 * message. bpf(2) answers with one number for many reasons; the usual suspects are checked in the order in
 * which they are usually guilty.
 *
 * Follows kernel/bpf/syscall.c, kernel/events/core.c (Linux 6.18) and bpf(2), perf_event_open(2).
 * @module
 */

import { isAtLeast } from './kernel-version.ts';
import { type Capability, holds, type Privileges, readPrivileges } from './privileges.ts';

/** A refused system call, as far as its cause depends on it. */
export interface Failure {
  /** Completes "cannot ...": `create the map 'events'`. */
  readonly attempt: string;
  /** The system call, or the command of bpf(2). */
  readonly call: string;
  readonly errno: number;
  /** The capabilities that the kernel asks for here. */
  readonly needs?: readonly Capability[] | undefined;
  /** The kernel's log: a refusal with a log has its reason there. */
  readonly log?: string | undefined;
}

/** The cause and the remedy, where one is known. `privileges` stands in for this process in tests. */
export function likelyCause(
  failure: Failure,
  code: string,
  privileges: () => Privileges = readPrivileges,
): string | undefined {
  const verdict = lastLine(failure.log);
  if (verdict && code !== 'ENOSPC') return `The kernel says: ${verdict}`;
  const known = CAUSES[`${failure.call} ${code}`] ?? CAUSES[code];
  const refused = code === 'EPERM' || code === 'EACCES';
  if (refused && failure.needs)
    return permissionCause(failure, privileges()) ?? known ?? UNEXPLAINED;
  return known;
}

/** What is missing, for a refusal that can be one of permissions. */
function permissionCause({ call, needs = [] }: Failure, p: Privileges): string | undefined {
  // Before Linux 5.8 these two did not exist, and CAP_SYS_ADMIN was asked for.
  const wanted = isAtLeast('5.8', p.kernel)
    ? needs
    : needs.map((name) => (name === 'CAP_BPF' || name === 'CAP_PERFMON' ? 'CAP_SYS_ADMIN' : name));
  const missing = [...new Set(wanted)].filter((capability) => !holds(p, capability));
  if (missing.length > 0) return missingCapabilities(call, needs, missing, p);

  const isBpf = call.startsWith('BPF_');
  if (!p.initialUserNamespace) {
    return (
      'This process is in a user namespace of its own (a rootless container?), where capabilities do ' +
      'not count for this: run it on the host as root'
    );
  }
  if (isBpf && !isAtLeast('5.11', p.kernel) && (p.memlock ?? Number.POSITIVE_INFINITY) < 2 ** 30) {
    return (
      `RLIMIT_MEMLOCK is ${p.memlock} bytes, and before Linux 5.11 maps and programs count against it: ` +
      'raise it (ulimit -l unlimited)'
    );
  }
  if (p.lockdown !== undefined && p.lockdown !== 'none') {
    return (
      `The kernel is locked down (${p.lockdown}), which can forbid programs that read its memory: ` +
      'see /sys/kernel/security/lockdown; Secure Boot usually turns it on'
    );
  }
  if (p.seccomp) {
    return (
      'A seccomp filter is active (in a container?): allow this system call in it ' +
      '(docker run --privileged, or --security-opt seccomp=unconfined)'
    );
  }
  return undefined;
}

function missingCapabilities(
  call: string,
  needs: readonly Capability[],
  missing: readonly Capability[],
  p: Privileges,
): string {
  const settings: string[] = [];
  if (needs.includes('CAP_BPF') && (p.unprivilegedBpfDisabled ?? 0) > 0) {
    settings.push(`kernel.unprivileged_bpf_disabled is ${p.unprivilegedBpfDisabled}`);
  }
  if (call === 'perf_event_open' && p.perfEventParanoid !== undefined) {
    settings.push(`kernel.perf_event_paranoid is ${p.perfEventParanoid}`);
  }
  const remedy = missing.includes('CAP_SYS_RESOURCE')
    ? 'run it as root with it, or raise the limit before starting (ulimit)'
    : `run it as root (sudo), or grant ${missing.length > 1 ? 'them' : 'it'}`;
  const because = settings.length > 0 ? ` (${settings.join(', ')})` : '';
  return `This process lacks ${missing.join(' and ')}${because}: ${remedy}`;
}

const UNEXPLAINED =
  'Every capability that this needs is held: a security module (SELinux, AppArmor, LSM BPF), ' +
  'a hypervisor or a kernel built without this feature refuses it';

/** The last line of a log that is a reason and not a statistic. */
function lastLine(log: string | undefined): string | undefined {
  return log
    ?.split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(processed \d|verification time|stack depth)/.test(line))
    .at(-1);
}

/** By "call code", then by "code" alone. */
const CAUSES: Readonly<Record<string, string>> = {
  ENOSYS: 'This kernel does not have this system call: for bpf(2) it needs CONFIG_BPF_SYSCALL',
  EBADF: 'A descriptor is closed, or is not of the kind that is needed here',
  EMFILE: 'This process has too many open files: raise the limit (ulimit -n)',
  ENFILE: 'The system has too many open files: raise fs.file-max',
  ENOMEM: 'The kernel has too little memory for this, or the control group allows no more',

  'BPF_PROG_LOAD ENOMEM':
    'The kernel has too little memory for this, the control group allows no more, or the program has more ' +
    'jumps than the verifier follows',

  'BPF_MAP_CREATE EINVAL':
    'This kernel does not know the type of the map, or does not take this combination of key size, ' +
    'value size, max_entries and flags',
  'BPF_MAP_CREATE E2BIG':
    'The map is larger than the kernel allows, or uses a field newer than this kernel',
  'BPF_MAP_CREATE ENOMEM':
    'There is too little memory for this many entries: ask for fewer, or check the memory limit of the ' +
    'control group',
  'BPF_MAP_CREATE ENOTSUPP': 'This type of map does not take BTF, or not this flag',

  'BPF_MAP_LOOKUP_ELEM EINVAL': 'The flags do not fit the map',
  'BPF_MAP_LOOKUP_ELEM EPERM': 'The map cannot be read from user space (BPF_F_WRONLY)',
  'BPF_MAP_LOOKUP_ELEM ENOTSUPP': 'Maps of this type cannot be looked up from user space',
  'BPF_MAP_UPDATE_ELEM E2BIG': 'The map is full, or the index is not below max_entries',
  'BPF_MAP_UPDATE_ELEM EPERM':
    'The map is frozen, or cannot be written from user space (BPF_F_RDONLY)',
  'BPF_MAP_UPDATE_ELEM EBUSY': 'Another CPU holds the bucket: try again',
  'BPF_MAP_UPDATE_ELEM ENOTSUPP': 'Maps of this type cannot be updated from user space',
  'BPF_MAP_UPDATE_ELEM EINVAL':
    'The value or the flags do not fit the map: a map of programs or maps takes descriptors of the same kind',
  'BPF_MAP_DELETE_ELEM EINVAL': 'Elements of an array cannot be deleted',
  'BPF_MAP_DELETE_ELEM EPERM':
    'The map is frozen, or cannot be written from user space (BPF_F_RDONLY)',
  'BPF_MAP_LOOKUP_AND_DELETE_ELEM ENOTSUPP':
    'This kernel cannot look up and delete in maps of this type',
  'BPF_MAP_GET_NEXT_KEY ENOTSUPP': 'Maps of this type have no keys to walk through',
  'BPF_MAP_FREEZE EBUSY': 'The map is mapped writable, or is being written',
  'BPF_MAP_FREEZE ENOTSUPP': 'Maps of this type cannot be frozen',
  'BPF_MAP_LOOKUP_BATCH ENOSPC':
    'A bucket of the map has more elements than the batch: pass more room',
  'BPF_MAP_LOOKUP_AND_DELETE_BATCH ENOSPC':
    'A bucket of the map has more elements than the batch: pass more room',
  'BPF_MAP_LOOKUP_BATCH ENOTSUPP': 'Maps of this type have no batches in this kernel',
  'BPF_MAP_LOOKUP_AND_DELETE_BATCH ENOTSUPP': 'Maps of this type have no batches in this kernel',
  'BPF_MAP_UPDATE_BATCH ENOTSUPP': 'Maps of this type have no batches in this kernel',
  'BPF_MAP_UPDATE_BATCH E2BIG': 'The map is full, or an index is not below max_entries',
  'BPF_MAP_DELETE_BATCH ENOTSUPP': 'Maps of this type have no batches in this kernel',

  'BPF_PROG_LOAD EINVAL':
    'Without a log there is no reason: either the verifier refused the program, or this kernel does not ' +
    'know its type, attach type or a flag',
  'BPF_PROG_LOAD EACCES': 'The verifier refused the program: load it with a log to see why',
  'BPF_PROG_LOAD E2BIG':
    'The program is too large or too complex to verify, or uses a field newer than this kernel',
  'BPF_PROG_LOAD ENOSPC': 'The log does not fit into its buffer: pass a larger one',
  'BPF_PROG_LOAD ENOENT': 'What it refers to does not exist in this kernel',
  'BPF_PROG_LOAD ENOTSUPP':
    'The kernel cannot run this: it needs the JIT (net.core.bpf_jit_enable)',
  'BPF_PROG_LOAD EAGAIN':
    'A signal interrupted the verifier, also when they were held back: try again',
  'BPF_BTF_LOAD EINVAL': 'This kernel does not take this BTF: it may use kinds newer than it',
  'BPF_BTF_LOAD ENOSPC': 'The log does not fit into its buffer: pass a larger one',
  'BPF_PROG_TEST_RUN EINVAL': 'The sizes of data or context do not fit programs of this type',
  'BPF_PROG_TEST_RUN ENOTSUPP': 'This kernel cannot test-run programs of this type',
  'BPF_PROG_TEST_RUN EOPNOTSUPP': 'This kernel cannot test-run programs of this type',
  'BPF_PROG_TEST_RUN ENOSPC': 'The output is larger than the room for it: pass more',
  'BPF_PROG_TEST_RUN EINTR': 'A signal interrupted the run: run it again',

  'BPF_RAW_TRACEPOINT_OPEN ENOENT':
    'This kernel has no raw tracepoint of that name: see /sys/kernel/tracing/available_events',
  'BPF_RAW_TRACEPOINT_OPEN EINVAL': 'Programs of this type cannot be attached so',
  'BPF_LINK_CREATE EINVAL':
    'This kernel does not create such a link, or the program was loaded for another attach type',
  'BPF_LINK_CREATE EBADF':
    'The target is closed, or is not of the kind that this attach type needs',
  'BPF_LINK_CREATE EBUSY': 'Something else is attached there already and allows no second',
  'BPF_LINK_CREATE EEXIST': 'This program is attached there already',
  'BPF_LINK_CREATE ENOENT': 'What it should be attached to does not exist in this kernel',
  'BPF_LINK_CREATE EPROTO':
    'The program asks for stacks that the perf event does not record: open it with PERF_SAMPLE_CALLCHAIN',
  'BPF_LINK_UPDATE EINVAL':
    'Links of this type keep their program, or the new program is of another type',
  'BPF_LINK_UPDATE EOPNOTSUPP':
    'Links of this type keep their program: attach the other one, then close this link',
  'BPF_LINK_DETACH EOPNOTSUPP': 'Links of this type cannot be detached by force',
  'BPF_TOKEN_CREATE EINVAL':
    'The path must be where a BPF file system is mounted, and tokens need Linux 6.9',
  'BPF_TOKEN_CREATE ENOENT':
    'This BPF file system delegates nothing: mount it with delegate_cmds=any and its kin',
  'BPF_TOKEN_CREATE EPERM':
    'The BPF file system is mounted for another user namespace, or this process lacks CAP_BPF in its own',
  'BPF_TOKEN_CREATE EOPNOTSUPP': 'Tokens are for user namespaces other than the first',
  'BPF_OBJ_PIN EPERM':
    'The path must be in a mounted BPF file system: mount -t bpf bpf /sys/fs/bpf',
  'BPF_OBJ_PIN ENOENT': 'The directory of the path does not exist',
  'BPF_OBJ_PIN EEXIST': 'Something is pinned there already',
  'BPF_OBJ_GET ENOENT': 'Nothing is pinned there',
  'BPF_OBJ_GET EACCES': 'What is there is no pinned BPF object, or its mode does not allow this',
  'BPF_PROG_GET_FD_BY_ID ENOENT': 'It has ended since its id was listed',
  'BPF_MAP_GET_FD_BY_ID ENOENT': 'It has ended since its id was listed',
  'BPF_BTF_GET_FD_BY_ID ENOENT': 'It has ended since its id was listed',
  'BPF_LINK_GET_FD_BY_ID ENOENT': 'It has ended since its id was listed',
  'BPF_TASK_FD_QUERY ENOTSUPP':
    'The descriptor is no perf event with a program, and no raw tracepoint',
  'BPF_TASK_FD_QUERY ENOENT': 'There is no such process, or no program on that descriptor',

  'perf_event_open ENOENT': 'This kernel or processor has no such event',
  'perf_event_open ENODEV': 'This processor has no such event, or the CPU is offline',
  'perf_event_open EOPNOTSUPP': 'This processor cannot count or sample this event',
  'perf_event_open ESRCH': 'There is no such process',
  'perf_event_open EINVAL': 'This kernel does not take this combination of event, process and CPU',
  'perf_event_open ENOSPC': 'There are too many hardware breakpoints or events already',
  'ioctl EEXIST': 'A program is attached to this event already',
  'ioctl EINVAL': 'The program does not fit this kind of event',
  'mmap EPERM':
    'Too much memory would be locked: raise kernel.perf_event_mlock_kb or RLIMIT_MEMLOCK, or use a smaller buffer',
  'mmap ENODEV': 'This file cannot be mapped',
  'mmap EINVAL': 'The length or the offset does not fit what is mapped',
  'membarrier EINVAL':
    'The kernel keeps CPUs free of its own work (nohz_full), and has no such barrier then',
  'open ENOENT': 'The file does not exist: is its file system mounted?',
  'open EACCES': 'This process may not read it: run it as root (sudo)',
  'epoll_ctl EPERM': 'This kind of file cannot be waited for',
};
