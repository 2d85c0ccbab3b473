/** Programs at functions: their sections, and where their arguments are on each architecture. */
import { describe, expect, it } from 'vitest';
import type { Code } from '../../src/asm/index.ts';
import {
  coreRead,
  either,
  exit,
  fentry,
  fentryMulti,
  fexit,
  fexitMulti,
  fieldExists,
  fmodRet,
  freplace,
  fsession,
  fsessionMulti,
  hookArguments,
  i32,
  i64,
  iter,
  kprobe,
  kprobeMulti,
  kprobeSession,
  kretprobe,
  kretsyscall,
  ksyscall,
  load,
  lsm,
  lsmCgroup,
  mov,
  type ProgramSpec,
  perfEvent,
  pointer,
  RequirementError,
  r0,
  r1,
  r2,
  r6,
  r8,
  rawTracepointWritable,
  sleepable,
  structOp,
  syscall,
  systemCallArguments,
  tracepoint,
  u32,
  u64,
  uprobe,
  uprobeMulti,
  uprobeSession,
  uretprobe,
  usdt,
  type World,
  w1,
  w8,
} from '../../src/index.ts';
import { parseSection } from '../../src/object/index.ts';
import { kernelWith, linked, linkedText, messageOf, withoutLine, world } from './support.ts';

type Constructor = (name: string, body: Code) => ProgramSpec;

/** The instructions between the first, which saves the context, and the last two. */
const text = (hook: Constructor, name: string, code: Code, into = world()): string[] =>
  linkedText(hook(name, [mov(r6, r1), code, mov(r0, 0), exit()]), into)
    .split('\n')
    .slice(1, -2)
    .map((line) => line.replace(/^ *\d+: \(..\) /, '').replace(/ +;.*/, ''));

/** A kernel with `long vfs_demo(struct file *file, char *buf, size_t count)` and its kin. */
const kernel = kernelWith((b) => {
  const params = ['file', 'buf', 'count'].map((name) => ({ name, type: b.ptr(0) }));
  const proto = b.funcProto(b.int('long', 8, 'signed'), params);
  for (const name of ['vfs_demo', 'bpf_lsm_demo', 'bpf_iter_demo']) b.func(name, proto);
});

const Demo = hookArguments({ count: u64, file: pointer(), retval: i64, arg2: u64 });
const demo = Demo.at(r6);

describe('programs at functions', () => {
  const body: Code = [mov(r0, 0), exit()];

  it('have the sections that libbpf knows', () => {
    const programs: readonly [ProgramSpec, string][] = [
      [kprobe('vfs_read+0x4', body), 'kprobe/vfs_read+0x4'],
      [kretprobe('vfs_read', body), 'kretprobe/vfs_read'],
      [kprobeMulti('vfs_*', body), 'kprobe.multi/vfs_*'],
      [kprobeSession('vfs_*', body), 'kprobe.session/vfs_*'],
      [ksyscall('openat', body), 'ksyscall/openat'],
      [kretsyscall('openat', body), 'kretsyscall/openat'],
      [fentry('vfs_read', body), 'fentry/vfs_read'],
      [fsession('vfs_read', body), 'fsession/vfs_read'],
      [fexit('vfs_read', body), 'fexit/vfs_read'],
      [fmodRet('bpf_modify_return_test', body), 'fmod_ret/bpf_modify_return_test'],
      [fentryMulti('vfs_*', body), 'fentry.multi/vfs_*'],
      [fexitMulti('vfs_*', body), 'fexit.multi/vfs_*'],
      [fsessionMulti('vfs_*', body), 'fsession.multi/vfs_*'],
      [structOp('enqueue', body), 'struct_ops/enqueue'],
      [sleepable(fentry('vfs_read', body)), 'fentry.s/vfs_read'],
      [sleepable(iter('task', body)), 'iter.s/task'],
      [
        sleepable(tracepoint('syscalls/sys_enter_openat', body)),
        'tracepoint.s/syscalls/sys_enter_openat',
      ],
      [sleepable(uprobeMulti('libc.so.6:mem*', body)), 'uprobe.multi.s/libc.so.6:mem*'],
      [lsm('file_open', body), 'lsm/file_open'],
      [lsmCgroup('socket_bind', body), 'lsm_cgroup/socket_bind'],
      [uprobe('/bin/bash:readline+16', body), 'uprobe//bin/bash:readline+16'],
      [uretprobe('bash:readline', body), 'uretprobe/bash:readline'],
      [uprobeMulti('libc.so.6:mem*', body), 'uprobe.multi/libc.so.6:mem*'],
      [uprobeSession('libc.so.6:mem*', body), 'uprobe.session/libc.so.6:mem*'],
      [usdt('libc.so.6:libc:setjmp', body), 'usdt/libc.so.6:libc:setjmp'],
      [uprobe('', body), 'uprobe'],
      [perfEvent(body), 'perf_event'],
      [iter('task', body), 'iter/task'],
      [syscall(body), 'syscall'],
      [freplace('verdict', 2, [mov(r0, r2), exit()]), 'freplace/verdict'],
      [rawTracepointWritable('bpf_test_finish', body), 'raw_tp.w/bpf_test_finish'],
    ];
    for (const [{ hook }, section] of programs) {
      expect(hook.section).toBe(section);
      expect(parseSection(section)).toEqual(hook);
    }
  });

  it.each([
    [
      () => kprobe('vfs read', body),
      'kprobe: a function and bytes into it, as vfs_read or vfs_read+0x4, got "vfs read"',
    ],
    [() => kretprobe('vfs_read+4', body), 'kretprobe: a function, as vfs_read, got "vfs_read+4"'],
    [() => fentry('', body), 'fentry: a function, as vfs_read, got ""'],
    [
      () => kprobeMulti('vfs *', body),
      'kprobe.multi: a pattern of functions, as vfs_*; or \'\' to say so when it is attached, got "vfs *"',
    ],
    [
      () => uprobe('bash', body),
      'uprobe: a file and a function of it, as libc.so.6:malloc; or \'\' to say so when it is attached, got "bash"',
    ],
    [
      () => usdt('bash:readline', body),
      'usdt: a file, a provider and a probe, as libc.so.6:libc:setjmp; or \'\', got "bash:readline"',
    ],
    [() => ksyscall('sys/openat', body), 'ksyscall: a system call, as openat, got "sys/openat"'],
    [
      () => freplace('verdict', 6, body),
      'freplace: a function and the number of its arguments, 0 to 5, got "verdict" and 6',
    ],
    [() => sleepable(kprobe('vfs_read', body)), 'sleepable: kprobe programs never sleep'],
    [
      () => sleepable(sleepable(fentry('vfs_read', body))),
      'sleepable: fentry.s programs never sleep',
    ],
    [() => iter('', body), 'iter: what it iterates, as task or bpf_map, got ""'],
  ])('refuse what names no place', (make, message) => {
    expect(withoutLine(messageOf(make))).toBe(`${message} (tracing-programs.test.ts)`);
  });
});

describe('a program in place of a function', () => {
  it('has as many arguments as it says', () => {
    const body: Code = [mov(r0, r2), exit()];
    expect(messageOf(() => freplace('verdict', 1, body))).toContain('r2');
    expect(freplace('verdict', 2, body).kind).toBe('program');
  });
});

describe('the arguments of a function', () => {
  it('are by name one after the other for fentry and its kin, with the result behind them', () => {
    for (const [hook, name] of [
      [fentry, 'vfs_demo'],
      [lsm, 'demo'],
      [iter, 'demo'],
    ] as const) {
      expect(text(hook, name, [load(r1, demo.count), load(r1, demo.arg2)], kernel)).toEqual([
        'r1 = *(u64 *)(r6 +16)',
        'r1 = *(u64 *)(r6 +16)',
      ]);
    }
    expect(text(fexit, 'vfs_demo', load(r1, demo.retval), kernel)).toEqual([
      'r1 = *(u64 *)(r6 +24)',
    ]);
  });

  it('are by name in the registers of each architecture for kprobes', () => {
    const code = [load(r1, demo.file), load(r1, demo.count)];
    // pt_regs of x86-64: di at 112, dx at 96
    expect(text(kprobe, 'vfs_demo', code, kernel)).toEqual([
      'r1 = *(u64 *)(r6 +112)',
      'r1 = *(u64 *)(r6 +96)',
    ]);
    // user_pt_regs of arm64: x0 at 0, x2 at 16
    expect(text(kprobe, 'vfs_demo', code, { ...kernel, architecture: 'arm64' })).toEqual([
      'r1 = *(u64 *)(r6 +0)',
      'r1 = *(u64 *)(r6 +16)',
    ]);
  });

  it('are in their declared order where no names are known', () => {
    const Malloc = hookArguments({ first: u32, retval: i64, second: i32, arg5: u64 });
    const args = Malloc.at(r6);
    const code = [load(w1, args.first), load(w1, args.second), load(r1, args.arg5)];
    expect(text(uprobe, 'libc.so.6:malloc', code, kernel)).toEqual([
      'r1 = *(u32 *)(r6 +112)',
      'r1 = *(u32 *)(r6 +104)',
      'r1 = *(u64 *)(r6 +64)',
    ]);
  });

  it('are gone when a function returns, which leaves the result', () => {
    expect(text(uretprobe, 'libc.so.6:malloc', load(r1, demo.retval))).toEqual([
      'r1 = *(u64 *)(r6 +80)',
    ]);
    const arm = world({ architecture: 'arm64' });
    expect(text(kretprobe, 'vfs_demo', load(r1, demo.retval), arm)).toEqual([
      'r1 = *(u64 *)(r6 +0)',
    ]);
    const missing = (hook: Constructor, name: string, code: Code, into = kernel) => [
      ...linked(hook(name, [mov(r6, r1), code, mov(r0, 0), exit()]), into).poisoned.values(),
    ];
    expect(missing(kretprobe, 'vfs_demo', load(r1, demo.count))).toEqual([
      'kretprobe/vfs_demo: the arguments are gone when a function returns; keep them from its entry, or use fexit',
    ]);
    expect(missing(kprobe, 'vfs_demo', load(r1, demo.retval))).toEqual([
      'kprobe/vfs_demo has no retval: it runs before the function does',
    ]);
    expect(missing(fexit, 'vfs_unknown', load(r1, demo.retval), world())).toEqual([
      'fexit/vfs_unknown: this kernel does not say how many arguments are before retval',
    ]);
    const Seventh = hookArguments({ arg6: u64, pos: u64 }).at(r6);
    expect(missing(kprobe, 'vfs_demo', load(r1, Seventh.arg6))).toEqual([
      'kprobe/vfs_demo: argument 6 is not in a register, of which x86-64 has 6 for arguments',
    ]);
    expect(missing(kprobe, 'vfs_demo', load(r1, Seventh.pos))).toEqual([
      'kprobe/vfs_demo has no argument pos in this kernel: it has file, buf, count',
    ]);
  });

  it('exist where this kernel names them', () => {
    const { pos } = hookArguments({ pos: u64 }).at(r6);
    const code = (place: typeof pos) => either(fieldExists(place), mov(w1, 1), mov(w1, 2));
    expect(text(kprobe, 'vfs_demo', code(demo.count), kernel)).toEqual(['w1 = 1']);
    expect(text(kprobe, 'vfs_demo', code(pos), kernel)).toEqual(['w1 = 2']);
  });
});

describe('the arguments of a system call', () => {
  const Open = systemCallArguments({ flags: i32, dfd: i32, arg3: u64 });
  const open = Open.at(r6);
  /** `openat` has four: the record has the number of the call before, and what is newer behind. */
  const names = [
    'common_pid',
    '__syscall_nr',
    'dfd',
    'filename',
    'flags',
    'mode',
    '__filename_val',
  ];
  const fields = names.map((name) => ({
    name,
    offset: 0,
    size: 8,
    signed: false,
    declaration: '',
  }));
  const withNames = world({
    tracepointFields: (category, name) =>
      category === 'syscalls' && name === 'sys_enter_openat' ? fields : undefined,
  });
  const found = (code: Code, into: World) =>
    text(ksyscall, 'openat', code, into).filter((line) => /^r3/.test(line));

  it('are in the registers of the process, to which the context leads', () => {
    expect(found(coreRead(w8, open.dfd), withNames)).toEqual([
      'r3 = *(u64 *)(r6 +112)',
      'r3 += 112',
    ]);
    expect(found(coreRead(w8, open.flags), withNames)).toEqual([
      'r3 = *(u64 *)(r6 +112)',
      'r3 += 96',
    ]);
    // r10, where a function has rcx
    expect(found(coreRead(r8, open.arg3), withNames)[1]).toBe('r3 += 56');
    const arm = { ...withNames, architecture: 'arm64' } as const;
    expect(found(coreRead(w8, open.flags), arm)).toEqual(['r3 = *(u64 *)(r6 +0)', 'r3 += 16']);
  });

  it('are in their declared order where the kernel does not tell their names', () => {
    expect(found(coreRead(w8, open.flags), world())[1]).toBe('r3 += 112');
    const unmounted = world({
      tracepointFields: () => {
        throw new RequirementError('tracefs is not mounted');
      },
    });
    expect(found(coreRead(w8, open.dfd), unmounted)[1]).toBe('r3 += 104');
  });

  it('are missed by their names', () => {
    const { how } = systemCallArguments({ how: u64 }).at(r6);
    const program = ksyscall('openat', [mov(r6, r1), coreRead(r8, how), mov(r0, 0), exit()]);
    expect([...linked(program, withNames).poisoned.values()]).toEqual([
      'ksyscall/openat has no argument how in this kernel: it has dfd, filename, flags, mode, __filename_val',
    ]);
  });

  it('are no arguments of a function', () => {
    const args = hookArguments({ dfd: i32 }).at(r6);
    const build = () => ksyscall('openat', [mov(r6, r1), load(w8, args.dfd), mov(r0, 0), exit()]);
    expect(withoutLine(messageOf(build))).toBe(
      'ksyscall/openat has the arguments of a system call: systemCallArguments, and coreRead to read them (tracing-programs.test.ts)',
    );
    const { retval } = hookArguments({ retval: i64 }).at(r6);
    expect(text(kretsyscall, 'openat', load(r8, retval))).toEqual(['r8 = *(u64 *)(r6 +80)']);
  });
});
