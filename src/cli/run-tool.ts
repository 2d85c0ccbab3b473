/**
 * @module
 * Runs a tool: options, loading, attaching, reading and printing until it is time to stop, and a tidy end.
 */
import {
  isInPidNamespace,
  type LoadedObject,
  loadObject,
  outerPid,
  PerfBuffer,
  RingBuffer,
} from '../kernel/index.ts';
import { NotFoundError } from '../object/index.ts';
import type { OptionTable, Tool } from '../programs/tool.ts';
import { syscallNumbers } from '../syscall/index.ts';
import { keepCompiled } from './compiled.ts';
import { DONE, UsageError } from './errors.ts';
import { helpOf, parseOptions, parseSize } from './options.ts';
import { listingLines, Printer, say } from './printer.ts';
import { forgiveReaders } from './readers.ts';
import { runEvents } from './run-events.ts';
import { runIntervals } from './run-intervals.ts';
import { runTrace } from './run-trace.ts';
import { Stop } from './stop.ts';
import { system } from './system.ts';
import { type RunnerValues, TOOL_OPTIONS } from './tool-options.ts';

/** What the ways of output work with. */
export interface Run {
  readonly loaded: LoadedObject;
  readonly options: RunnerValues & Readonly<Record<string, unknown>>;
  readonly printer: Printer;
  readonly stop: Stop;
  /** Attaches the programs and says so; only once. */
  attach(): void;
}

/** Runs `tool` with command-line arguments. Resolves to the exit status. */
export const runTool = async (tool: Tool, args: readonly string[]): Promise<number> => {
  const table = allOptions(tool.options);
  const given = parseOptions(args, table, tool.positionals);
  if (given.help) {
    forgiveReaders();
    process.stdout.write(`${toolHelp(tool).join('\n')}\n`);
    return DONE;
  }
  const buffer =
    given.buffer === undefined ? undefined : parseSize('--buffer', String(given.buffer));
  const options = { ...given, buffer } as unknown as Run['options'];
  const conflict = tool.conflict?.(options as never);
  if (conflict) throw new UsageError(conflict);
  const missing = tool.missing?.(options as never);
  if (missing) throw new UsageError(missing);
  const listing = tool.listing?.(options as never, system);
  if (!listing) return load(tool, options);
  await new Printer(() => {}).lines(listingLines(listing, options.json));
  return DONE;
};

/** The tool's own options and the runner's, to which a tool may give letters of its own. */
const allOptions = (own: OptionTable): OptionTable => ({ ...own, ...TOOL_OPTIONS, ...own });

const load = (tool: Tool, given: Run['options']): Promise<number> => {
  const options = { ...given, ...found(tool, given) };
  return runLoaded(
    {
      name: tool.name,
      load: () =>
        loadObject(tool.object(asPrograms(tool, options) as never), {
          lines: options.verbose,
        }) as LoadedObject,
      attach: (loaded) => loaded.attach(tool.attach?.(options as never)),
      show: (run) => {
        chooseCgroup(tool, options, run.loaded);
        return output(tool, run);
      },
    },
    options,
  );
};

/** The options as programs take them, to whom the processes of a container have other numbers than to people there. */
const asPrograms = (tool: Tool, options: Run['options']): object => {
  if (!isInPidNamespace()) return options;
  const outer = Object.entries(tool.options).flatMap(([name, { type }]) => {
    const own = options[name] as number | undefined;
    if (type !== 'pid' || own === undefined) return [];
    const pid = outerPid(own);
    if (pid === undefined) throw new NotFoundError(`there is no process or thread ${own}`);
    say(
      `${tool.name}: process ${own} of this container is ${pid} outside of it, which is what is shown`,
    );
    return [[name, pid] as const];
  });
  return { ...options, ...Object.fromEntries(outer) };
};

/** What the tool finds out about this machine. */
const found = (tool: Tool, options: Run['options']): object => {
  if (!tool.find) return {};
  syscallNumbers(); // on another system this is what is wrong
  return tool.find(options as never, system);
};

/** What is run: how it is loaded, and how what it sends is shown, from attaching it to its end. */
export interface Runnable {
  readonly name: string;
  readonly load: () => LoadedObject;
  /** Where the hooks of its programs do not say all. */
  readonly attach?: (loaded: LoadedObject) => void;
  readonly show: (run: Run) => Promise<void>;
}

/** Runs something to its end. Resolves to the exit status. */
export const runLoaded = async (
  { name, load, attach = (loaded) => loaded.attach(), show }: Runnable,
  options: Run['options'],
): Promise<number> => {
  // On another system this is what is wrong, not that there is no BTF or no tracefs.
  syscallNumbers();
  const stop = new Stop();
  const printer = new Printer(() => stop.now());
  let loaded: LoadedObject | undefined;
  try {
    loaded = load();
    const reporter = new LossReporter(loaded);
    let attached = false;
    await show({
      loaded,
      options,
      printer,
      stop,
      attach() {
        // Several buffers are read, and each reader attaches.
        if (attached) return;
        attached = true;
        attach(loaded!);
        announce(name, loaded!, options);
        if (options.duration !== undefined) stop.after(options.duration);
        reporter.start();
      },
    });
    loaded.close();
    reporter.finish();
    keepCompiled();
    return DONE;
  } finally {
    loaded?.close();
    stop.close();
  }
};

const output = (tool: Tool, run: Run): Promise<void> => {
  switch (tool.output.kind) {
    case 'events':
      return runEvents(tool.output, run);
    case 'interval':
      return runIntervals(tool.output, run);
    case 'trace':
      return runTrace(tool.output, run);
  }
};

const chooseCgroup = (tool: Tool, options: Run['options'], loaded: LoadedObject): void => {
  const name = Object.entries(tool.options).find(([, { type }]) => type === 'cgroup')?.[0];
  const path = name === undefined ? undefined : options[name];
  if (path === undefined || tool.cgroups === undefined) return;
  const map = loaded.maps[tool.cgroups] as unknown as { set(index: number, path: string): void };
  map.set(0, path as string);
};

/** One line when the programs are attached; with --verbose, what was taken where there was a choice. */
const announce = (name: string, loaded: LoadedObject, { verbose }: RunnerValues): void => {
  if (verbose) {
    for (const program of Object.values(loaded.programs)) {
      if (!program) continue;
      const { xlatedLength, id } = program.info();
      say(
        `${program.name}: ${program.spec.hook.section}, program ${id}, ${xlatedLength / 8} instructions`,
      );
    }
    for (const each of loaded.missing) say(`${each}: left out, this kernel does not have it`);
  }
  say(
    `${name}: attached (${loaded.links.length} ${loaded.links.length === 1 ? 'program' : 'programs'}); Ctrl-C ends it`,
  );
};

/** Tells of losses when there are more than before: within a second, and at the end. */
class LossReporter {
  readonly #loaded: LoadedObject;
  /** What has been told of each map and program. */
  readonly #told = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(loaded: LoadedObject) {
    this.#loaded = loaded;
  }

  start(): void {
    this.#timer = setInterval(() => this.#tell(), 1000);
    this.#timer.unref();
  }

  finish(): void {
    clearInterval(this.#timer);
    this.#tell();
  }

  #tell(): void {
    const { refused, missed } = this.#loaded.losses();
    for (const [map, count] of Object.entries(refused)) {
      const larger = isBuffer(this.#loaded.maps[map]) ? ' (--buffer makes it larger)' : '';
      this.#more(count, `${map} was full${larger}`);
    }
    for (const [program, count] of Object.entries(missed))
      this.#more(count, `the kernel skipped ${program} while another program was running`);
  }

  /** Only what was lost since the last time: the numbers of all lines add up to what was lost in all. */
  #more(count: number, why: string): void {
    const more = count - (this.#told.get(why) ?? 0);
    if (more <= 0) return;
    this.#told.set(why, count);
    say(`lost ${more}: ${why}`);
  }
}

/** Whether it is a buffer of events, which the user can choose the size of. */
const isBuffer = (map: unknown): boolean => map instanceof RingBuffer || map instanceof PerfBuffer;

const toolHelp = ({
  name,
  summary,
  description,
  examples,
  options,
  positionals = [],
}: Tool): string[] => {
  const width = Math.max(0, ...(examples ?? []).map(([line]) => line.length));
  const places = positionals
    .map((each) => ` [${options[each]!.placeholder ?? each.toUpperCase()}]`)
    .join('');
  return [
    `beespoke ${name} [options]${places}`,
    '',
    `${summary[0]!.toUpperCase()}${summary.slice(1)}.`,
    ...(description ? ['', description] : []),
    '',
    ...helpOf(allOptions(options), positionals),
    ...(examples
      ? [
          '',
          'Examples:',
          ...examples.map(([line, meaning]) => `  beespoke ${line.padEnd(width)}  ${meaning}`),
        ]
      : []),
  ];
};
