/**
 * The maps of an object file: those that `.maps` defines, and the sections of global variables, each an array of one
 * value (libbpf's bpf_object__init_maps, tools/lib/bpf/libbpf.c).
 *
 * @module
 */
import type { Btf } from '../btf/index.ts';
import { bytes, type Layout, u32 } from '../layout/index.ts';
import {
  type AnyMapSpec,
  BPF_F_MMAPABLE,
  BPF_F_RDONLY_PROG,
  layoutOf,
  type Section,
} from '../object/index.ts';
import { SHT } from './constants.ts';
import { ElfError } from './error.ts';
import type { ElfFile } from './file.ts';
import { eventOf, initialValues, specOf, structOf } from './read-map-definition.ts';
import { readStructOps } from './read-struct-ops.ts';
import type { FileTypes } from './read-types.ts';
import type { ElfSection } from './sections.ts';

/** The maps of a file, by name and by where their symbols lie. */
export interface FileMaps {
  readonly byName: Readonly<Record<string, AnyMapSpec>>;
  /** By the offset in `.maps`. */
  readonly defined: ReadonlyMap<number, AnyMapSpec>;
  /** The maps of sections of variables, by the section's index. */
  readonly ofSection: ReadonlyMap<number, AnyMapSpec>;
}

/** Throws ElfError or BtfError for definitions that libbpf refuses as well. */
export const readMaps = (file: ElfFile, types: FileTypes | undefined): FileMaps => {
  if (file.section('maps'))
    throw new ElfError(
      `${file.label} defines its maps in SEC("maps"), which libbpf 1.0 has given up: define them with types, in SEC(".maps")`,
    );
  const byName: Record<string, AnyMapSpec> = {};
  const defined = new Map<number, AnyMapSpec>();
  const ofSection = new Map<number, AnyMapSpec>();
  const arena = file.section('.addr_space.1');
  for (const { name, offset, spec: written } of definitions(file, types)) {
    const holds = arena !== undefined && written.type === 'arena';
    const spec = holds ? { ...written, initial: [arena.data] } : written;
    if (holds) ofSection.set(arena.index, spec);
    byName[name] = spec;
    defined.set(offset, spec);
  }
  Object.assign(byName, readStructOps(file, types));
  for (const section of file.sections) {
    const kind = variablesOf(section);
    if (!kind) continue;
    const spec = { ...variables(section, kind, types), kernelName: kernelName(file, section.name) };
    byName[section.name] = spec;
    ofSection.set(section.index, spec);
  }
  if (types && types.externs.config.length > 0)
    byName['.kconfig'] = { ...configuration(types), kernelName: kernelName(file, '.kconfig') };
  return { byName, defined, ofSection };
};

/** What libbpf calls a map of variables in the kernel: `exitsno.rodata`; custom sections have their own names. */
const kernelName = ({ label }: ElfFile, section: string): string => {
  if (section.indexOf('.', 1) > 0) return section;
  const [object = ''] = label.replace(/^.*\//, '').split('.');
  return object.slice(0, MOST - Math.max(7, section.length)).replace(/\W/g, '_') + section;
};

/** BPF_OBJ_NAME_LEN without the NUL. */
const MOST = 15;

interface Defined {
  readonly name: string;
  /** In `.maps`. */
  readonly offset: number;
  readonly spec: AnyMapSpec;
}

const definitions = (file: ElfFile, types: FileTypes | undefined): Defined[] => {
  const section = file.section('.maps');
  if (!section) return [];
  const id = types?.btf.findByName('.maps', 'datasec');
  const declared = id === undefined ? undefined : types!.btf.type(id);
  if (declared?.kind !== 'datasec')
    throw new ElfError(
      `${file.label} defines maps, but has no type information for them: compile it with -g`,
    );
  const { btf } = types!;
  const plain = declared.variables.map(({ type, offset, size }) => {
    const { name, struct } = structOf(btf, type, size);
    const spec = specOf(btf, name, struct);
    const value = eventOf(btf, type);
    return { name, offset, size, struct, spec: value ? { ...spec, value } : spec };
  });
  const at = new Map(plain.map(({ offset, spec }) => [offset, spec]));
  return plain.map(({ name, offset, size, struct, spec }) => {
    const initial = initialValues(file, section, { name, offset, size, struct }, at);
    return { name, offset, spec: initial ? { ...spec, initial } : spec };
  });
};

// ----------
// Variables
// ----------

/** What a section of variables is; undefined for any other section. Empty ones are none either. */
const variablesOf = ({ name, type, size }: ElfSection): Section | undefined => {
  if (size === 0) return undefined;
  const [, word] = /^\.(data|rodata|bss)(\.|$)/.exec(name) ?? [];
  if (word === 'bss') return type === SHT.NOBITS ? 'bss' : undefined;
  return type === SHT.PROGBITS ? (word as Section | undefined) : undefined;
};

const LARGEST = 2 ** 31;

const variables = (
  section: ElfSection,
  kind: Section,
  types: FileTypes | undefined,
): AnyMapSpec => {
  if (section.size > LARGEST)
    throw new ElfError(`${section.name} has ${section.size} bytes, more than a map can hold`);
  const id = types?.btf.findByName(section.name, 'datasec');
  // The kernel does not share memory that has locks in it: they are hidden variables.
  const shared = id !== undefined && hasVisible(types!.btf, id);
  const described = id !== undefined && types!.btf.sizeOf(id) === section.size;
  return {
    ...globalsOf(kind, described ? layoutOf(types!.btf, id) : bytes(section.size), shared),
    ...(id !== undefined && { typeIds: { key: 0, value: id } }),
    initial: kind === 'bss' ? undefined : [section.data],
  };
};

const hasVisible = (btf: Btf, id: number): boolean => {
  const section = btf.type(id);
  if (section.kind !== 'datasec') return false;
  return section.variables.some(({ type }) => {
    const variable = btf.type(type);
    return variable.kind === 'var' && variable.linkage !== 'static';
  });
};

const configuration = ({ btf }: FileTypes): AnyMapSpec => {
  const id = btf.findByName('.kconfig', 'datasec')!;
  return { ...globalsOf('kconfig', layoutOf(btf, id), true), typeIds: { key: 0, value: id } };
};

const globalsOf = (section: Section, value: Layout, shared: boolean): AnyMapSpec => ({
  kind: 'map',
  type: 'array',
  key: u32,
  value,
  maxEntries: 1,
  flags:
    (shared ? BPF_F_MMAPABLE : 0) |
    (section === 'rodata' || section === 'kconfig' ? BPF_F_RDONLY_PROG : 0),
  extra: 0,
  bufferSize: 0,
  section,
});
