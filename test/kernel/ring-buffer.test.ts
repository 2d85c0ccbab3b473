import { describe, expect, it } from 'vitest';
import { RingBuffer } from '../../src/kernel/ring-buffer.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import {
  type EventValue,
  Flood,
  Maps,
  makeRing,
  run,
  sleep,
  type TimerWatch,
  watchTimers,
} from './ring-support.ts';

const PAGE = 4096;
/** Bytes of an event in the ring, with its header. */
const STEP = 32;
/** As many fit into an empty ring, which is never quite full. */
const room = (bytes: number) => bytes / STEP - 1;

/** Takes `count` events, or all that come until the signal. */
async function collect<T>(events: AsyncIterable<T>, count = Number.POSITIVE_INFINITY) {
  const all: T[] = [];
  for await (const event of events) if (all.push(event) >= count) break;
  return all;
}
const numbers = (events: readonly EventValue[]) => events.map(({ number }) => number);
const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);
/** A turn takes 10 ms; V8 then may wait for its threads, which wait for a CPU. */
function expectToRun({ share, longest }: TimerWatch): void {
  expect(share).toBeGreaterThan(0.1);
  expect(longest).toBeLessThan(150);
}
const aborted = AbortSignal.abort();

describe.skipIf(noBpf)(kernel('a ring buffer'), () => {
  it('hands out events in order, with their content', async () => {
    using maps = new Maps();
    const { send, buffer } = makeRing(maps, PAGE);
    run(send, 3);
    expect(await collect(buffer, 3)).toStrictEqual([
      { number: 0, times3: 0, low: 0, tag: 7 },
      { number: 1, times3: 3, low: 1, tag: 7 },
      { number: 2, times3: 6, low: 2, tag: 7 },
    ]);
    buffer.close();
  });

  it('wakes up for events that come later, one by one', async () => {
    using maps = new Maps();
    const { send, buffer } = makeRing(maps, PAGE);
    const reading = collect(buffer, 20);
    for (let i = 0; i < 20; i++) {
      await sleep(i % 3);
      run(send);
    }
    expect(numbers(await reading)).toStrictEqual(upTo(20));
    buffer.close();
  });

  it('goes round the ring many times', async () => {
    using maps = new Maps();
    const { send, buffer } = makeRing(maps, PAGE);
    const got: EventValue[] = [];
    for (let round = 0; round < 100; round++) {
      run(send, room(PAGE) - 3);
      buffer.drain((event) => got.push(event));
    }
    expect(numbers(got)).toStrictEqual(upTo(100 * (room(PAGE) - 3)));
    expect(got.every(({ number, times3, low }) => times3 === 3 * number && low === number)).toBe(
      true,
    );
    expect(buffer.lost).toBe(0);
    buffer.close();
  });

  it('skips what was discarded', async () => {
    using maps = new Maps();
    const { send, discard, buffer } = makeRing(maps, PAGE);
    run(send);
    run(discard, 50);
    run(send);
    run(discard, 5);
    expect(numbers(await collect(buffer.read({ signal: aborted })))).toStrictEqual([0, 51]);
    // Their room is free again.
    run(send, room(PAGE));
    expect(buffer.lost).toBe(0);
    buffer.close();
  });

  it('waits for a record that is being written, and does not overtake it', async () => {
    // Until timers have fired meanwhile: at times others have the CPU.
    let share = 0;
    for (let attempt = 0; share < 0.1; attempt++) {
      expect(attempt).toBeLessThan(20);
      using maps = new Maps();
      const ring = makeRing(maps, PAGE);
      const { buffer } = ring;
      run(ring.send);
      await using flood = new Flood(ring.sendSlowly(), { repeat: 1, runs: 1 });
      while (ring.sent < 3) await sleep(1);
      const got: EventValue[] = [];
      buffer.drain((event) => got.push(event));
      if (got.length < 3) {
        const stopTimers = watchTimers();
        for await (const event of buffer) if (got.push(event) === 3) break;
        share = stopTimers().share;
      }
      await flood.ended;
      expect(got.map(({ number, tag }) => [number, tag])).toStrictEqual([
        [0, 7],
        [1, 1],
        [2, 2],
      ]);
    }
  });

  it('loses nothing uncounted when nobody reads', async () => {
    using maps = new Maps();
    const { send, buffer } = makeRing(maps, PAGE);
    run(send, 1000);
    const got: EventValue[] = [];
    buffer.drain((event) => got.push(event));
    expect(numbers(got)).toStrictEqual(upTo(room(PAGE)));
    expect(buffer.lost).toBe(1000 - room(PAGE));
    buffer.close();
    expect(buffer.lost).toBe(1000 - room(PAGE));
  });

  it.each([
    ['read', 16 * PAGE],
    ['batches', 16 * PAGE],
    ['each', 16 * PAGE],
    ['read', 256 * PAGE],
  ] as const)('accounts for every event of a flood: %s, %d bytes', async (face, size) => {
    using maps = new Maps();
    const ring = makeRing(maps, size);
    const { buffer } = ring;
    let received = 0;
    let last = -1;
    let outOfOrder = 0;
    const onEvent = ({ number }: EventValue) => {
      received++;
      if (number <= last) outOfOrder++;
      last = number;
    };
    const end = new AbortController();
    const readAll = async () => {
      if (face === 'read') for await (const event of buffer.read(end)) onEvent(event);
      else for await (const batch of buffer.batches(end)) batch.forEach(onEvent);
    };
    const listening = face === 'each' ? buffer.each(onEvent) : undefined;
    const reading = listening ? undefined : readAll();
    const flood = new Flood(ring.send);
    await flood.started;
    const stopTimers = watchTimers();
    await sleep(500);
    expectToRun(stopTimers());
    await flood.stop();
    end.abort();
    await reading;
    listening?.[Symbol.dispose]();
    buffer.drain(onEvent);
    expect(outOfOrder).toBe(0);
    expect(received).toBeGreaterThan(1000);
    expect(received + buffer.lost).toBe(ring.sent);
    buffer.close();
  });

  it('accounts for every event when the reader is slow', async () => {
    using maps = new Maps();
    const ring = makeRing(maps, PAGE);
    const { buffer } = ring;
    const end = new AbortController();
    let received = 0;
    const reading = (async () => {
      for await (const _event of buffer.read(end)) if (++received % 100 === 0) await sleep(2);
    })();
    const flood = new Flood(ring.send, { repeat: 20 });
    await flood.started;
    await sleep(200);
    await flood.stop();
    end.abort();
    await reading;
    buffer.drain(() => received++);
    expect(buffer.lost).toBeGreaterThan(0);
    expect(received + buffer.lost).toBe(ring.sent);
    buffer.close();
  });

  it('lets timers fire although the loop itself never waits', async () => {
    using maps = new Maps();
    const { send, buffer } = makeRing(maps, 256 * PAGE);
    run(send, 20_000);
    const stopTimers = watchTimers();
    let count = 0;
    for await (const _event of buffer.read({ signal: aborted })) {
      // 20,000 times 20 us: 400 ms in one go.
      for (const end = performance.now() + 0.02; performance.now() < end; );
      count++;
    }
    expect(count).toBe(20_000);
    expectToRun(stopTimers());
    buffer.close();
  });

  it('lets timers fire when each event takes long', async () => {
    using maps = new Maps();
    const { send, buffer } = makeRing(maps, PAGE);
    run(send, 100);
    const stopTimers = watchTimers();
    let count = 0;
    const listening = buffer.each(() => {
      for (const end = performance.now() + 4; performance.now() < end; );
      count++;
    });
    while (count < 100) await sleep(5);
    expectToRun(stopTimers());
    listening[Symbol.dispose]();
    buffer.close();
  });

  it('costs nothing while it waits, or while its consumer does', async () => {
    using maps = new Maps();
    const { send, buffer } = makeRing(maps, PAGE);
    const busy = async (body: Promise<unknown>) => {
      const before = process.cpuUsage();
      await body;
      return process.cpuUsage(before).user / 1000;
    };
    const waiting = buffer.read();
    const next = waiting.next();
    expect(await busy(sleep(300))).toBeLessThan(150);
    run(send, 5);
    await next;
    // There are records, and nobody takes them.
    run(send, 5);
    expect(await busy(sleep(300))).toBeLessThan(150);
    await waiting.return?.();
    const listening = buffer.each(() => {});
    expect(await busy(sleep(300))).toBeLessThan(150);
    listening[Symbol.dispose]();
    buffer.close();
  });

  it('keeps what a loop that was left has not had', async () => {
    using maps = new Maps();
    const { send, buffer } = makeRing(maps, PAGE);
    run(send, 10);
    expect(numbers(await collect(buffer, 3))).toStrictEqual([0, 1, 2]);
    run(send, 2);
    expect(numbers(await collect(buffer, 2))).toStrictEqual([3, 4]);
    const { value } = await buffer.batches().next();
    expect(numbers(value ?? [])).toStrictEqual([5, 6, 7, 8, 9]);
    buffer.close();
  });

  it('keeps what comes after the event whose loop threw', async () => {
    using maps = new Maps();
    const { send, buffer } = makeRing(maps, PAGE);
    run(send, 5);
    const failing = (async () => {
      for await (const { number } of buffer) if (number === 2) throw new Error('no 2 please');
    })();
    await expect(failing).rejects.toThrow('no 2 please');
    const rest: EventValue[] = [];
    expect(() =>
      buffer.drain((event) => {
        rest.push(event);
        if (event.number === 3) throw new Error('no 3 either');
      }),
    ).toThrow('no 3 either');
    buffer.drain((event) => rest.push(event));
    expect(numbers(rest)).toStrictEqual([3, 4]);
    buffer.close();
  });

  it('has one reader at a time', async () => {
    using maps = new Maps();
    const { send, buffer } = makeRing(maps, PAGE);
    const message =
      'ring buffer events is being read: it has one reader at a time; stop that one first';
    const first = buffer.read();
    const second = buffer.read();
    const waiting = first.next();
    expect(() => buffer.read()).toThrow(message);
    expect(() => buffer.each(() => {})).toThrow(message);
    expect(() => buffer.drain(() => {})).toThrow(message);
    await expect(second.next()).rejects.toThrow(message);
    expect(await second.next()).toEqual({ value: undefined, done: true });
    run(send, 2);
    expect((await waiting).value?.number).toBe(0);
    await first.return?.();
    expect(numbers(await collect(buffer, 1))).toStrictEqual([1]);
    buffer.close();
  });

  it('answers calls of next() in order, and ends those that wait', async () => {
    using maps = new Maps();
    const { send, buffer } = makeRing(maps, PAGE);
    const events = buffer.read();
    const answers = [events.next(), events.next(), events.next(), events.next()];
    run(send, 3);
    const values = await Promise.all(answers.slice(0, 3));
    expect(values.map(({ value }) => value?.number)).toStrictEqual([0, 1, 2]);
    await events.return?.();
    expect(await answers[3]).toEqual({ value: undefined, done: true });
    expect(await events.next()).toEqual({ value: undefined, done: true });
    buffer.close();
  });

  it('names a record that is too short, and goes on behind it', async () => {
    using maps = new Maps();
    const { send, sendShort, buffer } = makeRing(maps, PAGE);
    const message =
      'ring buffer events: the record at position 64: event: expected 24 bytes or more, got 8';
    run(send, 2);
    run(sendShort);
    run(send, 2);
    const got: EventValue[] = [];
    const failing = (async () => {
      for await (const event of buffer) got.push(event);
    })();
    await expect(failing).rejects.toThrow(message);
    expect(numbers(got)).toStrictEqual([0, 1]);
    buffer.drain((event) => got.push(event));
    expect(numbers(got)).toStrictEqual([0, 1, 2, 3]);
    buffer.close();
  });

  it('refuses a size that no ring has', () => {
    using maps = new Maps();
    const { spec, buffer } = makeRing(maps, PAGE);
    const map = maps.of(spec);
    const options = { name: 'events', map, size: 5000, decode: () => 0, lost: () => 0 };
    expect(() => new RingBuffer(options)).toThrow(
      'ring buffer events: expected a power of two of bytes from 4096 to 1073741824, got 5000',
    );
    buffer.close();
  });

  it('goes on where another reader of the same map has stopped', () => {
    using maps = new Maps();
    const { spec, send, buffer } = makeRing(maps, PAGE);
    run(send, 5);
    buffer.drain(() => {});
    run(send, 2);
    const got: EventValue[] = [];
    const other = maps.ring(spec);
    other.drain((event) => got.push(event));
    expect(numbers(got)).toStrictEqual([5, 6]);
    other.close();
    buffer.close();
  });
});
