import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openDescriptors } from '../../src/syscall/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { type EventValue, Flood, Maps, makeRing, run, sleep } from './ring-support.ts';

const PAGE = 4096;
const EVENTS = 50;
const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);
const CLOSED = 'ring buffer events is closed';

/** A ring with 50 events in it. */
function full(maps: Maps) {
  const ring = makeRing(maps, 2 * PAGE);
  run(ring.send, EVENTS);
  return ring;
}

/** What is uncaught while `body` runs, and a moment longer. */
async function uncaught(body: () => unknown): Promise<string[]> {
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const messages: string[] = [];
  const note = (error: Error) => messages.push(error.message);
  process.on('uncaughtException', note);
  try {
    await body();
    await sleep(30);
    return messages;
  } finally {
    process.off('uncaughtException', note);
    for (const listener of others) process.on('uncaughtException', listener);
  }
}

describe.skipIf(noBpf)(kernel('the end of a ring buffer'), () => {
  // The first event, in the middle, the last one.
  const points = [0, 20, EVENTS - 1];

  it.each(points)('close() inside the loop, at event %d: the rest comes still', async (point) => {
    using maps = new Maps();
    const { buffer, send } = full(maps);
    const got: number[] = [];
    for await (const { number } of buffer) {
      got.push(number);
      if (number === point) {
        buffer.close();
        expect(() => run(send)).not.toThrow();
      }
    }
    expect(got).toStrictEqual(upTo(EVENTS));
    expect(() => buffer.read()).toThrow(CLOSED);
  });

  it.each(points)('close() inside a callback, at event %d: so it does', async (point) => {
    using maps = new Maps();
    const { buffer } = full(maps);
    const got: number[] = [];
    buffer.each(({ number }) => {
      got.push(number);
      if (number === point) buffer.close();
    });
    while (got.length < EVENTS) await sleep(1);
    await sleep(10);
    expect(got).toStrictEqual(upTo(EVENTS));
    expect(buffer.closed).toBe(true);
  });

  it.each(points)('close() inside drain(), at event %d: so it does', (point) => {
    using maps = new Maps();
    const { buffer } = full(maps);
    const got: number[] = [];
    buffer.drain(({ number }) => {
      got.push(number);
      if (number === point) buffer.close();
    });
    expect(got).toStrictEqual(upTo(EVENTS));
    expect(() => buffer.drain(() => {})).toThrow(CLOSED);
  });

  it.each(points)(
    'an abort inside the loop, at event %d: what comes later stays',
    async (point) => {
      using maps = new Maps();
      const { buffer, send } = full(maps);
      const end = new AbortController();
      const got: number[] = [];
      for await (const { number } of buffer.read(end)) {
        got.push(number);
        if (number === point) {
          end.abort();
          run(send, 3);
        }
      }
      expect(got).toStrictEqual(upTo(EVENTS));
      buffer.drain(({ number }) => got.push(number));
      expect(got).toStrictEqual(upTo(EVENTS + 3));
      buffer.close();
    },
  );

  it.each(points)('dispose() inside a callback, at event %d: it is the last one', async (point) => {
    using maps = new Maps();
    const { buffer } = full(maps);
    const got: number[] = [];
    const listening = buffer.each(({ number }) => {
      got.push(number);
      if (number === point) listening[Symbol.dispose]();
    });
    await sleep(20);
    expect(got).toStrictEqual(upTo(point + 1));
    listening[Symbol.dispose]();
    buffer.drain(({ number }) => got.push(number));
    expect(got).toStrictEqual(upTo(EVENTS));
    buffer.close();
  });

  it('close() and abort end a loop that waits', async () => {
    for (const how of ['close', 'abort'] as const) {
      using maps = new Maps();
      const { buffer } = makeRing(maps, PAGE);
      const end = new AbortController();
      const events = buffer.read(end);
      const waiting = events.next();
      await sleep(5);
      if (how === 'close') buffer.close();
      else end.abort();
      expect(await waiting).toEqual({ value: undefined, done: true });
      buffer.close();
    }
  });

  it('close() while the consumer is busy with something else: it gets the rest', async () => {
    using maps = new Maps();
    const { buffer } = full(maps);
    const got: number[] = [];
    const reading = (async () => {
      for await (const { number } of buffer) {
        got.push(number);
        await sleep(1);
      }
    })();
    await sleep(10);
    buffer.close();
    await reading;
    expect(got).toStrictEqual(upTo(EVENTS));
  });

  it('close() delivers to a callback before it returns', () => {
    using maps = new Maps();
    const { buffer } = full(maps);
    const got: number[] = [];
    buffer.each(({ number }) => got.push(number));
    expect(got).toStrictEqual([]);
    buffer.close();
    expect(got).toStrictEqual(upTo(EVENTS));
    buffer.close();
  });

  it('close() and abort end although events go on coming', async () => {
    for (const how of ['close', 'abort'] as const) {
      using maps = new Maps();
      const { buffer, send } = makeRing(maps, 256 * PAGE);
      await using flood = new Flood(send);
      await flood.started;
      const end = new AbortController();
      let count = 0;
      for await (const _event of buffer.read(end)) {
        if (++count !== 5000) continue;
        if (how === 'close') buffer.close();
        else end.abort();
      }
      expect(count).toBeGreaterThan(5000 - 1);
      buffer.close();
    }
  });

  it('close() during a flood, from a timer, whatever reads', async () => {
    for (const face of ['read', 'batches', 'each'] as const) {
      for (let round = 0; round < 3; round++) {
        using maps = new Maps();
        const { buffer, send } = makeRing(maps, 64 * PAGE);
        await using flood = new Flood(send, { repeat: 100 });
        let count = 0;
        const reading = (async () => {
          if (face === 'read') for await (const _event of buffer) count++;
          if (face === 'batches') for await (const batch of buffer.batches()) count += batch.length;
        })();
        if (face === 'each') buffer.each(() => count++);
        await flood.started;
        await sleep(5 + round);
        buffer.close();
        await reading;
        const then = count;
        await sleep(5);
        expect(count).toBe(then);
      }
    }
  });

  it('what a callback throws is uncaught, and the next event is delivered', async () => {
    using maps = new Maps();
    const { buffer } = full(maps);
    const got: number[] = [];
    const messages = await uncaught(async () => {
      buffer.each(({ number }) => {
        got.push(number);
        if (number % 20 === 10) throw new Error(`thrown at ${number}`);
      });
    });
    expect(messages).toStrictEqual(['thrown at 10', 'thrown at 30']);
    expect(got).toStrictEqual(upTo(EVENTS));
    buffer.close();
  });

  it('what a callback throws while the buffer is closed is uncaught, and it is closed', async () => {
    using maps = new Maps();
    const { spec, buffer } = full(maps);
    const got: number[] = [];
    const messages = await uncaught(() => {
      buffer.each(({ number }) => {
        got.push(number);
        if (number % 20 === 10) throw new Error(`thrown at ${number}`);
      });
      buffer.close();
      expect(got).toStrictEqual(upTo(EVENTS));
    });
    expect(messages).toStrictEqual(['thrown at 10', 'thrown at 30']);
    expect(maps.of(spec).closed).toBe(true);
  });

  it('a record that is too short does not stop a callback', async () => {
    using maps = new Maps();
    const { buffer, send, sendShort } = makeRing(maps, PAGE);
    const got: EventValue[] = [];
    run(send);
    run(sendShort, 2);
    run(send);
    const messages = await uncaught(() => {
      buffer.each((event) => got.push(event));
    });
    expect(got.map(({ number }) => number)).toStrictEqual([0, 1]);
    expect(messages).toStrictEqual([
      'ring buffer events: the record at position 32: event: expected 24 bytes or more, got 8',
      'ring buffer events: the record at position 48: event: expected 24 bytes or more, got 8',
    ]);
    buffer.close();
  });

  it('says that it is closed', async () => {
    using maps = new Maps();
    const { buffer } = makeRing(maps, PAGE);
    const early = buffer.read();
    buffer.close();
    expect(() => buffer.read()).toThrow(CLOSED);
    expect(() => buffer.batches()).toThrow(CLOSED);
    expect(() => buffer.each(() => {})).toThrow(CLOSED);
    expect(() => buffer.drain(() => {})).toThrow(CLOSED);
    expect(() => buffer[Symbol.asyncIterator]()).toThrow(CLOSED);
    await expect(early.next()).rejects.toThrow(CLOSED);
  });

  it('leaves no descriptor and no mapping behind in a thousand rounds', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const mappings = () =>
      readFileSync('/proc/self/maps', 'utf8')
        .split('\n')
        .filter((line) => /bpf/.test(line)).length;
    const round = async (n: number) => {
      using maps = new Maps();
      const { spec, buffer, send } = makeRing(maps, PAGE);
      run(send, 3);
      if (n % 4 === 0) for await (const { number } of buffer) if (number === 1) break;
      if (n % 4 === 1) buffer.each(() => {});
      if (n % 4 === 2) for await (const _batch of buffer.batches()) buffer.close();
      if (n % 4 === 3) expect(() => maps.ring({ ...spec, maxEntries: 1 })).toThrow();
      buffer.close();
    };
    await round(0);
    const before = { descriptors: descriptors(), open: openDescriptors(), mappings: mappings() };
    for (let n = 0; n < 1000; n++) await round(n);
    await sleep(10);
    expect({ descriptors: descriptors(), open: openDescriptors(), mappings: mappings() }).toEqual(
      before,
    );
  }, 60_000);
});
