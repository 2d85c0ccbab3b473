/**
 * @module
 * Read-only global variables of an object as options: `const volatile pid_t target_pid` is `--target-pid`.
 */
import { type Btf, BtfError } from '../btf/index.ts';
import type { Layout, Member } from '../layout/index.ts';
import { decode } from '../layout/index.ts';
import type { AnyMapSpec, ObjectSpec } from '../object/index.ts';
import type { Option, OptionTable } from '../programs/tool.ts';
import { UsageError } from './errors.ts';
import type { Given } from './options.ts';

/** A variable that can be set, under the name of its option. */
interface Variable {
  readonly name: string;
  readonly layout: Layout;
  /** What the file says. */
  readonly value: unknown;
}

/** The variables by the camelCase names of their options. */
export type Variables = ReadonlyMap<string, Variable>;

/** The variables of an object that can be set. `taken` are names of options that mean something else. */
export const variablesOf = (spec: ObjectSpec, taken: OptionTable): Variables => {
  const found = new Map<string, Variable>();
  for (const [map, { section, value: layout, initial }] of Object.entries(spec.maps)) {
    if (section !== 'rodata' || layout?.kind !== 'struct') continue;
    const [first] = initial ?? [];
    const values = (
      first instanceof Uint8Array ? decode(layout as Layout, first) : (first ?? {})
    ) as Readonly<Record<string, unknown>>;
    for (const { name, layout: own } of layout.members as readonly Member[]) {
      if (!isSettable(own) || !/^[A-Za-z]\w*$/.test(name)) continue;
      if (spec.types && !isVolatile(spec.types, map, name)) continue;
      const option = camelCase(name);
      const free = Object.hasOwn(taken, option)
        ? `global${option[0]!.toUpperCase()}${option.slice(1)}`
        : option;
      found.set(free, { name, layout: own, value: values[name] });
    }
  }
  return found;
};

const isSettable = ({ kind }: Layout): boolean =>
  kind === 'scalar' || kind === 'enum' || kind === 'chars';

/** What is only `const` the compiler has put into the instructions already. */
const isVolatile = (types: Btf, map: string, name: string): boolean => {
  const id = types.findByName(map, 'datasec');
  const section = id === undefined ? undefined : types.type(id);
  if (section?.kind !== 'datasec') return false;
  const variable = section.variables.find(({ type }) => types.name(type) === name);
  let type = variable && types.type(variable.type);
  for (let depth = 0; type && depth < 32; depth++) {
    if (type.kind === 'volatile') return true;
    if (type.kind !== 'var' && type.kind !== 'const' && type.kind !== 'array') return false;
    type = types.type(type.type);
  }
  throw new BtfError(`the type of ${name} is qualified without end`);
};

/** `targ_pid` is targPid. */
const camelCase = (name: string): string =>
  name
    .replace(/_+([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase())
    .replace(/_+$/, '')
    .replace(/^[A-Z]+/, (capitals) => capitals.toLowerCase());

/** The options of variables. */
export const tableOf = (variables: Variables): OptionTable =>
  Object.fromEntries(
    [...variables].map(([option, { name, layout, value }]): [string, Option] => {
      const help = `the variable ${name}, of type ${typeName(layout)}; default ${valueText(value)}`;
      if (value === false) return [option, { type: 'boolean', help }];
      return [option, { type: 'text', placeholder: placeholderOf(layout), help }];
    }),
  );

const typeName = (layout: Layout): string => {
  if (layout.kind === 'chars') return `char[${layout.size}]`;
  return 'name' in layout ? layout.name : layout.kind;
};
const valueText = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value) : String(value);
const placeholderOf = (layout: Layout): string =>
  layout.kind === 'chars' ? 'TEXT' : layout.kind === 'enum' ? 'NAME' : 'NUMBER';

/** What was given, by the names of the variables. Throws a UsageError for a value that does not fit. */
export const valuesOf = (variables: Variables, given: Given): Record<string, unknown> => {
  const values: Record<string, unknown> = {};
  for (const [option, { name, layout, value }] of variables) {
    const text = given[option];
    if (text === undefined || text === value) continue;
    values[name] = text === true ? true : parse(name, layout, String(text));
  }
  return values;
};

const parse = (name: string, layout: Layout, text: string): unknown => {
  const refuse = (expected: string): never => {
    throw new UsageError(`the variable ${name} takes ${expected}, got ${JSON.stringify(text)}`);
  };
  if (layout.kind === 'chars') {
    if (Buffer.byteLength(text) < layout.size) return text;
    return refuse(`at most ${layout.size - 1} bytes`);
  }
  if (layout.kind === 'enum') {
    if (Object.hasOwn(layout.values, text)) return text;
    if (/^\d+$/.test(text)) return Number(text);
    return refuse(`one of ${Object.keys(layout.values).join(', ')}`);
  }
  if (layout.kind !== 'scalar') return refuse('no value');
  if (layout.repr === 'boolean') {
    if (text === 'true' || text === 'false') return text === 'true';
    return refuse('true or false');
  }
  const bits = BigInt(layout.size * 8);
  const [least, most] = layout.signed
    ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n]
    : [0n, (1n << bits) - 1n];
  const found = /^(-?)(0[xX][\da-fA-F]{1,16}|\d{1,20})$/.exec(text);
  const value = found ? BigInt(found[2]!) * (found[1] ? -1n : 1n) : most + 1n;
  if (value < least || value > most) return refuse(`a whole number from ${least} to ${most}`);
  return layout.repr === 'bigint' ? value : Number(value);
};

/** The maps whose variables programs write to. */
export const writtenMaps = ({ maps }: ObjectSpec): string[] =>
  Object.entries(maps as Readonly<Record<string, AnyMapSpec>>)
    .filter(
      ([, { section, value }]) =>
        (section === 'bss' || section === 'data') && value?.kind === 'struct',
    )
    .map(([name]) => name);
