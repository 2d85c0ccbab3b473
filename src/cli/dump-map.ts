/**
 * @module
 * The entries of a map that is loaded, one a line.
 */
import { kernelSymbol } from '../kernel/kernel-symbols.ts';
import { type LoadedMap, loadedById } from '../kernel/loaded.ts';
import { MapContents, type MapEntry } from '../kernel/map-contents.ts';
import { DONE } from './errors.ts';
import type { Given } from './options.ts';
import { printable } from './printable.ts';
import { jsonLine, Printer, say } from './printer.ts';

/** Entries that are printed at once. */
const CHUNK = 1024;

export const dumpMap = async (map: LoadedMap, { json }: Given): Promise<number> => {
  using contents = new MapContents(map);
  let isGone = false;
  const printer = new Printer(() => {
    isGone = true;
  });
  const lineOf = json
    ? (entry: MapEntry) => jsonLine(inJson(map, contents.toJson(entry)))
    : lines(map);
  let chunk: string[] = [];
  let count = 0;
  for (const entry of contents.entries()) {
    if (isGone) return DONE;
    count++;
    if (chunk.push(lineOf(entry)) < CHUNK) continue;
    await printer.lines(chunk);
    chunk = [];
  }
  if (count === 0 && !json) say(`map ${map.id} has no entries`);
  await printer.lines(chunk);
  return DONE;
};

const PER_CPU = /percpu/;

/** The name of the field says what the value is. */
const inJson = (
  { type }: LoadedMap,
  { key, value }: MapEntry,
): Readonly<Record<string, unknown>> => {
  if (type === 'prog_array') return { key, progId: value };
  if (type.endsWith('_of_maps')) return { key, mapId: value };
  if (type === 'stack_trace' && Array.isArray(value)) return { key, addresses: addresses(value) };
  return PER_CPU.test(type) ? { key, values: value } : { key, value };
};

const lines = ({ type }: LoadedMap): ((entry: MapEntry) => string) => {
  const held = type === 'prog_array' ? 'prog' : type.endsWith('_of_maps') ? 'map' : undefined;
  const textOfValue = (value: unknown): string => {
    if (held !== undefined) return `${held} ${value}${nameOf(held, Number(value))}`;
    return type === 'stack_trace' && Array.isArray(value)
      ? addresses(value).map(frameText).join(' ')
      : textOf(value);
  };
  return ({ key, value }) =>
    printable(key === undefined ? textOfValue(value) : `${textOf(key)}: ${textOfValue(value)}`);
};

/** Those of the stack, the innermost first; what is left of the room is zeros. */
const addresses = (frames: readonly unknown[]): string[] => {
  const all = frames.map((frame) => BigInt(frame as bigint | string));
  const end = all.indexOf(0n);
  return all.slice(0, end < 0 ? undefined : end).map((address) => `0x${address.toString(16)}`);
};

/** Functions of the kernel have names; of which process the others are, the map does not say. */
const frameText = (address: string): string => {
  const symbol = kernelSymbol(BigInt(address));
  return symbol ? `${symbol.name}+0x${symbol.offset.toString(16)}` : address;
};

const nameOf = (kind: 'prog' | 'map', id: number): string => {
  const name = loadedById(kind, id)?.name;
  return name ? ` (${name})` : '';
};

/** Almost JSON: names of members without quotes, as in TypeScript; bytes in hexadecimal. */
const textOf = (value: unknown): string => {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return `[${shortened(value.map(textOf)).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, field]) => `${name}: ${textOf(field)}`);
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
};

/** So many equal elements in a row are counted: rooms for text are mostly zeros. */
const MANY = 8;

/** `0 (1024 times)` */
const shortened = (elements: readonly string[]): string[] => {
  const short: string[] = [];
  for (let at = 0, end = 0; at < elements.length; at = end) {
    const element = elements[at]!;
    while (elements[end] === element) end++;
    const count = end - at;
    short.push(...(count > MANY ? [`${element} (${count} times)`] : Array(count).fill(element)));
  }
  return short;
};
