/** Lists of kernels that were made up here. */
import { describe, expect, it } from 'vitest';
import { Btf, BtfBuilder } from '../../src/btf/index.ts';
import { listProbes, type ProbeSources, probeArguments } from '../../src/kernel/index.ts';
import { parseBlacklist } from '../../src/kernel/kprobe-blacklist.ts';
import { parseFunctions } from '../../src/kernel/probes/sources.ts';
import { parseTraceable } from '../../src/kernel/traceable.ts';
import { parseFormat } from '../../src/kernel/tracefs.ts';
import { parseSection, RequirementError } from '../../src/object/index.ts';
import { thrown } from './object-support.ts';

/** A kernel's types in small. */
const types = (): Btf => {
  const builder = new BtfBuilder();
  const int = builder.int('int', 4, 'signed');
  const long = builder.int('long', 8, 'signed');
  const char = builder.int('char', 1, 'char');
  const pointer = builder.ptr(0);
  const struct = (name: string) => builder.ptr(builder.struct(name, 8, []));
  const func = (name: string, result: number, ...params: readonly (readonly [string, number])[]) =>
    builder.func(
      name,
      builder.funcProto(
        result,
        params.map(([label, type]) => ({ name: label, type })),
      ),
    );
  const task = struct('task_struct');
  const meta = struct('bpf_iter_meta');
  func('do_unlinkat', int, ['dfd', int], ['name', struct('filename')]);
  func('vfs_read', long, ['buf', builder.ptr(char)]);
  func('printk', int, ['format', builder.ptr(builder.const(char))], ['', 0]);
  func('untraced', 0);
  const seven = Array.from({ length: 7 }, (_, index) => [`a${index}`, int] as const);
  func('takes_seven', int, ...seven);
  func('takes_union', int, ['value', builder.union('value', 8, [])]);
  func('takes_struct', int, ['list', builder.struct('list_head', 16, [])]);
  func('migrate_disable', 0);
  func('noop', 0);
  func('bpf_iter_task', int, ['meta', meta], ['task', task]);
  func('bpf_iter_get_info', builder.ptr(0), ['meta', meta]);
  func('bpf_iter_task_new', int, ['it', pointer]);
  func('bpf_lsm_file_open', int, ['file', struct('file')]);
  func('bpf_lsm_setprocattr', int, ['size', long]);
  func('bpf_lsm_verify_prog', int, ['prog', pointer]);
  builder.union('security_list_options', 8, [
    { name: 'file_open', type: pointer, bitOffset: 0 },
    { name: 'setprocattr', type: pointer, bitOffset: 0 },
    { name: 'inode_free', type: pointer, bitOffset: 0 },
  ]);
  const traced = builder.funcProto(0, [
    { name: '', type: pointer },
    { name: '', type: task },
    { name: '', type: builder.array(char, 16) },
  ]);
  builder.typedef('btf_trace_sched_wakeup', builder.ptr(traced));
  builder.typedef('btf_trace_hidden_tp', builder.ptr(traced));
  func('__bpf_trace_sched_wakeup', 0, ['__data', pointer], ['p', task]);
  return builder.build({ label: 'vmlinux' });
};

const btf = types();
const module = (() => {
  const builder = new BtfBuilder({ base: btf });
  const result = builder.ptr(btf.findByName('char', 'int')!);
  builder.func('nft_do_chain', builder.funcProto(result, [{ name: 'priv', type: result }]));
  builder.func('noop', builder.funcProto(0));
  return new Btf(builder.encode(), { base: btf, label: 'nf_tables' });
})();

const FORMAT = `name: sched_wakeup
format:
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:char comm[16];	offset:8;	size:16;	signed:0;
	field:__data_loc char[] name;	offset:24;	size:4;	signed:0;
	field:const char * filename;	offset:32;	size:8;	signed:0;
`;

/** A kernel that has everything and shows it. */
const WHOLE: ProbeSources = {
  architecture: 'x86-64',
  btf: () => btf,
  modules: () => [module],
  events: () => ['sched:sched_wakeup', 'syscalls:sys_enter_unlink', 'syscalls:sys_exit_unlink'],
  fields: (category, name) =>
    category === 'sched' && name === 'sched_wakeup' ? parseFormat(FORMAT) : undefined,
  traceable: () =>
    parseTraceable(
      [
        'do_unlinkat',
        'vfs_read',
        'migrate_disable',
        'twice',
        'asm_only',
        '__ftrace_invalid_address___64',
        'twice',
        'forbidden',
        'nft_do_chain [nf_tables]',
        'noop	[nf_tables]',
        '',
      ].join('\n'),
    ),
  functions: () =>
    parseFunctions(
      [
        'ffffffff81000000 T _text',
        'ffffffff81000010 t __pfx_vfs_read',
        'ffffffff81000020 T vfs_read',
        'ffffffff81000030 D jiffies',
        'ffffffff81000040 W weak_one',
        'ffffffff81000050 T forbidden',
        'ffffffffc0000000 t nft_do_chain	[nf_tables]',
        'ffffffffc0000100 t bpf_prog_1234	[bpf]',
        '',
      ].join('\n'),
    ),
  blacklist: () => parseBlacklist('0xffffffff81000050-0xffffffff81000060	forbidden\n'),
  hasKprobes: () => true,
  hasUprobes: () => true,
  isAtLeast: () => true,
  configuration: (name) => (name === 'CONFIG_FUNCTION_TRACER' ? undefined : 'y'),
  securityModules: () => ['capability', 'bpf'],
  hasPerfEvent: (type, config) => type === 1 || config === 1,
};

const refuse = (message: string) => () => {
  throw new RequirementError(message);
};
const NO_TRACEFS = "tracepoints need tracefs, which is not mounted: run 'mount ...' as root";

const list = (pattern?: string, sources: Partial<ProbeSources> = {}) =>
  listProbes({ pattern, sources: { ...WHOLE, ...sources } });
const sections = (pattern?: string, sources?: Partial<ProbeSources>): string[] =>
  list(pattern, sources).probes.map(({ section, module: of }) =>
    of === undefined ? section : `${section} [${of}]`,
  );
const argumentsOf = (pattern: string, sources: Partial<ProbeSources> = {}) => {
  const all = { ...WHOLE, ...sources };
  return listProbes({ pattern, sources: all }).probes.map((probe) =>
    probeArguments(all)(probe)?.map(({ declaration }) => declaration),
  );
};

const KPROBES = [
  'kprobe/asm_only',
  'kprobe/do_unlinkat',
  'kprobe/migrate_disable',
  'kprobe/nft_do_chain [nf_tables]',
  'kprobe/noop [nf_tables]',
  'kprobe/vfs_read',
];

describe('the probes of a kernel', () => {
  it('are of all kinds, each kind in the order of names', () => {
    const { probes, missing, doubts } = list();
    expect({ missing, doubts }).toEqual({ missing: [], doubts: [] });
    const found = probes.map(({ section, name, kind }) =>
      kind === 'perf_event' ? `${section} ${name}` : section,
    );
    expect(found.slice(0, 18)).toEqual([
      ...KPROBES.map((each) => each.replace(/ .*/, '')),
      'fentry/do_unlinkat',
      'fentry/nft_do_chain',
      'fentry/noop',
      'fentry/vfs_read',
      'tracepoint/sched/sched_wakeup',
      'tracepoint/syscalls/sys_enter_unlink',
      'tracepoint/syscalls/sys_exit_unlink',
      'raw_tp/hidden_tp',
      'raw_tp/sched_wakeup',
      'tp_btf/hidden_tp',
      'tp_btf/sched_wakeup',
      'iter/task',
    ]);
    expect(found.slice(18)).toEqual([
      'lsm/file_open',
      ...'cpu-clock task-clock page-faults context-switches cpu-migrations minor-faults'
        .split(' ')
        .map((name) => `perf_event ${name}`),
      ...'major-faults alignment-faults emulation-faults dummy bpf-output cgroup-switches instructions'
        .split(' ')
        .map((name) => `perf_event ${name}`),
    ]);
  });

  it('are called as programs are: their sections are known', () => {
    for (const { section } of list().probes) expect(parseSection(section)).toBeDefined();
  });

  it('are kprobes where the kernel can trace one function of the name, and does not forbid it', () => {
    expect(sections('kprobe/*')).toEqual(KPROBES);
    expect(sections('kprobe.multi/tw*')).toEqual(['kprobe.multi/twice']);
  });

  it('are all functions but those that kprobes are forbidden in, where there is no function tracer', () => {
    const none = { traceable: refuse('there is no function tracer') };
    expect(sections('kprobe', none)).toEqual([
      'kprobe/_text',
      'kprobe/nft_do_chain [nf_tables]',
      'kprobe/vfs_read',
      'kprobe/weak_one',
    ]);
    expect(list('kprobe', none).doubts).toEqual([]);
    const locked = {
      ...none,
      configuration: () => 'y',
      traceable: refuse('lists of traceable functions need X, which this kernel does not show'),
    };
    expect(list('kprobe', locked).doubts).toEqual([
      'kprobe: these are all functions, traceable or not: lists of traceable functions need X, which this kernel does not show',
    ]);
  });

  it('say of kprobes that the list of forbidden functions is not known', () => {
    expect(list('kprobe', { blacklist: () => undefined }).doubts).toEqual([
      "kprobe: functions that kprobes must not be set at may be among these: /sys/kernel/debug/kprobes/blacklist cannot be read; as root run 'mount -t debugfs debugfs /sys/kernel/debug'",
    ]);
  });

  it('are no kprobes where the configuration has none', () => {
    const without = (option: string) => ({
      configuration: (name: string) => (name === option ? undefined : 'y'),
    });
    const error = thrown(() => list('kprobe:vfs_*', without('CONFIG_KPROBES')));
    expect([error.name, error.message]).toEqual([
      'RequirementError',
      'kprobe: this kernel has no kprobes (CONFIG_KPROBES is not set); tracepoints and tp_btf may do',
    ]);
    expect(thrown(() => list('kprobe.multi/vfs_*', without('CONFIG_FPROBE'))).message).toBe(
      'kprobe: this kernel has no multi-kprobes (CONFIG_FPROBE is not set); a kprobe for each function may do',
    );
    const unknown = { hasKprobes: () => false, configuration: () => undefined };
    expect(list('*', unknown).missing).toEqual([
      'kprobe: this kernel has no kprobes (CONFIG_KPROBES), or sysfs is not mounted on /sys; tracepoints and tp_btf may do',
    ]);
  });

  it('are functions of the types where the traceable ones are not known', () => {
    const { probes, doubts } = list('fentry', { traceable: refuse(NO_TRACEFS) });
    expect(probes.map(({ section }) => section)).toEqual(
      expect.arrayContaining(['fentry/untraced', 'fentry/vfs_read', 'fentry/nft_do_chain']),
    );
    // Of prototypes that trampolines do not take, and what the verifier or every kernel refuses.
    for (const name of ['printk', 'migrate_disable', '__bpf_trace_sched_wakeup'])
      expect(probes.map((each) => each.name)).not.toContain(name);
    expect(doubts).toEqual([
      `fentry: these are all functions of the kernel's types, traceable or not: ${NO_TRACEFS}`,
    ]);
  });

  it('are functions with the arguments that trampolines of this version and architecture take', () => {
    const traceable = () =>
      parseTraceable('noop\ntakes_seven\ntakes_struct\ntakes_union\nvfs_read\n');
    const found = (architecture: 'x86-64' | 'arm64', least: (version: string) => boolean) =>
      list('fentry', { traceable, architecture, isAtLeast: least }).probes.map(({ name }) => name);
    expect(found('x86-64', () => true)).toEqual([
      'noop',
      'takes_seven',
      'takes_struct',
      'takes_union',
      'vfs_read',
    ]);
    const since61 = (version: string) => version === '6.1';
    expect(found('x86-64', since61)).toEqual(['noop', 'takes_struct', 'vfs_read']);
    expect(found('x86-64', () => false)).toEqual(['noop', 'vfs_read']);
    expect(found('arm64', (version) => version !== '6.16')).toContain('takes_seven');
    expect(thrown(() => found('arm64', () => false)).message).toBe(
      'fentry: on arm64 BPF trampolines need Linux 6.0; a kprobe may do',
    );
  });

  it('are told with one sentence for what one cause takes away', () => {
    const { probes, missing } = list('*', { btf: () => undefined, modules: () => [] });
    expect(new Set(probes.map(({ kind }) => kind))).toEqual(
      new Set(['kprobe', 'tracepoint', 'raw_tp', 'perf_event']),
    );
    expect(missing).toEqual([
      'fentry, tp_btf, iter, lsm: this kernel has no type information (CONFIG_DEBUG_INFO_BTF), or sysfs is not mounted on /sys',
    ]);
    expect(sections('raw_tp', { btf: () => undefined })).toEqual(['raw_tp/sched_wakeup']);
  });

  it('are those that need no tracefs where it is missing', () => {
    const without = { events: refuse(NO_TRACEFS), traceable: refuse(NO_TRACEFS) };
    const { probes, missing } = list('*wakeup*', without);
    expect(probes.map(({ section }) => section)).toEqual([
      'raw_tp/sched_wakeup',
      'tp_btf/sched_wakeup',
    ]);
    expect(missing).toEqual([`tracepoint: ${NO_TRACEFS}`]);
    expect(thrown(() => list('tracepoint:*', without)).message).toBe(`tracepoint: ${NO_TRACEFS}`);
  });

  it('are hooks of the security module as far as this version takes them, and say when none runs', () => {
    expect(sections('lsm')).toEqual(['lsm/file_open']);
    expect(sections('lsm', { isAtLeast: () => false })).toEqual([
      'lsm/file_open',
      'lsm/setprocattr',
    ]);
    expect(list('lsm', { securityModules: () => ['capability', 'yama'] }).doubts).toEqual([
      'lsm: programs can be attached, and will not run: start the kernel with lsm=capability,yama,bpf',
    ]);
    expect(list('lsm', { securityModules: () => undefined }).doubts).toEqual([]);
  });

  it('ask for the traceable functions once, which takes long', () => {
    let asked = 0;
    const traceable = () => {
      asked++;
      return WHOLE.traceable();
    };
    list('*', { traceable });
    list('*', {
      traceable: () => {
        asked++;
        throw new RequirementError(NO_TRACEFS);
      },
    });
    expect(asked).toBe(2);
  });
});

describe('a pattern of probes', () => {
  it.each([
    ['fentry/vfs_*', ['fentry/vfs_read']],
    ['fentry:vfs_read', ['fentry/vfs_read']],
    ['fexit/vfs_rea?', ['fexit/vfs_read']],
    ['kfunc:vfs_read', ['fentry/vfs_read']],
    ['kretfunc:vfs_read', ['fexit/vfs_read']],
    ['kr:vfs_read', ['kretprobe/vfs_read']],
    ['fentry/nf_tables:*', ['fentry/nft_do_chain [nf_tables]', 'fentry/noop [nf_tables]']],
    ['fentry/nf_tables', ['fentry/nft_do_chain [nf_tables]', 'fentry/noop [nf_tables]']],
    ['tracepoint:sched:*', ['tracepoint/sched/sched_wakeup']],
    ['tp/sched/sched_wakeup', ['tp/sched/sched_wakeup']],
    ['tracepoint:sched', ['tracepoint/sched/sched_wakeup']],
    ['t:*:*_exit_*', ['tracepoint/syscalls/sys_exit_unlink']],
    ['tracepoint:sys_enter_unlink', ['tracepoint/syscalls/sys_enter_unlink']],
    ['rawtracepoint:sched_wakeup', ['raw_tp/sched_wakeup']],
    ['raw_tracepoint/sched_*', ['raw_tracepoint/sched_wakeup']],
    ['iter', ['iter/task']],
    ['it:task', ['iter/task']],
    ['lsm.s/file_open', ['lsm.s/file_open']],
    ['*:file_open', ['lsm/file_open']],
    ['tp_*:sched_*', ['tp_btf/sched_wakeup']],
    ['no*:*:*', []],
    ['*unlinkat', ['kprobe/do_unlinkat', 'fentry/do_unlinkat']],
    ['sched:sched_wakeup', ['tracepoint/sched/sched_wakeup']],
    [
      'sched_wakeup',
      ['tracepoint/sched/sched_wakeup', 'raw_tp/sched_wakeup', 'tp_btf/sched_wakeup'],
    ],
    ['no_such_thing', []],
    ['k', []],
    ['fentry:/bin/sh', []],
  ])('%s means these', (pattern, expected) => {
    expect(sections(pattern)).toEqual(expected);
  });

  it.each([
    ['software:page-faults', ['page-faults']],
    ['software:page-faults:', ['page-faults']],
    ['s:page-faults:100', ['page-faults']],
    ['hardware:*', ['instructions']],
    ['perf_event/*clock', ['cpu-clock', 'task-clock']],
    ['perf_event:hardware:*', ['instructions']],
  ])('%s means these events', (pattern, expected) => {
    expect(list(pattern).probes.map(({ name }) => name)).toEqual(expected);
  });

  it('says that the processor counts nothing, if that is what was asked', () => {
    const none = { hasPerfEvent: () => false };
    expect(list('hardware:*', none).doubts).toEqual([
      'perf_event: this processor, or the virtual machine that it is, counts no hardware events',
    ]);
    expect(list('*unlink*', none).doubts).toEqual([]);
  });

  it('of many stars ends soon', () => {
    expect(sections(`${'*a'.repeat(40)}*b`)).toEqual([]);
  });
});

describe('the arguments of probes', () => {
  it('are those of functions, and what they return where that is known', () => {
    expect(argumentsOf('fentry/do_unlinkat')).toEqual([['int dfd', 'struct filename *name']]);
    expect(argumentsOf('fexit/vfs_read')).toEqual([['char *buf', 'long retval']]);
    expect(argumentsOf('kretprobe/vfs_read')).toEqual([['long retval']]);
    expect(argumentsOf('kprobe/asm_only')).toEqual([undefined]);
    expect(argumentsOf('fexit/nft_do_chain')).toEqual([['char *priv', 'char *retval']]);
    expect(argumentsOf('fexit/nf_tables:noop')).toEqual([[]]);
  });

  it('are those of tracepoints, by name where the kernel has names', () => {
    expect(argumentsOf('tp_btf/*')).toEqual([
      ['struct task_struct *arg0', 'char arg1[16]'],
      ['struct task_struct *p'],
    ]);
    expect(argumentsOf('tracepoint/sched/*')).toEqual([
      ['char comm[16]', '__data_loc char[] name', 'const char * filename'],
    ]);
    expect(argumentsOf('tracepoint/syscalls/*')).toEqual([undefined, undefined]);
    const [probe] = list('tracepoint/sched/*').probes;
    expect(probeArguments(WHOLE)(probe!)?.map(({ name, type }) => [name, type])).toEqual([
      ['comm', 'char[16]'],
      ['name', '__data_loc char[]'],
      ['filename', 'const char *'],
    ]);
  });

  it('are those of iterators and security hooks, whose programs get what was decided before', () => {
    expect(argumentsOf('iter/task')).toEqual([
      ['struct bpf_iter_meta *meta', 'struct task_struct *task'],
    ]);
    expect(argumentsOf('lsm/file_open')).toEqual([['struct file *file', 'int retval']]);
  });

  it('are not known without types', () => {
    expect(argumentsOf('kprobe/vfs_read', { btf: () => undefined })).toEqual([undefined]);
  });
});

describe('the probes of a file', () => {
  it('are told to be out of reach where the kernel has no uprobes', () => {
    const sources = { ...WHOLE, hasUprobes: () => false };
    const { doubts } = listProbes({ pattern: `uprobe:${process.execPath}:main`, sources });
    expect(doubts).toEqual([
      'uprobe: nothing can be attached there: this kernel has no uprobes (CONFIG_UPROBE_EVENTS), or sysfs is not mounted on /sys',
    ]);
  });
});
