import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  BPF_MAP_TYPE,
  closeFd,
  mapCreate,
  mmap,
  OPEN_FLAG,
  openFile,
  pageSize,
  progTestRun,
  type SystemCallError,
  watchReadable,
} from '../../src/syscall/index.ts';
import { kernel, noBpf, ringOutput, socketFilter, thrownBy } from './support.ts';

/** A ring buffer, a way to put a record into it, and a way to consume everything in it. */
function makeRing() {
  const size = 16 * pageSize();
  const fd = mapCreate({ type: BPF_MAP_TYPE.BPF_MAP_TYPE_RINGBUF, maxEntries: size });
  const program = socketFilter(ringOutput(fd)).fd;
  const consumer = mmap({ fd, length: pageSize(), writable: true });
  const producer = mmap({ fd, offset: pageSize(), length: pageSize() });
  return {
    fd,
    put: () => progTestRun(program, { dataIn: new Uint8Array(64) }),
    drain: () => {
      new BigUint64Array(consumer.buffer)[0] = new BigUint64Array(producer.buffer)[0]!;
    },
    [Symbol.dispose]() {
      consumer.close();
      producer.close();
      closeFd(program);
      closeFd(fd);
    },
  };
}

describe.skipIf(noBpf)(kernel('watching a descriptor'), () => {
  it('calls when there is something to read', async () => {
    using ring = makeRing();
    let calls = 0;
    using _watch = watchReadable(ring.fd, () => {
      calls++;
      ring.drain();
    });
    await sleep(20);
    expect(calls).toBe(0);
    ring.put();
    await sleep(20);
    expect(calls).toBe(1);
    ring.put();
    await sleep(20);
    expect(calls).toBe(2);
  });

  it('goes on after a garbage collection although nobody holds it', async () => {
    using ring = makeRing();
    let calls = 0;
    const held = new WeakRef(
      watchReadable(ring.fd, () => {
        calls++;
        ring.drain();
      }),
    );
    const garbage: object[] = [];
    for (let i = 0; i < 40; i++) {
      for (let j = 0; j < 20_000; j++) garbage[j] = { i, j, text: `${i}${j}` };
      await sleep(2);
    }
    ring.put();
    await sleep(20);
    expect(calls).toBe(1);
    // Found again by its descriptor: there is one watch for each.
    expect(() => watchReadable(ring.fd, () => {})).toThrow('is watched already');
    held.deref()?.close();
  });

  it('calls again and again until it is read, but not while it is paused', async () => {
    using ring = makeRing();
    let calls = 0;
    using watch = watchReadable(ring.fd, () => {
      if (++calls === 5) watch.pause();
    });
    ring.put();
    await sleep(30);
    expect(calls).toBe(5);
    watch.resume();
    await sleep(30);
    expect(calls).toBeGreaterThan(5);
    ring.drain();
    watch.close();
    watch.close();
    for (const method of ['pause', 'resume', 'ref', 'unref'] as const) watch[method]();
    expect(watch.closed).toBe(true);
  });

  it('can be closed by its own callback', async () => {
    using ring = makeRing();
    let calls = 0;
    const watch = watchReadable(ring.fd, () => {
      calls++;
      watch.close();
    });
    ring.put();
    await sleep(20);
    expect(calls).toBe(1);
    using again = watchReadable(ring.fd, () => {
      calls++;
      ring.drain();
    });
    await sleep(20);
    expect(calls).toBe(2);
    expect(again.closed).toBe(false);
  });

  it('lets promises that were resolved in the callback go on at once', async () => {
    using ring = makeRing();
    const { promise, resolve } = promiseWithResolver<number>();
    using _watch = watchReadable(ring.fd, () => {
      ring.drain();
      resolve(performance.now());
    });
    // Nothing else wakes the event loop: the record is put before it waits.
    ring.put();
    const start = await promise;
    expect(performance.now() - start).toBeLessThan(100);
  });

  it('reports what the callback throws as an uncaught exception', async () => {
    using ring = makeRing();
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    try {
      const { promise, resolve } = promiseWithResolver<Error>();
      process.once('uncaughtException', resolve);
      using _watch = watchReadable(ring.fd, () => {
        ring.drain();
        throw new Error('thrown by the callback');
      });
      ring.put();
      expect((await promise).message).toBe('thrown by the callback');
    } finally {
      for (const listener of others) process.on('uncaughtException', listener);
    }
  });

  it('ends with an error when the descriptor breaks', async () => {
    // The write end of a pipe without a reader reports an error, and is never readable.
    const [directory, path] = makePipe();
    const reader = openFile(path, OPEN_FLAG.O_RDONLY | OPEN_FLAG.O_NONBLOCK);
    const writer = openFile(path, OPEN_FLAG.O_WRONLY | OPEN_FLAG.O_NONBLOCK);
    try {
      const { promise, resolve } = promiseWithResolver<SystemCallError>();
      const watch = watchReadable(writer, () => {}, resolve);
      closeFd(reader);
      expect((await promise).message).toContain(`cannot wait for descriptor ${writer}: EBADF`);
      expect(watch.closed).toBe(true);
    } finally {
      closeFd(writer);
      rmSync(directory, { recursive: true });
    }
  });

  it('is refused, and does not abort, for what cannot be waited for', () => {
    const fd = openFile('/etc/passwd');
    try {
      const error = thrownBy<SystemCallError>(() => watchReadable(fd, () => {}));
      expect(error.message).toBe(
        `cannot watch descriptor ${fd}: EPERM (operation not permitted). ` +
          'This kind of file cannot be waited for',
      );
    } finally {
      closeFd(fd);
    }
    expect(() => watchReadable(fd, () => {})).toThrow('EBADF');
  });
});

function makePipe(): [directory: string, path: string] {
  const directory = mkdtempSync(join(tmpdir(), 'beespoke-'));
  execFileSync('mkfifo', [join(directory, 'pipe')]);
  return [directory, join(directory, 'pipe')];
}

function promiseWithResolver<T>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
