/**
 * @module
 * Events as the lines that are printed for them: of a table, or of JSON.
 */
import type { System } from '../programs/system.ts';
import type { EventOutput, Moment, OptionTable } from '../programs/tool.ts';
import { printable } from './printable.ts';
import { headerOf, jsonLine, rowOf } from './printer.ts';

/** The lines of one output. */
export interface EventLines {
  /** Those before the first event. */
  readonly head: readonly string[];
  /** Those of events that were received together; none for what is not to be shown. */
  readonly of: (events: readonly unknown[], moment: Moment) => readonly string[];
}

export const eventLines = (
  output: EventOutput<OptionTable, unknown>,
  options: { readonly json: boolean },
  system: System,
): EventLines => {
  const values = options as never;
  const columns = output.columns(values);
  const banner = output.banner?.(values);
  const indent = ' '.repeat(
    columns.slice(0, -1).reduce((width, column) => width + (column.width ?? 0) + 1, 0),
  );
  const linesOf = (event: unknown, moment: Moment): readonly string[] =>
    options.json
      ? [jsonLine(output.json(event, values, moment))]
      : [
          rowOf(columns, event, moment),
          ...(output.below?.(event, values) ?? []).map((line) => `${indent}${printable(line)}`),
        ];
  return {
    head: options.json ? [] : [...(banner === undefined ? [] : [banner]), headerOf(columns)],
    of: (events, moment) => {
      const shown = output.filter
        ? events.filter((event) => output.filter!(event, values))
        : events;
      const whole = output.complete?.(shown, values, system) ?? shown;
      return whole.flatMap((event) => linesOf(event, moment));
    },
  };
};
