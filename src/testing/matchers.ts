/**
 * @module
 * What tests say of programs, of their runs and of what they leave behind, as matchers for vitest's `expect`.
 */
import { print, slotCount } from '../asm/index.ts';
import { decode, type Layout } from '../layout/index.ts';
import type { AnyMapSpec, ObjectSpec, ProgramEntry } from '../object/index.ts';
import { variantsOf } from '../object/index.ts';
import { objectOf, SimulatedProgram, Simulation } from '../sim/index.ts';
import { assembledOf, sizeOf } from './assembled.ts';
import { emittedBy } from './emitted.ts';
import type { EmittedBy, EntriesOf, MapName, Part } from './types.ts';
import { verdictOn } from './verdict.ts';

/** The matchers, for a value of type `T`. */
export interface ProgramMatchers<T> {
  /**
   * That the verifier takes the programs of an object, or one program: the kernel's where there is one and it may be
   * asked, else the static checks, which find less. The message says which.
   */
  toPassVerifier(): void;
  /** That a run returned it: a number is compared with the lower 32 bits of r0, a bigint with all 64. */
  toReturnValue(value: number | bigint): void;
  /**
   * That a buffer got an event with these fields, among others perhaps; without any, that it got one at all. Events are
   * taken out of the buffer, and remembered for the next `toEmit`.
   */
  toEmit(event?: Part<EmittedBy<T>>): void;
  /** That a map of a simulation or a loaded object holds these entries in any order, and no other but zeros of arrays. */
  toHaveMap<N extends MapName<T>>(name: N, entries: EntriesOf<T, N>): void;
  /** That a program has these instructions, as the kernel prints them; numbers before them and comments are ignored. */
  toDisassembleTo(text: string): void;
  /**
   * Of a run: that it executed no more instructions. Of a simulated program: that it has no more 8-byte slots of them
   * in its world. Of a program or an object: that no variant has, whatever is decided, or needs more bytes of stack
   * through all its calls.
   */
  toUseAtMost(limits: Limits): void;
}

export interface Limits {
  readonly instructions?: number | undefined;
  readonly stack?: number | undefined;
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  interface Matchers<T = any> extends ProgramMatchers<T> {}
}

/** What the matchers use of the `this` that vitest calls them with. */
export interface MatcherContext {
  readonly isNot?: boolean;
  equals(a: unknown, b: unknown, testers?: Tester[]): boolean;
  readonly utils: {
    stringify(value: unknown, depth?: number, options?: { readonly min: boolean }): string;
    readonly iterableEquality: Tester;
    readonly subsetEquality: Tester;
  };
}
type Tester = (this: never, a: never, b: never, testers: never) => boolean | undefined;

interface Result {
  readonly pass: boolean;
  readonly message: () => string;
  /** What vitest shows the difference of. */
  readonly actual?: unknown;
  readonly expected?: unknown;
}

type Spec = ObjectSpec | ProgramEntry;

/** A value on one line. */
const shown = ({ utils }: MatcherContext, value: unknown): string =>
  utils.stringify(value, undefined, { min: true });

function toPassVerifier(this: MatcherContext, received: unknown): Result {
  const spec = specOf(received, 'toPassVerifier');
  const { pass, judge, why } = verdictOn(spec.kind === 'object' ? spec : objectOf(bestOf(spec)));
  const message = () =>
    pass
      ? `expected the verifier to refuse it, but it passes; ${judge}`
      : `expected it to pass the verifier; ${judge}:\n${why}`;
  return { pass, message };
}

function toReturnValue(this: MatcherContext, received: unknown, expected: number | bigint): Result {
  const { returnValue, value } = (received ?? {}) as { returnValue?: unknown; value?: bigint };
  if (typeof returnValue !== 'number')
    throw new TypeError(
      `toReturnValue: the result of a run, as programs.NAME.run() gives it, got ${typeof received}`,
    );
  const all = typeof expected === 'bigint' && value !== undefined;
  const bits = all ? 64 : 32;
  if (!fits(expected, bits))
    throw new TypeError(
      `toReturnValue: a whole number of ${bits} bits${all ? '' : ' (a bigint is compared with all of r0, where that is known)'}, got ${expected}`,
    );
  const actual = all ? value : BigInt(returnValue);
  const pass = BigInt.asIntN(bits, BigInt(expected)) === BigInt.asIntN(bits, actual);
  const message = () =>
    `expected the program ${this.isNot ? 'not ' : ''}to return ${expected}, it returned ${all ? actual : returnValue}`;
  return { pass, message, actual: all ? actual : returnValue, expected };
}

/** Whether it is a whole number of so many bits, with or without a sign. */
const fits = (value: unknown, bits: number): boolean =>
  (typeof value === 'bigint' || Number.isInteger(value)) &&
  (value as number) >= -(2 ** (bits - 1)) &&
  (value as number) < 2 ** bits;

function toEmit(this: MatcherContext, received: unknown, ...expected: readonly unknown[]): Result {
  const events = emittedBy(received);
  if (!events)
    throw new TypeError(
      `toEmit: a ring buffer or perf buffer, such as maps.events, got ${shown(this, received)}`,
    );
  const { iterableEquality, subsetEquality } = this.utils;
  const pass =
    expected.length === 0
      ? events.length > 0
      : events.some((each) => this.equals(each, expected[0], [iterableEquality, subsetEquality]));
  const what = expected.length === 0 ? 'an event' : shown(this, expected[0]);
  const got = events.length === 0 ? 'there was no event' : `the events were ${shown(this, events)}`;
  const message = () => `expected the buffer ${this.isNot ? 'not ' : ''}to get ${what}; ${got}`;
  return { pass, message, ...(expected.length > 0 && { actual: events, expected }) };
}

function toHaveMap(
  this: MatcherContext,
  received: unknown,
  name: string,
  entries: unknown,
): Result {
  const { maps } = (received ?? {}) as { maps?: Readonly<Record<string, unknown>> };
  if (!maps)
    throw new TypeError(
      'toHaveMap: what has maps, as simulate() and loadObject() return it; its name comes first',
    );
  const map = maps[name];
  const readable = Object.keys(maps).filter(
    (each) => isTable(maps[each]) || isVariables(maps[each]),
  );
  if (!isTable(map) && !isVariables(map))
    throw new TypeError(
      `toHaveMap: there is no table or variables ${name}, but ${readable.join(', ') || 'none'}; toEmit is for buffers, and a spec is to be simulated first`,
    );
  const { iterableEquality, subsetEquality } = this.utils;
  if (!isTable(map)) {
    const actual = map.values();
    const pass = this.equals(actual, entries, [iterableEquality, subsetEquality]);
    const message = () =>
      this.isNot
        ? `expected ${name} not to have ${shown(this, entries)}`
        : `expected ${name} to have these values`;
    return { pass, message, actual, expected: entries };
  }
  if (typeof (entries as Partial<Iterable<unknown>> | undefined)?.[Symbol.iterator] !== 'function')
    throw new TypeError(
      `toHaveMap: pairs of key and value, as [[7, 2n]], got ${shown(this, entries)}`,
    );
  const expected = [...(entries as Iterable<readonly [unknown, unknown]>)];
  const isMentioned = (key: unknown) => expected.some(([each]) => this.equals(each, key));
  const actual = [...map.entries()].filter(
    ([key, value]) => isMentioned(key) || !this.equals(value, initialOf(map.spec, value)),
  );
  const pass =
    actual.length === expected.length &&
    expected.every((entry) => actual.some((each) => this.equals(each, entry, [iterableEquality])));
  const message = () =>
    this.isNot
      ? `expected ${name} not to hold ${shown(this, expected)}`
      : `expected ${name} to hold these entries`;
  return { pass, message, actual: new Map(actual), expected: new Map(expected) };
}

interface Table {
  readonly spec: AnyMapSpec;
  entries(): Iterable<readonly [unknown, unknown]>;
}

const isTable = (map: unknown): map is Table =>
  typeof (map as Partial<Table> | undefined)?.entries === 'function';

const isVariables = (map: unknown): map is { values(): unknown } =>
  typeof (map as { values?: unknown } | undefined)?.values === 'function';

/** What is in an array where nobody has written; undefined for maps that hold what was written only. */
const initialOf = ({ type, value }: AnyMapSpec, found: unknown): unknown => {
  if (!type.endsWith('array')) return undefined;
  const layout = value as Layout;
  const zero = decode(layout, new Uint8Array(layout.size));
  return type.startsWith('percpu') ? (found as unknown[]).map(() => zero) : zero;
};

function toDisassembleTo(this: MatcherContext, received: unknown, text: string): Result {
  const actual = instructionsOf(received).map((instruction) => print(instruction));
  const expected = text
    .split('\n')
    .map((line) =>
      line
        .replace(/;.*$/, '')
        .replace(/^\s*\d+:\s*(?:\([0-9a-f]{2}\))?/, '')
        .trim(),
    )
    .filter((line) => line !== '');
  const message = () =>
    `expected the program ${this.isNot ? 'not ' : ''}to have these instructions`;
  const pass = actual.join('\n') === expected.join('\n');
  return { pass, message, actual: actual.join('\n'), expected: expected.join('\n') };
}

/** Those of a program of a simulation are as its world has made them. */
const instructionsOf = (received: unknown) => {
  if (received instanceof SimulatedProgram) return received.instructions;
  const spec = specOf(received, 'toDisassembleTo');
  if (spec.kind === 'object')
    throw new TypeError('toDisassembleTo: one program, as simulate(object).programs.NAME');
  return new Simulation(objectOf(bestOf(spec))).programs.program!.instructions;
};

function toUseAtMost(this: MatcherContext, received: unknown, limits: Limits): Result {
  const uses = usesOf(received, limits);
  const over = uses.flatMap(({ name, ...use }) =>
    (['instructions', 'stack'] as const).flatMap((what) => {
      const [used, limit] = [use[what], limits[what]];
      const unit = what === 'stack' ? 'bytes of stack' : 'instructions';
      return used === undefined || limit === undefined || used <= limit
        ? []
        : [`${name} uses ${used} ${unit}, more than ${limit}`];
    }),
  );
  const message = () =>
    over.length > 0
      ? [...new Set(over)].join('\n')
      : `expected it to use more than ${shown(this, limits)}, it uses ${shown(this, uses)}`;
  return { pass: over.length === 0, message };
}

interface Use {
  readonly name: string;
  readonly instructions: number;
  readonly stack?: number;
}

const usesOf = (received: unknown, { stack }: Limits): readonly Use[] => {
  const instructions = instructionCount(received);
  if (instructions === undefined)
    return assembledOf(specOf(received, 'toUseAtMost')).map(({ name, assembly }) => ({
      name,
      ...sizeOf(assembly),
    }));
  if (stack === undefined) return [{ name: 'it', instructions }];
  throw new TypeError('toUseAtMost: ask for the stack of a program or an object, before it is run');
};

/** Of what the test's world has made of a program, or of a run. */
const instructionCount = (received: unknown): number | undefined => {
  if (received instanceof SimulatedProgram) return slotCount(received.instructions);
  const { instructions } = (received ?? {}) as { instructions?: unknown };
  return typeof instructions === 'number' ? instructions : undefined;
};

const specOf = (received: unknown, matcher: string): Spec => {
  const { kind } = (received ?? {}) as { kind?: unknown };
  if (/^(object|program|first-of|optional)$/.test(String(kind))) return received as Spec;
  throw new TypeError(
    `${matcher}: a program or an object, before it is simulated or loaded, got ${String(kind ?? typeof received)}`,
  );
};

const bestOf = (entry: ProgramEntry) => variantsOf(entry)[0]!;

/** For `expect.extend`. */
export const matchers = {
  toPassVerifier,
  toReturnValue,
  toEmit,
  toHaveMap,
  toDisassembleTo,
  toUseAtMost,
};
