/**
 * @module
 * The maps and variables of an object that was written as text.
 */
import { closeNames, type TextMap, type TextVariable, variableBytes } from '../asm/index.ts';
import { bytes, type Fields, type Layout, struct, u8, u16, u32, u64 } from '../layout/index.ts';
import { type AnyMapSpec, BPF_F_NO_PREALLOC, globals } from './map-spec.ts';
import type { MapType } from './map-types.ts';

type Fail = (reason: string, at: number) => never;

/** What a type of map is declared with. The keys of arrays are u32, and so are values that stand for something else. */
interface Shape {
  readonly key: 'given' | 'index' | 'none';
  readonly value: 'given' | 'number' | 'none';
  readonly flags?: number;
}

const HASH: Shape = { key: 'given', value: 'given' };
const ARRAY: Shape = { key: 'index', value: 'given' };
const REFERENCES: Shape = { key: 'index', value: 'number' };
const QUEUE: Shape = { key: 'none', value: 'given' };
const BUFFER: Shape = { key: 'none', value: 'none' };

const SHAPES: Readonly<Partial<Record<MapType, Shape>>> = {
  hash: HASH,
  percpu_hash: HASH,
  lru_hash: HASH,
  lru_percpu_hash: HASH,
  lpm_trie: { ...HASH, flags: BPF_F_NO_PREALLOC },
  array: ARRAY,
  percpu_array: ARRAY,
  stack_trace: ARRAY,
  prog_array: REFERENCES,
  perf_event_array: REFERENCES,
  cgroup_array: REFERENCES,
  devmap: REFERENCES,
  xskmap: REFERENCES,
  queue: QUEUE,
  stack: QUEUE,
  bloom_filter: QUEUE,
  ringbuf: BUFFER,
  user_ringbuf: BUFFER,
};

/** As many bytes as a layout has. */
const MOST_BYTES = 2 ** 31 - 1;

/** A map that `.map` declares. */
export const mapOfText = ({ name, type, numbers, at }: TextMap, fail: Fail): AnyMapSpec => {
  const shape = Object.hasOwn(SHAPES, type) ? SHAPES[type as MapType] : undefined;
  if (!shape) {
    const close = closeNames(type, Object.keys(SHAPES));
    return fail(
      `a text cannot declare maps of type ${type}${close.length > 0 ? `; did you mean ${close.join(', ')}?` : ''}`,
      at,
    );
  }
  const taken = ['max_entries', 'flags'];
  if (shape.key === 'given') taken.push('key');
  if (shape.value === 'given') taken.push('value');
  for (const [field, { at: place }] of numbers)
    if (!taken.includes(field))
      fail(`a map of type ${type} takes ${taken.join(', ')}, not ${field}`, place);
  const number = (field: string): number => {
    const found = numbers.get(field);
    if (found === undefined || found.value === 0)
      return fail(`map ${name} needs ${field}=, a number from 1 on`, found?.at ?? at);
    return found.value;
  };
  const sized = (field: string): Layout => {
    const size = number(field);
    if (size > MOST_BYTES)
      fail(`the ${field} of map ${name} has at most ${MOST_BYTES} bytes`, numbers.get(field)!.at);
    return layoutOf(size);
  };
  const entries = () => {
    const count = number('max_entries');
    if (type.endsWith('ringbuf') && (count < 4096 || (count & (count - 1)) !== 0))
      fail(
        `max_entries of a ${type} is its size in bytes, a power of two from 4096 on`,
        numbers.get('max_entries')!.at,
      );
    return count;
  };
  // The number of CPUs.
  const isPerf = type === 'perf_event_array' && !numbers.has('max_entries');
  return Object.freeze({
    kind: 'map',
    type: type as MapType,
    key: { given: () => sized('key'), index: () => u32, none: () => undefined }[shape.key](),
    value: { given: () => sized('value'), number: () => u32, none: () => undefined }[shape.value](),
    maxEntries: isPerf ? 0 : entries(),
    flags: (numbers.get('flags')?.value ?? 0) | (shape.flags ?? 0),
    extra: 0,
    bufferSize: 0,
  });
};

const layoutOf = (size: number): Layout => ({ 1: u8, 2: u16, 4: u32, 8: u64 })[size] ?? bytes(size);

/** The map of a section of variables, its name, and where in it each variable is. */
export const variablesOfText = (
  section: string,
  variables: readonly TextVariable[],
  fail: Fail,
) => {
  const name = identifier(section.slice(1));
  const fields = new Map<string, Layout>();
  const initial = new Map<string, unknown>();
  let isZero = true;
  for (const [index, variable] of variables.entries()) {
    const given = identifier(variable.name ?? `${name}_${index}`);
    const field = fields.has(given) ? freeName(given, index, fields) : given;
    const start = variableBytes(variable);
    if (start.length === 0) fail(`variable ${field} has no bytes`, variable.at);
    const layout = layoutOf(start.length);
    fields.set(field, layout);
    initial.set(field, startOf(layout, start));
    isZero &&= start.every((byte) => byte === 0);
  }
  if (!isZero && section.startsWith('.bss'))
    fail('variables in .bss start as zeros: put this one into .data', variables[0]!.at);
  const variable = struct(name, Object.fromEntries(fields) as Fields);
  const map = globals(variable, {
    ...(section.startsWith('.bss') ? {} : { initial: Object.fromEntries(initial) as never }),
    readonly: section.startsWith('.rodata'),
  }) as unknown as AnyMapSpec;
  const places = variable.members.flatMap(({ offset }, index) => {
    const { name, at } = variables[index]!;
    return name === undefined ? [] : [[name, { offset, at }] as const];
  });
  return { name, map, places };
};

/** BTF takes names of C: compilers give texts and sections others, as .L.str and .rodata.str1.1. */
const identifier = (name: string): string => name.replace(/\W/g, '_').replace(/^(?=\d)/, '_');

/** The name with the first number behind it that makes it another. */
const freeName = (name: string, from: number, taken: ReadonlyMap<string, unknown>): string => {
  let number = from;
  while (taken.has(`${name}_${number}`)) number++;
  return `${name}_${number}`;
};

const startOf = (layout: Layout, data: Uint8Array): unknown => {
  if (layout.kind !== 'scalar') return data;
  const value = data.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return layout.size === 8 ? value : Number(value);
};
