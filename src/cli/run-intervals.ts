/**
 * @module
 * Tools that print a summary each interval.
 */
import type { IntervalOutput, OptionTable } from '../programs/tool.ts';
import { jsonLine, now } from './printer.ts';
import type { Run } from './run-tool.ts';

/** What runIntervals needs of a map. */
interface Entries {
  drain(): Iterable<readonly [unknown, unknown]>;
}

export const runIntervals = async (
  output: IntervalOutput<OptionTable, unknown, unknown>,
  run: Run,
): Promise<void> => {
  const { loaded, options, printer, stop } = run;
  const values = options as never;
  const seconds = output.seconds(values);
  const count = output.count(values) ?? Number.POSITIVE_INFINITY;
  const map = loaded.maps[output.map] as unknown as Entries;
  run.attach();
  const banner = output.banner?.(values);
  if (!options.json && banner !== undefined) await printer.lines([banner]);
  // A timer holds at most 2^31 milliseconds: without an interval it is Ctrl-C or --duration that ends the first one.
  const pause = seconds === undefined ? 2 ** 31 - 1 : seconds * 1000;
  for (let turn = 0; turn < count && !stop.signal.aborted; turn++) {
    await stop.sleep(pause);
    const last = stop.signal.aborted || turn + 1 === count;
    if (last) loaded.detach();
    const entries = [...map.drain()];
    const lines = options.json
      ? output.json(entries, values).map(jsonLine)
      : output.text(entries, values, now());
    await printer.lines(lines);
  }
};
