/**
 * @module
 * `struct bpf_timer`s, on a clock that only the test moves.
 */
import type { MachineCode } from './code.ts';
import type { SimulatedMap } from './maps/map.ts';

interface Timer {
  readonly map: SimulatedMap;
  callback?: { readonly function: bigint; readonly code: MachineCode } | undefined;
  due?: bigint | undefined;
}

/** The timers of a machine, by their addresses. */
export class Timers {
  readonly #timers = new Map<bigint, Timer>();

  /** False when there is one already. */
  create(address: bigint, map: SimulatedMap): boolean {
    if (this.#timers.has(address)) return false;
    this.#timers.set(address, { map });
    return true;
  }

  setCallback(address: bigint, callback: bigint, code: MachineCode): boolean {
    const timer = this.#timers.get(address);
    if (timer) timer.callback = { function: callback, code };
    return timer !== undefined;
  }

  start(address: bigint, due: bigint): boolean {
    const timer = this.#timers.get(address);
    if (!timer?.callback) return false;
    timer.due = due;
    return true;
  }

  /** Whether it was running; undefined for what is no timer. It forgets its callback. */
  cancel(address: bigint): boolean | undefined {
    const timer = this.#timers.get(address);
    if (!timer) return undefined;
    const running = timer.due !== undefined;
    timer.due = undefined;
    timer.callback = undefined;
    return running;
  }

  /** Takes the timer that is due first, at `until` or before. */
  take(until: bigint):
    | {
        readonly address: bigint;
        readonly due: bigint;
        readonly map: SimulatedMap;
        readonly callback: NonNullable<Timer['callback']>;
      }
    | undefined {
    let first: [bigint, Timer] | undefined;
    for (const each of this.#timers)
      if (
        each[1].due !== undefined &&
        each[1].due <= until &&
        !(first && first[1].due! <= each[1].due)
      )
        first = each;
    if (!first) return undefined;
    const [address, timer] = first;
    const due = timer.due!;
    timer.due = undefined;
    return { address, due, map: timer.map, callback: timer.callback! };
  }
}
