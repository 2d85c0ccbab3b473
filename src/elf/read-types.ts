/**
 * The BTF of an object file, completed as the kernel wants it: clang leaves the offsets of variables to the symbol
 * table, and what is declared and is elsewhere cannot be loaded (libbpf's btf_fixup_datasec and
 * bpf_object__collect_externs, tools/lib/bpf/libbpf.c).
 *
 * @module
 */
import {
  Btf,
  BtfBuilder,
  type BtfDatasec,
  type BtfExt,
  type BtfType,
  decodeBtfExt,
} from '../btf/index.ts';
import { STB, STT, STV } from './constants.ts';
import type { ElfFile } from './file.ts';
import { completeExterns, type Externs, isExternSection, readExterns } from './read-externs.ts';
import type { ElfSymbol } from './symbols.ts';

/** What a file says of its types. */
export interface FileTypes {
  /** As it is loaded, under the ids that the file has. */
  readonly btf: Btf;
  /** As the file has it: the strings of `ext` are here. */
  readonly written: Btf;
  /** Functions, lines and relocations. */
  readonly ext: BtfExt | undefined;
  readonly externs: Externs;
}

/** Types in the order of their ids, 1 first. */
export type TypeList = Exclude<BtfType, { kind: 'void' | 'unknown' }>[];

/** The types of a file; undefined where it has none. Throws BtfError or ElfError. */
export const readTypes = (file: ElfFile): FileTypes | undefined => {
  const section = file.section('.BTF');
  if (!section) return undefined;
  const written = new Btf(section.data, { label: file.label });
  const ext = file.section('.BTF.ext');
  const externs = readExterns(file, written);
  const types = [...written.all()];
  placeVariables(types, file);
  completeExterns(types, externs);
  const { littleEndian } = written;
  return {
    btf: BtfBuilder.of(types).build({ label: file.label, littleEndian }),
    written,
    ext: ext && decodeBtfExt(ext.data),
    externs,
  };
};

/** Gives sections and their variables the sizes and offsets of the symbol table. */
const placeVariables = (types: TypeList, file: ElfFile): void => {
  const symbols = new Map(
    file.symbols.filter(({ binding }) => binding !== STB.LOCAL).map((each) => [each.name, each]),
  );
  types.forEach((type, index) => {
    if (type.kind === 'func' && type.linkage === 'global' && isHidden(symbols.get(type.name)))
      types[index] = { ...type, linkage: 'static' };
    if (type.kind === 'var' && type.linkage === 'global' && isHidden(symbols.get(type.name)))
      types[index] = { ...type, linkage: 'static' };
    if (type.kind === 'datasec' && !isExternSection(type.name))
      types[index] = placed(type, types, file, symbols);
  });
};

/** Hidden functions are verified with their callers, as static ones are. */
const isHidden = (symbol: ElfSymbol | undefined): boolean =>
  symbol?.visibility === STV.HIDDEN || symbol?.visibility === STV.INTERNAL;

const placed = (
  type: BtfDatasec,
  types: TypeList,
  file: ElfFile,
  symbols: ReadonlyMap<string, ElfSymbol>,
): BtfDatasec => {
  // A linker has filled them in already.
  if (type.size > 0) return type;
  const section = file.section(type.name);
  const variables = type.variables.map((variable) => {
    const declared = types[variable.type - 1];
    const symbol = declared?.kind === 'var' ? symbols.get(declared.name) : undefined;
    const here = symbol?.type === STT.OBJECT && symbol.section === section?.index;
    return here ? { ...variable, offset: symbol.value } : variable;
  });
  return {
    ...type,
    size: section?.size ?? 0,
    variables: variables.sort((a, b) => a.offset - b.offset),
  };
};
