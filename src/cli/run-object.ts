/**
 * @module
 * Runs an object that is no tool, from a file or a module: what its programs send is shown by its types.
 */
import { assemble, BPF_CALL, BPF_JMP } from '../asm/index.ts';
import { type LoadedObject, loadObject, PerfBuffer } from '../kernel/index.ts';
import type { Layout } from '../layout/index.ts';
import {
  type AnyMapSpec,
  type Hook,
  layoutOf,
  type ObjectSpec,
  RequirementError,
  variantsOf,
} from '../object/index.ts';
import { traceLines } from '../programs/common.ts';
import type { OptionTable, TraceOutput } from '../programs/tool.ts';
import { changesOf } from './changes.ts';
import { UsageError } from './errors.ts';
import { eventOutput } from './event-columns.ts';
import { eventStructOf, isBuffer } from './event-type.ts';
import { writtenMaps } from './object-globals.ts';
import type { Given } from './options.ts';
import { say } from './printer.ts';
import { runEvents } from './run-events.ts';
import { attachPlaced, missingPlaces, placeOf } from './run-places.ts';
import { type Run, runLoaded } from './run-tool.ts';
import { runTrace } from './run-trace.ts';
import { runValues } from './run-values.ts';

export interface RunObjectOptions {
  readonly name: string;
  /** Values of its global variables. */
  readonly globals: Readonly<Record<string, unknown>>;
  /** Structs of its events by map, as the user has named them. */
  readonly events: ReadonlyMap<string, string>;
  readonly allowChanges: boolean;
  readonly pin: boolean;
  /** The options of run-places.ts. */
  readonly places: Given;
}

/** Loads and attaches an object, and shows what it sends until it is stopped. Resolves to the exit status. */
export const runObject = (
  spec: ObjectSpec,
  { name, globals, events, allowChanges, pin, places }: RunObjectOptions,
  options: Run['options'],
): Promise<number> => {
  const programs = attachable(spec, name, places);
  const changes = [...changesOf(spec, programs)].map(([what, why]) => `${what} (${why})`);
  if (changes.length > 0 && !allowChanges)
    throw new UsageError(
      `${name} can change what the system does: ${changes.join(', ')}; --allow-changes runs it all the same`,
    );
  if (changes.length > 0) say(`${name} can change what the system does: ${changes.join(', ')}`);
  const buffers = buffersOf(spec, programs, events);
  return runLoaded(
    {
      name,
      load: () =>
        loadObject(spec, {
          programs,
          globals,
          lines: options.verbose,
          ...(!pin && { pinPath: '' }),
        }) as LoadedObject,
      attach: (loaded) => attachPlaced(loaded, places),
      show: (run) => show(spec, programs, buffers, run),
    },
    options,
  );
};

// ----------
// Programs
// ----------

/**
 * The programs that can be attached; the others are named, with what they lack. Throws a UsageError or a
 * RequirementError when there are none.
 */
const attachable = (spec: ObjectSpec, name: string, places: Given): string[] => {
  const can: string[] = [];
  /** By the options that they lack. */
  const unplaced = new Map<string, string[]>();
  const impossible: string[] = [];
  for (const [program, entry] of Object.entries(spec.programs)) {
    const variants = variantsOf(entry);
    if (variants.some(({ autoload }) => autoload === false)) continue;
    const lacking = variants.map(({ hook }) => lackOf(hook, places));
    const missing = lacking.find((each) => each === undefined || each.length > 0);
    const label = `${program} (${variants[0]!.hook.section})`;
    if (lacking.includes(undefined)) impossible.push(label);
    else if (missing) {
      const options = missing.join(' and ');
      unplaced.set(options, [...(unplaced.get(options) ?? []), label]);
    } else can.push(program);
  }
  const needed = [...unplaced].map(([options, labels]) => `${options} for ${labels.join(', ')}`);
  if (can.length === 0 && needed.length > 0)
    throw new UsageError(
      `${name} does not say where to attach its programs; give ${needed.join('; ')}`,
    );
  if (can.length === 0)
    throw new RequirementError(
      impossible.length === 0
        ? `${name} has no programs that load by themselves`
        : `${name} has no programs that can be attached from here: ${impossible.join(', ')}`,
    );
  for (const [options, labels] of unplaced)
    say(`left out without ${options}: ${labels.join(', ')}`);
  if (impossible.length > 0)
    say(`left out, since they cannot be attached from here: ${impossible.join(', ')}`);
  return can;
};

/** The options that a program lacks; undefined where none can place it. Checks those that are given. */
const lackOf = (hook: Hook, places: Given): readonly string[] | undefined => {
  // What implements operations of the kernel is attached with the map that holds them.
  if (hook.type.startsWith('struct_ops')) return [];
  placeOf(hook, places);
  return missingPlaces(hook, places);
};

/** trace_printk and trace_vprintk. */
const PRINTERS: readonly number[] = [6, 177];

const prints = (spec: ObjectSpec, programs: readonly string[]): boolean =>
  programs.some((program) =>
    variantsOf(spec.programs[program]!).some(({ body }) =>
      assemble(body, () => true).instructions.some(
        ({ opcode, src, imm }) =>
          opcode === (BPF_JMP | BPF_CALL) && src === 0 && PRINTERS.includes(imm),
      ),
    ),
  );

// ----------
// Output
// ----------

interface Buffer {
  readonly name: string;
  readonly layout: Layout | undefined;
  /** Whether its reader gives bytes. */
  readonly raw: boolean;
}

const buffersOf = (
  spec: ObjectSpec,
  programs: readonly string[],
  events: ReadonlyMap<string, string>,
): Buffer[] => {
  const maps = Object.entries(spec.maps as Readonly<Record<string, AnyMapSpec>>).filter(([, map]) =>
    isBuffer(map),
  );
  for (const name of events.keys())
    if (!maps.some(([map]) => map === name))
      throw new UsageError(
        `--event: there is no ring or perf buffer ${JSON.stringify(name)}${maps.length > 0 ? `: ${maps.map(([map]) => map).join(', ')}` : ''}`,
      );
  const sending: ObjectSpec = {
    ...spec,
    programs: Object.fromEntries(programs.map((name) => [name, spec.programs[name]!])),
  };
  return maps.map(([name, map]): Buffer => {
    const named = events.get(name);
    if (map.value?.kind === 'struct' || !isUntyped(map)) {
      if (named !== undefined)
        throw new UsageError(`--event: the file says itself what the events of ${name} are`);
      return { name, layout: map.value as Layout, raw: false };
    }
    const layout =
      named === undefined ? eventStructOf(sending, map) : structNamed(spec, name, named);
    if (!layout)
      say(
        `${name}: nothing says what its events are, so their bytes are shown; --event ${name}=STRUCT names a struct of the file`,
      );
    return { name, layout, raw: true };
  });
};

/** The values of a perf buffer of a file are the numbers of descriptors, those of a ring are nothing. */
const isUntyped = ({ value, key, type }: AnyMapSpec): boolean =>
  value === undefined || (type === 'perf_event_array' && key !== undefined);

const structNamed = ({ types }: ObjectSpec, map: string, struct: string): Layout => {
  const id = types?.findByName(struct, 'struct');
  if (types && id !== undefined) return layoutOf(types, id);
  throw new UsageError(
    `--event ${map}=${struct}: the file has no type information of a struct ${JSON.stringify(struct)}; a variable \`struct ${struct} *unused;\` brings it in`,
  );
};

const show = async (
  spec: ObjectSpec,
  programs: readonly string[],
  buffers: readonly Buffer[],
  run: Run,
): Promise<void> => {
  if (buffers.length > 0) {
    const named = buffers.length > 1;
    const outputs = buffers.map(({ name: buffer, layout, raw }) =>
      eventOutput({ buffer, layout, raw, named }),
    );
    await Promise.all(outputs.map((output) => runEvents(output, run)));
    tellLost(run.loaded);
  } else if (prints(spec, programs)) await runTrace(TRACE, run);
  else await runValues(writtenMaps(spec), run);
};

/** What a file's ring refuses only its programs know; of perf buffers the kernel tells. */
const tellLost = ({ maps }: LoadedObject): void => {
  for (const [name, map] of Object.entries(maps)) {
    const lost =
      (map as unknown) instanceof PerfBuffer
        ? (map as unknown as PerfBuffer<unknown>).kernelLost
        : 0;
    if (lost > 0) say(`lost ${lost}: ${name} was full`);
  }
};

/** All that comes through the pipe: its lines do not say whose they are. */
const TRACE: TraceOutput<OptionTable> = {
  kind: 'trace',
  ours: () => true,
  ...traceLines,
};
