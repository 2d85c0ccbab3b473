/**
 * @module
 * The one way in which a tool stops: Ctrl-C, SIGTERM, the end of `--duration`, or a reader that went away. A second
 * Ctrl-C gives up at once.
 */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Node's timers hold at most 2^31 - 1 milliseconds; a longer one ends at once. */
const LONGEST_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

export class Stop {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#controller.signal.aborted && signal === 'SIGINT') process.exit(130);
    this.now();
  };

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  /** Aborted when it is time to stop. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  now(): void {
    this.#controller.abort();
  }

  /** Stops in so many seconds. */
  after(seconds: number): void {
    const first = Math.min(seconds, LONGEST_SECONDS);
    const then = (): void => (seconds > first ? this.after(seconds - first) : this.now());
    this.#timer = setTimeout(then, first * 1000);
  }

  /** Waits; wakes up early when it is time to stop. */
  sleep(milliseconds: number): Promise<void> {
    if (this.signal.aborted) return Promise.resolve();
    return new Promise((done) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.signal.removeEventListener('abort', finish);
        done();
      };
      const timer = setTimeout(finish, milliseconds);
      this.signal.addEventListener('abort', finish);
    });
  }

  /** Gives the signals back. */
  close(): void {
    clearTimeout(this.#timer);
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }
}
