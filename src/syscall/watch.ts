/**
 * Waiting for a descriptor without a thread: libuv polls it together with everything else, and a ring
 * buffer wakes the process in 23 us (reference/node.md, F).
 *
 *     using watch = watchReadable(ring.fd, () => drain());
 *
 * koffi.node.poll is undocumented: only this file knows it, and that it
 * - holds its handle weakly, so that an unreferenced one stops without a word;
 * - aborts the process for a descriptor that epoll refuses or that is polled already;
 * - crashes when it is used after close;
 * - leaves what the callback throws pending until some other callback runs.
 * @module
 */

import { ERRNO } from './errno.ts';
import { SystemCallError } from './errors.ts';
import { closeFd } from './files.ts';
import { openPollHandle, type PollHandle, systemCall } from './libc.ts';
import { keepAlive, release } from './scratch.ts';

/** The watches that are not closed, by descriptor: the strong references, and the guard against a second. */
const watches = /* @__PURE__ */ new Map<number, Watch>();

export class Watch implements Disposable {
  readonly fd: number;
  readonly #onReadable: () => void;
  readonly #onError: ((error: SystemCallError) => void) | undefined;
  #handle: PollHandle | undefined;

  /** See {@link watchReadable}. */
  constructor(
    fd: number,
    onReadable: () => void,
    onError: ((error: SystemCallError) => void) | undefined,
  ) {
    this.fd = fd;
    this.#onReadable = onReadable;
    this.#onError = onError;
    this.#handle = openPollHandle(fd, this.#onPoll);
    watches.set(fd, this);
  }

  readonly #onPoll = (status: number): void => {
    try {
      if (status >= 0) this.#onReadable();
      else this.#fail(-status);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };

  /** libuv has stopped by itself: to go on waiting would be to wait for ever. */
  #fail(errno: number): void {
    this.close();
    const attempt = `wait for descriptor ${this.fd}`;
    const error = new SystemCallError({ call: 'epoll_wait', attempt, errno });
    if (!this.#onError) throw error;
    this.#onError(error);
  }

  /** Stops calling until `resume()`, for a reader that cannot keep up: the descriptor stays readable. */
  pause(): void {
    this.#handle?.stop();
  }

  resume(): void {
    this.#handle?.start(this.#onPoll);
  }

  /** Keeps the process running, as at first. */
  ref(): void {
    this.#handle?.ref();
  }

  /** Lets the process end although this is open. */
  unref(): void {
    this.#handle?.unref();
  }

  get closed(): boolean {
    return this.#handle === undefined;
  }

  /** Stops for good, before the descriptor is closed; the second time does nothing. */
  close(): void {
    if (this.#handle === undefined) return;
    this.#handle.close();
    this.#handle = undefined;
    watches.delete(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Calls `onReadable` whenever there is something to read, again and again until it has been read (the
 * watch is level-triggered). It makes the descriptor non-blocking, and keeps the process running. When the
 * kernel reports an error for the descriptor, the watch is over: `onError` is told, or it is thrown as an
 * uncaught exception.
 */
export function watchReadable(
  fd: number,
  onReadable: () => void,
  onError?: (error: SystemCallError) => void,
): Watch {
  if (watches.has(fd)) throw new Error(`descriptor ${fd} is watched already`);
  checkPollable(fd);
  return new Watch(fd, onReadable, onError);
}

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;

/** Asks epoll whether it takes the descriptor, since libuv's answer through koffi is to abort. */
function checkPollable(fd: number): void {
  const epoll = systemCall('epoll_create1', EPOLL_CLOEXEC);
  const attempt = `watch descriptor ${fd}`;
  if (epoll < 0) throw new SystemCallError({ call: 'epoll_create1', attempt, errno: -epoll });
  const event = new Uint8Array(16);
  // A descriptor that is closed can come back as that of epoll itself.
  const result =
    fd === epoll
      ? -ERRNO.EBADF[0]
      : systemCall('epoll_ctl', epoll, EPOLL_CTL_ADD, fd, keepAlive(event));
  release();
  closeFd(epoll);
  if (result >= 0) return;
  throw new SystemCallError({ call: 'epoll_ctl', attempt, errno: -result });
}
