/**
 * The header at the start of an ELF file (Elf32_Ehdr, Elf64_Ehdr): what the file is, and where its section and program
 * headers are. Counts that do not fit in 16 bits are in section header 0.
 *
 * @module
 */
import { ElfBytes } from './bytes.ts';
import { ElfError } from './error.ts';

/** A table of headers: `count` of `entrySize` bytes from `offset` on, which are in the file. */
export interface HeaderTable {
  readonly offset: number;
  readonly entrySize: number;
  readonly count: number;
}

export interface ElfHeader {
  readonly file: ElfBytes;
  readonly type: number;
  readonly machine: number;
  readonly flags: number;
  readonly sections: HeaderTable;
  readonly segments: HeaderTable;
  /** The index of the section with the names of the sections, 0 when there is none. */
  readonly nameSection: number;
}

const IDENT_LENGTH = 16;
const MAGIC = '7f 45 4c 46';
const EV_CURRENT = 1;
/** "The number is in section header 0." */
const PN_XNUM = 0xffff;
const SHN_XINDEX = 0xffff;

/** Where the fields are: those after e_entry move with the size of an address. */
export const headerLength = (word: 4 | 8): number => 40 + 3 * word;
export const sectionHeaderLength = (word: 4 | 8): number => 16 + 6 * word;
export const segmentHeaderLength = (word: 4 | 8): number => (word === 8 ? 56 : 32);

/** Reads the header. Throws ElfError when this is not ELF, or the headers are not in the file. */
export const readHeader = (bytes: Uint8Array, label: string): ElfHeader => {
  const file = readIdent(bytes, label);
  const { word } = file;
  file.check(0, headerLength(word), 'the header', 0);
  const rest = 24 + 3 * word;
  const segmentsOffset = file.size(24 + word, 'the offset of the program headers');
  const sectionsOffset = file.size(24 + 2 * word, 'the offset of the section headers');

  // Where each count is, for the messages.
  let [segmentCountAt, sectionCountAt] = [rest + 8, rest + 12];
  let segmentCount = file.u16(segmentCountAt);
  let sectionCount = file.u16(sectionCountAt);
  let nameSection = file.u16(rest + 14);
  if (sectionsOffset === 0) {
    if (sectionCount > 0) {
      throw file.error(`${sectionCount} sections, whose headers are nowhere`, rest + 12);
    }
    nameSection = 0;
  } else {
    checkEntrySize(file, 'a section header', sectionHeaderLength(word), rest + 10);
    file.check(sectionsOffset, sectionHeaderLength(word), 'section header 0', 24 + 2 * word);
    if (sectionCount === 0) {
      sectionCountAt = sectionsOffset + 8 + 3 * word;
      sectionCount = file.size(sectionCountAt, 'the number of sections');
    }
    if (nameSection === SHN_XINDEX) nameSection = file.u32(sectionsOffset + 8 + 4 * word);
    if (segmentCount === PN_XNUM) {
      segmentCountAt = sectionsOffset + 12 + 4 * word;
      segmentCount = file.u32(segmentCountAt);
    }
  }
  if (segmentCount > 0) {
    checkEntrySize(file, 'a program header', segmentHeaderLength(word), rest + 6);
  }
  return {
    file,
    type: file.u16(16),
    machine: file.u16(18),
    flags: file.u32(rest),
    nameSection,
    sections: table(
      file,
      'section',
      sectionsOffset,
      sectionCount,
      sectionHeaderLength(word),
      sectionCountAt,
    ),
    segments: table(
      file,
      'program',
      segmentsOffset,
      segmentCount,
      segmentHeaderLength(word),
      segmentCountAt,
    ),
  };
};

/** e_ident: whether this is ELF, and how its numbers are written. */
const readIdent = (bytes: Uint8Array, label: string): ElfBytes => {
  const fail = (message: string, at: number) => new ElfError(message, at, label);
  if (bytes.length < IDENT_LENGTH) {
    throw fail(`an ELF file starts with ${IDENT_LENGTH} bytes, found ${bytes.length}`, 0);
  }
  const magic = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0'));
  if (magic.join(' ') !== MAGIC) {
    throw fail(`this is not ELF: expected the bytes ${MAGIC}, found ${magic.join(' ')}`, 0);
  }
  const [bits, order, version] = [bytes[4]!, bytes[5]!, bytes[6]!];
  if (bits !== 1 && bits !== 2) {
    throw fail(`expected class 1 (32 bits) or 2 (64 bits), found ${bits}`, 4);
  }
  if (order !== 1 && order !== 2) {
    throw fail(`expected byte order 1 (little) or 2 (big), found ${order}`, 5);
  }
  if (version !== EV_CURRENT) {
    throw fail(`expected ELF version ${EV_CURRENT}, found ${version}`, 6);
  }
  return new ElfBytes(bytes, order === 1, bits === 2 ? 64 : 32, label);
};

const checkEntrySize = (file: ElfBytes, what: string, expected: number, at: number): void => {
  const found = file.u16(at);
  if (found === expected) return;
  throw file.error(`${what} has ${expected} bytes, found ${found}`, at);
};

const table = (
  file: ElfBytes,
  what: string,
  offset: number,
  count: number,
  entrySize: number,
  at: number,
): HeaderTable => {
  // Before the multiplication, which could leave the exact numbers.
  if (count > file.bytes.length) {
    throw file.error(`${count} ${what} headers in a file of ${file.bytes.length} bytes`, at);
  }
  file.check(offset, count * entrySize, `the table of ${count} ${what} headers`, at);
  return { offset, entrySize, count };
};
