/**
 * @module
 * Values that global variables get before an object is loaded: put by name into the bytes that their maps start with.
 *
 *     globalBytes(spec.maps, { target_pid: 4711 }).get('.rodata'); // Uint8Array [0x67, 0x12, 0, 0, ...]
 */
import { encode, type Layout, type Member, placedStruct } from '../layout/index.ts';
import type { AnyMapSpec } from './map-spec.ts';

/** A variable, and the map that holds it. */
interface Variable {
  readonly map: string;
  readonly member: Member;
}

/**
 * The first values of the maps that have one of these variables, by the names of the maps.
 * @throws TypeError for a name that no variable has, or several, and for a value of another type; RangeError for one
 * that does not fit.
 */
export const globalBytes = (
  maps: Readonly<Record<string, AnyMapSpec>>,
  values: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, Uint8Array> => {
  const bytes = new Map<string, Uint8Array>();
  const variables = variablesOf(maps);
  for (const [name, value] of Object.entries(values)) {
    const { map, member } = find(variables, name);
    const room = bytes.get(map) ?? startOf(maps[map]!);
    bytes.set(map, room);
    put(member, value, room);
  }
  return bytes;
};

const variablesOf = (maps: Readonly<Record<string, AnyMapSpec>>): Map<string, Variable[]> => {
  const found = new Map<string, Variable[]>();
  for (const [map, { section, value }] of Object.entries(maps)) {
    const layout = value as Layout | undefined;
    if (section === undefined || section === 'kconfig' || layout?.kind !== 'struct') continue;
    for (const member of layout.members) {
      const same = found.get(member.name) ?? [];
      same.push({ map, member });
      found.set(member.name, same);
    }
  }
  return found;
};

const find = (variables: ReadonlyMap<string, readonly Variable[]>, name: string): Variable => {
  const [variable, another] = variables.get(name) ?? [];
  if (!variable) {
    const known = [...variables.keys()].join(', ');
    throw new TypeError(
      `there is no global variable ${JSON.stringify(name)}${known && `: ${known}`}`,
    );
  }
  if (another)
    throw new TypeError(
      `there are several global variables ${name}, in ${variable.map} and ${another.map}; give the one you mean another name`,
    );
  return variable;
};

/** The bytes that a map starts with, as a copy. */
const startOf = ({ value, initial }: AnyMapSpec): Uint8Array => {
  const layout = value as Layout;
  const [first] = initial ?? [];
  if (first === undefined) return new Uint8Array(layout.size);
  return first instanceof Uint8Array ? first.slice() : encode(layout, first as never);
};

/** Writes one variable, and nothing beside it. */
const put = (member: Member, value: unknown, room: Uint8Array): void => {
  const { name, layout, offset, bitOffset } = member;
  const alone = placedStruct('globals', [member], { size: room.length, align: 1, union: false });
  const bytes = encode(alone, { [name]: value });
  if (layout.kind !== 'bitfield') {
    room.set(bytes.subarray(offset, offset + layout.size), offset);
    return;
  }
  for (let bit = bitOffset; bit < bitOffset + layout.width; bit++) {
    const mask = 1 << (bit & 7);
    room[bit >> 3] = (room[bit >> 3]! & ~mask) | (bytes[bit >> 3]! & mask);
  }
};
