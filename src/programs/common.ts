/**
 * @module
 * What several tools share.
 */
import {
  type Code,
  call,
  cgroupArray,
  helper,
  jne,
  type Label,
  type MapSpec,
  r0,
  type u32,
} from '../index.ts';
import type { Column, JsonObject, TraceLine } from './tool.ts';

/** The cgroup that a tool is limited to: an array of one entry, which the runner fills. */
export const oneCgroup = (): MapSpec<'cgroup_array', typeof u32, typeof u32> =>
  cgroupArray({ maxEntries: 1 });

/** Goes to `out` unless the current task is in the cgroup or below it. Destroys r0 to r5. */
export const unlessInCgroup = (cgroups: ReturnType<typeof oneCgroup>, out: Label): Code => [
  call(helper.current_task_under_cgroup, cgroups, 0),
  jne(r0, 1, out),
];

/** The option `-c` of libbpf-tools. */
export const cgroupOption = {
  type: 'cgroup',
  short: 'c',
  placeholder: 'PATH',
  help: 'only tasks in this cgroup2 directory or below it',
} as const;

/** Lines of the trace pipe, as they are printed. */
export const traceLines = {
  columns: (): readonly Column<TraceLine>[] => [
    { title: 'TIME(s)', width: 18, text: ({ timeNs }) => (timeNs / 1e9).toFixed(6) },
    { title: 'COMM', width: 16, text: ({ task }) => task },
    { title: 'PID', width: 6, text: ({ pid }) => String(pid) },
    { title: 'CPU', width: 3, text: ({ cpu }) => String(cpu) },
    { title: 'MESSAGE', text: ({ message }) => message },
  ],
  json: ({ task, pid, cpu, timeNs, message }: TraceLine): JsonObject => ({
    comm: task,
    pid,
    cpu,
    timeNs,
    message,
  }),
};

/** What strsignal(3) says of a signal: `Segmentation fault` for 11. */
export const signalText = (signal: number): string =>
  SIGNALS[signal - 1] ??
  (signal >= 34 && signal <= 64 ? `Real-time signal ${signal - 34}` : `Unknown signal ${signal}`);

// biome-ignore format: in the order of their numbers, which x86-64 and arm64 share (asm-generic/signal.h)
const SIGNALS = [
  'Hangup', 'Interrupt', 'Quit', 'Illegal instruction', 'Trace/breakpoint trap', 'Aborted', 'Bus error',
  'Floating point exception', 'Killed', 'User defined signal 1', 'Segmentation fault', 'User defined signal 2',
  'Broken pipe', 'Alarm clock', 'Terminated', 'Stack fault', 'Child exited', 'Continued', 'Stopped (signal)',
  'Stopped', 'Stopped (tty input)', 'Stopped (tty output)', 'Urgent I/O condition', 'CPU time limit exceeded',
  'File size limit exceeded', 'Virtual timer expired', 'Profiling timer expired', 'Window changed', 'I/O possible',
  'Power failure', 'Bad system call',
];
