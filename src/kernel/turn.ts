/**
 * How long a reader may keep the event loop: 10 ms or 64 k records, then timers and sockets have their turn.
 *
 * An iterator that resolves at once would otherwise starve them as long as events come (a second, measured).
 * @module
 */

const MAX_TIME = 10;
const MAX_RECORDS = 65_536;
/** Looking at the clock takes 45 ns: at most every so many records. */
const MAX_STRIDE = 64;

/** Of a clock that is there: Node loads `performance` for the first to ask, for 1 ms in which a tool can be attached. */
const milliseconds = (): number => Number(process.hrtime.bigint()) / 1e6;

export class Turn {
  #start = 0;
  #looked = 0;
  #records = 0;
  /** Records from one look at the clock to the next: few when the user takes long for each. */
  #stride = 1;
  #left = 1;
  #over = false;

  constructor() {
    this.restart();
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Counts records; true when the event loop is to have its turn. */
  spend(records: number): boolean {
    this.#left -= records;
    return this.#left <= 0 && this.#look();
  }

  #look(): boolean {
    const now = milliseconds();
    this.#records += this.#stride - this.#left;
    this.#stride = now - this.#looked > 1 ? 1 : Math.min(this.#stride * 2, MAX_STRIDE);
    this.#left = this.#stride;
    this.#looked = now;
    this.#over = now - this.#start >= MAX_TIME || this.#records >= MAX_RECORDS;
    return this.#over;
  }

  restart(): void {
    this.#start = milliseconds();
    this.#looked = this.#start;
    this.#records = 0;
    this.#left = this.#stride;
    this.#over = false;
  }
}
