/**
 * Kprobes, fentry and fexit of a running kernel, each on a function that this process calls: plain functions, for
 * kernels that have what the development machine lacks. Each throws when something is not as it should be.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  and,
  atomicAdd,
  type Code,
  call,
  coreRead,
  fentry,
  fexit,
  firstOf,
  globals,
  helper,
  hookArguments,
  i64,
  jne,
  kernelStruct,
  kprobe,
  kprobeMulti,
  kretprobe,
  label,
  lea,
  load,
  mov,
  object,
  optional,
  type ProgramEntry,
  type ProgramSpec,
  pointer,
  r0,
  r1,
  r2,
  r6,
  r7,
  rsh,
  store,
  struct,
  tracepoint,
  u32,
  u64,
  w1,
} from '../../src/index.ts';
import { type AttachOptions, type Feature, loadObject, tracefs } from '../../src/kernel/index.ts';
import { defineKprobe } from '../../src/kernel/kprobe-events.ts';
import { done, holdings } from './checks.ts';

const Seen = struct('seen', {
  runs: u64.number,
  length: u64.number,
  result: i64,
  cookie: u64.number,
});

/** `ssize_t vfs_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)`, exported for ages. */
const Write = hookArguments({
  file: pointer(kernelStruct('file', { f_flags: u32 })),
  buf: pointer(),
  count: u64,
});
const Returned = hookArguments({ retval: i64 });

/** Counts the runs in this process, and then does `code`: r6 is the context, r7 what is seen. */
const seeing = (
  at: (body: Code) => ProgramEntry,
  code: (seen: ReturnType<typeof Seen.at>) => Code,
) => {
  const seen = globals(Seen);
  const fields = Seen.at(r7);
  const out = label('out');
  const body: Code = [
    mov(r6, r1),
    lea(r7, seen),
    call(helper.get_current_pid_tgid),
    rsh(r0, 32),
    jne(r0, process.pid, out),
    mov(r2, 1),
    atomicAdd(fields.runs, r2),
    code(fields),
    out,
    done,
  ];
  return object({ license: 'GPL', maps: { seen }, programs: { ak_program: at(body) } });
};

/** Writes `length` bytes to a file of its own. */
const write = (length: number): void => {
  const directory = mkdtempSync(join(tmpdir(), 'beespoke-kprobe-'));
  const file = join(directory, 'file');
  writeFileSync(file, 'x'.repeat(length));
  unlinkSync(file);
  rmdirSync(directory);
};

const check = (
  at: (body: Code) => ProgramSpec,
  code: (seen: ReturnType<typeof Seen.at>) => Code,
  wanted: Partial<Record<'length' | 'result' | 'cookie', unknown>>,
  { without = [], ...options }: AttachOptions & { readonly without?: readonly Feature[] } = {},
): void => {
  const before = holdings();
  const definitions = definedKprobes();
  {
    using tool = loadObject(seeing(at, code), { without });
    {
      using link = tool.programs.ak_program!.attach(options);
      assert.ok(link.hook !== '');
      write(1234);
    }
    const { runs, ...seen } = tool.maps.seen.values();
    assert.ok(runs > 0, 'the program has run');
    for (const [name, value] of Object.entries(wanted))
      assert.deepEqual(seen[name as keyof typeof seen], value, name);
    write(99);
    assert.equal(tool.maps.seen.get('runs'), runs, 'it does not run when it is detached');
  }
  assert.deepEqual(holdings(), before);
  assert.deepEqual(definedKprobes(), definitions);
};

const definedKprobes = (): string[] => {
  try {
    return readFileSync(`${tracefs()}/kprobe_events`, 'latin1').split('\n');
  } catch {
    return [];
  }
};

const length = (seen: ReturnType<typeof Seen.at>): Code => [
  load(r1, Write.at(r6).count),
  store(seen.length, r1),
];
const result = (seen: ReturnType<typeof Seen.at>): Code => [
  load(r1, Returned.at(r6).retval),
  store(seen.result, r1),
];
const cookie = (seen: ReturnType<typeof Seen.at>): Code => [
  call(helper.get_attach_cookie, r6),
  store(seen.cookie, r0),
];

/** The checks of kprobes by name; all need CONFIG_KPROBES. */
export const KPROBE_CHECKS: Readonly<Record<string, () => void>> = {
  'a kprobe sees the arguments of a function': () =>
    check((body) => kprobe('vfs_write', body), length, { length: 1234 }),
  'a kretprobe sees what a function returns': () =>
    check((body) => kretprobe('vfs_write', body), result, { result: 1234n }),
  'a kprobe is attached by the ioctl': () =>
    check((body) => kprobe('vfs_write', body), length, { length: 1234 }, { without: ['perfLink'] }),
  'a kprobe is defined in tracefs, and its definition goes with it': () =>
    check(
      (body) => kprobe('vfs_write', body),
      length,
      { length: 1234 },
      { without: ['kprobePmu'] },
    ),
  'a kretprobe has as many instances as it is told': () =>
    check((body) => kretprobe('vfs_write', body), result, { result: 1234n }, { maxActive: 64 }),
  'a kprobe reads the kernel through its arguments': () =>
    check(
      (body) => kprobe('vfs_write', body),
      (seen) => [
        coreRead(w1, Write.at(r6).file.f_flags),
        // O_ACCMODE: O_WRONLY is 1
        and(r1, 3),
        store(seen.length, r1),
      ],
      { length: 1 },
    ),
  'definitions that a killed process has left are removed by the next': () => {
    const place = { function: 'vfs_write', offset: 0, returns: false };
    const { pid } = spawnSync('true');
    const before = definedKprobes();
    defineKprobe(place, pid);
    assert.notDeepEqual(definedKprobes(), before);
    defineKprobe(place).close();
    assert.deepEqual(definedKprobes(), before);
  },
  'a kprobe at a function that is not there is refused by its name': () => {
    const before = holdings();
    using tool = loadObject(
      seeing(
        (body) => kprobe('no_such_function', body),
        () => [],
      ),
    );
    const loaded = holdings();
    assert.throws(
      () => tool.attach(),
      /cannot attach kprobe\/no_such_function to no_such_function: (ENOENT|EINVAL), this kernel has no such function/,
    );
    assert.deepEqual(holdings(), loaded);
    tool.close();
    assert.deepEqual(holdings(), before);
  },
  'the first hook of several that the kernel has is chosen': () => {
    const spec = seeing(
      (body) =>
        firstOf(
          kprobe('no_such_function', body),
          kprobe('vfs_write', body),
          tracepoint('sched/sched_process_exit', done),
        ),
      () => [],
    );
    using tool = loadObject(spec);
    assert.equal(tool.programs.ak_program!.spec.hook.section, 'kprobe/vfs_write');
  },
};

/** Needs perf links: Linux 5.15. */
export const KPROBE_COOKIE_CHECKS: Readonly<Record<string, () => void>> = {
  'a kprobe has the cookie that it is attached with': () =>
    check((body) => kprobe('vfs_write', body), cookie, { cookie: 77 }, { cookie: 77 }),
};

/** Needs CONFIG_FPROBE and Linux 5.18. */
export const KPROBE_MULTI_CHECKS: Readonly<Record<string, () => void>> = {
  'a multi-kprobe is at all functions that fit a pattern': () =>
    check((body) => kprobeMulti('vfs_wr?te', body), length, { length: 1234 }),
  'a multi-kprobe is at functions by their names, with a cookie': () =>
    check(
      (body) => kprobeMulti('vfs_write', body),
      cookie,
      { cookie: 9 },
      { functions: ['vfs_write', 'vfs_read'], cookie: 9 },
    ),
};

/** Needs BPF trampolines. */
export const FENTRY_CHECKS: Readonly<Record<string, () => void>> = {
  'fentry sees the arguments of a function by name': () =>
    check((body) => fentry('vfs_write', body), length, { length: 1234 }),
  'fexit sees the arguments and what the function returns': () =>
    check(
      (body) => fexit('vfs_write', body),
      (seen) => [length(seen), result(seen)],
      { length: 1234, result: 1234n },
    ),
  'fentry is preferred to a kprobe': () => {
    const spec = seeing(
      (body) => firstOf(fentry('vfs_write', body), kprobe('vfs_write', body)),
      () => [],
    );
    using tool = loadObject(spec);
    assert.equal(tool.programs.ak_program!.spec.hook.section, 'fentry/vfs_write');
  },
  'an optional fentry at a function that is not there is left out': () => {
    using tool = loadObject(
      seeing(
        (body) => optional(fentry('no_such_function', body)),
        () => [],
      ),
    );
    assert.deepEqual(tool.missing, ['ak_program']);
  },
};
