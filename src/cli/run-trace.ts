/**
 * @module
 * Tools whose programs print with trace_printk: their lines, out of the one pipe that all programs print to.
 */
import { TracePipe } from '../kernel/trace-pipe.ts';
import { tracefs } from '../kernel/tracefs.ts';
import type { OptionTable, TraceOutput } from '../programs/tool.ts';
import { headerOf, jsonLine, now, rowOf, say } from './printer.ts';
import type { Run } from './run-tool.ts';

export const runTrace = async (output: TraceOutput<OptionTable>, run: Run): Promise<void> => {
  const { loaded, options, printer, stop } = run;
  const values = options as never;
  const columns = output.columns(values);
  // Opened before anything is attached: what is older is not ours.
  using pipe = new TracePipe(`${tracefs()}/trace_pipe`);
  run.attach();
  if (!options.json) await printer.lines([headerOf(columns)]);
  stop.signal.addEventListener('abort', () => loaded.detach());
  if (stop.signal.aborted) loaded.detach();
  let told = 0;
  for await (const batch of pipe.batches({ signal: stop.signal })) {
    const moment = now();
    const ours = batch
      .map(({ seconds, ...line }) => ({ ...line, timeNs: Math.round(seconds * 1e9) }))
      .filter((line) => output.ours(line, values));
    await printer.lines(
      ours.map((line) =>
        options.json ? jsonLine(output.json(line, values)) : rowOf(columns, line, moment),
      ),
    );
    told = tellLost(pipe.lost, told);
  }
  tellLost(pipe.lost, told);
};

/** The kernel overwrites what is not read in time, and does not say whose lines they were. */
const tellLost = (lost: number, told: number): number => {
  if (lost > told) {
    say(`[LOST ${lost - told} EVENTS] overwritten in trace_pipe before they were read`);
  }
  return lost;
};
