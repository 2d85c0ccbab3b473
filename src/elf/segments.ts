/**
 * Program headers (Elf32_Phdr, Elf64_Phdr): what of the file goes where in memory.
 *
 * @module
 */
import type { ElfBytes } from './bytes.ts';
import type { ElfHeader } from './header.ts';

export interface ElfSegment {
  readonly index: number;
  /** One of PT. */
  readonly type: number;
  /** A sum of PF. */
  readonly flags: number;
  /** Where it is in the file, in bytes. */
  readonly offset: number;
  /** Where it is in memory (p_vaddr). Throws beyond 2^53, where the kernel's own segments are. */
  readonly address: number;
  /** Bytes in the file. */
  readonly size: number;
  /** Bytes in memory, of which those after `size` are zero. */
  readonly memorySize: number;
  readonly align: number;
  /** A view of the file. Throws ElfError when it is not in the file. */
  readonly data: Uint8Array;
}

/** Reads all program headers. */
export const readSegments = ({ file, segments }: ElfHeader): ElfSegment[] =>
  Array.from({ length: segments.count }, (_, index) =>
    readSegment(file, segments.offset + index * segments.entrySize, index),
  );

const readSegment = (file: ElfBytes, at: number, index: number): ElfSegment => {
  const { word } = file;
  const what = `segment ${index}`;
  // The flags come second in files of 64 bits, and after the sizes in those of 32.
  const start = at + word;
  const offset = file.size(start, `the offset of ${what}`);
  const size = file.size(start + 3 * word, `the size of ${what}`);
  return {
    index,
    type: file.u32(at),
    flags: file.u32(word === 8 ? at + 4 : at + 24),
    offset,
    get address() {
      return file.size(start + word, `the address of ${what}`);
    },
    size,
    memorySize: file.size(start + 4 * word, `the size in memory of ${what}`),
    align: file.size(word === 8 ? at + 48 : at + 28, `the alignment of ${what}`),
    get data() {
      return file.range(offset, size, what, start);
    },
  };
};
