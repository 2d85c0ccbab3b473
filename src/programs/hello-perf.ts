/**
 * @module
 * hello-perf: the same through a perf buffer, with data: when, who, and which file. After BCC's hello_perf_output.py.
 *
 * The name of the file is read when openat returns, not when it is called: until the kernel itself has read it, its
 * page may not be in memory, and a BPF program cannot wait for it. So its address is kept in between.
 */
import {
  add,
  call,
  chars,
  exit,
  hash,
  helper,
  i32,
  jeq,
  jne,
  jsge,
  KiB,
  label,
  load,
  mov,
  object,
  perfEventArray,
  perfOutput,
  r0,
  r1,
  r6,
  r7,
  r8,
  rsh,
  SyscallEnter,
  stack,
  store,
  struct,
  text,
  tracepoint,
  u32,
  u64,
  update,
  userReadString,
  type Value,
  w0,
  w7,
} from '../index.ts';
import { type Column, defaults, type GivenValues, tool } from './tool.ts';

/** The longest path that is shown. One byte more is read, to see whether it goes on, and the NUL. */
const PATH_MAX = 255;
const PATH_ROOM = PATH_MAX + 2;

const head = {
  /** Since the machine was started. */
  timeNs: u64.number,
  pid: u32,
  /** The bytes of the path with its NUL, or a negative error number. */
  pathSize: i32,
  comm: chars(16),
};
/** What user space receives for each call of openat. */
export const HelloEvent = struct('hello_event', { ...head, path: text(PATH_ROOM) });
export type HelloEvent = Value<typeof HelloEvent>;
/** The same while it is put together. */
const Scratch = struct('hello_scratch', { ...head, path: chars(PATH_ROOM) });

const options = {
  pid: { type: 'pid', short: 'p', placeholder: 'PID', help: 'only this process' },
} as const;

/** @param calls how many calls can be open at a time */
const helloPerfObject = (given: GivenValues<typeof options> = {}, calls = 10_240) => {
  const { pid, buffer } = defaults(options, given);
  const events = perfEventArray(HelloEvent, { bufferSize: buffer ?? 256 * KiB });
  const paths = hash(u32, u64, { maxEntries: calls }); // by thread: the address of the path
  const thread = stack(u32);
  const address = stack(u64);
  const event = stack(Scratch);
  const out = label('out');
  const done = label('done');
  const readable = label('readable');
  return object({
    license: 'Dual MIT/GPL',
    maps: { events, paths },
    programs: {
      enter: tracepoint('syscalls/sys_enter_openat', [
        load(r6, SyscallEnter.at(r1).args[1]),
        call(helper.get_current_pid_tgid), // r0 = process in the upper half, thread in the lower
        store(thread, w0),
        pid !== undefined && [rsh(r0, 32), jne(r0, pid, out)],
        store(address, r6),
        update(paths, thread, address), // a full map is counted
        out,
        mov(r0, 0),
        exit(),
      ]),
      leave: tracepoint('syscalls/sys_exit_openat', [
        mov(r6, r1), // r6 = the context
        call(helper.get_current_pid_tgid),
        mov(r7, r0),
        store(thread, w0),
        call(helper.map_lookup_elem, paths, thread),
        jeq(r0, 0, done),
        load(r8, u64.at(r0)), // r8 = the address of the path
        call(helper.map_delete_elem, paths, thread),

        call(helper.ktime_get_ns),
        store(event.timeNs, r0),
        rsh(r7, 32),
        store(event.pid, w7),
        call(helper.get_current_comm, event.comm, 16),
        userReadString(event.path, r8),
        store(event.pathSize, w0),
        jsge(r0, 0, readable),
        mov(r0, 1), // the NUL alone: what could not be read is zeroed
        readable,
        add(r0, HelloEvent.size),
        perfOutput(r6, events, event, r0), // a full buffer is counted
        done,
        mov(r0, 0),
        exit(),
      ]),
    },
  });
};

/** The time since the first event that was shown, in seconds. */
const timeColumn = (): Column<HelloEvent> => {
  let first: number | undefined;
  return {
    title: 'TIME(s)',
    width: 18,
    text: ({ timeNs }) => {
      first ??= timeNs;
      return ((timeNs - first) / 1e9).toFixed(9);
    },
  };
};

const isCut = ({ pathSize }: HelloEvent): boolean => pathSize === PATH_ROOM;
const shownPath = (event: HelloEvent): string =>
  isCut(event) ? event.path.slice(0, -1) : event.path;

export const helloPerf = tool({
  name: 'hello-perf',
  summary: 'says which files are opened with openat, through a perf buffer',
  description: [
    'Each CPU has a buffer of its own, so that lines of several CPUs may come out of order. Paths longer than',
    `${PATH_MAX} bytes are cut, which ... marks; opensnoop shows them whole.`,
  ].join('\n'),
  examples: [
    ['hello-perf', 'every process'],
    ['hello-perf -p 181', 'only process 181'],
  ],
  options,
  object: helloPerfObject,
  output: {
    kind: 'events',
    buffer: 'events',
    columns: (): readonly Column<HelloEvent>[] => [
      timeColumn(),
      { title: 'COMM', width: 16, text: ({ comm }) => comm },
      { title: 'PID', width: 6, text: ({ pid }) => String(pid) },
      { title: 'PATH', text: (event) => shownPath(event) + (isCut(event) ? '...' : '') },
    ],
    json: (event: HelloEvent) => ({
      timeNs: event.timeNs,
      pid: event.pid,
      comm: event.comm,
      path: shownPath(event),
      pathCut: isCut(event),
    }),
  },
});
