/**
 * What an object declares and the kernel has: symbols (`.ksyms`), and numbers of the kernel's configuration
 * (`.kconfig`), which become variables of a map. Rules and order: libbpf's bpf_object__collect_externs.
 *
 * @module
 */
import { BTF_INT, type Btf, type BtfDatasec, type BtfEdit, type BtfType } from '../btf/index.ts';
import type { ConfigVariable, ExternSpec } from '../object/index.ts';
import { SHN, STB } from './constants.ts';
import { ElfError } from './error.ts';
import type { ElfFile } from './file.ts';
import type { ElfSymbol } from './symbols.ts';

export interface Externs {
  readonly symbols: ReadonlyMap<string, ExternSpec>;
  /** In the order of their offsets. */
  readonly config: readonly ConfigVariable[];
}

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

const declaredIn = (btf: Btf, section: string): Declared[] =>
  (datasecOf(btf, section)?.variables ?? []).flatMap((variable) => {
    const declared = btf.type(variable.type);
    return declared.kind === 'var' || declared.kind === 'func' ? [declared] : [];
  });

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
 * variables of a section of ints, functions get names for their arguments.
 */
export const completeExterns = (edit: BtfEdit, btf: Btf, { config }: Externs): void => {
  const kconfig = datasecOf(btf, '.kconfig');
  if (kconfig) edit.replace(kconfig.id, completeConfig(edit, kconfig, config));
  const ksyms = datasecOf(btf, '.ksyms');
  if (ksyms) edit.replace(ksyms.id, completeSymbols(edit, btf, ksyms));
};

const datasecOf = (btf: Btf, name: string): BtfDatasec | undefined => {
  const id = btf.findByName(name, 'datasec');
  const type = id === undefined ? undefined : btf.type(id);
  return type?.kind === 'datasec' ? type : undefined;
};

const completeConfig = (
  edit: BtfEdit,
  section: BtfDatasec,
  config: readonly ConfigVariable[],
): BtfDatasec => {
  const offsets = new Map(config.map(({ name, offset }) => [name, offset]));
  const variables = section.variables.map((variable) => {
    const declared = edit.type(variable.type);
    if (declared.kind === 'var') edit.replace(declared.id, { ...declared, linkage: 'global' });
    return { ...variable, offset: offsets.get(declared.name) ?? 0 };
  });
  variables.sort((a, b) => a.offset - b.offset);
  const size = config.reduce((most, each) => Math.max(most, each.offset + each.size), 0);
  return { ...section, size, variables };
};

const completeSymbols = (edit: BtfEdit, btf: Btf, section: BtfDatasec): BtfDatasec => {
  const int = btf.findByName('int', 'int') ?? edit.add(INT);
  let dummy: number | undefined;
  const variables = section.variables.map((variable, index) => {
    const declared = edit.type(variable.type);
    let { type } = variable;
    if (declared.kind === 'func') {
      nameParameters(edit, declared.type);
      edit.replace(declared.id, { ...declared, linkage: 'global' });
      dummy ??= edit.add({ kind: 'var', name: DUMMY, type: int, linkage: 'global' });
      type = dummy;
    } else if (declared.kind === 'var') {
      edit.replace(declared.id, { ...declared, type: int, linkage: 'global' });
    }
    return { type, offset: index * 4, size: 4 };
  });
  return { ...section, size: variables.length * 4, variables };
};

const INT = {
  kind: 'int',
  name: 'int',
  size: 4,
  encoding: BTF_INT.SIGNED,
  bits: 32,
  offset: 0,
} as const;

/** libbpf's name for what stands in a section for a function. */
const DUMMY = 'dummy_ksym';

/** The kernel wants names for the parameters of a function that is there. */
const nameParameters = (edit: BtfEdit, id: number): void => {
  const proto = edit.type(id);
  if (proto.kind !== 'func_proto') return;
  const params = proto.params.map((param) =>
    param.type !== 0 && param.name === '' ? { ...param, name: DUMMY } : param,
  );
  edit.replace(id, { ...proto, params });
};
