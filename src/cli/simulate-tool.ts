/**
 * @module
 * `beespoke TOOL --simulate`: plays a small recorded world through the tool's real programs, on any system and without
 * privileges. What is printed is what the tool prints.
 */
import type {
  EventOutput,
  IntervalOutput,
  Option,
  OptionTable,
  Tool,
  TraceOutput,
} from '../programs/tool.ts';
import { type Mock, Simulation } from '../sim/index.ts';
import { DONE, UsageError } from './errors.ts';
import { eventLines } from './event-lines.ts';
import { takeEntries } from './interval-entries.ts';
import { parseOptions, parseSize } from './options.ts';
import { printable } from './printable.ts';
import { headerOf, jsonLine, listingLines, now, Printer, rowOf, say } from './printer.ts';
import { RECORDINGS } from './recordings.ts';
import { recordedSystem } from './recordings-machine.ts';
import { attachRecorded } from './simulate-attach.ts';
import { TOOL_OPTIONS } from './tool-options.ts';

/** Plays the world of a tool with command-line arguments. Resolves to the exit status. */
export const simulateTool = async (tool: Tool, args: readonly string[]): Promise<number> => {
  const recording = Object.hasOwn(RECORDINGS, tool.name) ? RECORDINGS[tool.name] : undefined;
  if (!recording) {
    const known = Object.keys(RECORDINGS).join(', ');
    throw new UsageError(
      `--simulate: there is no recorded world for ${tool.name}, but for ${known}`,
    );
  }
  const given = optionsOf(tool, args);
  const wrong = tool.conflict?.(given as never) ?? tool.missing?.(given as never);
  if (wrong) throw new UsageError(wrong);
  const listing = tool.listing?.(given as never, recordedSystem);
  const printer = new Printer(() => {});
  if (listing) {
    await printer.lines(listingLines(listing, given.json));
    return DONE;
  }
  const options: Options = { ...given, ...tool.find?.(given as never, recordedSystem) };
  const object = tool.object(options as never);
  let cookie = 0;
  const simulation = new Simulation(object, {
    ...recording.world,
    helpers: { get_attach_cookie: () => cookie },
  });
  const attached = attachRecorded(object, tool.attach?.(options as never) ?? {}, simulation);
  limitToCgroup(tool, options, simulation);
  say(`${tool.name}: a recorded world is played, nothing of this machine is shown`);
  const show = shownBy(tool, options, simulation);
  const fs = fileSystem(recording.directory ?? [], simulation);
  const end = simulation.time + BigInt(options.duration ?? Number.MAX_SAFE_INTEGER) * SECOND;
  await printer.lines(show.head);
  for (const step of recording.steps) {
    const { program, place, task, cpu, after = 0 } = step;
    const time = simulation.time + BigInt(after);
    // What is due at the end is shown there.
    await printer.lines(show.until(time < end ? time : end - 1n));
    if (time >= end || show.ended()) break;
    simulation.advance(after);
    if (task) simulation.task = { ...task, fs };
    if (cpu !== undefined) simulation.cpu = cpu;
    const context = typeof step.context === 'function' ? step.context(simulation) : step.context;
    // Options may have left it out.
    if (program !== undefined) simulation.programs[program]?.run(context);
    for (const each of attached) {
      const isThere =
        each.place === place && (each.pid ?? simulation.task.tgid) === simulation.task.tgid;
      if (!isThere) continue;
      cookie = each.cookie;
      simulation.programs[each.program]?.run(context);
    }
    await printer.lines(show.afterStep());
  }
  await printer.lines(show.atEnd());
  for (const [map, count] of Object.entries(simulation.losses()))
    if (count > 0) say(`lost ${count}: ${map} was full`);
  return DONE;
};

const SECOND = 1_000_000_000n;

type Options = Readonly<Record<string, unknown>> & {
  readonly json: boolean;
  readonly duration: number | undefined;
};

/** Numbers of processes and CPUs are those of the recorded world. */
const optionsOf = (tool: Tool, args: readonly string[]): Options => {
  const own = Object.entries(tool.options).map(([name, option]) => [name, recorded(option)]);
  const table: OptionTable = { ...TOOL_OPTIONS, ...Object.fromEntries(own) };
  const given = parseOptions(args, table, tool.positionals);
  const { buffer } = given;
  return {
    ...given,
    json: given.json === true,
    duration: given.duration as number | undefined,
    buffer: buffer === undefined ? undefined : parseSize('--buffer', String(buffer)),
  };
};

const recorded = (option: Option): Option => {
  if (option.type === 'pid') return { ...option, type: 'number', min: 1, max: 2 ** 22 };
  return option.type === 'cpu' ? { ...option, type: 'number', max: 2 ** 16 } : option;
};

/** The recorded world has the paths of the hierarchy alone. */
const limitToCgroup = (tool: Tool, options: Options, { maps }: Simulation): void => {
  const name = Object.entries(tool.options).find(([, { type }]) => type === 'cgroup')?.[0];
  const path = name === undefined ? undefined : options[name];
  if (typeof path !== 'string' || tool.cgroups === undefined) return;
  const map = maps[tool.cgroups] as unknown as { set(index: number, path: string): void };
  map.set(0, path.replace(/^\/sys\/fs\/cgroup(?=\/|$)/, '') || '/');
};

/** What a task has of the file system: a working directory, in the mount of the root. */
const fileSystem = (directory: readonly string[], { kernel }: Simulation): Mock => {
  const top: Mock & { d_parent?: Mock } = { d_name: { name: '/' } };
  top.d_parent = top; // the root is above itself
  const root = kernel.place('dentry', top);
  const dentry = directory.reduce(
    (d_parent, name) => kernel.place('dentry', { d_name: { name }, d_parent }),
    root,
  );
  const mount: Mock & { mnt_parent?: Mock } = { mnt: { mnt_root: root }, mnt_mountpoint: root };
  mount.mnt_parent = mount;
  // A path has the address of the part of a mount that file systems see, which is its start.
  return { pwd: { mnt: kernel.place('mount', mount), dentry } };
};

/** The lines of a tool: before, each interval until a time, after each step, and at the end. */
interface Shown {
  readonly head: readonly string[];
  until(time: bigint): readonly string[];
  /** Whether it has shown as much as it was to show. */
  ended(): boolean;
  afterStep(): readonly string[];
  atEnd(): readonly string[];
}

const shownBy = ({ output }: Tool, options: Options, simulation: Simulation): Shown => {
  switch (output.kind) {
    case 'events':
      return events(output, options, simulation);
    case 'interval':
      return sums(output, options, simulation);
    case 'trace':
      return lines(output, options, simulation);
  }
};

const none = (): readonly string[] => [];
const never = (): boolean => false;

const events = (
  output: EventOutput<OptionTable, unknown>,
  options: Options,
  { maps }: Simulation,
): Shown => {
  const { head, of } = eventLines(output, options, recordedSystem);
  const buffer = maps[output.buffer] as unknown as Iterable<unknown>;
  return {
    head,
    until: none,
    ended: never,
    afterStep: () => of([...buffer], now()),
    atEnd: none,
  };
};

const sums = (
  output: IntervalOutput<OptionTable, unknown, unknown>,
  options: Options,
  simulation: Simulation,
): Shown => {
  const values = options as never;
  const banner = output.banner?.(values);
  const seconds = output.seconds(values);
  const count = output.count(values) ?? Number.POSITIVE_INFINITY;
  const before = new Map<unknown, unknown>();
  let due = simulation.time;
  let shown = 0;
  const summary = (): readonly string[] => {
    shown++;
    const entries = takeEntries(simulation.maps, output, before, () => {});
    return options.json
      ? output.json(entries, values, now()).map(jsonLine)
      : output.text(entries, values, now()).map(printable);
  };
  return {
    head: options.json || banner === undefined ? [] : [banner],
    until(time) {
      const all: string[] = [];
      while (seconds !== undefined && shown < count && due + BigInt(seconds) * SECOND <= time) {
        due += BigInt(seconds) * SECOND;
        all.push(...summary());
      }
      return all;
    },
    ended: () => shown >= count,
    afterStep: none,
    atEnd: () => (shown < count ? summary() : []),
  };
};

const lines = (
  output: TraceOutput<OptionTable>,
  options: Options,
  simulation: Simulation,
): Shown => {
  const values = options as never;
  const columns = output.columns(values);
  let told = 0;
  return {
    head: options.json ? [] : [headerOf(columns)],
    until: none,
    ended: never,
    afterStep() {
      const printed = simulation.printed.slice(told);
      told += printed.length;
      const { cpu, task } = simulation;
      const timeNs = Number(simulation.time);
      return printed.map((message) => {
        const line = { task: task.comm, pid: task.pid, cpu, timeNs, message };
        return options.json ? jsonLine(output.json(line, values)) : rowOf(columns, line, now());
      });
    },
    atEnd: none,
  };
};
