/**
 * @module
 * opensnoop: the files that are opened, by whom, and with what result. After libbpf-tools' opensnoop.
 *
 * A path is read when the call returns: the kernel has then read it itself, so that its page is there. Long ones come
 * whole. With -F the originals put the working directory before every relative path; here openat's own directory.
 * With -c the original shows two functions, the second and the third of the stack; here all that are found.
 */
import {
  add,
  array,
  type Code,
  call,
  chars,
  eventBuffer,
  exit,
  hash,
  helper,
  i32,
  jeq,
  jgt,
  jne,
  jsge,
  label,
  load,
  MiB,
  mov,
  object,
  optional,
  output,
  percpuArray,
  r0,
  r1,
  r2,
  r3,
  r6,
  r7,
  r8,
  r9,
  rsh,
  SyscallEnter,
  SyscallExit,
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
  w1,
} from '../index.ts';
import { cgroupOption, oneCgroup, unlessInCgroup } from './common.ts';
import {
  AT_FDCWD,
  addDirectories,
  LONG_PATH_MAX,
  LongPath,
  PATH_MAX,
  pathFields,
  pathText,
  fullPath as wholePath,
} from './full-path.ts';
import {
  type Column,
  defaults,
  type GivenValues,
  jsonTime,
  timeColumn,
  tool,
  type Values,
} from './tool.ts';

const head = {
  tid: u32,
  pid: u32,
  comm: chars(16),
  uid: u32,
  /** A file descriptor, or a negative error number. */
  result: i32,
  /** The bytes of the path with its NUL, or why it could not be read: a negative error number. */
  pathSize: i32,
};
/** All 64 bits of both, since openat2 takes them. */
const how = { flags: u64, mode: u64 };
const OpenHow = struct('open_how', how);
const path = { ...pathFields, path: text(LONG_PATH_MAX) };
/** The addresses of the calls that led to the open, the innermost first; 0 behind the last. */
const stackField = { stack: array(u64, 16) };

/** What user space receives for each open. */
export const OpenEvent = struct('open_event', { ...head, ...how, ...path });
const CalledEvent = struct('open_event', { ...head, ...how, ...stackField, ...path });
export type OpenEvent = Value<typeof OpenEvent> &
  Partial<Value<typeof CalledEvent>> & {
    /** What the addresses of the stack stand for. */
    readonly callers?: readonly string[];
  };
/** The same while it is put together. */
const Scratch = struct('open_scratch', { ...head, how: OpenHow, long: LongPath });
const CalledScratch = struct('open_scratch', {
  ...head,
  how: OpenHow,
  ...stackField,
  long: LongPath,
});

/** What is kept of a call until it returns: its arguments, as the registers held them. */
const Opening = struct('opening', { path: u64 });
const WholeOpening = struct('opening', { path: u64, flags: u64, mode: u64, directory: u64 });

/** Where the calls have their arguments. openat2 has flags and mode in a struct, in the place of the flags. */
const CALLS = {
  open: { path: 0, flags: 1, mode: 2, directory: undefined },
  openat: { path: 1, flags: 2, mode: 3, directory: 0 },
  openat2: { path: 1, flags: 2, mode: 3, directory: 0 },
} as const;
type CallName = keyof typeof CALLS;

/** For get_stack: the calls of the process, not the kernel's (include/uapi/linux/bpf.h). */
const BPF_F_USER_STACK = 1 << 8;

const options = {
  pid: { type: 'pid', short: 'p', placeholder: 'PID', help: 'only this process' },
  tid: { type: 'pid', thread: true, short: 't', placeholder: 'TID', help: 'only this thread' },
  uid: {
    type: 'number',
    short: 'u',
    placeholder: 'UID',
    max: 0xffff_fffe,
    help: 'only this user',
  },
  cgroup: { type: 'cgroup', placeholder: 'PATH', help: cgroupOption.help },
  failed: { type: 'boolean', short: 'x', help: 'only opens that failed' },
  name: {
    type: 'text',
    short: 'n',
    placeholder: 'NAME',
    help: 'only processes with this in their name',
  },
  duration: {
    type: 'number',
    short: 'd',
    placeholder: 'SECONDS',
    min: 1,
    help: 'end after so many seconds',
  },
  timestamp: { type: 'boolean', short: 'T', help: 'show the time' },
  printUid: { type: 'boolean', short: 'U', help: 'show the user' },
  extended: { type: 'boolean', short: 'e', help: 'show flags and mode' },
  fullPath: { type: 'boolean', short: 'F', help: 'show relative paths from the root on' },
  callers: { type: 'boolean', short: 'c', help: 'show the functions that led to the call' },
} as const;

/** With -c: this process, which opens files for each stack. If it were shown, that would have no end. */
interface Found {
  readonly self?: number | undefined;
}

/**
 * The object for these options: nothing in it that they do not need.
 * @param calls how many calls can be open at a time
 */
const opensnoopObject = (given: GivenValues<typeof options> & Found = {}, calls = 10_240) => {
  const { self } = given;
  const { pid, tid, uid, cgroup, failed, extended, fullPath, callers, buffer } = defaults(
    options,
    given,
  );
  const Sent = callers ? CalledEvent : OpenEvent;
  const events = eventBuffer(Sent, { size: buffer ?? MiB });
  const whole = extended || fullPath;
  const openings = hash(u32, whole ? WholeOpening : Opening, { maxEntries: calls });
  // Without the stack the rest of it lies closer together.
  const Parts = (callers ? CalledScratch : Scratch) as typeof Scratch;
  const scratch = percpuArray(Parts, { maxEntries: 1 });
  const cgroups = oneCgroup();
  const directories = addDirectories();

  /** Keeps what is known of a call, if it is one to be shown. */
  const enter = (name: CallName): Code => {
    const { path, flags, mode, directory } = CALLS[name];
    const args = SyscallEnter.at(r1).args;
    const thread = stack(u32);
    const plain = stack(Opening);
    const full = stack(WholeOpening);
    const out = label('out');
    return [
      load(r6, args.at(path)),
      whole && [load(r7, args.at(flags)), load(r8, args.at(mode))],
      whole && (directory === undefined ? mov(r9, AT_FDCWD) : load(r9, args.at(directory))),
      call(helper.get_current_pid_tgid),
      store(thread, w0),
      tid !== undefined && jne(w0, tid, out),
      pid !== undefined && [rsh(r0, 32), jne(w0, pid, out)],
      self !== undefined && [pid === undefined && rsh(r0, 32), jeq(w0, self, out)],
      uid !== undefined && [call(helper.get_current_uid_gid), jne(w0, uid, out)],
      cgroup !== undefined && unlessInCgroup(cgroups, out),
      whole
        ? [
            store(full.path, r6),
            store(full.flags, r7),
            store(full.mode, r8),
            store(full.directory, r9),
          ]
        : store(plain.path, r6),
      update(openings, thread, whole ? full : plain), // a full map is counted
      out,
      mov(r0, 0),
      exit(),
    ];
  };

  /** Sends the event of a call that was kept, and forgets the call. */
  const leave = (name: CallName): Code => {
    const first = stack(u32);
    const event = Parts.at(r7);
    const { stack: frames } = CalledScratch.at(r7);
    const opening = WholeOpening.at(r8);
    const [readable, forget, out] = [label('readable'), label('forget'), label('out')];
    return [
      mov(r6, r1), // r6 = the context
      store(first, 0),
      call(helper.map_lookup_elem, scratch, first),
      jeq(r0, 0, out), // never: this is for the verifier
      mov(r7, r0), // r7 = the event
      call(helper.get_current_pid_tgid),
      store(u64.at(r7), r0), // tid and pid
      call(helper.map_lookup_elem, openings, event.tid),
      jeq(r0, 0, out), // not to be shown, or begun before us
      mov(r8, r0), // r8 = the call
      failed && [load(r1, SyscallExit.at(r6).ret), jsge(r1, 0, forget)],

      call(helper.get_current_comm, event.comm, 16),
      call(helper.get_current_uid_gid),
      store(event.uid, w0),
      load(r1, SyscallExit.at(r6).ret),
      store(event.result, w1),
      extended &&
        name === 'openat2' && [
          load(r3, opening.flags),
          call(helper.probe_read_user, event.how, OpenHow.size, r3),
        ],
      extended &&
        name !== 'openat2' && [
          load(r1, opening.flags),
          mov(w1, w1), // an int: the upper half of the register may hold anything
          store(event.how.flags, r1),
          load(r1, opening.mode),
          mov(w1, w1),
          store(event.how.mode, r1),
        ],
      // The kernel walks by frame pointers, and fills the rest with zeros; where it finds no stack (EFAULT), all of it.
      callers && call(helper.get_stack, r6, frames, stackField.stack.size, BPF_F_USER_STACK),
      load(r3, opening.path),
      userReadString(event.long.path, r3),
      store(event.pathSize, w0),
      jsge(r0, 0, readable),
      mov(r0, 1), // the NUL alone: what could not be read is zeroed
      readable,
      fullPath && [
        store(event.long.size, w0),
        load(r2, opening.directory),
        call(directories, event.long, r2),
        load(w0, event.long.size),
        jgt(r0, LONG_PATH_MAX, forget), // never: this is for the verifier
      ],
      add(r0, Sent.members.at(-1)!.offset), // where the path starts
      output(r6, events, event, r0), // a full buffer is counted
      forget,
      call(helper.map_delete_elem, openings, event.tid),
      out,
      mov(r0, 0),
      exit(),
    ];
  };

  const at = {
    enter: (name: CallName) => tracepoint(`syscalls/sys_enter_${name}`, enter(name)),
    exit: (name: CallName) => tracepoint(`syscalls/sys_exit_${name}`, leave(name)),
  };
  return object({
    license: 'Dual MIT/GPL',
    maps: { events, openings, scratch, ...(cgroup === undefined ? undefined : { cgroups }) },
    programs: {
      enterOpen: optional(at.enter('open')), // arm64 has no open
      exitOpen: optional(at.exit('open')),
      enterOpenat: at.enter('openat'),
      exitOpenat: at.exit('openat'),
      enterOpenat2: optional(at.enter('openat2')), // Linux 5.6
      exitOpenat2: optional(at.exit('openat2')),
    },
  });
};

/** Flags of open(2) that make a file, and so give its mode a meaning (include/uapi/asm-generic/fcntl.h). */
const O_CREAT = 0o100n;
const O_TMPFILE = 0o20000000n;

const makesFile = (flags: bigint): boolean => (flags & (O_CREAT | O_TMPFILE)) !== 0n;
const octal = (value: bigint, digits: number): string => value.toString(8).padStart(digits, '0');
/** A number in JSON as long as that loses nothing, else a string. */
const jsonNumber = (value: bigint): number | bigint =>
  value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;

/** Whether the path is more than what is shown of it. */
const isCut = ({ pathSize, names, rooted }: OpenEvent): boolean =>
  pathSize > PATH_MAX || (names > 0 && !rooted);

const pathOf = (event: OpenEvent): string => wholePath(event.path, event);

export const opensnoop = tool({
  name: 'opensnoop',
  summary: 'files that are opened, by whom, and with what result',
  description: [
    'It sees open, openat and openat2. Not seen are files that io_uring opens, and the calls of 32-bit processes: they',
    'pass no tracepoints of system calls. The path is what the process gave; -F resolves the directory of a relative',
    'one when the call returns, up to the root of the mount namespace. A path that goes on is marked with ...',
    'Below it, -c puts up to 16 functions of the process, the innermost first; in JSON the same are a list, `callers`. They',
    'are found by frame pointers: code that was compiled without them ends the list, or is left out with the function that',
    'called it. So it is with libc on many systems. What has no name is shown as an address, and so is all in a container',
    'and of processes that ended at once. beespoke itself is not shown then: to find the names it opens files.',
  ].join('\n'),
  examples: [
    ['opensnoop', 'every file that is opened'],
    ['opensnoop -x', 'only what could not be opened'],
    ['opensnoop -p 181 -T', 'what process 181 opens, and when'],
    ['opensnoop -n main -e', 'flags and modes, for processes with main in their name'],
    ['opensnoop -p 181 -c', 'which functions of process 181 open files'],
  ],
  options,
  cgroups: 'cgroups',
  find: ({ callers }, system): Found => (callers ? { self: system.ownPid() } : {}),
  object: opensnoopObject,
  output: {
    kind: 'events',
    buffer: 'events',
    columns: ({ timestamp, printUid, extended, callers }): readonly Column<OpenEvent>[] => [
      ...(timestamp ? [timeColumn<OpenEvent>()] : []),
      ...(printUid ? [{ title: 'UID', width: 7, text: ({ uid }: OpenEvent) => String(uid) }] : []),
      { title: 'PID', width: 6, text: ({ pid }) => String(pid) },
      { title: 'COMM', width: 16, text: ({ comm }) => comm },
      { title: 'FD', width: 3, align: 'right', text: ({ result }) => String(Math.max(-1, result)) },
      {
        title: 'ERR',
        width: 3,
        align: 'right',
        text: ({ result }) => String(Math.max(0, -result)),
      },
      ...(extended ? extendedColumns : []),
      {
        title: callers ? 'PATH/CALLER' : 'PATH',
        text: (event) => pathText(pathOf(event), event.pathSize),
      },
    ],
    complete: (events: readonly OpenEvent[], { callers }, system) => {
      if (!callers) return events;
      const stacks = system.userStacks(
        events.map(({ pid, stack = [] }) => ({
          pid,
          addresses: stack.filter((address) => address !== 0n),
        })),
      );
      return events.map((event, index) => ({ ...event, callers: stacks[index]! }));
    },
    below: ({ callers = [] }: OpenEvent) => callers,
    filter: ({ comm }: OpenEvent, { name }: Values<typeof options>) =>
      name === undefined || comm.includes(name),
    json: (event: OpenEvent, { timestamp, extended, callers }, moment) => ({
      ...(timestamp ? { time: jsonTime(moment) } : {}),
      pid: event.pid,
      tid: event.tid,
      uid: event.uid,
      comm: event.comm,
      fd: Math.max(-1, event.result),
      err: Math.max(0, -event.result),
      ...(extended
        ? {
            flags: jsonNumber(event.flags),
            mode: makesFile(event.flags) ? jsonNumber(event.mode) : null,
          }
        : {}),
      path: pathOf(event),
      pathCut: isCut(event),
      ...(callers ? { callers: event.callers } : {}),
    }),
  },
});

const extendedColumns: readonly Column<OpenEvent>[] = [
  { title: 'FLAGS', width: 8, text: ({ flags }) => octal(flags, 8) },
  {
    title: 'MODE',
    width: 5,
    text: ({ flags, mode }) => (makesFile(flags) ? octal(mode, 4) : 'n/a'),
  },
];
