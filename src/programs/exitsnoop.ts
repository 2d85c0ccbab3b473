/**
 * @module
 * exitsnoop: the processes that end, with their age and how they ended. After libbpf-tools' and BCC's exitsnoop.
 *
 * The originals report the end of the thread that bears the number of the process. Here a process ends with its last
 * thread, and its exit code is that of the whole group.
 */
import {
  bitfield,
  bool,
  type Code,
  call,
  cast,
  chars,
  either,
  eventBuffer,
  exit,
  fieldExists,
  firstOf,
  helper,
  hookArguments,
  i32,
  ja,
  jeq,
  jne,
  jset,
  kernelStruct,
  label,
  load,
  lruHash,
  MiB,
  mov,
  object,
  output,
  pointer,
  r0,
  r1,
  r7,
  r8,
  r9,
  rawTracepoint,
  read,
  stack,
  store,
  struct,
  sub,
  tpBtf,
  tracepoint,
  tracepointFields,
  u8,
  u32,
  u64,
  type Value,
  w1,
  w9,
} from '../index.ts';
import { cgroupOption, oneCgroup, signalText, unlessInCgroup } from './common.ts';
import { type Column, defaults, type GivenValues, jsonTime, timeColumn, tool } from './tool.ts';

/** How it ended, as wait(2) tells it: 32 bits of which the upper half is 0. */
const WaitStatus = struct('wait_status', {
  /** The signal that ended it, or 0. */
  signal: bitfield(u32, 7),
  /** Whether its memory was written to a core file. */
  coreDumped: bitfield(bool, 1),
  exitCode: bitfield(u32, 8),
});

/** What user space receives for each end of a process or thread. */
export const ExitEvent = struct('exit_event', {
  ageNs: u64.number,
  pid: u32,
  ppid: u32,
  tid: u32,
  status: WaitStatus,
  comm: chars(16),
});
export type ExitEvent = Value<typeof ExitEvent>;

// What is read of the kernel's structs. CO-RE finds the offsets.
const Counter = kernelStruct('atomic_t', { counter: i32 });
const Signal = kernelStruct('signal_struct', { live: Counter, flags: u32, group_exit_code: i32 });
const Relative = kernelStruct('task_struct', { tgid: i32, comm: chars(16), start_time: u64 });
const Task = kernelStruct('task_struct', {
  pid: i32,
  tgid: i32,
  exit_code: i32,
  start_time: u64,
  comm: chars(16),
  signal: pointer(Signal),
  group_leader: pointer(Relative),
  real_parent: pointer(Relative),
});

/** The arguments of the tracepoint and the field of its record; `group_dead` is of newer kernels. */
const Arguments = hookArguments({ p: pointer(Task), group_dead: bool });
const Fields = tracepointFields({ group_dead: u8 });

/** A process that has ended: its number, which may be used again, with the time when it started. */
const Process = struct('process', { startTime: u64, pid: u32, always0: u32 });

/** The bit of `signal_struct.flags` that says that the threads end together (include/linux/sched/signal.h). */
const SIGNAL_GROUP_EXIT = 4;
/** Only keys that are not there yet. */
const BPF_NOEXIST = 1;

const options = {
  pid: { type: 'pid', short: 'p', placeholder: 'PID', help: 'only this process' },
  failed: { type: 'boolean', short: 'x', help: 'only failures: a code other than 0, or a signal' },
  threads: { type: 'boolean', short: 'T', help: 'each thread, not each process' },
  timestamp: { type: 'boolean', short: 't', help: 'show the time' },
  cgroup: cgroupOption,
} as const;

/** The object for these options: nothing in it that they do not need. */
const exitsnoopObject = (given: GivenValues<typeof options> = {}) => {
  const { pid, failed, threads, cgroup, buffer } = defaults(options, given);
  const events = eventBuffer(ExitEvent, { size: buffer ?? MiB });
  const ended = lruHash(Process, u8, { maxEntries: 1024 }); // for kernels that do not say who is last
  const cgroups = oneCgroup();
  const process = stack(Process);
  const event = stack(ExitEvent);
  const task = Task.at(r8);
  const signal = Signal.at(r9);
  const out = label('out');
  const ofGroup = label('ofGroup');
  const known = label('known');

  /**
   * Goes on with the last thread of a process only. The kernel says which one it is, if it is new enough. Others only
   * count, and threads that end together may all find that none is left: then it is the first of them.
   */
  const lastThread = (groupDead: (typeof dead)[keyof typeof dead]): Code =>
    either(
      fieldExists(groupDead),
      [load(w1, groupDead), jeq(w1, 0, out)],
      [
        read(w1, task.signal.live.counter),
        jne(w1, 0, out),
        read(process.startTime, task.group_leader.start_time),
        read(process.pid, task.tgid),
        store(process.always0, 0),
        call(helper.map_update_elem, ended, process, process, BPF_NOEXIST),
        jne(r0, 0, out),
      ],
    );
  const dead = { argument: Arguments.at(r7).group_dead, field: Fields.at(r7).group_dead };

  const filters: Code = [
    pid !== undefined && [read(w1, task.tgid), jne(w1, pid, out)],
    cgroup !== undefined && unlessInCgroup(cgroups, out),
  ];
  const body: Code = [
    // w9 = the status that wait(2) gives: of the group if its threads end together, else of the thread.
    !threads && [
      read(r9, task.signal),
      read(w1, signal.flags),
      jset(w1, SIGNAL_GROUP_EXIT, ofGroup),
    ],
    read(w9, task.exit_code),
    !threads && [ja(known), ofGroup, read(w9, signal.group_exit_code), known],
    failed && jeq(w9, 0, out),

    store(cast(event.status, u32), w9),
    read(event.pid, task.tgid),
    read(event.tid, task.pid),
    read(event.ppid, task.real_parent.tgid),
    !threads && read(r8, task.group_leader), // r8 = the task that the process began with
    read(r9, task.start_time),
    call(helper.ktime_get_ns),
    sub(r0, r9),
    store(event.ageNs, r0),
    read(event.comm, task.comm),
    output(r7, events, event, ExitEvent.size), // a full buffer is counted
    out,
    mov(r0, 0),
    exit(),
  ];
  const withArguments: Code = [
    mov(r7, r1), // r7 = the context
    load(r8, Arguments.at(r7).p), // r8 = the task that ends
    filters,
    !threads && lastThread(dead.argument),
    body,
  ];
  const withRecord: Code = [
    mov(r7, r1),
    call(helper.get_current_task),
    mov(r8, r0),
    filters,
    !threads && lastThread(dead.field),
    body,
  ];
  return object({
    license: 'Dual MIT/GPL',
    maps: {
      events,
      ...(threads ? undefined : { ended }),
      ...(cgroup === undefined ? undefined : { cgroups }),
    },
    programs: {
      handleExit: firstOf(
        tpBtf('sched_process_exit', withArguments),
        rawTracepoint('sched_process_exit', withArguments),
        tracepoint('sched/sched_process_exit', withRecord),
      ),
    },
  });
};

/** `0`, `code 7`, `signal 9 (Killed)`, `signal 11 (Segmentation fault), core dumped`. */
const describeEnd = ({ status: { exitCode, signal, coreDumped } }: ExitEvent): string => {
  if (signal !== 0)
    return `signal ${signal} (${signalText(signal)})${coreDumped ? ', core dumped' : ''}`;
  return exitCode === 0 ? '0' : `code ${exitCode}`;
};

export const exitsnoop = tool({
  name: 'exitsnoop',
  summary: 'processes that end: their age, and the code or signal that ended them',
  description:
    'A process ends with its last thread. Its code is that of exit_group(2), or of the last thread if each ended by itself.',
  examples: [
    ['exitsnoop', 'every process that ends'],
    ['exitsnoop -x', 'only those that failed'],
    ['exitsnoop -T -p 181', 'each thread of process 181'],
  ],
  options,
  cgroups: 'cgroups',
  object: exitsnoopObject,
  output: {
    kind: 'events',
    buffer: 'events',
    columns: ({ timestamp }): readonly Column<ExitEvent>[] => [
      ...(timestamp ? [timeColumn<ExitEvent>('TIME(s)')] : []),
      { title: 'PCOMM', width: 16, text: ({ comm }) => comm },
      { title: 'PID', width: 7, text: ({ pid }) => String(pid) },
      { title: 'PPID', width: 7, text: ({ ppid }) => String(ppid) },
      { title: 'TID', width: 7, text: ({ tid }) => String(tid) },
      { title: 'AGE(s)', width: 7, text: ({ ageNs }) => (ageNs / 1e9).toFixed(2) },
      { title: 'EXIT_CODE', text: describeEnd },
    ],
    json: ({ pid, ppid, tid, comm, status, ageNs }: ExitEvent, { timestamp }, moment) => ({
      ...(timestamp ? { time: jsonTime(moment) } : {}),
      pid,
      ppid,
      tid,
      comm,
      ...status,
      ageNs,
    }),
  },
});
