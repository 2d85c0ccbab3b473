/**
 * The functions of an object file: where each lies, and what `.BTF.ext` says of its instructions.
 *
 * @module
 */
import type { CoreKind, Relocation, Site } from '../asm/index.ts';
import { CORE_KINDS, type ExtRecords } from '../btf/index.ts';
import { SHF, SHT, STB, STT } from './constants.ts';
import { ElfError } from './error.ts';
import type { ElfFile } from './file.ts';
import type { FileTypes } from './read-types.ts';
import type { ElfSection } from './sections.ts';

/** Bytes of one slot. */
export const SLOT = 8;

/** A function of a section of code. */
export interface FileFunction {
  readonly name: string;
  readonly section: ElfSection;
  /** Its first byte in the section, and the byte after its last. */
  readonly start: number;
  readonly end: number;
  readonly local: boolean;
}

/** The functions of each section of code, in order. Throws ElfError for one that is not in its section. */
export const readFunctions = (file: ElfFile): ReadonlyMap<number, readonly FileFunction[]> => {
  const sections = new Map(
    file.sections
      .filter(({ type, flags }) => type === SHT.PROGBITS && (flags & SHF.EXECINSTR) !== 0)
      .map((section) => [section.index, { section, functions: [] as FileFunction[] }]),
  );
  for (const { name, type, binding, section: index, value: start, size } of file.symbols) {
    const within = type === STT.FUNC ? sections.get(index) : undefined;
    if (!within) continue;
    const { section, functions } = within;
    if (start % SLOT !== 0 || size % SLOT !== 0 || size === 0 || start + size > section.size)
      throw new ElfError(
        `function ${name} has ${size} bytes from ${start} on in ${section.name}, which has ${section.size} in instructions of ${SLOT}`,
      );
    functions.push({ name, section, start, end: start + size, local: binding === STB.LOCAL });
  }
  return new Map(
    [...sections].map(([index, { functions }]) => [index, inOrder(functions)] as const),
  );
};

/** Functions that share their bytes would make a file of any size out of a small one. */
const inOrder = (functions: FileFunction[]): readonly FileFunction[] => {
  functions.sort((a, b) => a.start - b.start);
  functions.forEach(({ name, start }, index) => {
    const before = functions[index - 1];
    if (before && start < before.end)
      throw new ElfError(`functions ${before.name} and ${name} overlap`);
  });
  return functions;
};

/** The function that a byte of its section belongs to. */
export const functionAt = (
  functions: readonly FileFunction[],
  offset: number,
): FileFunction | undefined => {
  let [low, high] = [0, functions.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (functions[middle]!.start <= offset) low = middle + 1;
    else high = middle;
  }
  const found = functions[low - 1];
  return found && offset < found.end ? found : undefined;
};

/** What is known of the instructions of a section, by their byte offsets. */
export interface Annotations {
  readonly functionTypes: ReadonlyMap<number, number>;
  readonly relocations: ReadonlyMap<number, Relocation>;
  /** Where each line begins. */
  readonly lines: ReadonlyMap<number, Site>;
}

/** The annotations of a file. */
export interface FileAnnotations {
  /** Of the section with this name. */
  of(section: string): Annotations;
  /** All relocations, in the order in which libbpf resolves them: that of the file. */
  readonly relocations: readonly Relocation[];
}

const NONE: Annotations = {
  functionTypes: new Map(),
  relocations: new Map(),
  lines: new Map(),
};

/** What `.BTF.ext` says. */
export const readAnnotations = (types: FileTypes | undefined): FileAnnotations => {
  if (!types?.ext) return { of: () => NONE, relocations: [] };
  const { ext, written } = types;
  const sections = new Map<string, Annotations>();
  const collect = <T extends { readonly insnOffset: number }, V>(
    lists: readonly ExtRecords<T>[],
    convert: (record: T) => V,
  ): Map<string, ReadonlyMap<number, V>> =>
    new Map(
      lists.map(({ section, records }) => [
        written.string(section),
        new Map(records.map((record) => [record.insnOffset, convert(record)])),
      ]),
    );
  const functionTypes = collect(ext.funcInfos, ({ typeId }) => typeId);
  const relocations = collect(ext.coreRelos, ({ typeId, accessOffset, kind }) =>
    relocationOf(types, typeId, accessOffset, kind),
  );
  const lines = collect(ext.lineInfos, ({ fileNameOffset, lineOffset, line, column }): Site => {
    const text = written.string(lineOffset);
    return { source: { file: written.string(fileNameOffset), line, column, text } };
  });
  const of = (section: string): Annotations => {
    const known = sections.get(section);
    if (known) return known;
    const found: Annotations = {
      functionTypes: functionTypes.get(section) ?? NONE.functionTypes,
      relocations: relocations.get(section) ?? NONE.relocations,
      lines: lines.get(section) ?? NONE.lines,
    };
    sections.set(section, found);
    return found;
  };
  return { of, relocations: [...relocations.values()].flatMap((each) => [...each.values()]) };
};

const relocationOf = (
  { btf, written }: FileTypes,
  id: number,
  accessOffset: number,
  number: number,
): Relocation => {
  const access = written.string(accessOffset);
  const kind: CoreKind | undefined = CORE_KINDS[number];
  if (!kind) throw new ElfError(`there is no CO-RE relocation of kind ${number}`);
  if (!/^\d{1,9}(:\d{1,9})*$/.test(access))
    throw new ElfError(`a CO-RE relocation accesses ${JSON.stringify(access)}, expected 0:1:2`);
  return {
    kind,
    root: { kind: 'type', id, name: btf.name(id) },
    path: access.split(':').map(Number),
  };
};
