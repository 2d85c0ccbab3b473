/**
 * @module
 * What `prog`, `map` and `link` have in common: `show` and `dump`, what they are given to choose by, and a list or a
 * page of what was found.
 */
import { findHolders, type Holder, type Holders } from '../kernel/holders.ts';
import { type LoadedKind, loaded, loadedAt, loadedById } from '../kernel/loaded.ts';
import { checkPinnable } from '../kernel/pins.ts';
import type { Column, OptionTable } from '../programs/tool.ts';
import { syscallNumbers } from '../syscall/index.ts';
import { DONE, UsageError } from './errors.ts';
import { type Given, helpOf, parseWithRest } from './options.ts';
import { printable } from './printable.ts';
import { headerOf, jsonLine, now, Printer, rowOf, say } from './printer.ts';

const OPTIONS = {
  json: { type: 'boolean', help: 'one JSON object a line' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

type LoadedOf<K extends LoadedKind> = ReturnType<typeof loadedAt<K>>;

/** What a command knows of its kind. */
export interface Kind<K extends LoadedKind> {
  readonly kind: K;
  /** `program` */
  readonly noun: string;
  readonly nameOf: (thing: LoadedOf<K>) => string;
  /** What JSON and pages show, in their order. What is undefined is left out. */
  readonly details: (thing: LoadedOf<K>) => Readonly<Record<string, unknown>>;
  readonly columns: (holders: Holders) => readonly Column<LoadedOf<K>>[];
  /** What `dump` does with the one that was chosen; undefined where there is nothing to dump. */
  readonly dump?: (thing: LoadedOf<K>, given: Given) => Promise<number>;
  /** Options of `dump`. */
  readonly dumpOptions?: OptionTable;
  readonly help: readonly string[];
}

/** Runs `beespoke prog|map|link show|dump ...`. */
export const runKind = async <K extends LoadedKind>(
  kind: Kind<K>,
  args: readonly string[],
): Promise<number> => {
  const [verb, ...others] = args;
  if (verb === undefined || verb.startsWith('-')) {
    const { help } = parseWithRest(args, OPTIONS).given;
    if (!help) throw new UsageError(`${kind.kind} what? ${verbsOf(kind)}`);
    return printHelp(kind);
  }
  if (verb === 'show' || verb === 'list') {
    const { given, rest } = parseWithRest(others, OPTIONS);
    if (given.help) return printHelp(kind);
    return show(kind, choiceOf(kind, rest), given.json === true);
  }
  if (verb !== 'dump' || !kind.dump)
    throw new UsageError(`${kind.kind} has no ${JSON.stringify(verb)}: ${verbsOf(kind)}`);
  const { given, rest } = parseWithRest(others, { ...kind.dumpOptions, ...OPTIONS });
  if (given.help) return printHelp(kind);
  const choice = choiceOf(kind, rest);
  if (!choice)
    throw new UsageError(
      `${kind.kind} dump takes an id, a name, or pinned PATH: which ${kind.noun}?`,
    );
  syscallNumbers();
  const found = chosen(kind, choice);
  if (found.length > 1) {
    const ids = found.map(({ id }) => id).join(', ');
    throw new UsageError(`several ${kind.noun}s have this name: give one of the ids ${ids}`);
  }
  return kind.dump(found[0]!, given);
};

const verbsOf = ({ kind, dump }: { kind: LoadedKind; dump?: unknown }): string =>
  dump ? `beespoke ${kind} show|dump` : `beespoke ${kind} show`;

const printHelp = <K extends LoadedKind>({ help, dumpOptions }: Kind<K>): number => {
  const lines = [...help, '', ...helpOf({ ...dumpOptions, ...OPTIONS })];
  process.stdout.write(`${lines.join('\n')}\n`);
  return DONE;
};

// ----------
// Choosing
// ----------

type Choice = { readonly id: number } | { readonly name: string } | { readonly path: string };

/** `17`, `handle_exit`, a path, or one of these behind the word of bpftool for it; undefined for nothing. */
const choiceOf = <K extends LoadedKind>(
  { kind }: Kind<K>,
  words: readonly string[],
): Choice | undefined => {
  const hasWord = /^(id|name|pinned)$/.test(words[0] ?? '') && words.length > 1;
  const [given, extra] = hasWord ? words.slice(1) : words;
  if (given === undefined) return undefined;
  if (extra !== undefined)
    throw new UsageError(`${kind}: unexpected argument ${JSON.stringify(extra)}`);
  const word = hasWord ? words[0] : undefined;
  if (word === 'pinned' || (!word && given.startsWith('/'))) return { path: given };
  if (word === 'name') return { name: given };
  if (/^\d+$/.test(given) && Number(given) < 2 ** 32) return { id: Number(given) };
  if (word === 'id')
    throw new UsageError(`${kind}: an id is a number below 2^32, got ${JSON.stringify(given)}`);
  return { name: given };
};

/** Those that are meant, at least one. */
const chosen = <K extends LoadedKind>(
  { kind, noun, nameOf }: Kind<K>,
  choice: Choice,
): readonly LoadedOf<K>[] => {
  if ('path' in choice) {
    checkPinnable(choice.path);
    return [loadedAt(kind, choice.path)];
  }
  if ('id' in choice) {
    const found = loadedById(kind, choice.id);
    if (!found) throw new Error(`there is no ${noun} ${choice.id}`);
    return [found as LoadedOf<K>];
  }
  const found = ([...loaded(kind)] as LoadedOf<K>[]).filter((each) => nameOf(each) === choice.name);
  if (found.length === 0)
    throw new Error(`there is no ${noun} of the name ${JSON.stringify(choice.name)}`);
  return found;
};

// ----------
// Showing
// ----------

const show = async <K extends LoadedKind>(
  kind: Kind<K>,
  choice: Choice | undefined,
  json: boolean,
): Promise<number> => {
  // On another system that is what is wrong.
  syscallNumbers();
  const things = choice ? chosen(kind, choice) : ([...loaded(kind.kind)] as LoadedOf<K>[]);
  const holders = findHolders();
  const detailsOf = (thing: LoadedOf<K>) => ({
    ...kind.details(thing),
    heldBy: holders(kind.kind, thing.id),
  });
  const printer = new Printer(() => undefined);
  if (json) await printer.lines(things.map((thing) => jsonLine(detailsOf(thing))));
  else if (choice && things.length === 1) await printer.lines(page(detailsOf(things[0]!)));
  else if (things.length > 0) await printer.lines(table(kind.columns(holders), things));
  else say(`there are no ${kind.noun}s`);
  return DONE;
};

/** A line for each thing; the columns are as wide as they must be. */
const table = <E>(columns: readonly Column<E>[], things: readonly E[]): string[] => {
  const moment = now();
  // Once: the place of a link takes a look at many files.
  const rows = things.map((thing) =>
    columns.map((column) => printable(column.text(thing, moment))),
  );
  const fitted = columns.map((column, index): Column<readonly string[]> => {
    const cell = (row: readonly string[]): string => row[index]!;
    const width = rows.reduce((most, row) => Math.max(most, cell(row).length), column.title.length);
    return { ...column, text: cell, width };
  });
  return [headerOf(fitted), ...rows.map((row) => rowOf(fitted, row, moment))];
};

/** A line for each detail. */
const page = (details: Readonly<Record<string, unknown>>): string[] => {
  const rows = Object.entries(details).filter(
    ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) =>
    printable(`${name.padEnd(width)}  ${textOf(value)}`.trimEnd()),
  );
};

const textOf = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  if (isHolder(value)) return holderText(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

const isHolder = (value: unknown): value is Holder =>
  typeof value === 'object' && value !== null && 'pid' in value && 'comm' in value;

const holderText = ({ pid, comm }: Holder): string => `${comm}(${pid})`;

// ----------
// Columns
// ----------

export const textColumn = <E>(title: string, text: (thing: E) => string): Column<E> => ({
  title,
  text,
});

export const numberColumn = <E>(
  title: string,
  number: (thing: E) => number | bigint | undefined,
): Column<E> => ({ title, align: 'right', text: (thing) => String(number(thing) ?? '-') });

export const holdersColumn = <E extends { readonly id: number }>(
  kind: LoadedKind,
  holders: Holders,
): Column<E> => ({
  title: 'HELD BY',
  text: ({ id }) => holders(kind, id).map(holderText).join(', '),
});
