/**
 * Names: bytes that end in NUL in a string table, told apart by their offset.
 *
 * @module
 */
import type { ElfBytes } from './bytes.ts';
import { SHT } from './constants.ts';
import { describe, type ElfSection } from './sections.ts';

/** A string table: a range of the file. */
export interface StringTable {
  readonly offset: number;
  readonly size: number;
}

/** A name that was decoded, and where its NUL is. */
interface Name {
  readonly text: string;
  readonly end: number;
}

/**
 * All names of a file together may take this many times its size: linkers let names share their ends, a hostile file
 * lets ten thousand of them share a megabyte.
 */
const MOST_PER_BYTE = 4;
const ALWAYS_ALLOWED = 1 << 20;

/** The names of one file. They are decoded once: where a name is says which it is, whatever table it is of. */
export class Names {
  readonly #file: ElfBytes;
  readonly #known = new Map<number, Name>();
  #left: number;

  constructor(file: ElfBytes) {
    this.#file = file;
    this.#left = Math.max(ALWAYS_ALLOWED, MOST_PER_BYTE * file.bytes.length);
  }

  /** The name at an offset of a table. `at` is the byte of the file that says so, `what` has the name: 'a symbol'. */
  get(table: StringTable, offset: number, what: string, at: number): string {
    if (offset === 0) return '';
    if (offset >= table.size) {
      throw this.#file.error(
        `the name of ${what} is at ${offset} of a string table of ${table.size} bytes`,
        at,
      );
    }
    const start = table.offset + offset;
    const name = this.#known.get(start) ?? this.#decode(start, what, at);
    if (name.end >= table.offset + table.size) {
      throw this.#file.error(`the name of ${what} has no end in its string table`, start);
    }
    return name.text;
  }

  #decode(start: number, what: string, at: number): Name {
    const { bytes } = this.#file;
    const found = bytes.indexOf(0, start);
    const end = found === -1 ? bytes.length : found;
    this.#left -= end - start;
    if (this.#left < 0) {
      throw this.#file.error(`names share their bytes too often, the last that of ${what}`, at);
    }
    const name = { text: decodeText(bytes.subarray(start, end)), end };
    this.#known.set(start, name);
    return name;
  }
}

/** The string table that another table has its names in. Throws ElfError when there is none. */
export const linkedStrings = (
  file: ElfBytes,
  sections: readonly ElfSection[],
  table: ElfSection,
): StringTable => {
  const strings = sections[table.link];
  if (strings?.type === SHT.STRTAB) return { offset: strings.offset, size: strings.data.length };
  throw file.error(
    `the names of ${describe(table)} are in section ${table.link}, which is no string table`,
    table.offset,
  );
};

const utf8 = /* @__PURE__ */ new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text in UTF-8; bytes that are not are taken for Latin-1, so that different bytes stay different names. */
export const decodeText = (bytes: Uint8Array): string => {
  // Short names in ASCII, which is nearly all: a tenth of the time.
  let ascii = bytes.length < 256;
  for (let i = 0; ascii && i < bytes.length; i++) ascii = bytes[i]! < 0x80;
  if (ascii) return String.fromCharCode.apply(null, bytes as unknown as number[]);
  try {
    return utf8.decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  }
};
