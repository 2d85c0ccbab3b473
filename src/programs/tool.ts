/**
 * @module
 * A tool is data: options, an object made from them, and how its events are shown. It is pure, so that it can be
 * listed, disassembled, simulated and shown in a browser; the runner in cli/ loads it and prints.
 */
import type { AnyMapSpec, ObjectSpec, ProgramEntry } from '../object/index.ts';
import type { System } from './system.ts';

/** One option, under its camelCase name in the table. */
export type Option = {
  readonly help: string;
  /** One letter. */
  readonly short?: string;
  /** What stands for the value in the help: `PID`, `SECONDS`. */
  readonly placeholder?: string;
} & (
  | { readonly type: 'boolean' }
  /** A whole number. */
  | {
      readonly type: 'number';
      readonly default?: number;
      readonly min?: number;
      readonly max?: number;
    }
  /** The number of a process that exists; with `thread`, also of one of its threads. */
  | { readonly type: 'pid'; readonly thread?: boolean }
  /** The number of a CPU that the machine has. */
  | { readonly type: 'cpu' }
  | { readonly type: 'text'; readonly default?: string; readonly maxBytes?: number }
  /** The path of a cgroup2 directory. */
  | { readonly type: 'cgroup' }
);
export type OptionTable = Readonly<Record<string, Option>>;

type ValueOf<O> = O extends { readonly type: 'boolean' }
  ? boolean
  : O extends { readonly type: 'number'; readonly default: number }
    ? number
    : O extends { readonly type: 'number' | 'pid' | 'cpu' }
      ? number | undefined
      : O extends { readonly type: 'text'; readonly default: string }
        ? string
        : string | undefined;

/** The values of options: flags are true or false, the rest undefined when not given and without a default. */
export type Values<O extends OptionTable> = { readonly [K in keyof O]: ValueOf<O[K]> };

/** What a caller of the object function may leave out: everything. */
export type GivenValues<O extends OptionTable> = CommonValues & {
  readonly [K in keyof O]?: ValueOf<O[K]> | undefined;
};

/** Options that every tool has. */
export interface CommonValues {
  /** Bytes of the ring buffer, or of each CPU's perf buffer. */
  readonly buffer?: number | undefined;
}

/** One column of a table. */
export interface Column<E> {
  readonly title: string;
  /** Cells are padded to it, never cut; the last column needs none. */
  readonly width?: number;
  readonly align?: 'left' | 'right';
  readonly text: (event: E, moment: Moment) => string;
}

/** When an event was received. */
export interface Moment {
  /** `%H:%M:%S`, local time. */
  readonly time: string;
  /** Milliseconds since the epoch. */
  readonly epochMs: number;
}

/** The time of a JSON object, in UTC: `2026-11-21T22:15:35.120Z`. */
export const jsonTime = ({ epochMs }: Moment): string => new Date(epochMs).toISOString();

/** A JSON object of the tool's: one line. */
export type JsonObject = { readonly [name: string]: unknown };

/** One event, one line. */
export interface EventOutput<O extends OptionTable, E, F = unknown> {
  readonly kind: 'events';
  /** The ring or perf buffer in the object's maps. */
  readonly buffer: string;
  /** A line before the header. */
  readonly banner?: (options: Values<O> & F) => string | undefined;
  readonly columns: (options: Values<O> & F) => readonly Column<E>[];
  readonly json: (event: E, options: Values<O> & F, moment: Moment) => JsonObject;
  /** Events that are not shown, where user space has to decide. */
  readonly filter?: (event: E, options: Values<O> & F) => boolean;
  /** Adds to events that were received together what the machine knows about them, and may not know for long. */
  readonly complete?: (
    events: readonly E[],
    options: Values<O> & F,
    system: System,
  ) => readonly E[];
  /** Lines below the row of an event, under its last column. */
  readonly below?: (event: E, options: Values<O> & F) => readonly string[];
}

/** A summary each interval, of a map that is then emptied. */
export interface IntervalOutput<O extends OptionTable, K, V, F = unknown> {
  readonly kind: 'interval';
  /** The map in the object's maps whose entries are taken out. */
  readonly map: string;
  /**
   * The globals in the object's maps with the `turn` that programs write to, 0 or 1, which their keys have too. While
   * the entries of one turn are taken out, programs write to the other: no sum is taken while it changes. Without it
   * the map is drained, and what a program is just adding to an entry is lost (once in a hundred times, measured
   * where a program did nothing else).
   */
  readonly turns?: string;
  /**
   * For a map whose values only grow, and that is not emptied: what a value has gained since the interval before. So
   * nothing is lost between reading and emptying. Its keys are numbers.
   */
  readonly gained?: (now: V, before: V | undefined) => V;
  readonly banner?: (options: Values<O> & F) => string | undefined;
  readonly seconds: (options: Values<O> & F) => number | undefined;
  /** How many intervals; undefined for no end. */
  readonly count: (options: Values<O> & F) => number | undefined;
  readonly text: (
    entries: readonly (readonly [K, V])[],
    options: Values<O> & F,
    moment: Moment,
  ) => readonly string[];
  readonly json: (
    entries: readonly (readonly [K, V])[],
    options: Values<O> & F,
    moment: Moment,
  ) => readonly JsonObject[];
}

/** A line of trace_pipe. */
export interface TraceLine {
  readonly task: string;
  readonly pid: number;
  readonly cpu: number;
  readonly timeNs: number;
  readonly message: string;
}

/** The lines that the programs print with trace_printk. */
export interface TraceOutput<O extends OptionTable> {
  readonly kind: 'trace';
  /** Whether a line is of this tool: the pipe carries everyone's. */
  readonly ours: (line: TraceLine, options: Values<O>) => boolean;
  readonly columns: (options: Values<O>) => readonly Column<TraceLine>[];
  readonly json: (line: TraceLine, options: Values<O>) => JsonObject;
}

/** What is printed in place of running the tool, where the options ask for it. */
export interface Listing<E> {
  readonly columns: readonly Column<E>[];
  readonly rows: readonly E[];
  readonly json: (row: E) => JsonObject;
}

/** Where and how a program is attached, in the words of `Program.attach()`, as far as its hook does not say it. */
export interface Attachment {
  readonly path?: string | undefined;
  /** Bytes from the start of the file. */
  readonly offset?: number | undefined;
  readonly pid?: number | undefined;
  /** For programs at many functions: their names, or bytes into the file, and what tells them apart. */
  readonly functions?: readonly string[] | undefined;
  readonly offsets?: readonly number[] | undefined;
  /** Semaphores of static probes: of the one place, or of each. */
  readonly referenceCounter?: number | undefined;
  readonly referenceCounters?: readonly number[] | undefined;
  readonly cookies?: readonly number[] | undefined;
}

export type AnyObject = ObjectSpec<Record<string, AnyMapSpec>, Record<string, ProgramEntry>>;

// biome-ignore-start lint/suspicious/noExplicitAny: outputs are contravariant in events and options
type AnyOutput = EventOutput<any, any, any> | IntervalOutput<any, any, any, any> | TraceOutput<any>;
// biome-ignore-end lint/suspicious/noExplicitAny: see above

/**
 * `F` is what the tool finds out about the machine that it runs on. It stands beside the options from then on, in
 * `object`, `attach` and `output`; for a listing or a file nothing was found, and the object is the general one.
 */
export interface Tool<
  O extends OptionTable = OptionTable,
  S extends AnyObject = AnyObject,
  F extends object = object,
> {
  readonly name: string;
  /** One line for `beespoke list`. */
  readonly summary: string;
  /** More for `--help`: what it sees and what it cannot see. */
  readonly description?: string;
  readonly examples?: readonly (readonly [command: string, meaning: string])[];
  readonly options: O;
  /** Options that are given by position, in order. */
  readonly positionals?: readonly (keyof O & string)[];
  /** The cgroup array in the object's maps that the option of type `cgroup` fills. */
  readonly cgroups?: string;
  /** What goes together badly: a sentence, or undefined. */
  readonly conflict?: (options: Values<O>) => string | undefined;
  /** What is not said and needed to run it, though not to look at its object: a sentence, or undefined. */
  readonly missing?: (options: Values<O>) => string | undefined;
  /** What is only listed, where the options ask for that: nothing is loaded then. */
  // biome-ignore lint/suspicious/noExplicitAny: columns are contravariant in rows
  readonly listing?: (options: Values<O>, system: System) => Listing<any> | undefined;
  /** What only the running machine knows: paths, functions that fit a pattern. */
  readonly find?: (options: Values<O>, system: System) => F;
  /** The object for these options; what is not given has its default. */
  readonly object: (options?: GivenValues<O> & Partial<F>) => S;
  /** Where programs are attached, by their names. */
  readonly attach?: (options: Values<O> & F) => Readonly<Record<string, Attachment>>;
  readonly output: AnyOutput;
}

/** Checks a tool's types and returns it. */
export const tool = <const O extends OptionTable, S extends AnyObject, F extends object = object>(
  it: Tool<O, S, F>,
): Tool<O, S, F> => it;

/** Options with nothing given: defaults and undefined. */
export const defaults = <O extends OptionTable>(
  table: O,
  given: GivenValues<O> = {},
): Values<O> & CommonValues => ({
  ...(Object.fromEntries(
    Object.entries(table).map(([name, option]) => {
      const fallback =
        option.type === 'boolean' ? false : 'default' in option ? option.default : undefined;
      return [name, given[name as keyof O] ?? fallback];
    }),
  ) as Values<O>),
  buffer: given.buffer,
});

/** The time of day, as `strftime("%H:%M:%S")`. */
export const timeColumn = <E>(title = 'TIME', width = 8): Column<E> => ({
  title,
  width,
  text: (_event, { time }) => time,
});
