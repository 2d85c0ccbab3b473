import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, exit, helper, lea, mov, r0, r1, r10, store } from '../../src/asm/index.ts';
import type { TraceEvent } from '../../src/kernel/trace-line.ts';
import { TracePipe } from '../../src/kernel/trace-pipe.ts';
import { u8 } from '../../src/layout/index.ts';
import { closeFd, OPEN_FLAG, onlineCpus, openFile } from '../../src/syscall/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { Flood, Maps, run, sleep } from './ring-support.ts';

const MARK = `beespoke ${process.pid}`;

/** A program that prints a text. */
function printer(maps: Maps, text: string) {
  const bytes = [...Buffer.from(`${text}\0`)];
  const at = (i: number) => u8.at(r10, i - bytes.length);
  return maps.load([
    bytes.map((byte, i) => store(at(i), byte)),
    lea(r1, at(0)),
    call(helper.trace_printk, r1, bytes.length),
    mov(r0, 0),
    exit(),
  ]);
}

/** The events that come within a while. */
async function collect(pipe: TracePipe, ms: number): Promise<TraceEvent[]> {
  const got: TraceEvent[] = [];
  for await (const event of pipe.read({ signal: AbortSignal.timeout(ms) })) got.push(event);
  return got;
}

/** What we have printed: other tests may print at the same time. */
const ours = (events: readonly TraceEvent[]) =>
  events.map(({ message }) => message).filter((message) => message.startsWith(MARK));

/** tracefs, mounted where only a child process sees it, and reached through that. */
function mountTracefs(): { directory: string; unmount(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'beespoke-'));
  const script = `mount -t tracefs tracefs ${directory} && echo mounted && exec sleep 1000`;
  const child = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script]);
  const path = `/proc/${child.pid}/root${directory}`;
  for (let i = 0; i < 100; i++) {
    try {
      readFileSync(`${path}/tracing_on`);
      break;
    } catch {
      execFileSync('sleep', ['0.02']);
    }
  }
  return {
    directory: path,
    unmount: () => {
      child.kill('SIGKILL');
      rmSync(directory, { recursive: true });
    },
  };
}

describe.skipIf(noBpf)(kernel('trace_pipe'), () => {
  let mounted: ReturnType<typeof mountTracefs>;
  let path: string;
  beforeAll(() => {
    mounted = mountTracefs();
    path = `${mounted.directory}/trace_pipe`;
  });
  afterAll(() => mounted.unmount());

  it('hands out what programs print, with who and where', async () => {
    using maps = new Maps();
    const program = printer(maps, `${MARK} one`);
    using pipe = new TracePipe(path);
    const before = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]);
    const remembered = readFileSync(`${mounted.directory}/saved_cmdlines`, 'utf8');
    const [, named] = new RegExp(`^${process.pid} (.*)$`, 'm').exec(remembered) ?? [];
    setTimeout(() => run(program), 20);
    const got = (await collect(pipe, 200)).filter(({ message }) => message.startsWith(MARK));
    expect(got.map(({ message }) => message)).toStrictEqual([`${MARK} one`]);
    expect(got[0]?.pid).toBe(process.pid);
    expect(onlineCpus()).toContain(got[0]?.cpu);
    // The kernel remembers the names of some tasks: ours, or that of who had our number before.
    expect(['<...>', readFileSync('/proc/self/comm', 'utf8').trim(), named]).toContain(
      got[0]?.task,
    );
    // The trace clock starts about when the kernel does.
    expect(Math.abs((got[0]?.seconds ?? 0) - before)).toBeLessThan(10);
  });

  it('does not hand out what was printed before', async () => {
    using maps = new Maps();
    const stale = printer(maps, `${MARK} stale`);
    const fresh = printer(maps, `${MARK} fresh`);
    run(stale, 500);
    using pipe = new TracePipe(path);
    run(fresh, 3);
    expect(ours(await collect(pipe, 100))).toStrictEqual(Array(3).fill(`${MARK} fresh`));
  });

  it('puts messages of several lines together, without the newline at the end', async () => {
    using maps = new Maps();
    const programs = ['ends\n', 'two\nlines', 'three\n\nlines\n', 'plain'].map((text) =>
      printer(maps, `${MARK} ${text}`),
    );
    using pipe = new TracePipe(path);
    for (const program of programs) run(program);
    expect(ours(await collect(pipe, 100))).toStrictEqual(
      ['ends', 'two\nlines', 'three\n\nlines', 'plain'].map((text) => `${MARK} ${text}`),
    );
  });

  it('reads by callback and in batches, and drains', async () => {
    using maps = new Maps();
    const program = printer(maps, `${MARK} x`);
    using pipe = new TracePipe(path);
    const got: TraceEvent[] = [];
    const listening = pipe.each((event) => got.push(event));
    run(program, 5);
    await sleep(50);
    expect(ours(got)).toHaveLength(5);
    listening[Symbol.dispose]();
    run(program, 4);
    pipe.drain((event) => got.push(event));
    expect(ours(got)).toHaveLength(9);
    run(program, 3);
    for await (const batch of pipe.batches()) {
      got.push(...batch);
      if (ours(got).length >= 12) break;
    }
    pipe.close();
    expect(() => pipe.read()).toThrow('trace pipe is closed');
  });

  it('counts what was overwritten: what came and what was lost is what was printed', async () => {
    using maps = new Maps();
    const program = printer(maps, `${MARK} ${'x'.repeat(90)}`);
    using pipe = new TracePipe(path);
    const printed = 60_000;
    for (let i = 0; i < 60; i++) run(program, printed / 60);
    let count = 0;
    pipe.drain(({ message }) => {
      if (message.startsWith(MARK)) count++;
    });
    expect(pipe.lost).toBeGreaterThan(0);
    // Other tests may print at the same time.
    expect(count + pipe.lost).toBeGreaterThanOrEqual(printed);
    expect(count + pipe.lost).toBeLessThan(printed * 1.5);
  });

  it('ends by abort and by close() although programs go on printing', async () => {
    for (const how of ['abort', 'close', 'drain'] as const) {
      using maps = new Maps();
      const program = printer(maps, `${MARK} flood`);
      using pipe = new TracePipe(path);
      await using flood = new Flood(program, { repeat: 100 });
      await flood.started;
      await sleep(20);
      const end = new AbortController();
      let count = 0;
      if (how === 'drain') {
        pipe.drain(() => count++);
      } else {
        for await (const _event of pipe.read(end)) {
          if (++count !== 500) continue;
          if (how === 'abort') end.abort();
          else pipe.close();
        }
      }
      expect(count).toBeGreaterThan(0);
    }
  });

  it('is read by one process at a time', () => {
    using _pipe = new TracePipe(path);
    // Before Linux 6.6 two readers get some lines each.
    let other: TracePipe | undefined;
    try {
      other = new TracePipe(path);
    } catch (error) {
      expect((error as Error).message).toBe(
        `${path} is read by another process: only one can (Linux 6.6); stop that one`,
      );
    }
    other?.close();
  });
});

describe('a pipe in place of trace_pipe', () => {
  /** A directory like tracefs with a named pipe, and what writes to it. */
  function fake(tracingOn = '1\n', stats = 'now ts:   100.000000\n') {
    const directory = mkdtempSync(join(tmpdir(), 'beespoke-'));
    const cpu = join(directory, 'per_cpu', `cpu${onlineCpus()[0]}`);
    mkdirSync(cpu, { recursive: true });
    writeFileSync(join(directory, 'tracing_on'), tracingOn);
    writeFileSync(join(cpu, 'stats'), stats);
    const path = join(directory, 'trace_pipe');
    execFileSync('mkfifo', [path]);
    // Open for both, so that the pipe has no end.
    const writer = openFile(path, OPEN_FLAG.O_RDWR | OPEN_FLAG.O_NONBLOCK);
    return {
      directory,
      path,
      write: (text: string) => writeFileSync(path, text),
      setNow: (now: string) => writeFileSync(join(cpu, 'stats'), `now ts:   ${now}\n`),
      [Symbol.dispose]() {
        closeFd(writer);
        rmSync(directory, { recursive: true });
      },
    };
  }
  const line = (seconds: string, message: string) =>
    `            node-1       [000] ..... ${seconds}: bpf_trace_printk: ${message}\n`;

  it('counts losses with the line after them, if that is ours', () => {
    using files = fake();
    using pipe = new TracePipe(files.path);
    files.write(
      `CPU:0 [LOST 7 EVENTS]\n${line('99.999999', 'stale')}CPU:1 [LOST 3 EVENTS]\n` +
        `CPU:0 [LOST 2 EVENTS]\n${line('100.000000', 'ours')}` +
        `CPU:0 [LOST 4 EVENTS]\n            node-1       [000] ..... 101.0: sched_switch: x\n`,
    );
    const got: string[] = [];
    pipe.drain(({ message }) => got.push(message));
    expect(got).toStrictEqual(['ours']);
    expect(pipe.lost).toBe(9);
  });

  it('does not mind where its reads end', () => {
    using files = fake();
    using pipe = new TracePipe(files.path);
    const text = line('100.5', 'first') + line('100.6', 'other');
    const got: string[] = [];
    for (const letter of text) {
      files.write(letter);
      files.setNow('200.0');
      pipe.drain(({ message }) => got.push(message));
    }
    pipe.drain(({ message }) => got.push(message));
    expect(got.join('|')).toBe('first|other');
  });

  it('refuses when tracing is off', () => {
    using files = fake('0\n');
    expect(() => new TracePipe(files.path)).toThrow(
      'tracing is off, so that nothing is printed to trace_pipe: ' +
        `run 'echo 1 > ${files.directory}/tracing_on' as root`,
    );
  });

  it('says so when lines look different', () => {
    using files = fake();
    using pipe = new TracePipe(files.path);
    files.write('    node-1         1.....    2us : 0x1: hello\n');
    expect(() => pipe.drain(() => {})).toThrow(
      "trace pipe: expected 'TASK-PID [CPU] FLAGS TIME: EVENT', got 'node-1         1.....    2us : " +
        `0x1: hello'. Someone has changed ${files.directory}/trace_options`,
    );
  });

  it('needs the time of the trace clock', () => {
    using files = fake('1\n', 'entries: 0\n');
    expect(() => new TracePipe(files.path)).toThrow("expected a line 'now ts: TIME', found none");
  });
});
