/**
 * @module
 * runqslower: the tasks that wait long for a CPU, though they could run. After libbpf-tools' and BCC's runqslower.
 *
 * A task waits from its wakeup, or from being taken off a CPU while it could run on, until it is put on a CPU. The
 * originals take a task for asleep that is preempted on its way to sleep, and keep the time of short waits and of
 * wakeups that met a task while it still ran. Here `start` has the tasks that wait, and no other.
 */
import {
  array,
  bool,
  type Chars,
  type Code,
  call,
  chars,
  either,
  eventBuffer,
  exit,
  fieldExists,
  firstOf,
  hash,
  helper,
  hookArguments,
  i32,
  i64,
  ja,
  jeq,
  jlt,
  jne,
  jset,
  kernelStruct,
  type Label,
  label,
  lea,
  load,
  type Mem,
  MiB,
  mov,
  object,
  output,
  type PlaceOf,
  pointer,
  type R,
  r0,
  r1,
  r3,
  r6,
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
  u16,
  u32,
  u64,
  union,
  update,
  type Value,
  w1,
} from '../index.ts';
import { type Column, defaults, type GivenValues, jsonTime, timeColumn, tool } from './tool.ts';

/** What user space receives for each task that waited too long. */
export const WaitEvent = struct('wait_event', {
  latencyNs: u64.number,
  tid: u32,
  prevTid: u32,
  comm: chars(16),
  /** Who had the CPU before. */
  prevComm: chars(16),
});
export type WaitEvent = Value<typeof WaitEvent>;

// What is read of the kernel's structs. CO-RE finds the offsets.
const Task = kernelStruct('task_struct', { pid: i32, tgid: i32, comm: chars(16), __state: u32 });
const TaskBefore514 = kernelStruct('task_struct___before_5_14', { state: i64 });

/** The arguments of the tracepoints, and the fields of their records. */
const Wakeup = hookArguments({ p: pointer(Task) });
const Switch = hookArguments({ preempt: bool, prev: pointer(Task), next: pointer(Task) });
const WakeupRecord = tracepointFields({ comm: chars(16), pid: i32 });
const SwitchRecord = tracepointFields({
  prev_comm: chars(16),
  prev_pid: i32,
  prev_state: i64,
  next_comm: chars(16),
  next_pid: i32,
});

/** In prev_state of a record: the task was preempted, whatever its state. What is printed as `R+`. */
const TASK_REPORT_MAX = 0x100;

/** A name, and the same bytes as numbers to compare. */
const Name = union('name', {
  text: chars(16),
  u32: array(u32, 4),
  u16: array(u16, 8),
  u8: array(u8, 16),
});

const options = {
  pid: { type: 'pid', short: 'p', placeholder: 'PID', help: 'only the threads of this process' },
  tid: { type: 'pid', thread: true, short: 't', placeholder: 'TID', help: 'only this thread' },
  comm: {
    type: 'text',
    short: 'c',
    placeholder: 'COMM',
    maxBytes: 15,
    help: 'only tasks whose name begins so',
  },
  previous: { type: 'boolean', short: 'P', help: 'show also who had the CPU before' },
  minUs: {
    type: 'number',
    placeholder: 'MIN_US',
    default: 10_000,
    min: 1,
    max: 1e12,
    help: 'show waits longer than so many microseconds',
  },
} as const;

/** A task as a program knows it: through its struct, or through what a record says of it. */
interface Subject {
  /** w1 = the number of the thread. Destroys r0 to r5, as the others do. */
  readonly tid: Code;
  /** w1 = the number of the process. */
  readonly pid: Code;
  readonly comm: (to: Mem<Chars, 'plain'>) => Code;
}

/** Where the number of a thread is: the key of `start`. */
type Tid = Mem<typeof u32, 'plain'>;

const taskAt = (register: R): Subject => {
  const { tgid, pid, comm } = Task.at(register);
  return { tid: read(w1, pid), pid: read(w1, tgid), comm: (to) => read(to, comm) };
};

/** Records do not say which process a thread belongs to. */
const taskInRecord = (pid: Mem<typeof i32, 'core'>, comm: Mem<Chars, 'core'>): Subject => ({
  tid: load(w1, pid),
  pid: [],
  comm: (to) => [lea(r3, comm), call(helper.probe_read_kernel, to, 16, r3)],
});

/**
 * The object for these options: nothing in it that they do not need.
 * @param waiting how many tasks can wait at a time
 */
const runqslowerObject = (given: GivenValues<typeof options> = {}, waiting = 10_240) => {
  const only = defaults(options, given);
  const events = eventBuffer(WaitEvent, { size: only.buffer ?? MiB });
  const start = hash(u32, u64, { maxEntries: waiting }); // by thread: when it began to wait
  const woken = stack(u32);
  const now = stack(u64);
  const name = stack(Name);
  const event = stack(WaitEvent);
  const waits = label('waits');
  const taken = label('taken');
  const out = label('out');

  /** `tid` = the number of the task; goes to `skip` where the options leave it out. */
  const take = (task: Subject, tid: Tid, skip: Label): Code => [
    task.tid,
    store(tid, w1),
    only.tid !== undefined && jne(w1, only.tid, skip),
  ];
  /** The task of `tid` begins to wait, unless the options leave it out. */
  const begin = (task: Subject, tid: Tid, skip: Label): Code => [
    only.pid !== undefined && [task.pid, jne(w1, only.pid, skip)],
    only.comm !== undefined && [task.comm(name.text), unlessBeginsWith(only.comm, name, skip)],
    call(helper.ktime_get_ns),
    store(now, r0),
    update(start, tid, now), // a full map is counted
  ];
  const onWakeup = (task: Subject): Code => [
    take(task, woken, out),
    begin(task, woken, out),
    out,
    mov(r0, 0),
    exit(),
  ];
  /** r6 = the context. `unlessItCanRunOn` goes to `waits` if the task that had the CPU can. */
  const onSwitch = (prev: Subject, next: Subject, unlessItCanRunOn: Code): Code => [
    take(prev, event.prevTid, taken),
    jeq(w1, 0, taken), // the idle task waits for nobody
    unlessItCanRunOn,
    call(helper.map_delete_elem, start, event.prevTid), // a wakeup may have met it while it still ran
    ja(taken),
    waits,
    begin(prev, event.prevTid, taken),

    taken, // from here on the next task has the CPU
    next.tid,
    store(event.tid, w1),
    call(helper.map_lookup_elem, start, event.tid),
    jeq(r0, 0, out),
    load(r9, u64.at(r0)), // r9 = when it began to wait
    call(helper.map_delete_elem, start, event.tid),
    call(helper.ktime_get_ns),
    sub(r0, r9),
    mov(r1, (only.minUs + 1) * 1000),
    jlt(r0, r1, out),
    store(event.latencyNs, r0),
    next.comm(event.comm),
    prev.comm(event.prevComm),
    output(r6, events, event, WaitEvent.size), // a full buffer is counted
    out,
    mov(r0, 0),
    exit(),
  ];

  const wakeupWithArguments: Code = [
    load(r7, Wakeup.at(r1).p), // r7 = the task
    onWakeup(taskAt(r7)),
  ];
  const wakeupWithRecord: Code = [
    mov(r6, r1),
    onWakeup(taskInRecord(WakeupRecord.at(r6).pid, WakeupRecord.at(r6).comm)),
  ];
  const { __state } = Task.at(r7);
  const switchWithArguments: Code = [
    mov(r6, r1),
    load(r7, Switch.at(r6).prev), // r7 = the task that had the CPU
    load(r8, Switch.at(r6).next), // r8 = the task that gets it
    onSwitch(taskAt(r7), taskAt(r8), [
      load(w1, Switch.at(r6).preempt),
      jne(w1, 0, waits), // preempted: it can run on, whatever its state says
      either(fieldExists(__state), read(w1, __state), read(r1, TaskBefore514.at(r7).state)),
      jeq(w1, 0, waits),
    ]),
  ];
  const { prev_state, prev_pid, prev_comm, next_pid, next_comm } = SwitchRecord.at(r6);
  const switchWithRecord: Code = [
    mov(r6, r1),
    onSwitch(taskInRecord(prev_pid, prev_comm), taskInRecord(next_pid, next_comm), [
      load(r1, prev_state),
      jeq(r1, 0, waits),
      jset(r1, TASK_REPORT_MAX, waits),
    ]),
  ];

  /** The best variant that can do what the options ask for. */
  const at = (hook: string, withArguments: Code, withRecord: Code) =>
    firstOf(
      tpBtf(hook, withArguments),
      rawTracepoint(hook, withArguments),
      ...(only.pid === undefined ? [tracepoint(`sched/${hook}`, withRecord)] : []),
    );
  return object({
    license: 'Dual MIT/GPL',
    maps: { events, start },
    programs: {
      wakeup: at('sched_wakeup', wakeupWithArguments, wakeupWithRecord),
      wakeupNew: at('sched_wakeup_new', wakeupWithArguments, wakeupWithRecord),
      switched: at('sched_switch', switchWithArguments, switchWithRecord),
    },
  });
};

/** Goes to `skip` unless a name begins with a text: four bytes at a time, then two, then one. Destroys r1. */
const unlessBeginsWith = (text: string, name: PlaceOf<typeof Name>, skip: Label): Code => {
  const bytes = new TextEncoder().encode(text);
  const code: Code[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = ([4, 2, 1] as const).find((each) => at + each <= bytes.length)!;
    const field = { 4: name.u32, 2: name.u16, 1: name.u8 }[size].at(at / size);
    const wanted = bytes.subarray(at, at + size).reduceRight((sum, byte) => sum * 256 + byte, 0);
    code.push(load(w1, field), jne(w1, wanted, skip));
    at += size;
  }
  return code;
};

const latencyUs = ({ latencyNs }: WaitEvent): number => Math.floor(latencyNs / 1000);

export const runqslower = tool({
  name: 'runqslower',
  summary: 'tasks that wait long for a CPU, though they could run',
  description: [
    'A task waits from its wakeup, or from being taken off a CPU while it could run on, until it gets one.',
    '-p needs raw tracepoints (Linux 4.17).',
  ].join('\n'),
  examples: [
    ['runqslower', 'waits longer than 10 ms'],
    ['runqslower 1000', 'waits longer than 1 ms'],
    ['runqslower -P -p 181', 'of the threads of process 181, and who had the CPU before'],
  ],
  options,
  positionals: ['minUs'],
  object: runqslowerObject,
  output: {
    kind: 'events',
    buffer: 'events',
    banner: ({ minUs }) => `Tracing run queue latency higher than ${minUs} us`,
    columns: ({ previous }): readonly Column<WaitEvent>[] => [
      timeColumn<WaitEvent>(),
      { title: 'COMM', width: 16, text: ({ comm }) => comm },
      { title: 'TID', width: 6, text: ({ tid }) => String(tid) },
      { title: 'LAT(us)', width: 14, align: 'right', text: (wait) => String(latencyUs(wait)) },
      ...(previous
        ? [
            { title: 'PREV COMM', width: 16, text: ({ prevComm }: WaitEvent) => prevComm },
            { title: 'PREV TID', text: ({ prevTid }: WaitEvent) => String(prevTid) },
          ]
        : []),
    ],
    json: (wait: WaitEvent, _options, moment) => ({
      time: jsonTime(moment),
      comm: wait.comm,
      tid: wait.tid,
      latencyUs: latencyUs(wait),
      prevComm: wait.prevComm,
      prevTid: wait.prevTid,
    }),
  },
});
