/**
 * @module
 * What a tool has gathered in an interval, taken out of its map: of the kernel's, or of a recorded world's.
 */
import type { IntervalOutput, OptionTable } from '../programs/tool.ts';

export type Entry = readonly [key: unknown, value: unknown];
type Output = IntervalOutput<OptionTable, unknown, unknown>;

/** What is needed of a map, and of the globals that say whose turn it is. */
interface Entries extends Iterable<Entry> {
  drain(): readonly Entry[];
  delete(key: unknown): boolean;
}
interface Turns {
  get(name: 'turn'): number;
  set(name: 'turn', turn: number): void;
}

/**
 * Takes out what the programs have gathered since `before`, where that is kept.
 * @param settle Waits for those programs that are still running.
 */
export const takeEntries = (
  maps: Readonly<Record<string, unknown>>,
  output: Output,
  before: Map<unknown, unknown>,
  settle: () => void,
): readonly Entry[] => {
  const map = maps[output.map] as Entries;
  const { gained } = output;
  if (gained)
    return [...map].map(([key, value]) => {
      const entry = [key, gained(value, before.get(key))] as const;
      before.set(key, value);
      return entry;
    });
  if (output.turns === undefined) return map.drain();
  const turns = maps[output.turns] as Turns;
  const turn = turns.get('turn');
  turns.set('turn', 1 - turn);
  settle(); // those that still write to the entries of this turn
  const entries = [...map].filter(([key]) => (key as { turn: number }).turn === turn);
  for (const [key] of entries) map.delete(key);
  return entries;
};
