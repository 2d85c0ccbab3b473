/**
 * Section headers (Elf32_Shdr, Elf64_Shdr). A section's bytes are a view of the file, checked when they are asked for.
 *
 * @module
 */
import type { ElfBytes } from './bytes.ts';
import { SHF, SHT } from './constants.ts';
import type { ElfHeader } from './header.ts';
import type { Names, StringTable } from './strings.ts';

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** One of SHT. */
  readonly type: number;
  /** A sum of SHF. */
  readonly flags: number;
  /** Where it is in memory, in executables. Throws beyond 2^53, where the kernel's own sections are. */
  readonly address: number;
  /** Where it is in the file, in bytes. */
  readonly offset: number;
  /** In bytes, in memory; there are none in the file for NOBITS. */
  readonly size: number;
  /** The index of another section; which one depends on the type. */
  readonly link: number;
  readonly info: number;
  readonly align: number;
  /** The bytes of an entry, in sections that are tables. */
  readonly entrySize: number;
  /** A view of the file. Throws ElfError when it is not in the file, or compressed. */
  readonly data: Uint8Array;
}

/** Reads all section headers. */
export const readSections = ({ file, sections, nameSection }: ElfHeader, names: Names) => {
  const at = (index: number) => sections.offset + index * sections.entrySize;
  const result: ElfSection[] = [];
  if (sections.count === 0) return result;
  if (nameSection >= sections.count) {
    throw file.error(
      `the names of the sections are in section ${nameSection}, and there are ${sections.count}`,
      headerFieldOfNames(file),
    );
  }
  const table =
    nameSection === 0 ? undefined : stringsOf(readSection(file, at(nameSection), nameSection, ''));
  for (let index = 0; index < sections.count; index++) {
    const nameAt = file.u32(at(index));
    const name = table === undefined ? '' : names.get(table, nameAt, `section ${index}`, at(index));
    result.push(readSection(file, at(index), index, name));
  }
  return result;
};

const stringsOf = ({ offset, data }: ElfSection): StringTable => ({ offset, size: data.length });

const headerFieldOfNames = ({ word }: ElfBytes): number => 38 + 3 * word;

const readSection = (file: ElfBytes, at: number, index: number, name: string): ElfSection => {
  const { word } = file;
  const what = describe({ index, name });
  const type = file.u32(at + 4);
  const flags = file.size(at + 8, `the flags of ${what}`);
  const offset = file.size(at + 8 + 2 * word, `the offset of ${what}`);
  const size = file.size(at + 8 + 3 * word, `the size of ${what}`);
  return {
    index,
    name,
    type,
    flags,
    get address() {
      return file.size(at + 8 + word, `the address of ${what}`);
    },
    offset,
    size,
    link: file.u32(at + 8 + 4 * word),
    info: file.u32(at + 12 + 4 * word),
    align: file.size(at + 16 + 4 * word, `the alignment of ${what}`),
    entrySize: file.size(at + 16 + 5 * word, `the entry size of ${what}`),
    get data() {
      if (type === SHT.NOBITS || type === SHT.NULL) return new Uint8Array();
      if ((flags & SHF.COMPRESSED) !== 0) {
        throw file.error(`${what} is compressed (SHF_COMPRESSED), which is not supported`, at + 8);
      }
      return file.range(offset, size, what, at + 8 + 2 * word);
    },
  };
};

/** How messages call a section: `section 3 (.text)`. */
export const describe = ({ index, name }: Pick<ElfSection, 'index' | 'name'>): string =>
  name === '' ? `section ${index}` : `section ${index} (${name})`;
