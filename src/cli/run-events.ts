/**
 * @module
 * Tools that print one line for each event.
 */
import type { EventOutput, OptionTable } from '../programs/tool.ts';
import { eventLines } from './event-lines.ts';
import { now } from './printer.ts';
import type { Run } from './run-tool.ts';
import { system } from './system.ts';

/** As many events as are made into lines before they are printed: each may have a lot of them. */
const AT_ONCE = 1024;

/** What runEvents needs of a ring or perf buffer. */
interface Buffer {
  batches(options: { signal: AbortSignal }): AsyncIterable<readonly unknown[]>;
}

export const runEvents = async (
  output: EventOutput<OptionTable, unknown>,
  run: Run,
): Promise<void> => {
  const { loaded, options, printer, stop } = run;
  const lines = eventLines(output, options, system);
  run.attach();
  await printer.lines(lines.head);
  // The programs end before the buffer is read for the last time, so that nothing comes after that.
  stop.signal.addEventListener('abort', () => loaded.detach());
  if (stop.signal.aborted) loaded.detach();
  const buffer = loaded.maps[output.buffer] as unknown as Buffer;
  for await (const batch of buffer.batches({ signal: stop.signal })) {
    const moment = now();
    for (let from = 0; from < batch.length; from += AT_ONCE)
      await printer.lines(lines.of(batch.slice(from, from + AT_ONCE), moment));
  }
};
