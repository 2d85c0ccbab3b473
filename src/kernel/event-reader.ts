/**
 * What all buffers of events have in common: three ways to read, counting, draining, ending.
 *
 * - `for await (const event of buffer)` or `read({ signal })`: one event at a time;
 * - `batches({ signal })`: arrays of up to 1024 events or so;
 * - `each(onEvent)`: a function that is called for each.
 *
 * One reader reads at a time. Waiting costs no thread and no polling; a reader returns to the event loop
 * after 10 ms or 64 k records. `break` stops the reader, not the buffer: what it was not handed comes first
 * for the next one. An aborted signal and `close()` end a loop after what is there by then.
 * @module
 */

import { type ActiveReader, EventIterator, type ReaderHost } from './event-iterator.ts';
import { EventListener } from './event-listener.ts';
import { EventQueue } from './event-queue.ts';
import { BATCH_SIZE, type EventSource } from './event-source.ts';

export interface ReadOptions {
  /** When it is aborted, the loop gets what is there by then, and ends. */
  readonly signal?: AbortSignal | undefined;
}

/** A buffer of events; see `RingBuffer`, `PerfBuffer` and `TracePipe`. */
export class EventReader<T> implements AsyncIterable<T, undefined>, Disposable {
  readonly #source: EventSource<T>;
  readonly #host: ReaderHost<T>;
  readonly #countLost: () => number;
  #lostAtClose: number | undefined;
  #reader: ActiveReader | undefined;
  #closed = false;

  constructor(source: EventSource<T>, countLost: () => number) {
    this.#source = source;
    this.#countLost = countLost;
    this.#host = {
      queue: new EventQueue(source),
      fds: source.fds,
      enter: (reader) => {
        this.#checkFree();
        this.#reader = reader;
      },
      leave: (reader) => {
        if (this.#reader === reader) this.#reader = undefined;
      },
    };
  }

  #checkOpen(): void {
    if (this.#closed) throw new Error(`${this.#source.name} is closed`);
  }

  #checkFree(): void {
    this.#checkOpen();
    if (this.#reader === undefined) return;
    const { name } = this.#source;
    throw new Error(`${name} is being read: it has one reader at a time; stop that one first`);
  }

  /**
   * The events one by one, until the loop is left, the signal aborted or the buffer closed. Each costs a
   * promise (some 60 ns): for millions a second, take `batches` or `each`.
   * @example
   * for await (const { pid, comm } of events.read({ signal: AbortSignal.timeout(1000) })) console.log(pid, comm);
   */
  read({ signal }: ReadOptions = {}): AsyncIterableIterator<T, undefined> {
    this.#checkFree();
    return new EventIterator(this.#host, { take: (queue) => queue.shift(), weight: 1 }, signal);
  }

  /** The events in arrays, as they come: never an empty one, and up to 1024 or so. */
  batches({ signal }: ReadOptions = {}): AsyncIterableIterator<T[], undefined> {
    this.#checkFree();
    const take = (queue: EventQueue<T>) => queue.shiftAll();
    return new EventIterator(this.#host, { take, weight: BATCH_SIZE }, signal);
  }

  /**
   * Calls a function for each event, until what it returns is disposed. Nothing is delivered before it
   * returns. `close()` delivers what is there first. What the function throws is an uncaught exception.
   * @example
   * using reading = events.each(({ pid, comm }) => console.log(pid, comm));
   */
  each(onEvent: (event: T) => void): Disposable {
    return new EventListener(this.#host, onEvent);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return this.read();
  }

  /**
   * Calls a function for each event that is there now, and returns when there is no more: for the end, when
   * nothing writes any longer. What comes meanwhile is left. If the function throws, so does this, and the
   * events after that one are left.
   */
  drain(onEvent: (event: T) => void): void {
    const { queue, enter, leave } = this.#host;
    const reader: ActiveReader = { unwatch: () => {}, end: () => {} };
    enter(reader);
    try {
      queue.mark();
      for (;;) {
        while (queue.isReady) onEvent(queue.shift());
        if (queue.fill() === 'none') break;
      }
    } finally {
      queue.unmark();
      leave(reader);
    }
  }

  /** How many events did not fit in, as the programs counted them. After `close()`, how many it were then. */
  get lost(): number {
    return this.#lostAtClose ?? this.#countLost();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Lets go of memory and descriptors. Who is reading still gets what is there; if nobody is, it is gone.
   * The second time does nothing.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const reader = this.#reader;
    try {
      this.#lostAtClose = this.#countLost();
    } catch {
      // The counter was closed before: who asks for it later is told so.
    }
    reader?.unwatch();
    try {
      this.#host.queue.close(reader !== undefined);
    } finally {
      reader?.end();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
