import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exit, lea, mov, r0, r1, r2, r6, r10, store } from '../../src/asm/index.ts';
import { struct, text, u8, u64 } from '../../src/layout/index.ts';
import { perfEventArray, perfOutput } from '../../src/object/index.ts';
import { onlineCpus, openDescriptors } from '../../src/syscall/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { type EventValue, Flood, Maps, makePerf, run, sleep, watchTimers } from './ring-support.ts';

const PAGE = 4096;
const cpus = noBpf ? [0] : onlineCpus();
const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);
const numbers = (events: readonly EventValue[]) => events.map(({ number }) => number);
/** Makes this thread run on some CPUs only. */
const runOn = (...on: readonly number[]) =>
  execFileSync('taskset', ['-p', '-c', on.join(','), String(process.pid)], { stdio: 'ignore' });

describe.skipIf(noBpf)(kernel('a perf buffer'), () => {
  // A program puts out on the CPU that it runs on.
  beforeAll(() => runOn(cpus[0]!));
  afterAll(() => runOn(...cpus));

  it('hands out the events of a CPU in order, with their content', async () => {
    using maps = new Maps();
    const { send, buffer } = makePerf(maps);
    const reading = (async () => {
      const got: EventValue[] = [];
      for await (const event of buffer) if (got.push(event) === 3) return got;
      return got;
    })();
    await sleep(5);
    run(send);
    await sleep(5);
    run(send, 2);
    expect(await reading).toStrictEqual([
      { number: 0, times3: 0, low: 0, tag: 9 },
      { number: 1, times3: 3, low: 1, tag: 9 },
      { number: 2, times3: 6, low: 2, tag: 9 },
    ]);
    buffer.close();
  });

  it('hands out what was there before it is read', async () => {
    using maps = new Maps();
    const { send, buffer } = makePerf(maps);
    run(send, 3);
    for await (const { number } of buffer) if (number === 1) break;
    const got: number[] = [];
    const listening = buffer.each(({ number }) => got.push(number));
    await sleep(10);
    expect(got).toStrictEqual([2]);
    run(send, 2);
    await sleep(20);
    expect(got).toStrictEqual([2, 3, 4]);
    listening[Symbol.dispose]();
    buffer.close();
  });

  it('takes events from every CPU', async () => {
    using maps = new Maps();
    const { send, buffer } = makePerf(maps);
    const got: number[] = [];
    const listening = buffer.each(({ number }) => got.push(number));
    try {
      for (let n = 0; n < 10; n++) {
        runOn(cpus[n % cpus.length]!);
        run(send);
        await sleep(2);
      }
    } finally {
      runOn(cpus[0]!);
    }
    await sleep(10);
    expect(got).toStrictEqual(upTo(10));
    listening[Symbol.dispose]();
    buffer.close();
  });

  it('puts records together that go round the end of the buffer', () => {
    using maps = new Maps();
    const { send, buffer } = makePerf(maps, PAGE);
    const got: EventValue[] = [];
    // 40 bytes a record: it meets the end of a page at every multiple of 8.
    for (let round = 0; round < 200; round++) {
      run(send, 37);
      buffer.drain((event) => got.push(event));
    }
    expect(numbers(got)).toStrictEqual(upTo(200 * 37));
    expect(got.every(({ number, times3, low }) => times3 === 3 * number && low === number)).toBe(
      true,
    );
    expect(buffer.lost).toBe(0);
    buffer.close();
  });

  it('counts what does not fit in, and the kernel agrees', () => {
    using maps = new Maps();
    const { send, buffer } = makePerf(maps, PAGE);
    run(send, 1000);
    const got: EventValue[] = [];
    buffer.drain((event) => got.push(event));
    expect(numbers(got)).toStrictEqual(upTo(got.length));
    expect(got.length).toBeGreaterThan(95);
    expect(got.length + buffer.lost).toBe(1000);
    expect(buffer.kernelLost).toBe(0);
    run(send);
    buffer.drain((event) => got.push(event));
    expect(got.at(-1)?.number).toBe(1000);
    expect(buffer.kernelLost).toBe(buffer.lost);
    buffer.close();
    expect(got.length + buffer.lost).toBe(1001);
  });

  it.each(['read', 'each'] as const)('accounts for every event of a flood: %s', async (face) => {
    using maps = new Maps();
    const perf = makePerf(maps, 16 * PAGE);
    const { buffer } = perf;
    let received = 0;
    const end = new AbortController();
    const listening = face === 'each' ? buffer.each(() => received++) : undefined;
    const reading = (async () => {
      if (!listening) for await (const _event of buffer.read(end)) received++;
    })();
    const flood = new Flood(perf.send);
    await flood.started;
    const stopTimers = watchTimers();
    await sleep(500);
    const { share, longest } = stopTimers();
    await flood.stop();
    end.abort();
    await reading;
    listening?.[Symbol.dispose]();
    buffer.drain(() => received++);
    expect(received).toBeGreaterThan(1000);
    expect(received + buffer.lost).toBe(perf.sent);
    expect(buffer.kernelLost).toBeLessThanOrEqual(buffer.lost);
    expect(share).toBeGreaterThan(0.1);
    expect(longest).toBeLessThan(150);
    buffer.close();
  });

  it('close() and abort end loops, and nothing is lost by break', async () => {
    using maps = new Maps();
    const { send, buffer } = makePerf(maps);
    run(send, 10);
    const got: number[] = [];
    for await (const { number } of buffer) if (got.push(number) === 4) break;
    for await (const { number } of buffer.read({ signal: AbortSignal.abort() })) got.push(number);
    expect(got).toStrictEqual(upTo(10));
    run(send, 5);
    for await (const { number } of buffer) {
      if (number === 11) buffer.close();
      got.push(number);
    }
    expect(got).toStrictEqual(upTo(15));
    expect(() => buffer.read()).toThrow('perf buffer events is closed');
  });

  it('reads a string up to its NUL, although the kernel pads records with what was there', () => {
    using maps = new Maps();
    const Line = struct('line', { length: u8, path: text(64) });
    const spec = perfEventArray(Line);
    const bytes = (at: number) => u8.at(r10, at);
    const say = (word: string) => [
      mov(r6, r1),
      store(bytes(-64), word.length),
      [...`${word}\0`].map((letter, i) => store(bytes(-63 + i), letter.charCodeAt(0))),
      lea(r2, bytes(-64)),
      perfOutput(r6, spec, r2, word.length + 2),
      mov(r0, 0),
      exit(),
    ];
    const words = ['a', 'hello', 'seven77', 'nine nine', 'twelve lette'];
    const programs = words.map((word) => maps.load(say(word)));
    const buffer = maps.perf(spec, PAGE);
    const got: string[] = [];
    for (let round = 0; round < 100; round++) {
      for (const program of programs) run(program);
      buffer.drain(({ length, path }) => got.push(`${length} ${path}`));
    }
    const expected = words.map((word) => `${word.length} ${word}`);
    expect(got).toStrictEqual(Array.from({ length: 100 }, () => expected).flat());
    buffer.close();
  });

  it('names a record that is too short, and the CPU', () => {
    using maps = new Maps();
    const { spec, send, buffer } = makePerf(maps, PAGE);
    const short = maps.load([
      [mov(r6, r1), store(u64.at(r10, -8), 5), lea(r2, u64.at(r10, -8))],
      [perfOutput(r6, spec, r2, 8), mov(r0, 0), exit()],
    ]);
    run(send);
    run(short);
    run(send);
    const got: EventValue[] = [];
    const drain = () => buffer.drain((event) => got.push(event));
    expect(drain).toThrow(
      `perf buffer events, CPU ${cpus[0]}: the record at position 40: event: expected 24 bytes or more, got 12`,
    );
    drain();
    expect(numbers(got)).toStrictEqual([0, 1]);
    buffer.close();
  });

  it('rounds its size up, and refuses what is none', () => {
    using maps = new Maps();
    const { spec, send, buffer } = makePerf(maps, 5000);
    run(send, 200);
    let count = 0;
    buffer.drain(() => count++);
    expect(count).toBe(200);
    buffer.close();
    using more = new Maps();
    expect(() => more.perf(spec, 0)).toThrow(
      'perf buffer events: expected a size of 1 to 1073741824 bytes, got 0',
    );
  });

  it('leaves no descriptor and no mapping behind in a thousand rounds', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const mappings = () =>
      readFileSync('/proc/self/maps', 'utf8')
        .split('\n')
        .filter((line) => /perf_event/.test(line)).length;
    const round = async (n: number) => {
      using maps = new Maps();
      const { buffer, send } = makePerf(maps, PAGE);
      run(send, 3);
      if (n % 4 === 0) for await (const { number } of buffer) if (number === 1) break;
      if (n % 4 === 1) buffer.each(() => {});
      if (n % 4 === 2) for await (const _batch of buffer.batches()) buffer.close();
      buffer.close();
    };
    await round(0);
    const before = { descriptors: descriptors(), open: openDescriptors(), mappings: mappings() };
    for (let n = 0; n < 1000; n++) await round(n);
    await sleep(10);
    expect({ descriptors: descriptors(), open: openDescriptors(), mappings: mappings() }).toEqual(
      before,
    );
  }, 120_000);
});
