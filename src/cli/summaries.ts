/**
 * @module
 * What the tools are for, in one line each: for help that loads none of them. A test compares it with the tools.
 */
export const SUMMARIES: Readonly<Record<string, string>> = {
  hello: 'says hello from the kernel whenever a file is opened with openat',
  'hello-perf': 'says which files are opened with openat, through a perf buffer',
  opensnoop: 'files that are opened, by whom, and with what result',
  exitsnoop: 'processes that end: their age, and the code or signal that ended them',
  runqslower: 'tasks that wait long for a CPU, though they could run',
  hardirqs: 'hard interrupts: how often each comes, and how long its handler takes',
  unlinksnoop: 'files that are deleted, by whom, and with what result',
  bashreadline: 'commands that are typed into bash',
  funccount: 'how often functions are called, of the kernel or of a program',
  'trace-usdt': 'a static probe (USDT) of a program, with its arguments',
};
