/**
 * @module
 * hello: the first program of every tutorial. It says "Hello, World!" into the kernel's trace pipe whenever a file is
 * opened. After BCC's hello_world.py, which sits on a kprobe; a tracepoint is there on every kernel.
 */
import {
  call,
  chars,
  exit,
  globals,
  helper,
  jne,
  label,
  lea,
  mov,
  object,
  r0,
  r1,
  rsh,
  struct,
  tracepoint,
} from '../index.ts';
import { traceLines } from './common.ts';
import { defaults, type GivenValues, tool } from './tool.ts';

const MESSAGE = 'Hello, World!';

const options = {
  pid: { type: 'pid', short: 'p', placeholder: 'PID', help: 'only this process' },
} as const;

const helloObject = (given: GivenValues<typeof options> = {}) => {
  const { pid } = defaults(options, given);
  const text = struct('text', { message: chars(MESSAGE.length + 1) });
  const constants = globals(text, { initial: { message: MESSAGE }, readonly: true });
  const out = label('out');
  return object({
    license: 'GPL', // trace_printk is for programs under the GPL
    maps: { constants },
    programs: {
      hello: tracepoint('syscalls/sys_enter_openat', [
        pid !== undefined && [call(helper.get_current_pid_tgid), rsh(r0, 32), jne(r0, pid, out)],
        lea(r1, constants),
        call(helper.trace_printk, r1, text.size),
        out,
        mov(r0, 0),
        exit(),
      ]),
    },
  });
};

export const hello = tool({
  name: 'hello',
  summary: 'says hello from the kernel whenever a file is opened with openat',
  description: [
    'The programs of the whole machine print into one pipe (trace_pipe); lines of others are not shown. What is not read',
    'in time is overwritten, whose it may be: that is told as LOST EVENTS. PID is the number of the thread.',
  ].join('\n'),
  examples: [
    ['hello', 'every process'],
    ['hello -p 181', 'only process 181'],
  ],
  options,
  object: helloObject,
  output: {
    kind: 'trace',
    ours: ({ message }) => message === MESSAGE,
    ...traceLines,
  },
});
