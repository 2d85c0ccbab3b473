/**
 * What an object from a file takes from the kernel by name, as its file declared it: reading it made declarations
 * into definitions that the kernel takes (read-externs.ts), and this is the way back.
 *
 * @module
 */
import { type Btf, BtfBuilder, type BtfTypeInput } from '../btf/index.ts';
import {
  type ExternSpec,
  externOf,
  isDeclared,
  type ObjectSpec,
  type TypeInfo,
  variantsOf,
  visitProgram,
} from '../object/index.ts';
import { SHN, STB } from './constants.ts';
import type { ElfSymbolInput } from './write.ts';

export interface FileExterns {
  /** The types of the file, under their ids, without what is written anew; undefined for an object of ours. */
  readonly types: Btf | undefined;
  /** By name. */
  readonly symbols: ReadonlyMap<string, ElfSymbolInput>;
}

export const externsOf = (spec: ObjectSpec): FileExterns => {
  const used = usedExterns(spec);
  const asked = askedFor(spec);
  const symbols = new Map(
    [...used.values(), ...(spec.config ?? [])].map(({ name, weak }) => {
      const binding = weak || asked.has(name) ? STB.WEAK : STB.GLOBAL;
      return [name, { name, section: SHN.UNDEF, binding } satisfies ElfSymbolInput];
    }),
  );
  if (!spec.types) return { types: undefined, symbols };
  const types: BtfTypeInput[] = [...spec.types.all()] as BtfTypeInput[];
  types.forEach((type, index) => {
    if (type.kind !== 'datasec') return;
    if (type.name === '.ksyms') types[index] = declareSymbols(types, type, used);
    else if (type.name === '.kconfig') types[index] = declareConfiguration(types, type);
    // Sections of variables stay, also that of an arena; those of maps are described anew, and others not written.
    else if (!Object.hasOwn(spec.maps, type.name) && type.name !== '.addr_space.1')
      types[index] = NOTHING;
  });
  return { types: BtfBuilder.of(types).build({ label: spec.types.label }), symbols };
};

type Datasec = Extract<BtfTypeInput, { kind: 'datasec' }>;

/** Takes the place of a type that is no longer needed, so that the others keep their ids. */
const NOTHING: BtfTypeInput = { kind: 'const', name: '', type: 0 };

const usedExterns = ({ programs }: ObjectSpec): ReadonlyMap<string, ExternSpec> => {
  const externs = new Map<string, ExternSpec>();
  for (const program of Object.values(programs).flatMap(variantsOf))
    visitProgram(program, (item) => {
      const extern = externOf(item);
      if (extern) externs.set(extern.name, extern as ExternSpec);
    });
  return externs;
};

/** The names that choices ask for: the kernel may lack them. */
const askedFor = ({ programs }: ObjectSpec): ReadonlySet<string> => {
  const names = new Set<string>();
  for (const program of Object.values(programs).flatMap(variantsOf))
    visitProgram(program, (item) => {
      const extern = item.kind === 'choice' ? externOf(item) : undefined;
      if (extern) names.add(extern.name);
    });
  return names;
};

/** Declares the functions of the kernel that an object of ours calls. */
export const declareFunctions = (spec: ObjectSpec, types: TypeInfo): void => {
  const { builder } = types;
  const variables = [...usedExterns(spec).values()].flatMap((extern) => {
    if (!isDeclared(extern)) return [];
    const { name, typeId } = types.extern(extern);
    return { type: builder.func(name, typeId, 'extern'), offset: 0, size: 0 };
  });
  if (variables.length > 0) builder.datasec('.ksyms', 0, variables);
};

/** Variables and functions that are elsewhere, with their own types. */
const declareSymbols = (
  types: BtfTypeInput[],
  section: Datasec,
  externs: ReadonlyMap<string, ExternSpec>,
): Datasec => {
  const variables: Datasec['variables'][number][] = [];
  types.forEach((type, index) => {
    const extern = externs.get(type.name);
    if (!extern || type.kind !== (extern.form === 'function' ? 'func' : 'var')) return;
    types[index] = { ...type, type: extern.typeId, linkage: 'extern' } as BtfTypeInput;
    variables.push({ type: index + 1, offset: 0, size: 0 });
  });
  return { ...section, size: 0, variables };
};

/** libbpf gives them their places itself. */
const declareConfiguration = (types: BtfTypeInput[], section: Datasec): Datasec => {
  const variables = section.variables.map(({ type, size }) => {
    const variable = types[type - 1];
    if (variable?.kind === 'var') types[type - 1] = { ...variable, linkage: 'extern' };
    return { type, offset: 0, size };
  });
  return { ...section, size: 0, variables };
};
