/** Checks of kprobes and their kin: each sees a function that this process calls. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  and,
  type Code,
  call,
  coreRead,
  firstOf,
  helper,
  hookArguments,
  i32,
  i64,
  jne,
  kernelStruct,
  kprobe,
  kprobeMulti,
  kprobeSession,
  kretprobe,
  kretprobeMulti,
  kretsyscall,
  ksyscall,
  label,
  load,
  type ProgramSpec,
  pointer,
  r1,
  r6,
  r8,
  store,
  systemCallArguments,
  tracepoint,
  u16,
  u32,
  u64,
  w1,
  w8,
} from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { defineKprobe } from '../../src/kernel/kprobe-events.ts';
import { type Check, lackOf } from './attach-support.ts';
import {
  cookie,
  definedKprobes,
  NICE,
  renice,
  type SeenPlace,
  seeing,
  sees,
  type Trial,
  write,
} from './attach-tracing-support.ts';
import { done, holdings } from './checks.ts';

/** `ssize_t vfs_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)`, exported for ages. */
const Write = hookArguments({
  file: pointer(kernelStruct('file', { f_flags: u32 })),
  buf: pointer(),
  count: u64,
});
const Returned = hookArguments({ retval: i64 });

const length = (seen: SeenPlace): Code => [load(r1, Write.at(r6).count), store(seen.first, r1)];
const result = (seen: SeenPlace): Code => [
  load(r1, Returned.at(r6).retval),
  store(seen.result, r1),
];

const LENGTH = 1234;
const writing = { act: () => write(LENGTH) };
const entry = { ...writing, code: length, expected: { first: BigInt(LENGTH) } };
const exit = { ...writing, code: result, expected: { result: BigInt(LENGTH) } };
const atWrite = (body: Code) => kprobe('vfs_write', body);
const afterWrite = (body: Code) => kretprobe('vfs_write', body);
const EXIT = 'sched/sched_process_exit';
const PERF_LINKS = '5.15';

type Row = readonly [name: string, about: Pick<Check, 'way' | 'since' | 'option'>, trial: Trial];

const checks = (hook: string, option: string, rows: readonly Row[]): Check[] =>
  rows.map(([name, about, trial]) => ({ name, hook, option, ...about, run: () => sees(trial) }));

const KPROBE = checks('kprobe', 'CONFIG_KPROBES', [
  [
    'a kprobe sees the arguments of a function',
    { way: 'link', since: PERF_LINKS },
    { make: atWrite, ...entry, how: 'link' },
  ],
  [
    'a kprobe is attached by the ioctl',
    { way: 'ioctl' },
    { make: atWrite, ...entry, without: ['perfLink'], how: 'ioctl' },
  ],
  [
    'a kprobe is defined in tracefs, and its definition goes with it',
    { way: 'tracefs' },
    { make: atWrite, ...entry, without: ['kprobePmu'] },
  ],
  [
    'a kprobe reads the kernel through its arguments',
    {},
    {
      make: atWrite,
      code: (seen) => [
        coreRead(w1, Write.at(r6).file.f_flags),
        // O_ACCMODE: O_WRONLY is 1
        and(r1, 3),
        store(seen.first, r1),
      ],
      ...writing,
      expected: { first: 1n },
    },
  ],
  [
    'a kprobe has the cookie that it is attached with',
    { way: 'cookie', since: PERF_LINKS },
    { make: atWrite, code: cookie, ...writing, options: { cookie: 77 }, expected: { cookie: 77 } },
  ],
]);

const KRETPROBE = checks('kretprobe', 'CONFIG_KPROBES', [
  [
    'a kretprobe sees what a function returns',
    { way: 'link', since: PERF_LINKS },
    { make: afterWrite, ...exit, how: 'link' },
  ],
  [
    'a kretprobe is attached by the ioctl',
    { way: 'ioctl' },
    { make: afterWrite, ...exit, without: ['perfLink'], how: 'ioctl' },
  ],
  [
    'a kretprobe has as many instances as it is told',
    { way: 'tracefs' },
    { make: afterWrite, ...exit, options: { maxActive: 64 } },
  ],
  [
    'a kretprobe has the cookie that it is attached with',
    { way: 'cookie', since: PERF_LINKS },
    {
      make: afterWrite,
      code: cookie,
      ...writing,
      options: { cookie: 78 },
      expected: { cookie: 78 },
    },
  ],
]);

const MULTI = [
  ...checks('kprobe.multi', 'CONFIG_FPROBE', [
    [
      'a multi-kprobe is at all functions that fit a pattern',
      { way: 'link', since: '5.18' },
      { make: (body) => kprobeMulti('vfs_wr?te', body), ...entry, how: 'link' },
    ],
    [
      'a multi-kprobe is at functions by their names, with a cookie',
      { way: 'cookie', since: '5.18' },
      {
        make: (body) => kprobeMulti('vfs_write', body),
        code: cookie,
        ...writing,
        options: { functions: ['vfs_write', 'vfs_read'], cookie: 9 },
        expected: { cookie: 9 },
      },
    ],
  ]),
  ...checks('kretprobe.multi', 'CONFIG_FPROBE', [
    [
      'a multi-kretprobe sees what functions return',
      { way: 'link', since: '5.18' },
      { make: (body) => kretprobeMulti('vfs_writ?', body), ...exit, how: 'link' },
    ],
  ]),
  ...checks('kprobe.session', 'CONFIG_FPROBE', [
    [
      'a session of kprobes runs at the entry and at the return',
      { way: 'link', since: '6.10' },
      {
        // It is called once, unlike vfs_write.
        make: (body) => kprobeSession('security_task_setnice', body),
        code: (seen) => [load(r1, seen.runs), store(seen.first, r1)],
        act: renice,
        expected: { first: 2n },
        how: 'link',
      },
    ],
  ]),
];

/** `setpriority(int which, int who, int niceval)`: under the names of its tracepoint, whatever their order here. */
const SetPriority = systemCallArguments({ niceval: i32, who: i32 });
/** `openat(int dfd, const char *filename, int flags, umode_t mode)`: r10 holds the fourth on x86-64. */
const Open = systemCallArguments({ dfd: i32, filename: pointer(), flags: i32, mode: u16 });
const MODE = 0o640;

/** Opens a file with a mode that no other has. */
const open = (): void => {
  const directory = mkdtempSync(join(tmpdir(), 'beespoke-attach-'));
  const file = join(directory, 'file');
  closeSync(openSync(file, 'wx', MODE));
  rmSync(directory, { recursive: true });
};

const SYSTEM_CALLS = [
  ...checks('ksyscall', 'CONFIG_KPROBES', [
    [
      'a program at a system call finds its function',
      { way: 'link', since: PERF_LINKS },
      { make: (body) => ksyscall('setpriority', body), act: renice, how: 'link' },
    ],
    [
      'a program at a system call is attached by the ioctl',
      { way: 'ioctl' },
      {
        make: (body) => ksyscall('setpriority', body),
        act: renice,
        without: ['perfLink'],
        how: 'ioctl',
      },
    ],
    [
      'a program at a system call has its arguments by name',
      { way: 'arguments' },
      {
        make: (body) => ksyscall('setpriority', body),
        code: (seen) => [
          coreRead(w8, SetPriority.at(r6).niceval),
          store(seen.first, r8),
          coreRead(w8, SetPriority.at(r6).who),
          store(seen.second, r8),
        ],
        act: renice,
        expected: { first: BigInt(NICE), second: BigInt(process.pid) },
      },
    ],
    [
      'a program at a system call has the fourth argument, and the text that another points to',
      {},
      {
        make: (body) => ksyscall('openat', body),
        code: (seen) => {
          const other = label('other');
          return [
            coreRead(w8, Open.at(r6).mode),
            jne(w8, MODE, other),
            store(seen.first, r8),
            coreRead(r8, Open.at(r6).filename),
            call(helper.probe_read_user_str, seen.text, 16, r8),
            other,
          ];
        },
        act: open,
        expected: { first: BigInt(MODE), text: join(tmpdir(), 'beespoke-attach-').slice(0, 15) },
      },
    ],
  ]),
  ...checks('kretsyscall', 'CONFIG_KPROBES', [
    [
      'a program at the return of a system call finds its function',
      { way: 'link', since: PERF_LINKS },
      { make: (body) => kretsyscall('setpriority', body), act: renice, how: 'link' },
    ],
    [
      'a program at the return of a system call is attached by the ioctl',
      { way: 'ioctl' },
      {
        make: (body) => kretsyscall('setpriority', body),
        act: renice,
        without: ['perfLink'],
        how: 'ioctl',
      },
    ],
    [
      'a program at the return of a system call sees its result',
      { way: 'result' },
      {
        make: (body) => kretsyscall('getpriority', body),
        ...exit,
        act: () => {
          renice();
          getPriority();
        },
        // The kernel returns it from 40 to 1, since negative numbers are errors.
        expected: { result: BigInt(20 - NICE) },
      },
    ],
  ]),
];

const OTHERS: readonly (readonly [name: string, run: Check['run']])[] = [
  [
    'a kprobe is at an instruction within a function',
    async () => {
      // Behind endbr64, or behind what ftrace has at the entry: 5 bytes of x86-64, two instructions of arm64.
      const within = async (offset: number) => {
        try {
          await sees({ make: (body) => kprobe(`vfs_write+${offset}`, body), ...writing });
          return true;
        } catch (error) {
          assert.match(String(error), /no instruction begins there/);
          return false;
        }
      };
      assert.ok((await within(4)) || (await within(5)) || (await within(8)));
    },
  ],
  [
    'definitions that a killed process has left are removed by the next',
    () => {
      const place = { function: 'vfs_write', offset: 0, returns: false };
      const { pid } = spawnSync('true');
      const before = definedKprobes();
      defineKprobe(place, pid);
      assert.notDeepEqual(definedKprobes(), before);
      defineKprobe(place).close();
      assert.deepEqual(definedKprobes(), before);
    },
  ],
  [
    'a kprobe at a function that is not there is refused by its name',
    () => {
      const before = holdings();
      using tool = loadObject(seeing((body) => kprobe('no_such_function', body)));
      const loaded = holdings();
      assert.throws(
        () => tool.attach(),
        /cannot attach kprobe\/no_such_function to no_such_function: (ENOENT|EINVAL), this kernel has no such function/,
      );
      assert.deepEqual(holdings(), loaded);
      tool.close();
      assert.deepEqual(holdings(), before);
    },
  ],
  [
    'hooks that the kernel does not have are left out',
    () => {
      const chosen = (...programs: ProgramSpec[]) => {
        using tool = loadObject(seeing(() => firstOf(...programs, tracepoint(EXIT, done))));
        return tool.programs.ac_program!.spec.hook.type;
      };
      const has = (since: string, option: string) => lackOf({ since, option }) === undefined;
      assert.equal(chosen(ksyscall('no_such_call', done)), 'tracepoint');
      assert.equal(chosen(ksyscall('setpriority', done)), 'ksyscall');
      assert.equal(
        chosen(kprobeSession('vfs_write', done), kprobeMulti('vfs_write', done)),
        has('6.10', 'CONFIG_FPROBE')
          ? 'kprobe.session'
          : has('5.18', 'CONFIG_FPROBE')
            ? 'kprobe.multi'
            : 'tracepoint',
      );
    },
  ],
  [
    'the first hook of several that the kernel has is chosen',
    () => {
      using tool = loadObject(
        seeing((body) =>
          firstOf(
            kprobe('no_such_function', body),
            kprobe('vfs_write', body),
            tracepoint(EXIT, done),
          ),
        ),
      );
      assert.equal(tool.programs.ac_program!.spec.hook.section, 'kprobe/vfs_write');
    },
  ],
];

export const kprobeChecks: readonly Check[] = [
  ...KPROBE,
  ...OTHERS.map(([name, run]) => ({ name, hook: 'kprobe', option: 'CONFIG_KPROBES', run })),
  ...KRETPROBE,
  ...SYSTEM_CALLS,
  ...MULTI,
];
