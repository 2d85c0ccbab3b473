/**
 * @module
 * Tools that print a summary each interval.
 */
import type { LoadedObject } from '../kernel/index.ts';
import type { IntervalOutput, OptionTable } from '../programs/tool.ts';
import { waitForRunningPrograms } from '../syscall/index.ts';
import { printable } from './printable.ts';
import { jsonLine, now } from './printer.ts';
import type { Run } from './run-tool.ts';

type Entry = readonly [key: unknown, value: unknown];

/** What is needed of a map, and of the globals that say whose turn it is. */
interface Entries extends Iterable<Entry> {
  drain(): Entry[];
  delete(key: unknown): boolean;
}
interface Turns {
  get(name: 'turn'): number;
  set(name: 'turn', turn: number): void;
}

type Output = IntervalOutput<OptionTable, unknown, unknown>;

/** Takes out what the programs have gathered since `before`, where that is kept. */
const takeFrom = (
  { maps }: LoadedObject,
  output: Output,
  before: Map<unknown, unknown>,
): readonly Entry[] => {
  const map = maps[output.map] as unknown as Entries;
  const { gained } = output;
  if (gained)
    return [...map].map(([key, value]) => {
      const entry = [key, gained(value, before.get(key))] as const;
      before.set(key, value);
      return entry;
    });
  if (output.turns === undefined) return map.drain();
  const turns = maps[output.turns] as unknown as Turns;
  const turn = turns.get('turn');
  turns.set('turn', 1 - turn);
  waitForRunningPrograms(); // those that still write to the entries of this turn
  const entries = [...map].filter(([key]) => (key as { turn: number }).turn === turn);
  for (const [key] of entries) map.delete(key);
  return entries;
};

export const runIntervals = async (output: Output, run: Run): Promise<void> => {
  const { loaded, options, printer, stop } = run;
  const values = options as never;
  const seconds = output.seconds(values);
  const count = output.count(values) ?? Number.POSITIVE_INFINITY;
  run.attach();
  const banner = output.banner?.(values);
  if (!options.json && banner !== undefined) await printer.lines([banner]);
  // A timer holds at most 2^31 milliseconds: without an interval it is Ctrl-C or --duration that ends the first one.
  const pause = Math.min((seconds ?? Number.POSITIVE_INFINITY) * 1000, 2 ** 31 - 1);
  const before = new Map<unknown, unknown>();
  for (let turn = 0; turn < count && !stop.signal.aborted; turn++) {
    await stop.sleep(pause);
    const last = stop.signal.aborted || turn + 1 === count;
    if (last) loaded.detach();
    const entries = takeFrom(loaded, output, before);
    const lines = options.json
      ? output.json(entries, values).map(jsonLine)
      : output.text(entries, values, now()).map(printable);
    await printer.lines(lines);
  }
};
