/** What the tests of this room share: goldens, readelf as an oracle, changed headers, errors with their offset. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ElfError, ElfFile, type ElfInput, SHT } from '../../src/elf/index.ts';

export const hasReadelf = spawnSync('readelf', ['--version']).status === 0;
export const hasLlvm = spawnSync('llvm-readobj-19', ['--version']).status === 0;

export interface Golden {
  readonly command: string;
  readonly machine: number;
  readonly flags: number;
  readonly sections: readonly Readonly<Record<string, unknown>>[];
  readonly segments: readonly Readonly<Record<string, unknown>>[];
  readonly symbols: readonly Readonly<Record<string, unknown>>[];
  readonly relocations: readonly {
    readonly table: number;
    readonly entries: readonly {
      readonly offset: number;
      readonly type: number;
      readonly symbol: number;
      readonly addend: number | null;
    }[];
  }[];
  readonly bytes: string;
}

export const goldens = (): Readonly<Record<string, Golden>> =>
  JSON.parse(readFileSync(new URL('../golden/elf/objects.json', import.meta.url), 'utf8'));

export const bytesOf = ({ bytes }: Golden): Uint8Array =>
  Uint8Array.from(Buffer.from(bytes, 'base64'));

/** The ElfError that a function throws. */
export const errorOf = (run: () => unknown): ElfError => {
  try {
    run();
  } catch (error) {
    if (error instanceof ElfError) return error;
    throw error;
  }
  throw new Error('expected an ElfError, nothing was thrown');
};

/** What a command prints about a file with these bytes, on both channels. */
export const tool = (bytes: Uint8Array, command: string, ...args: readonly string[]): string => {
  const work = mkdtempSync(join(tmpdir(), 'elf-test-'));
  try {
    const file = join(work, 'file.o');
    writeFileSync(file, bytes);
    return execFileSync('sh', ['-c', '"$@" 2>&1', 'sh', command, ...args, file], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
  } finally {
    rmSync(work, { recursive: true });
  }
};

/** What writeElf() writes by itself. */
const WRITTEN: readonly number[] = [SHT.NULL, SHT.SYMTAB, SHT.STRTAB, SHT.REL, SHT.LLVM_ADDRSIG];

/** For a symbol of another table than .symtab, which writeElf() refuses. */
const NOWHERE = { name: 'another table', section: 0 };

/** A file as writeElf() takes it. */
export const inputOf = (bytes: Uint8Array) => {
  const file = new ElfFile(bytes);
  const { machine, flags, littleEndian } = file;
  const symbols = file.symbols.map(({ name, value, size, type, binding, visibility, section }) => ({
    name,
    value,
    size,
    type,
    binding,
    visibility,
    // Of a section that is gone writeElf() says that there is no such.
    section: section > 0 ? (file.sections[section]?.name ?? `${section}`) : section,
  }));
  const sections = file.sections
    .filter(({ type }) => !WRITTEN.includes(type))
    .map((section) => ({
      name: section.name,
      type: section.type,
      flags: section.flags,
      align: section.align,
      entrySize: section.entrySize,
      data: section.data,
      size: section.size,
      relocations: file.relocations(section).map(({ offset, type, symbol }) => ({
        offset,
        type,
        symbol: symbols[symbol.index] ?? NOWHERE,
      })),
    }));
  return { machine, flags, littleEndian, sections, symbols: symbols.slice(1) } satisfies ElfInput;
};
