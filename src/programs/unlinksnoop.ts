/**
 * @module
 * unlinksnoop: the files that are deleted, and with what result. After the kprobe-unlink and fentry-unlink of eunomia's
 * and libbpf-bootstrap's tutorials, which print into the trace pipe.
 *
 * The originals read the name when the kernel's function returns, after it has given the name back. Here it is kept when
 * the function is entered.
 */
import {
  add,
  type Code,
  call,
  char,
  chars,
  eventBuffer,
  exit,
  fentry,
  fexit,
  firstOf,
  hash,
  helper,
  hookArguments,
  i32,
  jeq,
  jgt,
  jne,
  jset,
  jsge,
  jsgt,
  kernelStruct,
  kprobe,
  kretprobe,
  label,
  load,
  MiB,
  mov,
  object,
  optional,
  output,
  percpuArray,
  pointer,
  r0,
  r1,
  r3,
  r6,
  r7,
  r8,
  readString,
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
import { PATH_MAX, PATH_ROOM, pathText } from './full-path.ts';
import { type Column, defaults, type GivenValues, jsonTime, timeColumn, tool } from './tool.ts';

const head = {
  tid: u32,
  pid: u32,
  comm: chars(16),
  /** 0, or a negative error number. */
  result: i32,
  /** The bytes of the path with its NUL, or why it could not be read: a negative error number. */
  pathSize: i32,
};

/** What user space receives for each file that was to be deleted. */
export const UnlinkEvent = struct('unlink_event', { ...head, path: text(PATH_ROOM) });
export type UnlinkEvent = Value<typeof UnlinkEvent>;

/** The same from the start of the call to its end. System calls have the address of the path, in user space. */
const Unlinking = struct('unlinking', { ...head, path: chars(PATH_ROOM), address: u64 });

/** Where the path starts in both. */
const PATH_OFFSET = UnlinkEvent.members.at(-1)!.offset;

/** The function of the kernel that deletes a file: since Linux 7.0 it is the second. Both have the same arguments. */
const FUNCTIONS = ['do_unlinkat', 'filename_unlinkat'] as const;
const Arguments = hookArguments({
  dfd: i32,
  name: pointer(kernelStruct('filename', { name: pointer(char) })),
  retval: i32,
});

/** Where the system calls have the path, and the flag of unlinkat that says that it deletes a directory. */
const CALLS = { unlink: { path: 0, flags: undefined }, unlinkat: { path: 1, flags: 2 } } as const;
type CallName = keyof typeof CALLS;
const AT_REMOVEDIR = 0x200;

const options = {
  pid: { type: 'pid', short: 'p', placeholder: 'PID', help: 'only this process' },
  failed: { type: 'boolean', short: 'x', help: 'only files that could not be deleted' },
  timestamp: { type: 'boolean', short: 'T', help: 'show the time' },
  fentry: { type: 'boolean', help: "by fentry and fexit of the kernel's function, or not at all" },
  kprobe: { type: 'boolean', help: "by kprobe and kretprobe of the kernel's function" },
} as const;

/**
 * The object for these options: nothing in it that they do not need.
 * @param calls how many calls can be going on at a time
 */
const unlinksnoopObject = (given: GivenValues<typeof options> = {}, calls = 1024) => {
  const { pid, failed, buffer, ...only } = defaults(options, given);
  const events = eventBuffer(UnlinkEvent, { size: buffer ?? MiB });
  const unlinkings = hash(u32, Unlinking, { maxEntries: calls });
  const scratch = percpuArray(Unlinking, { maxEntries: 1 });
  const unlinking = Unlinking.at(r7);

  /** Keeps a call until it returns, if it is one to be shown. `path` puts the path, or its address, into it. */
  const enter = (path: Code, unwanted?: (out: ReturnType<typeof label>) => Code): Code => {
    const thread = stack(u32);
    const first = stack(u32);
    const out = label('out');
    return [
      mov(r6, r1), // r6 = the context
      unwanted?.(out),
      call(helper.get_current_pid_tgid),
      mov(r8, r0), // r8 = process and thread
      store(thread, w0),
      pid !== undefined && [rsh(r0, 32), jne(r0, pid, out)],
      store(first, 0),
      call(helper.map_lookup_elem, scratch, first),
      jeq(r0, 0, out),
      mov(r7, r0), // r7 = the call
      store(u64.at(r7), r8), // tid and pid
      call(helper.get_current_comm, unlinking.comm, 16),
      path,
      update(unlinkings, thread, r7), // a full map is counted
      out,
      mov(r0, 0),
      exit(),
    ];
  };
  /** Sends the event of a call that was kept, and forgets it. `result` puts the result into r1. */
  const leave = (result: Code, path?: Code): Code => {
    const thread = stack(u32);
    const [readable, forget, out] = [label('readable'), label('forget'), label('out')];
    return [
      mov(r6, r1),
      call(helper.get_current_pid_tgid),
      store(thread, w0),
      call(helper.map_lookup_elem, unlinkings, thread),
      jeq(r0, 0, out), // not to be shown, or begun before us
      mov(r7, r0),
      result,
      failed && jsge(w1, 0, forget),
      store(unlinking.result, w1),
      path,
      load(w0, unlinking.pathSize),
      jsgt(w0, 0, readable),
      mov(w0, 1), // the NUL alone: what could not be read is zeroed
      readable,
      jgt(r0, PATH_ROOM, forget), // never: this is for the verifier
      add(r0, PATH_OFFSET),
      output(r6, events, r7, r0), // a full buffer is counted
      forget,
      call(helper.map_delete_elem, unlinkings, thread),
      out,
      mov(r0, 0),
      exit(),
    ];
  };

  const atFunction = {
    enter: enter([
      readString(unlinking.path, Arguments.at(r6).name.name),
      store(unlinking.pathSize, w0),
    ]),
    leave: leave(load(w1, Arguments.at(r6).retval)),
  };
  const atCall = (name: CallName) => {
    const { path, flags } = CALLS[name];
    const { args } = SyscallEnter.at(r6);
    return {
      enter: tracepoint(
        `syscalls/sys_enter_${name}`,
        enter([load(r1, args.at(path)), store(unlinking.address, r1)], (out) =>
          flags === undefined ? [] : [load(r1, args.at(flags)), jset(r1, AT_REMOVEDIR, out)],
        ),
      ),
      leave: tracepoint(
        `syscalls/sys_exit_${name}`,
        leave(load(r1, SyscallExit.at(r6).ret), [
          load(r3, unlinking.address),
          userReadString(unlinking.path, r3),
          store(unlinking.pathSize, w0),
        ]),
      ),
    };
  };

  const either = !only.fentry && !only.kprobe;
  const functions = (byTrampoline: typeof fentry, byBreakpoint: typeof kprobe, body: Code) => [
    ...(only.kprobe ? [] : FUNCTIONS.map((name) => byTrampoline(name, body))),
    ...(only.fentry ? [] : FUNCTIONS.map((name) => byBreakpoint(name, body))),
  ];
  const entered = functions(fentry, kprobe, atFunction.enter);
  const left = functions(fexit, kretprobe, atFunction.leave);
  const [unlink, unlinkat] = [atCall('unlink'), atCall('unlinkat')];
  const unless = entered.map(({ hook }) => hook.section);
  return object({
    license: 'Dual MIT/GPL',
    maps: { events, unlinkings, scratch },
    programs: {
      enter: firstOf(...entered, ...(either ? [unlinkat.enter] : [])),
      exit: firstOf(...left, ...(either ? [unlinkat.leave] : [])),
      ...(either && {
        enterUnlink: optional(unlink.enter, { unless }), // arm64 has no unlink
        exitUnlink: optional(unlink.leave, { unless }),
      }),
    },
  });
};

export const unlinksnoop = tool({
  name: 'unlinksnoop',
  summary: 'files that are deleted, by whom, and with what result',
  description: [
    "It is at the kernel's own function, by fentry and fexit or else by kprobe and kretprobe, and so sees io_uring and",
    '32-bit processes, too. Where neither can be, it is at the system calls unlink and unlinkat of 64-bit processes:',
    '--verbose says which. The path is what the process gave, and is marked with ... where it is longer than the kernel',
    'takes. Directories are not shown.',
  ].join('\n'),
  examples: [
    ['unlinksnoop', 'every file that is deleted'],
    ['unlinksnoop -x', 'only what could not be deleted'],
    ['unlinksnoop --kprobe -v', 'by kprobes, and which function that is'],
  ],
  options,
  conflict: ({ fentry, kprobe }) =>
    fentry && kprobe ? '--fentry and --kprobe are two ways to the same; give one' : undefined,
  object: unlinksnoopObject,
  output: {
    kind: 'events',
    buffer: 'events',
    columns: ({ timestamp }): readonly Column<UnlinkEvent>[] => [
      ...(timestamp ? [timeColumn<UnlinkEvent>()] : []),
      { title: 'PID', width: 6, text: ({ pid }) => String(pid) },
      { title: 'COMM', width: 16, text: ({ comm }) => comm },
      { title: 'RET', width: 4, align: 'right', text: ({ result }) => String(result) },
      { title: 'PATH', text: ({ path, pathSize }) => pathText(path, pathSize) },
    ],
    json: ({ pid, tid, comm, result, path, pathSize }: UnlinkEvent, { timestamp }, moment) => ({
      ...(timestamp ? { time: jsonTime(moment) } : {}),
      pid,
      tid,
      comm,
      result,
      path,
      pathCut: pathSize > PATH_MAX,
    }),
  },
});
