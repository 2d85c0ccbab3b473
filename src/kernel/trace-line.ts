/**
 * The lines of trace_pipe (Documentation/trace/ftrace.rst, "Output format"; kernel/trace/trace_output.c).
 *
 *               node-4711    [001] ...11  1234.567890: bpf_trace_printk: Hello, World!
 *
 * The task is right-aligned in 16 columns, so that its name may hold anything: spaces, dashes, `-1 [000]`.
 * @module
 */

/** What a program said with `bpf_trace_printk` or `bpf_trace_vprintk`. */
export interface TraceEvent {
  /** The name of the task, or `<...>` when the kernel has forgotten it. */
  readonly task: string;
  /** The number of the thread. */
  readonly pid: number;
  readonly cpu: number;
  /** Interrupts off, reschedule needed, in an interrupt, preempt and migrate disabled: `d.h11`. */
  readonly flags: string;
  /** The time as the kernel prints it: seconds of the trace clock, whose zero is about that of the boot. */
  readonly seconds: number;
  readonly message: string;
}

export type TraceLine =
  /** The start of an entry, of whatever event. */
  | { readonly kind: 'entry'; readonly isPrintk: boolean; readonly event: TraceEvent }
  /** How many entries were overwritten before the next one. */
  | { readonly kind: 'lost'; readonly count: number }
  /** What follows a newline inside of a message. */
  | { readonly kind: 'continuation'; readonly text: string };

const TASK_WIDTH = 16;
/** From the dash after the task on. With the option record-tgid there is a number in parentheses, with noirq-info no flags. */
const ENTRY =
  /^-(\d+) +(?:\([ \d-]+\) +)?\[(\d+)\] (?:(\S+) +)? *(\d+(?:\.\d+)?): (?:(\w+): ?)?(.*)$/s;
const LOST = /^CPU:\d+ \[LOST (?:(\d+) )?EVENTS\]$/;
/** Before Linux 5.9 it was a print from an address, at times from the address 1. */
const PRINTK = /^(?:bpf_trace_v?printk|0x0*1)$/;

/** Understands one line, whose characters stand for bytes (latin1), since columns count bytes. */
export function parseTraceLine(line: string): TraceLine {
  const lost = LOST.exec(line);
  // "[LOST EVENTS]" is some that the kernel did not count.
  if (lost) return { kind: 'lost', count: Number(lost[1] ?? 1) };
  const entry = ENTRY.exec(line.slice(TASK_WIDTH));
  if (!entry) return { kind: 'continuation', text: utf8(line) };
  const [, pid, cpu, flags = '', seconds, source = '', message] = entry;
  return {
    kind: 'entry',
    isPrintk: PRINTK.test(source),
    event: {
      task: utf8(line.slice(0, TASK_WIDTH).trimStart()),
      pid: Number(pid),
      cpu: Number(cpu),
      flags,
      seconds: Number(seconds),
      message: utf8(message!),
    },
  };
}

function utf8(bytes: string): string {
  return /^[\0-\x7f]*$/.test(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}
