/**
 * The section `.maps`: a variable for each map, whose type says what it is in libbpf's way, `int (*max_entries)[1024]`
 * (parse_btf_map_def of tools/lib/bpf/libbpf.c; the macros of bpf_helpers.h). The section itself is all zeros, but for
 * pointers to what maps of maps and program arrays hold from the start.
 *
 * @module
 */
import type { AnyMap } from '../asm/index.ts';
import type { MemberInput } from '../btf/index.ts';
import type { Fields, Layout, Struct } from '../layout/index.ts';
import {
  type AnyMapSpec,
  MAP_TYPES,
  type MapType,
  type ObjectSpec,
  type TypeInfo,
} from '../object/index.ts';
import { R_BPF, SHF, STB, STT } from './constants.ts';
import { ElfError } from './error.ts';
import type { ElfRelocationInput, ElfSectionInput, ElfSymbolInput } from './write.ts';

export const MAPS = '.maps';

/** `int (*name)[n]` and pointers alike. */
const POINTER = 8;
/** The declaration tag that says what a buffer's records are: the kernel takes no types for them. */
const EVENT_TAG = 'beespoke:event=';
const LIBBPF_PIN_BY_NAME = 1;

/** The types whose value is a record that programs send, not one that is kept. */
const BUFFERS: ReadonlySet<MapType> = new Set(['ringbuf', 'user_ringbuf', 'perf_event_array']);

export interface FileMaps {
  readonly sections: readonly ElfSectionInput[];
  readonly symbols: ReadonlyMap<AnyMap, ElfSymbolInput>;
}

/** Defines the maps. `program` finds the symbol of a program, for program arrays. */
export const mapsOf = (
  { maps, types: ofFile }: ObjectSpec,
  types: TypeInfo,
  program: (name: string) => ElfSymbolInput | undefined,
): FileMaps => {
  const { builder } = types;
  const defined = Object.entries(maps).filter(
    ([, { section, type }]) => section === undefined && type !== 'struct_ops',
  );
  if (defined.length === 0) return { sections: [], symbols: new Map() };
  const symbols = new Map<AnyMap, ElfSymbolInput>();
  let end = 0;
  const places = defined.map(([name, map]) => {
    const { id, size: definition } = define(name, map, types, ofFile !== undefined);
    const offset = end;
    const slots = holdsReferences(map) ? (map.initial?.length ?? 0) : 0;
    const size = definition + slots * POINTER;
    end += size;
    const what = { name, section: MAPS, value: offset, size };
    symbols.set(map, { ...what, type: STT.OBJECT, binding: STB.GLOBAL });
    return { name, map, type: builder.var(name, id), offset, size, values: offset + definition };
  });
  builder.datasec(
    MAPS,
    end,
    places.map(({ type, offset, size }) => ({ type, offset, size })),
  );
  tagEvents(
    places.map(({ type, map }) => [type, map]),
    types,
  );
  const relocations = places.flatMap(({ name, map, values }) =>
    initialValues(name, map, values, symbols, program),
  );
  const flags = SHF.WRITE | SHF.ALLOC;
  const section = { name: MAPS, flags, align: POINTER, data: new Uint8Array(end), relocations };
  return { sections: [section], symbols };
};

/** The struct that describes a map, and its size in bytes. */
const define = (name: string, map: AnyMapSpec, types: TypeInfo, ofFile: boolean) => {
  const { builder } = types;
  const members: MemberInput[] = [];
  const size = () => members.length * POINTER;
  const member = (name: string, type: number) =>
    members.push({ name, type, bitOffset: size() * 8 });
  const number = (name: string, value: number) => {
    const array = builder.array(builder.int('int', 4, 'signed'), value);
    member(name, builder.ptr(array));
  };
  number('type', MAP_TYPES[map.type].number);
  if (map.maxEntries !== 0) number('max_entries', map.maxEntries);
  if (map.flags !== 0) number('map_flags', map.flags);
  if (map.numaNode !== undefined) number('numa_node', map.numaNode);
  if (map.pinned) number('pinning', LIBBPF_PIN_BY_NAME);
  const extra = BigInt(map.extra);
  if (extra > 0xffff_ffffn)
    member('map_extra', builder.enum64('', { [`${name}_map_extra`]: extra }));
  else if (extra !== 0n) number('map_extra', Number(extra));

  for (const part of ['key', 'value'] as const) {
    const layout = map[part] as Layout | undefined;
    // The number of a CPU, and a descriptor.
    if (map.type === 'perf_event_array') number(`${part}_size`, 4);
    if (BUFFERS.has(map.type)) continue;
    if (layout === undefined || (part === 'value' && holdsReferences(map))) continue;
    const known = map.typeIds?.[part] || undefined;
    // What has no type in a file is so many bytes.
    if (ofFile && known === undefined) number(`${part}_size`, layout.size);
    else member(part, builder.ptr(known ?? types.idOf(layout)));
  }
  const end = size();
  if (holdsReferences(map)) {
    const target = map.inner
      ? define(`${name}_inner`, map.inner, types, ofFile).id
      : programType(types);
    // An array of no elements: those that the variable has follow its struct.
    member('values', builder.array(builder.ptr(target), 0));
  }
  return { id: builder.struct('', end, members), size: end };
};

/** Maps of maps, and program arrays that are not empty: their values are pointers in a file. */
const holdsReferences = ({ type, inner, initial }: AnyMapSpec): boolean =>
  inner !== undefined || (type === 'prog_array' && initial !== undefined);

/** `int (void *)`. */
const programType = ({ builder }: TypeInfo): number =>
  builder.funcProto(builder.int('int', 4, 'signed'), [{ name: '', type: builder.ptr(0) }]);

/** The struct of a buffer's records. Other records have no name to find them by. */
const eventOf = ({ type, value }: AnyMapSpec): Struct<Fields> | undefined => {
  const layout = value as Layout | undefined;
  return BUFFERS.has(type) && layout?.kind === 'struct' ? (layout as Struct<Fields>) : undefined;
};

/** Structs are found by their names: of two with the same name only the first can be. */
const tagEvents = (
  variables: readonly (readonly [id: number, map: AnyMapSpec])[],
  types: TypeInfo,
): void => {
  const known = new Map<string, Layout>();
  for (const [variable, map] of variables) {
    const event = eventOf(map);
    if (!event || (known.get(event.name) ?? event) !== event) continue;
    known.set(event.name, event);
    types.builder.declTag(EVENT_TAG + event.name, variable);
  }
};

/** Gives the structs of records their ids: they are to be found before others of the same name. */
export const addEvents = (maps: Readonly<Record<string, AnyMapSpec>>, types: TypeInfo): void => {
  for (const map of Object.values(maps)) {
    const event = eventOf(map);
    if (event) types.idOf(event);
  }
};

const initialValues = (
  name: string,
  { type, inner, initial = [] }: AnyMapSpec,
  first: number,
  symbols: ReadonlyMap<AnyMap, ElfSymbolInput>,
  program: (name: string) => ElfSymbolInput | undefined,
): ElfRelocationInput[] => {
  // The variables of an arena have a section of their own.
  if (type === 'arena') return [];
  if (initial.length > 0 && !inner && type !== 'prog_array')
    throw new ElfError(
      `map ${name} starts with values, which a file cannot give to a map of type ${type}: only to global variables`,
    );
  return initial.flatMap((value, index): ElfRelocationInput[] => {
    if (value === undefined) return [];
    const symbol = inner ? symbols.get(value as AnyMapSpec) : program(value as string);
    if (!symbol)
      throw new ElfError(
        `map ${name} starts with ${inner ? 'a map' : JSON.stringify(value)} at ${index}, which is not among the ${inner ? 'maps' : 'programs'} of the object`,
      );
    return [{ offset: first + index * POINTER, type: R_BPF['64_ABS64'], symbol }];
  });
};
