/**
 * trace_pipe: the text that programs print with `bpf_trace_printk`, the way to a first "Hello, World!".
 *
 * There is one such pipe for the whole machine. Whatever BPF program prints, its lines are in it, ours or
 * not; lines of other trace events are skipped. A line is read once: of two readers each would get some, so
 * that since Linux 6.6 a second one is refused. Events that someone needs to have all of go through a ring
 * buffer.
 *
 * Lines from before are told apart by their time: the trace clock, in the words of the kernel (`now ts` in
 * per_cpu/cpuN/stats), when the pipe is opened. Open it before attaching programs.
 * @module
 */

import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  closeFd,
  OPEN_FLAG,
  onlineCpus,
  openFile,
  readFd,
  SystemCallError,
} from '../syscall/index.ts';
import { EventReader } from './event-reader.ts';
import type { Batch, EventSource } from './event-source.ts';
import { parseTraceLine, type TraceEvent } from './trace-line.ts';

/**
 * The lines that BPF programs print from now on. `lost` counts what the kernel overwrote unread.
 * @example
 * using pipe = new TracePipe('/sys/kernel/tracing/trace_pipe');
 * for await (const { task, pid, message } of pipe) console.log(task, pid, message);
 */
export class TracePipe extends EventReader<TraceEvent> {
  /** @param path trace_pipe in the directory of tracefs. */
  constructor(path: string) {
    const source = new TraceSource(path);
    super(source, () => source.lost);
  }
}

/** More than the kernel hands out at a time, which are whole entries. */
const CHUNK = 65_536;

class TraceSource implements EventSource<TraceEvent> {
  readonly name = 'trace pipe';
  readonly fds: readonly number[];
  readonly #directory: string;
  readonly #fd: number;
  readonly #chunk = Buffer.alloc(CHUNK);
  readonly #start: number;
  /** The beginning of a line whose end has not come. */
  #partial = '';
  /** The entry that continuations may belong to. */
  #entry: TraceEvent | undefined;
  #hasBegun = false;
  /** What the last line said was lost: before the entry that follows. */
  #lostBefore = 0;
  #end = Number.POSITIVE_INFINITY;
  #isPastEnd = false;
  lost = 0;

  constructor(path: string) {
    this.#directory = dirname(path);
    this.#fd = open(path);
    try {
      checkTracingOn(`${this.#directory}/tracing_on`);
      this.#start = this.#now();
    } catch (error) {
      closeFd(this.#fd);
      throw error;
    }
    this.fds = [this.#fd];
  }

  /** The trace clock as lines show it. Any CPU will do: they agree but for microseconds. */
  #now(): number {
    const path = `${this.#directory}/per_cpu/cpu${onlineCpus()[0]}/stats`;
    const now = /^now ts: *([\d.]+)$/m.exec(readFileSync(path, 'latin1'))?.[1];
    if (now === undefined) throw new Error(`${path}: expected a line 'now ts: TIME', found none`);
    return Number(now);
  }

  take(batch: Batch<TraceEvent>): boolean {
    if (this.#isPastEnd) return false;
    const length = readFd(this.#fd, this.#chunk);
    if (!length) {
      this.#flush(batch);
      return false;
    }
    const lines = (this.#partial + this.#chunk.toString('latin1', 0, length)).split('\n');
    this.#partial = lines.pop()!;
    for (const line of lines) this.#line(line, batch);
    if (this.#partial === '') this.#flush(batch);
    return true;
  }

  #line(text: string, batch: Batch<TraceEvent>): void {
    const line = parseTraceLine(text);
    switch (line.kind) {
      case 'lost':
        this.#lostBefore += line.count;
        return;
      case 'continuation':
        this.#continue(line.text);
        return;
      case 'entry':
        this.#flush(batch);
        this.#begin(line.event, line.isPrintk);
    }
  }

  #continue(text: string): void {
    // Of an entry that is not ours.
    if (!this.#entry && this.#hasBegun) return;
    if (!this.#entry) {
      const wanted = 'TASK-PID [CPU] FLAGS TIME: EVENT';
      const why = `Someone has changed ${this.#directory}/trace_options`;
      throw new Error(`${this.name}: expected '${wanted}', got '${text.trim()}'. ${why}`);
    }
    this.#entry = { ...this.#entry, message: `${this.#entry.message}\n${text}` };
  }

  #begin(event: TraceEvent, isPrintk: boolean): void {
    this.#hasBegun = true;
    if (event.seconds > this.#end) this.#isPastEnd = true;
    if (event.seconds >= this.#start) {
      this.lost += this.#lostBefore;
      if (isPrintk) this.#entry = event;
    }
    this.#lostBefore = 0;
  }

  #flush(batch: Batch<TraceEvent>): void {
    const entry = this.#entry;
    this.#entry = undefined;
    if (!entry) return;
    // The kernel ends the line itself; programs often do so too, which makes an empty line.
    batch.add(
      entry.message.endsWith('\n') ? { ...entry, message: entry.message.slice(0, -1) } : entry,
    );
  }

  mark(): void {
    this.#end = this.#now();
  }

  unmark(): void {
    this.#end = Number.POSITIVE_INFINITY;
    this.#isPastEnd = false;
  }

  close(): void {
    closeFd(this.#fd);
  }
}

function open(path: string): number {
  try {
    // A read that blocks would keep Node 20 from ever exiting.
    return openFile(path, OPEN_FLAG.O_RDONLY | OPEN_FLAG.O_NONBLOCK);
  } catch (error) {
    if (!(error instanceof SystemCallError) || error.code !== 'EBUSY') throw error;
    throw new Error(`${path} is read by another process: only one can (Linux 6.6); stop that one`, {
      cause: error,
    });
  }
}

function checkTracingOn(path: string): void {
  if (readFileSync(path, 'latin1').trim() !== '0') return;
  throw new Error(
    `tracing is off, so that nothing is printed to trace_pipe: run 'echo 1 > ${path}' as root`,
  );
}
