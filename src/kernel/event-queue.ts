/**
 * Decoded events on their way from a source to its reader. What one reader has not been handed, the next one
 * gets first: stopping in the middle of a batch loses nothing.
 * @module
 */

import { SystemCallError } from '../syscall/index.ts';
import { BATCH_SIZE, Batch, type EventSource } from './event-source.ts';

/** `some`: an event is ready. `skipped`: there were records, but no event. `none`: nothing is there now. */
export type Filled = 'some' | 'skipped' | 'none';

export class EventQueue<T> {
  readonly #source: EventSource<T>;
  readonly #batch = new Batch<T>();
  #next = 0;
  /** The record that could not be decoded: thrown when its turn comes. */
  #failure: unknown;
  #failed = false;
  #closed = false;

  constructor(source: EventSource<T>) {
    this.#source = source;
  }

  get isReady(): boolean {
    return this.#next < this.#batch.count;
  }

  /** The next event, if {@link isReady}. */
  shift(): T {
    return this.#batch.events[this.#next++]!;
  }

  /** All events that are ready. */
  shiftAll(): T[] {
    const events = this.#batch.events.slice(this.#next, this.#batch.count);
    this.#next = this.#batch.count;
    return events;
  }

  /** Gets a batch from the source unless an event is ready. Throws for a record that cannot be decoded. */
  fill(): Filled {
    if (this.isReady) return 'some';
    this.#next = 0;
    this.#batch.count = 0;
    if (!this.#failed && !this.#closed) {
      const moved = this.#take();
      if (this.isReady) return 'some';
      if (!this.#failed && moved) return 'skipped';
    }
    // Old events are kept no longer than others come.
    this.#batch.events = [];
    if (!this.#failed) return 'none';
    const failure = this.#failure;
    this.#failed = false;
    this.#failure = undefined;
    throw failure;
  }

  #take(): boolean {
    try {
      return this.#source.take(this.#batch, BATCH_SIZE);
    } catch (error) {
      // Of several, as only close() can meet, the first.
      if (!this.#failed) this.#failure = error;
      this.#failed = true;
      // After a record there may be others, after a read that failed there are none.
      return !(error instanceof SystemCallError);
    }
  }

  mark(): void {
    if (!this.#closed) this.#source.mark();
  }

  unmark(): void {
    if (!this.#closed) this.#source.unmark();
  }

  /** Closes the source. With `keep`, what is there comes out of the queue still. */
  close(keep: boolean): void {
    if (this.#closed) return;
    try {
      if (keep) {
        this.#source.mark();
        while (this.#take());
      }
    } finally {
      this.#closed = true;
      this.#source.close();
    }
  }
}
