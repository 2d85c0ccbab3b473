/**
 * @module
 * Objects that send nothing: their programs count in global variables, which are shown when they end.
 */
import type { LoadedObject } from '../kernel/index.ts';
import { type Layout, toJson } from '../layout/index.ts';
import { printable } from './printable.ts';
import { jsonLine } from './printer.ts';
import type { Run } from './run-tool.ts';

/** What is needed of a map of variables. */
interface Variables {
  readonly spec: { readonly value: Layout };
  values(): unknown;
}

/** Shows the variables of these maps at the end. */
export const runValues = async (maps: readonly string[], run: Run): Promise<void> => {
  const { loaded, options, printer, stop } = run;
  run.attach();
  await stop.sleep(2 ** 31 - 1);
  loaded.detach();
  const values = maps.flatMap((map) => Object.entries(valuesIn(loaded, map)));
  if (options.json) {
    await printer.lines([jsonLine(Object.fromEntries(values))]);
    return;
  }
  const width = Math.max(0, ...values.map(([name]) => name.length));
  await printer.lines(
    values.map(([name, value]) => printable(`${name.padEnd(width)} ${textOf(value)}`)),
  );
};

const valuesIn = ({ maps }: LoadedObject, name: string): Readonly<Record<string, unknown>> => {
  const map = maps[name] as unknown as Variables;
  return toJson(map.spec.value, map.values() as never) as Readonly<Record<string, unknown>>;
};

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);
