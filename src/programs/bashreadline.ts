/**
 * @module
 * bashreadline: the commands that are typed into bash. After libbpf-tools' and BCC's bashreadline.
 *
 * The originals copy 80 bytes of whatever memory is there, which fails at the end of a page and cuts commands without a
 * word. Here a command is read to its end, and a longer one is marked.
 */
import {
  type Code,
  call,
  chars,
  eventBuffer,
  exit,
  fillEvent,
  firstOf,
  helper,
  hookArguments,
  i32,
  jeq,
  jne,
  KiB,
  label,
  lea,
  load,
  mov,
  NotFoundError,
  object,
  percpuArray,
  pointer,
  r0,
  r1,
  r6,
  r7,
  r8,
  rsh,
  stack,
  store,
  struct,
  u8,
  u32,
  uretprobe,
  userReadString,
  type Value,
  w0,
} from '../index.ts';
import { type Column, defaults, type GivenValues, jsonTime, timeColumn, tool } from './tool.ts';

/** As many bytes of a command as are shown. */
const COMMAND_MAX = 4096;

/** What user space receives for each command. */
export const ReadlineEvent = struct('readline_event', {
  pid: u32,
  /** The bytes of the command with its NUL, or why it could not be read: a negative error number. */
  size: i32,
  command: chars(COMMAND_MAX + 1),
});
export type ReadlineEvent = Value<typeof ReadlineEvent>;

const Returned = hookArguments({ retval: pointer() });

const options = {
  shared: {
    type: 'text',
    short: 's',
    placeholder: 'PATH',
    help: 'the bash or the libreadline.so to look at',
  },
  pid: { type: 'pid', short: 'p', placeholder: 'PID', help: 'only this process' },
} as const;

/** Where bash has its line editor: in itself, or in a library. */
interface Found {
  readonly file: string;
}

const FILES = ['bash', 'libreadline.so.8', 'libreadline.so.7', 'libreadline.so.6'];

const isLibrary = (file: string): boolean => /\.so(\.|$)/.test(file);

/** The object for these options: nothing in it that they do not need. */
const bashreadlineObject = (given: GivenValues<typeof options> & Partial<Found> = {}) => {
  const { shared, pid, buffer } = defaults(options, given);
  const file = given.file ?? shared ?? 'bash';
  const events = eventBuffer(ReadlineEvent, { size: buffer ?? 256 * KiB });
  const scratch = percpuArray(ReadlineEvent, { maxEntries: 1 });
  const event = ReadlineEvent.at(r7);
  const out = label('out');
  return object({
    license: 'Dual MIT/GPL',
    maps: { events, scratch },
    programs: {
      returned: firstOf(
        uretprobe(`${file}:readline`, [
          mov(r6, r1), // r6 = the context
          load(r8, Returned.at(r6).retval), // r8 = the command; 0 at the end of the input
          jeq(r8, 0, out),
          pid !== undefined && [call(helper.get_current_pid_tgid), rsh(r0, 32), jne(r0, pid, out)],
          isLibrary(file) && unlessBash(out), // others have the library, too
          fillEvent(r7, r6, events, scratch, () => [
            call(helper.get_current_pid_tgid),
            rsh(r0, 32),
            store(event.pid, w0),
            userReadString(event.command, r8),
            store(event.size, w0),
          ]),
          out,
          mov(r0, 0),
          exit(),
        ]),
      ),
    },
  });
};

/** Goes to `out` unless the current task is called bash. Destroys r0 to r5. */
const unlessBash = (out: ReturnType<typeof label>): Code => {
  const comm = stack(chars(16));
  return [
    call(helper.get_current_comm, comm, 16),
    lea(r1, comm),
    load(w0, u32.at(r1)),
    jne(w0, 0x6873_6162, out),
    load(w0, u8.at(r1, 4)),
    jne(w0, 0, out),
  ];
};

export const bashreadline = tool({
  name: 'bashreadline',
  summary: 'commands that are typed into bash',
  description: [
    'It is at the return of readline: in bash itself, or in libreadline, where bash takes it from there; then only what',
    'is called bash is shown. Not seen are commands of scripts, and the one that is being typed when this starts. A',
    'command that goes on is marked with ...',
  ].join('\n'),
  examples: [
    ['bashreadline', 'every command, of every bash'],
    ['bashreadline -s /opt/bash/bin/bash', 'those of another bash'],
  ],
  options,
  find: ({ shared, pid }, system): Found => {
    const hasReadline = (file: string) => system.functions(file, 'readline', pid).length > 0;
    // A file that is named says itself what is wrong with it.
    const there =
      shared === undefined ? FILES.filter((file) => system.hasFile(file, pid)) : [shared];
    const file = there.find(hasReadline);
    if (file !== undefined) return { file };
    throw new NotFoundError(
      there.length === 0
        ? `there is no ${FILES.join(', no ')}; -s says where bash or its libreadline.so is`
        : `${there.join(' and ')} ${there.length === 1 ? 'has' : 'have'} no function readline; -s says where bash or its libreadline.so is`,
    );
  },
  object: bashreadlineObject,
  attach: ({ pid }) => ({ returned: { pid } }),
  output: {
    kind: 'events',
    buffer: 'events',
    columns: (): readonly Column<ReadlineEvent>[] => [
      timeColumn('TIME', 9),
      { title: 'PID', width: 7, text: ({ pid }) => String(pid) },
      { title: 'COMMAND', text: (event) => event.command + (isCut(event) ? '...' : '') },
    ],
    json: (event: ReadlineEvent, _options, moment) => ({
      time: jsonTime(moment),
      pid: event.pid,
      command: event.command,
      commandCut: isCut(event),
    }),
  },
});

const isCut = ({ size }: ReadlineEvent): boolean => size > COMMAND_MAX;
