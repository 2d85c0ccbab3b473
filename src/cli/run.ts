/**
 * @module
 * `beespoke run FILE`: loads and attaches an object file, or what a module exports, and shows its events by their types.
 */
import { basename } from 'node:path';
import type { ObjectSpec } from '../object/index.ts';
import type { OptionTable, Tool } from '../programs/tool.ts';
import { DONE, UsageError } from './errors.ts';
import { openObject } from './object-file.ts';
import { tableOf, type Variables, valuesOf, variablesOf } from './object-globals.ts';
import { helpOf, parseOptions } from './options.ts';
import { printable } from './printable.ts';
import { runObject } from './run-object.ts';
import { placeHelp, placeTable } from './run-places.ts';
import type { Run } from './run-tool.ts';
import { runAny } from './tool-command.ts';
import { TOOL_OPTIONS } from './tool-options.ts';
import { importRunnable } from './user-module.ts';

const { json, duration, verbose, help } = TOOL_OPTIONS;
const OPTIONS = {
  json,
  duration,
  event: {
    type: 'text',
    placeholder: 'MAP=STRUCT',
    help: 'what the events of a buffer are, of more than one with commas between',
  },
  allowChanges: {
    type: 'boolean',
    help: 'run it although it can change what the system does',
  },
  pin: { type: 'boolean', help: 'share the maps that are to be pinned by name in /sys/fs/bpf' },
  verbose,
  help,
} as const satisfies OptionTable;

const HELP = [
  'beespoke run FILE [options] [options of the file]',
  '',
  'Loads and attaches an object file, or the object() or tool() that a module exports, and prints what it sends until',
  'Ctrl-C. Its read-only global variables are options: run FILE --help lists them. Events are printed by their types.',
  'Files without a buffer: what they print into the trace pipe, or else their variables at the end.',
  '',
  ...helpOf(OPTIONS),
  '',
  'Where programs are attached whose sections do not say it, all of a kind to the same place:',
  '',
  ...placeHelp(),
];

export const run = async ([file, ...args]: readonly string[]): Promise<number> => {
  if (file === undefined || file === '--help' || file === '-h') {
    const output = file === undefined ? process.stderr : process.stdout;
    output.write(`${HELP.join('\n')}\n`);
    return file === undefined ? 2 : DONE;
  }
  if (file.startsWith('-'))
    throw new UsageError(`run takes a file first, got ${JSON.stringify(file)}`);
  const runnable = await open(file);
  if ('output' in runnable) return runAny(runnable, args);
  const common = { ...OPTIONS, ...placeTable(runnable) };
  const variables = variablesOf(runnable, common);
  const table = { ...common, ...tableOf(variables) };
  const given = parseOptions(args.map(withHyphens), table);
  if (given.help) {
    process.stdout.write(`${helpFor(file, common, variables).map(printable).join('\n')}\n`);
    return DONE;
  }
  return runObject(
    runnable,
    {
      name: basename(file),
      globals: valuesOf(variables, given),
      events: eventsOf(given.event as string | undefined),
      allowChanges: given.allowChanges === true,
      pin: given.pin === true,
      places: given,
    },
    given as unknown as Run['options'],
  );
};

const open = async (file: string): Promise<ObjectSpec | Tool> =>
  /\.[cm]?[jt]s$/.test(file) ? importRunnable(file) : openObject(file);

const helpFor = (file: string, common: OptionTable, variables: Variables): string[] => {
  const own = variables.size === 0 ? [] : ['', 'Its own:', ...helpOf(tableOf(variables))];
  return [`beespoke run ${file} [options]`, '', ...helpOf(common), ...own];
};

/** `--target_pid=5` is `--target-pid=5`. */
const withHyphens = (word: string): string =>
  word.startsWith('--') ? word.replace(/^[^=]*/, (flag) => flag.replaceAll('_', '-')) : word;

const eventsOf = (text: string | undefined): Map<string, string> =>
  new Map(
    (text?.split(',') ?? []).map((pair) => {
      const [, map, struct] = /^([^=]+)=(?:struct )?([^=]+)$/.exec(pair) ?? [];
      if (map === undefined || struct === undefined)
        throw new UsageError(`--event takes MAP=STRUCT, got ${JSON.stringify(pair)}`);
      return [map, struct];
    }),
  );
