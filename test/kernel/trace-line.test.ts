import { describe, expect, it } from 'vitest';
import { parseTraceLine } from '../../src/kernel/trace-line.ts';

const entry = (line: string) => {
  const parsed = parseTraceLine(line);
  return parsed.kind === 'entry' ? { ...parsed.event, isPrintk: parsed.isPrintk } : parsed;
};

describe('a line of trace_pipe', () => {
  it('has a task, a thread, a CPU, flags, a time and a message', () => {
    expect(
      entry('            node-4711    [001] ...2.  4533.288187: bpf_trace_printk: Hello, World!'),
    ).toStrictEqual({
      task: 'node',
      pid: 4711,
      cpu: 1,
      flags: '...2.',
      seconds: 4533.288187,
      message: 'Hello, World!',
      isPrintk: true,
    });
  });

  it.each([
    ['           <...>-1234    [000] d.h1.     1.000000: bpf_trace_printk: x', '<...>', 1234],
    ['     my tool - x-7       [012] d..21 12345.678901: bpf_trace_printk: x', 'my tool - x', 7],
    ['  a-1 [000] ....-4194304 [127] .....  1.0: bpf_trace_printk: x', 'a-1 [000] ....', 4194304],
    [' kworker/u4:1-ev-33      [001] ....1  1.0: bpf_trace_printk: x', 'kworker/u4:1-ev', 33],
    ['            bash-99      [003]     1.0: bpf_trace_printk: x', 'bash', 99],
    ['          <idle>-0       [000] d.s31  1.0: bpf_trace_printk: x', '<idle>', 0],
    ['            bash-99      (     98) [003] ....1  1.0: bpf_trace_printk: x', 'bash', 99],
    ['            bash-99      (-------) [003] ....1  1.0: bpf_trace_printk: x', 'bash', 99],
    // Names are cut by bytes, 15 of them, here after half of an umlaut.
    [`            ${'gr\xc3\xbc'}-5       [003] ....1  1.0: bpf_trace_printk: x`, 'grü', 5],
  ])('%s', (line, task, pid) => {
    expect(entry(line)).toMatchObject({ task, pid, message: 'x', isPrintk: true });
  });

  it('may say what looks like a line itself', () => {
    const said = '            bash-99      [003] ....1  1.0: bpf_trace_printk: y';
    expect(
      entry(`            node-1       [000] .....  2.5: bpf_trace_printk: ${said}`),
    ).toMatchObject({ task: 'node', seconds: 2.5, message: said });
    expect(entry('            node-1       [000] .....  2.5: bpf_trace_printk: ')).toMatchObject({
      message: '',
    });
  });

  it('is UTF-8 in its message', () => {
    const line =
      '            node-1       [000] .....  2.5: bpf_trace_printk: gr\xc3\xbc\xc3\x9fe \xff';
    expect(entry(line)).toMatchObject({ message: 'grüße \ufffd' });
  });

  it('may have a time that is a plain count', () => {
    expect(
      entry('            node-1       [000] ..... 123456789: bpf_trace_printk: x'),
    ).toMatchObject({ seconds: 123456789 });
  });

  it('may be of another event', () => {
    for (const what of ['tracing_mark_write: hi', 'sched_switch: prev_comm=a', 'f <-g']) {
      expect(entry(`            node-1       [000] .....  2.5: ${what}`)).toMatchObject({
        isPrintk: false,
      });
    }
  });

  it('came from an address before Linux 5.9', () => {
    const line = '            node-1       [000] ....   2.5: 0x00000001: hello';
    expect(entry(line)).toMatchObject({ isPrintk: true, message: 'hello' });
  });

  it('may tell of a loss', () => {
    expect(parseTraceLine('CPU:1 [LOST 127 EVENTS]')).toStrictEqual({ kind: 'lost', count: 127 });
    expect(parseTraceLine('CPU:12 [LOST EVENTS]')).toStrictEqual({ kind: 'lost', count: 1 });
  });

  it('may go on with a message', () => {
    for (const text of ['', 'second line', '  - third']) {
      expect(parseTraceLine(text)).toStrictEqual({ kind: 'continuation', text });
    }
  });
});
