/**
 * Waiting until one of several descriptors is readable, as a promise.
 *
 * The watches stay armed between two waits, since arming one is a system call: only what reports while
 * nobody waits is paused, or it would call again in every turn of the event loop.
 * @module
 */

import { type SystemCallError, type Watch, watchReadable } from '../syscall/index.ts';

export class Waiter {
  readonly #watches: Watch[] = [];
  readonly #paused: Watch[] = [];
  #resolve: (() => void) | undefined;
  #reject: ((error: SystemCallError) => void) | undefined;
  #error: SystemCallError | undefined;
  #closed = false;

  constructor(fds: readonly number[]) {
    try {
      for (const fd of fds) this.#watches.push(this.#watch(fd));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #watch(fd: number): Watch {
    const onReadable = () => {
      if (this.#resolve) this.wake();
      else this.#pause(watch);
    };
    const watch = watchReadable(fd, onReadable, (error) => this.#fail(error));
    return watch;
  }

  #pause(watch: Watch): void {
    watch.pause();
    this.#paused.push(watch);
  }

  #fail(error: SystemCallError): void {
    const reject = this.#reject;
    this.#resolve = undefined;
    this.#reject = undefined;
    if (reject) reject(error);
    else this.#error ??= error;
  }

  /** Until a descriptor is readable, or {@link wake} or {@link close} is called. One may wait at a time. */
  wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#error) {
        reject(this.#error);
        return;
      }
      if (this.#closed) {
        resolve();
        return;
      }
      this.#resolve = resolve;
      this.#reject = reject;
      while (this.#paused.length > 0) this.#paused.pop()!.resume();
    });
  }

  /** Ends the wait, if there is one. */
  wake(): void {
    const resolve = this.#resolve;
    this.#resolve = undefined;
    this.#reject = undefined;
    resolve?.();
  }

  /** Stops watching, before the descriptors are closed. */
  close(): void {
    this.#closed = true;
    for (const watch of this.#watches) watch.close();
    this.wake();
  }
}
