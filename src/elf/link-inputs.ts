/**
 * The object files that are linked, opened and checked: what a linker takes of each, and what it leaves out.
 *
 * @module
 */
import { Btf, type BtfExt, decodeBtfExt } from '../btf/index.ts';
import { EM, ET, SHT } from './constants.ts';
import { ElfError } from './error.ts';
import { ElfFile } from './file.ts';
import { describe, type ElfSection } from './sections.ts';

export interface LinkInput {
  readonly label: string;
  readonly file: ElfFile;
  /** Code and data, in order. */
  readonly sections: readonly ElfSection[];
  readonly btf: Btf | undefined;
  readonly ext: BtfExt | undefined;
}

/** A file as it is given to linkObjects(). */
export interface ObjectBytes {
  readonly bytes: Uint8Array;
  /** What messages call it: a file's name. */
  readonly label?: string | undefined;
}

/** Opens the files. Throws ElfError or BtfError for what is no BPF object, or is not made like the first. */
export const readInputs = (objects: readonly ObjectBytes[]): readonly LinkInput[] => {
  if (objects.length === 0) throw new ElfError('there is nothing to link: expected object files');
  const inputs = objects.map(({ bytes, label }, index) =>
    readInput(bytes, label ?? `object ${index + 1}`),
  );
  const [first] = inputs;
  for (const { label, file } of inputs) {
    if (file.littleEndian === first!.file.littleEndian) continue;
    throw new ElfError(`${first!.label} and ${label} have different byte orders`);
  }
  return inputs;
};

const readInput = (bytes: Uint8Array, label: string): LinkInput => {
  const file = new ElfFile(bytes, { label });
  if (file.machine !== EM.BPF || file.type !== ET.REL || file.bits !== 64)
    throw new ElfError(
      `${label} is no BPF object: expected machine ${EM.BPF}, type ${ET.REL} (ET_REL) and 64 bits, found machine ${file.machine}, type ${file.type} and ${file.bits} bits`,
    );
  const sections = file.sections.filter((section) => isLinked(section, label));
  checkSections(sections, bytes.length, label);
  const types = file.section('.BTF');
  const ext = types && file.section('.BTF.ext');
  return {
    label,
    file,
    sections,
    btf: types && new Btf(types.data, { label }),
    ext: ext && decodeBtfExt(ext.data),
  };
};

/** Tables are written anew. */
const TABLES: ReadonlySet<number> = /* @__PURE__ */ new Set([
  SHT.NULL,
  SHT.SYMTAB,
  SHT.SYMTAB_SHNDX,
  SHT.STRTAB,
  SHT.REL,
  SHT.LLVM_ADDRSIG,
]);

/** DWARF describes one file only, and nobody loads it. */
const isLinked = (section: ElfSection, label: string): boolean => {
  const { name, type, size } = section;
  if (TABLES.has(type) || /^(\.rela?)?\.(BTF$|BTF\.ext$|debug_)/.test(name)) return false;
  if (type === SHT.NOBITS) return true;
  // clang makes one for each file, of which most have no subprograms.
  if (type === SHT.PROGBITS) return name !== '.text' || size > 0;
  throw new ElfError(`${label}: ${describe(section)} is of type ${type}, which cannot be linked`);
};

/** Sections that share their bytes would make a file of any size out of a small one. */
const checkSections = (sections: readonly ElfSection[], length: number, label: string): void => {
  const total = sections.reduce((sum, { data }) => sum + data.length, 0);
  if (total > length)
    throw new ElfError(`${label}: sections of ${total} bytes overlap in a file of ${length}`);
  const names = new Set<string>();
  for (const { name } of sections) {
    if (names.has(name)) throw new ElfError(`${label} has two sections that are called ${name}`);
    names.add(name);
  }
};
