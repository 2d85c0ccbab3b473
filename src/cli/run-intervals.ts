/**
 * @module
 * Tools that print a summary each interval.
 */
import type { IntervalOutput, OptionTable } from '../programs/tool.ts';
import { waitForRunningPrograms } from '../syscall/index.ts';
import { takeEntries } from './interval-entries.ts';
import { printable } from './printable.ts';
import { jsonLine, now } from './printer.ts';
import type { Run } from './run-tool.ts';

type Output = IntervalOutput<OptionTable, unknown, unknown>;

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
    const entries = takeEntries(loaded.maps, output, before, waitForRunningPrograms);
    const moment = now();
    const lines = options.json
      ? output.json(entries, values, moment).map(jsonLine)
      : output.text(entries, values, moment).map(printable);
    await printer.lines(lines);
  }
};
