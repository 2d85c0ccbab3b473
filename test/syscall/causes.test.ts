import { describe, expect, it } from 'vitest';
import {
  CAPABILITIES,
  type Capability,
  type Failure,
  holds,
  likelyCause,
  needsOfMap,
  needsOfProgram,
  type Privileges,
  parseKernelVersion,
  readPrivileges,
} from '../../src/syscall/index.ts';

const holding = (...capabilities: Capability[]): bigint =>
  capabilities.reduce((set, name) => set | (1n << BigInt(CAPABILITIES[name])), 0n);

const root: Privileges = {
  effective: 0x1ff_ffff_ffffn,
  initialUserNamespace: true,
  seccomp: false,
  unprivilegedBpfDisabled: 2,
  perfEventParanoid: 2,
  lockdown: 'none',
  memlock: 8_388_608,
  kernel: parseKernelVersion('6.12.0'),
};
const tracing: Failure = {
  attempt: "load the tracepoint program 'exit'",
  call: 'BPF_PROG_LOAD',
  errno: 1,
  needs: needsOfProgram(5),
};
const cause = (failure: Failure, code: string, privileges: Partial<Privileges> = {}) =>
  likelyCause(failure, code, () => ({ ...root, ...privileges }));

describe('the likely cause of EPERM', () => {
  it('names the capabilities that are missing', () => {
    expect(cause(tracing, 'EPERM', { effective: 0n })).toBe(
      'This process lacks CAP_BPF and CAP_PERFMON (kernel.unprivileged_bpf_disabled is 2): ' +
        'run it as root (sudo), or grant them',
    );
    expect(cause(tracing, 'EPERM', { effective: holding('CAP_BPF') })).toBe(
      'This process lacks CAP_PERFMON (kernel.unprivileged_bpf_disabled is 2): ' +
        'run it as root (sudo), or grant it',
    );
    const xdp = { ...tracing, needs: needsOfProgram(6) };
    expect(cause(xdp, 'EPERM', { effective: holding('CAP_BPF') })).toContain('lacks CAP_NET_ADMIN');
  });

  it('accepts CAP_SYS_ADMIN for what was split from it, but not for limits', () => {
    const admin = holding('CAP_SYS_ADMIN');
    expect(cause(tracing, 'EPERM', { effective: admin })).not.toContain('lacks');
    const limit: Failure = {
      attempt: 'set the limit of locked memory',
      call: 'prlimit',
      errno: 1,
      needs: ['CAP_SYS_RESOURCE'],
    };
    expect(cause(limit, 'EPERM', { effective: admin })).toBe(
      'This process lacks CAP_SYS_RESOURCE: run it as root with it, or raise the limit before ' +
        'starting (ulimit)',
    );
  });

  it('asks for CAP_SYS_ADMIN on a kernel that has no CAP_BPF', () => {
    const old = { effective: 0n, kernel: parseKernelVersion('5.4.0') };
    expect(cause(tracing, 'EPERM', old)).toContain('This process lacks CAP_SYS_ADMIN (');
  });

  it('suspects a user namespace, the locked memory, the lockdown and seccomp, in that order', () => {
    const suspects = (privileges: Partial<Privileges>) => cause(tracing, 'EPERM', privileges);
    const all = {
      initialUserNamespace: false,
      kernel: parseKernelVersion('5.10.0-28-amd64'),
      memlock: 65536,
      lockdown: 'confidentiality',
      seccomp: true,
    } as const;
    expect(suspects(all)).toContain('user namespace of its own');
    expect(suspects({ ...all, initialUserNamespace: true })).toContain(
      'RLIMIT_MEMLOCK is 65536 bytes',
    );
    expect(suspects({ lockdown: 'confidentiality', seccomp: true })).toContain(
      'The kernel is locked down (confidentiality)',
    );
    expect(suspects({ seccomp: true })).toContain('A seccomp filter is active');
    expect(suspects({})).toContain('Every capability that this needs is held');
  });

  it('does not suspect the locked memory where it is not counted or not limited', () => {
    const old = parseKernelVersion('5.10.0');
    expect(
      cause(tracing, 'EPERM', { kernel: old, memlock: Number.POSITIVE_INFINITY }),
    ).not.toContain('MEMLOCK');
    expect(cause(tracing, 'EPERM', { memlock: 65536 })).not.toContain('MEMLOCK');
  });

  it('names perf_event_paranoid for perf events', () => {
    const event = {
      attempt: 'open',
      call: 'perf_event_open',
      errno: 13,
      needs: ['CAP_PERFMON'],
    } as const;
    expect(cause(event, 'EACCES', { effective: 0n, perfEventParanoid: 3 })).toBe(
      'This process lacks CAP_PERFMON (kernel.perf_event_paranoid is 3): run it as root (sudo), or grant it',
    );
  });

  it('believes the log before anything else', () => {
    const log = 'func#0 @0\nR1 pointer arithmetic prohibited\nprocessed 3 insns (limit 1000000)\n';
    expect(cause({ ...tracing, log }, 'EACCES', { effective: 0n })).toBe(
      'The kernel says: R1 pointer arithmetic prohibited',
    );
  });
});

describe('the likely cause of other errors', () => {
  it('depends on the command, then on the number alone', () => {
    const failure = (call: string): Failure => ({ attempt: '', call, errno: 0 });
    expect(cause(failure('BPF_OBJ_PIN'), 'EPERM')).toContain('mount -t bpf bpf /sys/fs/bpf');
    expect(cause(failure('BPF_RAW_TRACEPOINT_OPEN'), 'ENOENT')).toContain('available_events');
    expect(cause(failure('anything'), 'EMFILE')).toContain('ulimit -n');
    expect(cause(failure('anything'), 'EPROTO')).toBeUndefined();
  });

  it('does not read the privileges of the process for them', () => {
    const failure = { attempt: '', call: 'BPF_MAP_CREATE', errno: 22, needs: needsOfMap(1) };
    const text = likelyCause(failure, 'EINVAL', () => {
      throw new Error('read /proc');
    });
    expect(text).toContain('does not know the type of the map');
  });
});

describe('the privileges of this process', () => {
  it('are read from /proc', () => {
    const privileges = readPrivileges();
    expect(typeof privileges.effective).toBe('bigint');
    expect(privileges.kernel.major).toBeGreaterThan(3);
    expect(privileges.memlock).toBeGreaterThan(0);
    if (process.getuid?.() === 0) expect(holds(privileges, 'CAP_BPF')).toBe(true);
  });
});
