/**
 * Global variables: `.bss`, `.data` and `.rodata`, with what the BTF says of them. The fields of `globals()` are
 * variables, as a C programmer has them: all that are of a kind are in one section, the structs one after the other.
 * The counter of what a map refused is the variable `MAP_lost`. Sections of an object from a file stay as they were.
 *
 * @module
 */
import type { AnyMap } from '../asm/index.ts';
import type { Btf } from '../btf/index.ts';
import { bytes, encode, type Layout } from '../layout/index.ts';
import type { AnyMapSpec, ObjectSpec, TypeInfo } from '../object/index.ts';
import { SHF, SHT, STB, STT } from './constants.ts';
import type { ElfSectionInput, ElfSymbolInput } from './write.ts';

export interface FileVariables {
  readonly sections: readonly ElfSectionInput[];
  readonly symbols: readonly ElfSymbolInput[];
  /** Where the value of a map begins: so many bytes from the start of a section, which has a symbol. */
  readonly places: ReadonlyMap<AnyMap, Place>;
}

interface Place {
  readonly symbol: ElfSymbolInput;
  readonly offset: number;
}

/** A map whose value is in a section, from `offset` on. */
interface Held {
  readonly name: string;
  readonly map: AnyMapSpec;
  readonly value: Layout;
  readonly offset: number;
  readonly hidden: boolean;
}

interface Variable {
  readonly name: string;
  /** The var in the BTF. */
  readonly type: number;
  /** In its section. */
  readonly offset: number;
  readonly size: number;
}

/** The sections of variables; describes them in the BTF. */
export const variablesOf = (spec: ObjectSpec, types: TypeInfo): FileVariables => {
  const names = new Set<string>();
  const places = new Map<AnyMap, Place>();
  const symbols: ElfSymbolInput[] = [];
  const sections = [...bySection(spec)].map(([section, held]) => {
    const symbol: ElfSymbolInput = { name: '', section, type: STT.SECTION };
    symbols.push(symbol);
    for (const { map, offset } of held) places.set(map, { symbol, offset });
    const { name, value, offset } = held.at(-1)!;
    const size = offset + value.size;
    const ofFile = isOfFile(name) || section === ARENA;
    const variables = ofFile
      ? variablesOfFile(section, spec.types)
      : held.flatMap((each) => newVariables(each, names, types));
    if (!ofFile) types.builder.datasec(section, size, variables);
    for (const { name, offset, size } of variables)
      symbols.push({ name, section, value: offset, size, type: STT.OBJECT, binding: STB.GLOBAL });
    return sectionOf(section, size, held);
  });
  return { sections, symbols, places };
};

/** The maps of a file are called by their sections; in an object of ours names are C identifiers. */
const isOfFile = (name: string): boolean => name.startsWith('.');

/** The variables of an arena, which has no section of its own in `.maps`. */
const ARENA = '.addr_space.1';

/** The section that a map's variables are in; undefined for a map that holds none, or those of `.kconfig`. */
const sectionFor = (name: string, { type, section, initial }: AnyMapSpec): string | undefined => {
  if (type === 'arena' && initial) return ARENA;
  if (section === undefined || section === 'kconfig') return undefined;
  return isOfFile(name) ? name : `.${section}`;
};

/** The maps that hold variables, under the names of their sections. */
const bySection = ({ maps, hidden }: ObjectSpec): ReadonlyMap<string, readonly Held[]> => {
  const sections = new Map<string, Held[]>();
  const add = (name: string, map: AnyMapSpec, hidden: boolean): void => {
    const section = sectionFor(name, map);
    if (section === undefined) return;
    const held = sections.get(section) ?? [];
    sections.set(section, held);
    // What an arena has is as long as its bytes.
    const [initial] = map.initial ?? [];
    const value = initial instanceof Uint8Array ? bytes(initial.length) : (map.value as Layout);
    const last = held.at(-1);
    const end = last ? last.offset + last.value.size : 0;
    const offset = Math.ceil(end / value.align) * value.align;
    held.push({ name, map, value, offset, hidden });
  };
  for (const [name, map] of Object.entries(maps)) add(name, map, false);
  for (const [name, map] of Object.entries(hidden)) add(name, map, true);
  return sections;
};

/** One variable for each field; for a struct whose fields share bytes, one for all of it. */
const newVariables = (
  { name, value, offset: start, hidden }: Held,
  names: Set<string>,
  types: TypeInfo,
): readonly Variable[] => {
  const variable = (wanted: string, layout: Layout, offset: number): Variable => {
    // Two structs may have a field of the same name.
    const unique = names.has(wanted) ? `${identifier(name)}_${wanted}` : wanted;
    names.add(unique);
    const type = types.builder.var(unique, types.idOf(layout));
    return { name: unique, type, offset: start + offset, size: layout.size };
  };
  const fields = value.kind === 'struct' && !value.union ? value.members : undefined;
  if (!fields || fields.some(({ layout }) => layout.kind === 'bitfield'))
    return [variable(identifier(name), value, 0)];
  // `events.lost` has one field, which says what is counted.
  if (hidden) return fields.map(({ layout, offset }) => variable(identifier(name), layout, offset));
  return fields
    .filter(({ layout }) => layout.size > 0)
    .map(({ name, layout, offset }) => variable(name, layout, offset));
};

const identifier = (name: string): string => name.replaceAll('.', '_');

/** What the BTF of a file says of a section: nothing of one that a compiler has made for constants. */
const variablesOfFile = (name: string, btf: Btf | undefined): readonly Variable[] => {
  const id = btf?.findByName(name, 'datasec');
  const section = id === undefined ? undefined : btf!.type(id);
  if (section?.kind !== 'datasec') return [];
  return section.variables.map((variable) => ({ ...variable, name: btf!.name(variable.type) }));
};

const sectionOf = (name: string, size: number, held: readonly Held[]): ElfSectionInput => {
  const align = Math.max(...held.map(({ value }) => value.align));
  const { section } = held[0]!.map;
  if (section === 'bss')
    return { name, type: SHT.NOBITS, flags: SHF.ALLOC | SHF.WRITE, align, size };
  const data = new Uint8Array(size);
  for (const { map, value, offset } of held) {
    const [initial] = map.initial ?? [];
    if (initial === undefined) continue;
    data.set(initial instanceof Uint8Array ? initial : encode(value, initial as never), offset);
  }
  return { name, flags: section === 'rodata' ? SHF.ALLOC : SHF.ALLOC | SHF.WRITE, align, data };
};
