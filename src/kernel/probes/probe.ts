/**
 * @module
 * A place that programs can be attached to, and the names that kinds of places have: section names as our language and
 * libbpf spell them, and what bpftrace and perf call them.
 */
/** In the order in which they are listed. */
export const PROBE_KINDS = [
  'kprobe',
  'fentry',
  'tracepoint',
  'raw_tp',
  'tp_btf',
  'iter',
  'lsm',
  'perf_event',
  'uprobe',
  'usdt',
] as const;

export type ProbeKind = (typeof PROBE_KINDS)[number];

export interface Probe {
  readonly kind: ProbeKind;
  /**
   * What programs there are called: `kprobe/vfs_read`, `tracepoint/sched/sched_switch`. Those at perf events are all
   * called `perf_event`, and are told which one when they are attached.
   */
  readonly section: string;
  /** The rest of it, behind the first slash; of perf events `cpu-clock` and the like. */
  readonly name: string;
  /** The module of the kernel that has it. */
  readonly module?: string | undefined;
  /** The file that has it. */
  readonly path?: string | undefined;
}

/** What programs at a probe can read. */
export interface ProbeArgument {
  readonly name: string;
  /** In C: `struct task_struct *`; of static probes, which know no more than size and sign, `u64`. */
  readonly type: string;
  /** Both, as C writes them: `char comm[16]`. */
  readonly declaration: string;
  /** Where a static probe has it, in the assembler's words: `-24(%rbp)`; several where places differ. */
  readonly place?: string | undefined;
}

/** A kind as somebody spelled it. */
export interface Spelling {
  readonly kind: ProbeKind;
  /** What the sections of such programs begin with: `fexit` for the kind fentry. */
  readonly hook: string;
  /** For perf events: only those that the kernel counts itself, or only those that the processor counts. */
  readonly counts?: 'software' | 'hardware';
}

/** Section names that stand for a kind under a name of their own. */
const SECTIONS: Readonly<Record<ProbeKind, readonly string[]>> = {
  kprobe: ['kretprobe', 'kprobe.multi', 'kretprobe.multi', 'kprobe.session'],
  fentry: ['fexit', 'fsession', 'fentry.s', 'fexit.s', 'fsession.s'],
  tracepoint: ['tp', 'tracepoint.s', 'tp.s'],
  raw_tp: ['raw_tracepoint', 'raw_tp.w', 'raw_tracepoint.w', 'raw_tp.s', 'raw_tracepoint.s'],
  tp_btf: ['tp_btf.s'],
  iter: ['iter.s'],
  lsm: ['lsm.s', 'lsm_cgroup'],
  perf_event: [],
  uprobe: [
    'uretprobe',
    'uprobe.s',
    'uretprobe.s',
    'uprobe.multi',
    'uretprobe.multi',
    'uprobe.multi.s',
    'uretprobe.multi.s',
    'uprobe.session',
    'uprobe.session.s',
  ],
  usdt: ['usdt.s'],
};

/** What bpftrace calls them, and the section that it means. */
const BPFTRACE: Readonly<Record<string, Spelling>> = {
  k: { kind: 'kprobe', hook: 'kprobe' },
  kr: { kind: 'kprobe', hook: 'kretprobe' },
  f: { kind: 'fentry', hook: 'fentry' },
  fr: { kind: 'fentry', hook: 'fexit' },
  kfunc: { kind: 'fentry', hook: 'fentry' },
  kretfunc: { kind: 'fentry', hook: 'fexit' },
  t: { kind: 'tracepoint', hook: 'tracepoint' },
  rt: { kind: 'raw_tp', hook: 'raw_tp' },
  rawtracepoint: { kind: 'raw_tp', hook: 'raw_tp' },
  it: { kind: 'iter', hook: 'iter' },
  u: { kind: 'uprobe', hook: 'uprobe' },
  ur: { kind: 'uprobe', hook: 'uretprobe' },
  U: { kind: 'usdt', hook: 'usdt' },
  s: { kind: 'perf_event', hook: 'perf_event', counts: 'software' },
  software: { kind: 'perf_event', hook: 'perf_event', counts: 'software' },
  h: { kind: 'perf_event', hook: 'perf_event', counts: 'hardware' },
  hardware: { kind: 'perf_event', hook: 'perf_event', counts: 'hardware' },
};

/** The kind that a word stands for; undefined when it stands for none. */
export const spellingOf = (word: string): Spelling | undefined => {
  if (Object.hasOwn(BPFTRACE, word)) return BPFTRACE[word];
  const kind = PROBE_KINDS.find((each) => each === word || SECTIONS[each].includes(word));
  return kind && { kind, hook: word };
};

/** Whether a word stands for a kind of probes that can be listed: `fexit`, `tp`, `kfunc`. */
export const isProbeKind = (word: string): boolean => spellingOf(word) !== undefined;

/** Whether programs at a hook run when a function returns, and have what it returned. */
export const isReturn = (section: string): boolean => {
  const [hook = ''] = section.split('/');
  return /^([ku]ret|fexit|fsession|lsm)|\.session/.test(hook);
};

/** Whether nothing but what a function returned is left when programs of a hook run. */
export const isOnlyReturn = (section: string): boolean => /^[ku]ret/.test(section);
