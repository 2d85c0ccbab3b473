/**
 * @module
 * Small worlds to play through the tools with --simulate: a shell at work on a machine of two CPUs, and a server. Each
 * step is a run of one program at its hook, or of those that are at a place.
 */
import type { GivenContext, Mock, SimulateOptions, Simulation } from '../sim/index.ts';
import { functionPlace, libcAddress, probePlace } from './recordings-machine.ts';

/** What runs programs. */
export interface RecordedStep {
  readonly program?: string;
  /** As simulate-attach.ts has it. */
  readonly place?: string;
  /** Made in the simulation where it has addresses. */
  readonly context?: GivenContext | ((simulation: Simulation) => GivenContext);
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
const node = { pid: 215, tgid: 215, comm: 'node' };
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

/** fopen has led to each of them, called by an executable. */
const stack = { user: [libcAddress('fopen', 0x6a), 0x5581_04c3_19f2n] };

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
    const registers: RecordedStep['context'] = ({ kernel }) => ({
      args: [AT_FDCWD, kernel.place('filename', name)],
    });
    return [
      { place: 'fentry/do_unlinkat', context: { dfd: AT_FDCWD, name }, after: 2 * MS },
      { place: 'kprobe/do_unlinkat', context: registers },
      { place: 'fexit/do_unlinkat', context: { dfd: AT_FDCWD, name, retval }, after: 14 * US },
      { place: 'kretprobe/do_unlinkat', context: { retval } },
    ];
  }),
};

// ----------
// Functions and static probes
// ----------

const libc = (name: string): string => functionPlace('libc.so.6', name);

/** Who passes a place, on which CPU, how often. */
const passed: readonly (readonly [Mock, number, number, string])[] = [
  [bash, 0, 2, 'kprobe/vfs_read'],
  [bash, 0, 5, libc('malloc')],
  [bash, 0, 3, libc('free')],
  [bash, 0, 1, functionPlace('bash', 'readline')],
  [cat, 1, 1, 'tracepoint/sched/sched_wakeup'],
  [cat, 1, 1, 'tracepoint/sched/sched_process_exec'],
  [cat, 1, 3, 'kprobe/vfs_open'],
  [cat, 1, 4, 'kprobe/vfs_read'],
  [cat, 1, 2, 'kprobe/vfs_fstat'],
  [cat, 1, 1, 'kprobe/vfs_write'],
  [cat, 1, 3, libc('malloc')],
  [idle, 1, 2, 'tracepoint/sched/sched_switch'],
  [node, 0, 6, 'kprobe/tcp_recvmsg'],
  [node, 0, 6, probePlace('node', 'node', 'http__server__request')],
  [node, 0, 11, libc('malloc')],
  [node, 0, 9, libc('free')],
  [node, 0, 6, 'kprobe/tcp_sendmsg'],
  [node, 0, 1, probePlace('node', 'node', 'gc__start')],
  [node, 0, 1, probePlace('node', 'node', 'gc__done')],
  [compiler, 1, 2, 'kprobe/vfs_open'],
  [compiler, 1, 7, 'kprobe/vfs_read'],
  [compiler, 1, 2, 'kprobe/vfs_write'],
  [compiler, 1, 14, libc('malloc')],
  [idle, 1, 3, 'tracepoint/sched/sched_switch'],
];

/** Three seconds. */
const calls: Recording = {
  world,
  steps: passed.flatMap(([task, cpu, times, place]) =>
    Array.from({ length: times }, (_, time) => ({
      place,
      task,
      cpu,
      after: time === 0 ? 122 * MS : 40 * US,
    })),
  ),
};

/** A request to the server: two addresses, the client with its port, the method, the URL and a descriptor. */
const request = (address: bigint, port: number, method: string, url: string, fd: number) => ({
  di: address,
  si: address + 0x340n,
  dx: '10.0.0.7',
  cx: port,
  r8: method,
  r9: url,
  // Two words lie before it on the stack.
  sp: new Uint8Array(Int32Array.of(0, 0, 0, 0, fd).buffer),
});

const probes: Recording = {
  world: { ...world, task: node },
  steps: [
    ...[
      request(0x5581_2c04_1a60n, 51_214, 'GET', '/notes', 23),
      request(0x5581_2c04_1a60n, 51_214, 'GET', '/notes?page=2', 23),
      request(0x5581_2c04_5e80n, 51_230, 'POST', '/notes', 24),
    ].map((context) => ({
      place: probePlace('node', 'node', 'http__server__request'),
      context,
      after: 30 * MS,
    })),
    {
      place: probePlace('node', 'node', 'gc__start'),
      context: { di: 1, si: 0, dx: 0x5581_2a00_0010n },
      after: 5 * MS,
    },
    {
      place: probePlace('node', 'node', 'gc__done'),
      context: { di: 1, si: 0, dx: 0x5581_2a00_0010n },
      after: 2 * MS,
    },
    {
      place: probePlace('libc.so.6', 'libc', 'setjmp'),
      context: { di: 0x7ffd_93f1_20a0n, si: 1, ax: 0x5560_97a1_3c55n },
      after: SECOND,
      task: bash,
    },
  ],
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
  opensnoop: { ...files('enterOpenat', 'exitOpenat'), world: { ...world, stack } },
  exitsnoop: exits,
  runqslower: scheduler,
  hardirqs: interrupts,
  unlinksnoop: deletions,
  bashreadline: commands,
  funccount: calls,
  'trace-usdt': probes,
};
