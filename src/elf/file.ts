/**
 * An ELF file, read lazily from bytes that may be a mapped file: BPF objects, and the executables and libraries that
 * uprobes are set in (System V ABI, chapters 4 and 5). Both classes, both byte orders. Opening reads the header; what
 * comes after it is checked when it is asked for, and is a view of the bytes.
 *
 * @example
 * const file = new ElfFile(readFileSync('prog.o'), { label: 'prog.o' });
 * const text = file.section('xdp')!;
 * for (const { offset, symbol } of file.relocations(text)) console.log(offset, symbol.name);
 *
 * @module
 */
import { PT, SHT } from './constants.ts';
import { type ElfHeader, readHeader } from './header.ts';
import { type ElfNote, readNotes } from './notes.ts';
import { type ElfRelocation, readRelocations } from './relocations.ts';
import { describe, type ElfSection, readSections } from './sections.ts';
import { type ElfSegment, readSegments } from './segments.ts';
import { linkedStrings, Names } from './strings.ts';
import { type ElfSymbol, readSymbols } from './symbols.ts';
import { checkOverlap, findTables, type Tables } from './tables.ts';

export interface ElfOptions {
  /** What messages call it: a file's name. */
  readonly label?: string | undefined;
}

/** The sections, segments, symbols, relocations and notes of an ELF file. */
export class ElfFile {
  readonly label: string;
  readonly littleEndian: boolean;
  readonly bits: 32 | 64;
  /** One of ET. */
  readonly type: number;
  /** One of EM. */
  readonly machine: number;
  readonly flags: number;
  readonly #header: ElfHeader;
  readonly #names: Names;
  #sections: readonly ElfSection[] | undefined;
  #byName: Map<string, ElfSection> | undefined;
  #segments: readonly ElfSegment[] | undefined;
  #knownTables: Tables | undefined;
  /** By the index of their table. */
  readonly #symbols = new Map<number, readonly ElfSymbol[]>();

  /** Throws ElfError when the header is not that of an ELF file. */
  constructor(bytes: Uint8Array, options: ElfOptions = {}) {
    this.label = options.label ?? 'the ELF file';
    // A view of the same bytes even of a Buffer, whose own subarray() and indexOf() are slower.
    const data = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#header = readHeader(data, this.label);
    const { file, type, machine, flags } = this.#header;
    this.littleEndian = file.littleEndian;
    this.bits = file.bits;
    this.type = type;
    this.machine = machine;
    this.flags = flags;
    this.#names = new Names(file);
  }

  /** All sections by their index; section 0, which is none, included. */
  get sections(): readonly ElfSection[] {
    this.#sections ??= readSections(this.#header, this.#names);
    return this.#sections;
  }

  /** The first section with this name. */
  section(name: string): ElfSection | undefined {
    if (this.#byName === undefined) {
      this.#byName = new Map();
      for (const section of this.sections) {
        if (!this.#byName.has(section.name)) this.#byName.set(section.name, section);
      }
    }
    return this.#byName.get(name);
  }

  /** What goes where in memory; none in object files. */
  get segments(): readonly ElfSegment[] {
    this.#segments ??= readSegments(this.#header);
    return this.#segments;
  }

  /** The symbols of .symtab by their index, symbol 0 included; none in stripped files. */
  get symbols(): readonly ElfSymbol[] {
    return this.#symbolsOfType(SHT.SYMTAB);
  }

  /** The symbols of .dynsym, which stay in stripped files. */
  get dynamicSymbols(): readonly ElfSymbol[] {
    return this.#symbolsOfType(SHT.DYNSYM);
  }

  /** What of a section is relocated, by offset. Executables have theirs at section 0 (.rela.dyn) and .got (.rela.plt). */
  relocations(section: ElfSection): readonly ElfRelocation[] {
    const tables = this.#tables.relocations.get(section.index) ?? [];
    return tables
      .flatMap((table) => readRelocations(this.#header.file, table, this.#symbolsOf(table.link)))
      .sort((a, b) => a.offset - b.offset);
  }

  /** The notes of a section; without one, of all note sections, or of the segments in a file that has no sections. */
  notes(section?: ElfSection): readonly ElfNote[] {
    const { file } = this.#header;
    if (section !== undefined) return readNotes(file, section, describe(section));
    if (this.sections.length > 0) {
      const notes = this.sections.filter(({ type }) => type === SHT.NOTE);
      checkOverlap(file, notes);
      return notes.flatMap((each) => readNotes(file, each, describe(each)));
    }
    const notes = this.segments.filter(({ type }) => type === PT.NOTE);
    checkOverlap(file, notes);
    return notes.flatMap((each) => readNotes(file, each, `segment ${each.index}`));
  }

  get #tables(): Tables {
    this.#knownTables ??= findTables(this.#header.file, this.sections);
    return this.#knownTables;
  }

  #symbolsOfType(wanted: number): readonly ElfSymbol[] {
    for (const { type, index } of this.#tables.symbols.values()) {
      if (type === wanted) return this.#symbolsOf(index);
    }
    return [];
  }

  /** The symbols of a table; none when the section with this index is no symbol table. */
  #symbolsOf(index: number): readonly ElfSymbol[] {
    const known = this.#symbols.get(index);
    if (known !== undefined) return known;
    const table = this.#tables.symbols.get(index);
    if (table === undefined) return [];
    const { file } = this.#header;
    const extended = this.#tables.extended.get(index);
    const symbols = readSymbols(file, table, {
      strings: linkedStrings(file, this.sections, table),
      names: this.#names,
      extended,
    });
    this.#symbols.set(index, symbols);
    return symbols;
  }
}
