/**
 * What an object declares and the kernel has: symbols (`.ksyms`), and numbers of the kernel's configuration
 * (`.kconfig`), which become variables of a map. Rules and order: libbpf's bpf_object__collect_externs.
 *
 * @module
 */
import { BTF_INT, type Btf, type BtfType } from '../btf/index.ts';
import type { ConfigVariable, ExternSpec } from '../object/index.ts';
import { SHN, STB } from './constants.ts';
import { ElfError } from './error.ts';
import type { ElfFile } from './file.ts';
import type { TypeList } from './read-types.ts';
import type { ElfSymbol } from './symbols.ts';

export interface Externs {
  readonly symbols: ReadonlyMap<string, ExternSpec>;
  /** In the order of their offsets. */
  readonly config: readonly ConfigVariable[];
}

/** The sections that BTF has and the file has not. */
export const isExternSection = (name: string): boolean => name === '.kconfig' || name === '.ksyms';

/** What of it the file uses. Throws ElfError for what libbpf does not take either. */
export const readExterns = (file: ElfFile, btf: Btf): Externs => {
  const undefinedSymbols = new Map(
    file.symbols
      .filter(({ section, name }) => section === SHN.UNDEF && name !== '')
      .map((symbol) => [symbol.name, symbol]),
  );
  const symbols = new Map<string, ExternSpec>();
  const config: Omit<ConfigVariable, 'offset'>[] = [];
  for (const section of ['.kconfig', '.ksyms'] as const) {
    for (const declared of declaredIn(btf, section)) {
      const symbol = undefinedSymbols.get(declared.name);
      if (!symbol) continue;
      if (section === '.ksyms') symbols.set(declared.name, symbolOf(btf, declared, symbol));
      else config.push(variableOf(btf, declared, symbol));
    }
  }
  return { symbols, config: arranged(config) };
};

type Declared = Extract<BtfType, { kind: 'var' | 'func' }>;

const declaredIn = (btf: Btf, section: string): Declared[] => {
  const id = btf.findByName(section, 'datasec');
  const type = id === undefined ? undefined : btf.type(id);
  if (type?.kind !== 'datasec') return [];
  return type.variables.flatMap((variable) => {
    const declared = btf.type(variable.type);
    return declared.kind === 'var' || declared.kind === 'func' ? [declared] : [];
  });
};

const isWeak = ({ binding }: ElfSymbol): boolean => binding === STB.WEAK;

const symbolOf = (btf: Btf, { kind, name, type }: Declared, symbol: ElfSymbol): ExternSpec => ({
  kind: 'extern',
  name,
  form: kind === 'func' ? 'function' : 'variable',
  weak: isWeak(symbol),
  typeId: kind === 'func' ? type : btf.resolve(type).id,
});

const variableOf = (
  btf: Btf,
  { name, type }: Declared,
  symbol: ElfSymbol,
): Omit<ConfigVariable, 'offset'> => {
  const resolved = btf.resolve(type);
  const form = formOf(btf, resolved);
  if (!form)
    throw new ElfError(
      `extern ${name} of .kconfig is a ${resolved.kind} ${resolved.name}, but takes bool, char, an integer, enum libbpf_tristate or a char array`,
    );
  const signed = resolved.kind === 'int' && (resolved.encoding & BTF_INT.SIGNED) !== 0;
  return { name, weak: isWeak(symbol), form, size: btf.sizeOf(type), signed };
};

const formOf = (btf: Btf, type: BtfType): ConfigVariable['form'] | undefined => {
  switch (type.kind) {
    case 'int':
      if ((type.encoding & BTF_INT.BOOL) !== 0) return type.size === 1 ? 'bool' : undefined;
      if (type.size === 1) return 'char';
      return [2, 4, 8].includes(type.size) ? 'integer' : undefined;
    case 'enum':
      return type.size === 4 && type.name === 'libbpf_tristate' ? 'tristate' : undefined;
    case 'array':
      return type.nelems > 0 && formOf(btf, btf.resolve(type.type)) === 'char' ? 'text' : undefined;
    default:
      return undefined;
  }
};

/** The largest alignment first, then the smallest size, then by name. */
const arranged = (variables: readonly Omit<ConfigVariable, 'offset'>[]): ConfigVariable[] => {
  const ordered = [...variables].sort(
    (a, b) =>
      alignOf(b) - alignOf(a) ||
      a.size - b.size ||
      (a.name < b.name ? -1 : Number(a.name > b.name)),
  );
  let end = 0;
  return ordered.map((variable) => {
    const align = alignOf(variable);
    const offset = Math.ceil(end / align) * align;
    end = offset + variable.size;
    return { ...variable, offset };
  });
};

const alignOf = ({ form, size }: Pick<ConfigVariable, 'form' | 'size'>): number =>
  form === 'text' ? 1 : size;

/**
 * Makes declarations such that the kernel takes them: variables of `.kconfig` get their offsets, symbols become
 * variables of a section of ints, functions with names for their arguments.
 */
export const completeExterns = (types: TypeList, { config }: Externs): void => {
  const offsets = new Map(config.map(({ name, offset }) => [name, offset]));
  const end = config.reduce((most, { offset, size }) => Math.max(most, offset + size), 0);
  types.forEach((type, index) => {
    if (type.kind !== 'datasec') return;
    if (type.name === '.ksyms') types[index] = completeSymbols(types, type);
    if (type.name !== '.kconfig') return;
    const variables = type.variables
      .map((variable) => {
        define(types, variable.type);
        const { name } = types[variable.type - 1]!;
        return { ...variable, offset: offsets.get(name) ?? end };
      })
      .filter(({ offset }) => offset < end);
    types[index] = { ...type, size: end, variables: variables.sort((a, b) => a.offset - b.offset) };
  });
};

type Datasec = Extract<BtfType, { kind: 'datasec' }>;

const completeSymbols = (types: TypeList, section: Datasec): Datasec => {
  const int = intOf(types);
  let dummy: number | undefined;
  const variables = section.variables.map((variable, index) => {
    const declared = types[variable.type - 1];
    let { type } = variable;
    if (declared?.kind === 'func') {
      nameParameters(types, declared.type);
      types[type - 1] = { ...declared, linkage: 'global' };
      dummy ??= add(types, { kind: 'var', name: DUMMY, type: int, linkage: 'global' });
      type = dummy;
    } else {
      define(types, type, int);
    }
    return { type, offset: index * 4, size: 4 };
  });
  return { ...section, size: variables.length * 4, variables };
};

/** libbpf's name for what stands in a section for a function. */
const DUMMY = 'dummy_ksym';

type Added = TypeList[number] extends infer T ? (T extends unknown ? Omit<T, 'id'> : never) : never;

const add = (types: TypeList, type: Added): number => {
  types.push({ ...type, id: types.length + 1 } as TypeList[number]);
  return types.length;
};

/** A declared variable becomes one that is there, of another type if one is given. */
const define = (types: TypeList, id: number, as?: number): void => {
  const type = types[id - 1];
  if (type?.kind === 'var')
    types[id - 1] = { ...type, linkage: 'global', ...(as !== undefined && { type: as }) };
};

const intOf = (types: TypeList): number => {
  const found = types.find(
    ({ kind, ...type }) => kind === 'int' && 'size' in type && type.size === 4,
  );
  const int = {
    kind: 'int',
    name: 'int',
    size: 4,
    encoding: BTF_INT.SIGNED,
    bits: 32,
    offset: 0,
  } as const;
  return found?.id ?? add(types, int);
};

/** The kernel wants names for the parameters of a function that is there. */
const nameParameters = (types: TypeList, id: number): void => {
  const proto = types[id - 1];
  if (proto?.kind !== 'func_proto') return;
  const params = proto.params.map((param) =>
    param.type !== 0 && param.name === '' ? { ...param, name: DUMMY } : param,
  );
  types[id - 1] = { ...proto, params };
};
