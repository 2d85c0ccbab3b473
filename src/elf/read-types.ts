/**
 * The BTF of an object file, completed as the kernel wants it: clang leaves the offsets of variables to the symbol
 * table, and what is declared and is elsewhere cannot be loaded (libbpf's btf_fixup_datasec and
 * bpf_object__collect_externs, tools/lib/bpf/libbpf.c).
 *
 * @module
 */
import { Btf, BtfEdit, type BtfExt, decodeBtfExt } from '../btf/index.ts';
import { STB, STT, STV } from './constants.ts';
import type { ElfFile } from './file.ts';
import { completeExterns, type Externs, readExterns } from './read-externs.ts';
import type { ElfSection } from './sections.ts';

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

/** The types of a file; undefined where it has none. Throws BtfError or ElfError. */
export const readTypes = (file: ElfFile): FileTypes | undefined => {
  const section = file.section('.BTF');
  if (!section) return undefined;
  const written = new Btf(section.data, { label: file.label });
  const ext = file.section('.BTF.ext');
  const externs = readExterns(file, written);
  const edit = new BtfEdit(written);
  hideFunctions(edit, file, written);
  for (const { name } of file.sections) placeVariables(edit, file, written, name);
  completeExterns(edit, written, externs);
  return { btf: edit.finish(), written, ext: ext && decodeBtfExt(ext.data), externs };
};

/** Hidden functions are verified with their callers, and hidden variables are not shared: as static ones. */
const hideFunctions = (edit: BtfEdit, file: ElfFile, btf: Btf): void => {
  for (const { name, visibility, binding } of file.symbols) {
    const hidden = visibility === STV.HIDDEN || visibility === STV.INTERNAL;
    if (!hidden || binding === STB.LOCAL) continue;
    for (const kind of ['func', 'var'] as const) {
      const id = btf.findByName(name, kind);
      const type = id === undefined ? undefined : btf.type(id);
      if ((type?.kind === 'func' || type?.kind === 'var') && type.linkage === 'global')
        edit.replace(type.id, { ...type, linkage: 'static' });
    }
  }
};

/** Gives a section and its variables the sizes and offsets of the symbol table. */
const placeVariables = (edit: BtfEdit, file: ElfFile, btf: Btf, name: string): void => {
  const id = name === '' ? undefined : btf.findByName(name, 'datasec');
  const type = id === undefined ? undefined : btf.type(id);
  if (type?.kind !== 'datasec') return;
  const section = file.section(name)!;
  // A linker has filled them in already.
  const offsets = type.size > 0 ? undefined : offsetsIn(file, section);
  const variables = type.variables.map((variable) => ({
    ...variable,
    offset: offsets?.get(btf.name(variable.type)) ?? variable.offset,
  }));
  variables.sort((a, b) => a.offset - b.offset);
  edit.replace(type.id, { ...type, size: type.size || section.size, variables });
};

/** The variables of a section that other files see: the compiler places static ones itself. */
const offsetsIn = (file: ElfFile, { index }: ElfSection): ReadonlyMap<string, number> =>
  new Map(
    file.symbols
      .filter(({ type, section }) => type === STT.OBJECT && section === index)
      .filter(({ binding }) => binding !== STB.LOCAL)
      .map(({ name, value }) => [name, value]),
  );
