/**
 * @module
 * Tools that print one line for each event.
 */
import type { EventOutput, OptionTable } from '../programs/tool.ts';
import { headerOf, jsonLine, now, rowOf } from './printer.ts';
import type { Run } from './run-tool.ts';

/** What runEvents needs of a ring or perf buffer. */
interface Buffer {
  batches(options: { signal: AbortSignal }): AsyncIterable<readonly unknown[]>;
}

export const runEvents = async (
  output: EventOutput<OptionTable, unknown>,
  run: Run,
): Promise<void> => {
  const { loaded, options, printer, stop } = run;
  const values = options as never;
  const columns = output.columns(values);
  run.attach();
  if (!options.json) {
    const banner = output.banner?.(values);
    await printer.lines([...(banner === undefined ? [] : [banner]), headerOf(columns)]);
  }
  // The programs end before the buffer is read for the last time, so that nothing comes after that.
  stop.signal.addEventListener('abort', () => loaded.detach());
  if (stop.signal.aborted) loaded.detach();
  const buffer = loaded.maps[output.buffer] as unknown as Buffer;
  for await (const batch of buffer.batches({ signal: stop.signal })) {
    const moment = now();
    const shown = output.filter ? batch.filter((event) => output.filter!(event, values)) : batch;
    await printer.lines(
      shown.map((event) =>
        options.json ? jsonLine(output.json(event, values)) : rowOf(columns, event, moment),
      ),
    );
  }
};
