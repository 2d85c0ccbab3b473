/**
 * @module
 * Small worlds to play through the tools with --simulate: a shell at work on a machine of two CPUs. Each step is a run
 * of one program at its hook.
 */
import type { GivenContext, Mock, SimulateOptions } from '../sim/index.ts';

/** One run of a program. */
export interface RecordedStep {
  readonly program: string;
  readonly context?: GivenContext;
  /** Nanoseconds since the step before. */
  readonly after?: number;
  /** Who runs, and on which CPU, from here on. */
  readonly task?: Mock;
  readonly cpu?: number;
}

export interface Recording {
  readonly world: SimulateOptions;
  /** The names of the working directory of all tasks, from the root on. */
  readonly directory?: readonly string[];
  readonly steps: readonly RecordedStep[];
}

const US = 1000;
const MS = 1000 * US;
const SECOND = 1000 * MS;

/** Half a minute after the start, in the session of a user. */
const world: SimulateOptions = {
  time: 30 * SECOND,
  uid: 1000,
  cgroup: { path: '/user.slice/user-1000.slice' },
};

const bash = { pid: 181, tgid: 181, comm: 'bash' };
const cat = { pid: 204, tgid: 204, comm: 'cat' };
const make = { pid: 205, tgid: 205, comm: 'make' };
const compiler = { pid: 207, tgid: 207, comm: 'cc1' };
const idle = { pid: 0, tgid: 0, comm: 'swapper/0' };

// ----------
// Files
// ----------

const AT_FDCWD = -100;
const ENOENT = -2;
const EACCES = -13;
const O_CREAT = 0o100;
const O_WRONLY = 0o1;

/** A call of openat: who, what, with which result. */
const opens: readonly (readonly [Mock, string, number, number?, number?])[] = [
  [bash, '/home/ada/.bash_history', 3],
  [cat, '/etc/ld.so.cache', 3],
  [cat, '/lib/x86_64-linux-gnu/libc.so.6', 3],
  [cat, 'notes.txt', 3],
  [cat, '/etc/shadow', EACCES],
  [make, 'Makefile', 3],
  [compiler, '/usr/local/include/stdio.h', ENOENT],
  [compiler, '/usr/include/stdio.h', 4],
  [compiler, 'main.o', 5, O_CREAT | O_WRONLY, 0o644],
];

const files = (enter: string, leave: string): Recording => ({
  world,
  directory: ['home', 'ada'],
  steps: opens.flatMap(([task, path, ret, flags = 0, mode = 0]) => [
    { program: enter, context: { args: [AT_FDCWD, path, flags, mode] }, after: 3 * MS, task },
    { program: leave, context: { ret }, after: 9 * US },
  ]),
});

// ----------
// Processes
// ----------

/** The leader of a process whose last thread ends. */
const ending = (task: Mock, ageNs: number, more: Mock): Mock => {
  const process: Mock & { group_leader?: Mock } = {
    ...task,
    start_time: 31 * SECOND - ageNs,
    exit_code: 0,
    real_parent: bash,
    signal: { live: { counter: 0 }, flags: 0 },
    ...more,
  };
  process.group_leader = process;
  return process;
};

const ends: readonly Mock[] = [
  ending(cat, 12 * MS, { exit_code: 1 << 8 }),
  ending(compiler, 480 * MS, { exit_code: 0x8b, real_parent: make }), // SIGSEGV, with a core
  ending(make, 530 * MS, { exit_code: 2 << 8 }),
  ending({ pid: 209, tgid: 209, comm: 'sleep' }, 700 * MS, { exit_code: 15 }),
  ending({ pid: 210, tgid: 210, comm: 'true' }, 2 * MS, {}),
];

const exits: Recording = {
  world: { ...world, time: 31 * SECOND },
  steps: ends.map((p) => ({ program: 'handleExit', context: { p, group_dead: true }, task: p })),
};

// ----------
// The scheduler
// ----------

const RUNNING = { __state: 0 };
const SLEEPING = { __state: 1 };

/** A task is woken on a CPU that another one has, and gets it so much later. */
const wait = (waiter: Mock, ns: number, before: Mock): readonly RecordedStep[] => [
  { program: 'wakeup', context: { p: waiter }, after: 5 * MS, task: before },
  {
    program: 'switched',
    context: {
      preempt: false,
      prev: { ...before, ...SLEEPING },
      next: { ...waiter, ...RUNNING },
    },
    after: ns,
  },
];

const scheduler: Recording = {
  world,
  steps: [
    ...wait(bash, 40 * US, idle),
    ...wait(make, 14 * MS, compiler),
    ...wait(bash, 250 * US, make),
    ...wait({ pid: 31, tgid: 31, comm: 'kworker/1:1' }, 22 * MS, compiler),
  ],
};

// ----------
// Interrupts
// ----------

/** An interrupt on a CPU, and how long its handler took. */
const handlers: readonly (readonly [string, number, number])[] = [
  ['timer', 4 * US, 0],
  ['virtio1-req.0', 38 * US, 1],
  ['timer', 3 * US, 1],
  ['eth0-rx', 21 * US, 0],
  ['eth0-rx', 55 * US, 0],
  ['virtio1-req.0', 71 * US, 1],
];

const interrupts: Recording = {
  world,
  steps: handlers.flatMap(([name, ns, cpu], index) => [
    { program: 'entry', context: { irq: index, action: { name } }, after: MS, cpu },
    { program: 'exit', context: { irq: index, action: { name } }, after: ns },
  ]),
};

// ----------
// The shell
// ----------

const commands: Recording = {
  world: { ...world, task: bash },
  steps: ['cat notes.txt', 'make', 'rm -f main.o core', 'exit'].map((retval) => ({
    program: 'returned',
    context: { retval },
    after: SECOND,
  })),
};

/** What rm deletes, and with which result. */
const deletions: Recording = {
  world: { ...world, task: { pid: 208, tgid: 208, comm: 'rm' } },
  steps: (
    [
      ['main.o', 0],
      ['core', ENOENT],
      ['/etc/shadow', EACCES],
    ] as const
  ).flatMap(([path, retval]) => {
    const name = { name: path };
    return [
      { program: 'enter', context: { dfd: AT_FDCWD, name }, after: 2 * MS },
      { program: 'exit', context: { dfd: AT_FDCWD, name, retval }, after: 14 * US },
    ];
  }),
};

/** By tool. */
export const RECORDINGS: Readonly<Record<string, Recording>> = {
  hello: {
    world,
    steps: opens.map(([task], index) => ({
      program: 'hello',
      task,
      cpu: index % 2,
      after: 3 * MS,
    })),
  },
  'hello-perf': files('enter', 'leave'),
  opensnoop: files('enterOpenat', 'exitOpenat'),
  exitsnoop: exits,
  runqslower: scheduler,
  hardirqs: interrupts,
  unlinksnoop: deletions,
  bashreadline: commands,
};
