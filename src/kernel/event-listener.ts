/**
 * The reader of `each`: a function that is called for every event.
 *
 * It treats what the function throws as event emitters do: it is an uncaught exception, and where a handler
 * keeps the process alive, the next events are delivered.
 * @module
 */

import { type Watch, watchReadable } from '../syscall/index.ts';
import type { ActiveReader, ReaderHost } from './event-iterator.ts';
import { BATCH_SIZE } from './event-source.ts';
import { Turn } from './turn.ts';

export class EventListener<T> implements Disposable, ActiveReader {
  readonly #host: ReaderHost<T>;
  readonly #onEvent: (event: T) => void;
  readonly #turn = new Turn();
  readonly #watches: Watch[] = [];
  #immediate: NodeJS.Immediate | undefined;
  #delivering = false;
  #ending = false;
  #over = false;

  constructor(host: ReaderHost<T>, onEvent: (event: T) => void) {
    this.#host = host;
    this.#onEvent = onEvent;
    host.enter(this);
    try {
      for (const fd of host.fds) this.#watches.push(watchReadable(fd, this.#onReadable));
    } catch (error) {
      this.#release();
      throw error;
    }
    // What is there already may not be reported any more.
    this.#continueLater();
  }

  readonly #onReadable = (): void => {
    if (this.#immediate === undefined) this.#deliver();
  };

  #continueLater(): void {
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined;
      this.#deliver();
    });
  }

  /** One turn. When it ends early, whatever the reason, another one follows. */
  #deliver(): void {
    if (this.#over || this.#delivering) return;
    this.#delivering = true;
    this.#turn.restart();
    let isEmpty = false;
    try {
      isEmpty = this.#deliverSome();
    } finally {
      this.#delivering = false;
      if (!this.#over && !isEmpty) this.#continueLater();
      if (isEmpty && this.#ending) this.#release();
    }
  }

  /** True when nothing is there any more. */
  #deliverSome(): boolean {
    const turn = this.#turn;
    const { queue } = this.#host;
    const onEvent = this.#onEvent;
    for (;;) {
      while (queue.isReady) {
        onEvent(queue.shift());
        if (this.#over) return true;
        if (turn.spend(1) && !this.#ending) return false;
      }
      const filled = queue.fill();
      if (filled === 'none') return true;
      if (filled === 'skipped' && turn.spend(BATCH_SIZE) && !this.#ending) return false;
    }
  }

  unwatch(): void {
    for (const watch of this.#watches) watch.close();
  }

  /** Delivers the rest: now, or when the function returns that called for the end. */
  end(): void {
    this.#ending = true;
    while (!this.#over && !this.#delivering) {
      try {
        this.#deliver();
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  #release(): void {
    this.#over = true;
    this.unwatch();
    clearImmediate(this.#immediate);
    this.#host.leave(this);
  }

  /** Stops calling, at once; what was not delivered is left to the next reader. */
  [Symbol.dispose](): void {
    if (!this.#over) this.#release();
  }
}
