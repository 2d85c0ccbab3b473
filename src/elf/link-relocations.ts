/**
 * The relocations of the sections that were put together, and the addends in the bytes that they change: what refers to
 * a section, not to a symbol of its own, counts from the section's start (libbpf's linker_append_elf_relos).
 *
 * @module
 */
import { BPF_CALL, BPF_JMP, LDDW } from '../asm/index.ts';
import { R_BPF, SHF, SHN, STT } from './constants.ts';
import { ElfError } from './error.ts';
import type { LinkedSection, Part, SectionPlan } from './link-sections.ts';
import type { GlobalSymbol, LinkedSymbols } from './link-symbols.ts';
import { SLOT } from './read-functions.ts';
import type { ElfRelocation } from './relocations.ts';
import type { ElfSection } from './sections.ts';
import type { ElfRelocationInput } from './write.ts';

/** The relocations of a section. Addends are changed in `data`, which are its bytes. */
export const linkRelocations = (
  section: LinkedSection,
  data: Uint8Array,
  plan: SectionPlan,
  symbols: LinkedSymbols,
  unused: ReadonlyMap<ElfSection, readonly Range[]>,
): readonly ElfRelocationInput[] =>
  section.parts.flatMap((part) => {
    const { input, offset } = part;
    const relocations = input.file.relocations(part.section);
    const kept = outside(relocations, unused.get(part.section) ?? []);
    return kept.map((relocation): ElfRelocationInput => {
      const { symbol, type } = relocation;
      const linked = symbols.of.get(symbol);
      if (relocation.addend !== undefined || linked === undefined)
        throw new ElfError(
          `${input.label}: byte ${relocation.offset} of ${section.name} ${
            linked
              ? 'has its addend in a RELA table, but BPF has REL'
              : `refers to ${nameOf(part, relocation)}, which is not linked`
          }`,
        );
      if (symbol.type === STT.SECTION) {
        const target = plan.places.get(input.file.sections[symbol.section]!)!;
        move(part, data, relocation, target.offset);
      }
      return { offset: offset + relocation.offset, type, symbol: linked };
    });
  });

const nameOf = ({ input }: Part, { symbol }: ElfRelocation): string =>
  symbol.name || `section ${input.file.sections[symbol.section]?.name ?? symbol.section}`;

// ----------
// Addends
// ----------

/** Adds to an addend how far the section that it counts from has moved. */
const move = (part: Part, data: Uint8Array, { offset, type }: ElfRelocation, by: number): void => {
  const { input, section } = part;
  const where = `${input.label}: byte ${offset} of ${section.name}`;
  const isCode = (section.flags & SHF.EXECINSTR) !== 0;
  const length = isCode || type === R_BPF['64_ABS64'] || type === R_BPF['64_64'] ? SLOT : SLOT / 2;
  if (offset + length > section.data.length)
    throw new ElfError(`${where} is relocated, after its end (${section.data.length})`);
  const at = part.offset + offset;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const { littleEndian } = input.file;
  if (!isCode && length === SLOT) {
    view.setBigInt64(at, view.getBigInt64(at, littleEndian) + BigInt(by), littleEndian);
    return;
  }
  const field = isCode ? at + 4 : at;
  const addend = view.getInt32(field, littleEndian) + (isCode ? inCode(data[at]!, by, where) : by);
  if (addend !== (addend | 0))
    throw new ElfError(`${where} cannot hold ${addend}: the sections are too large`);
  view.setInt32(field, addend, littleEndian);
};

/** Calls count in instructions, loads of 64 bits in bytes. */
const inCode = (opcode: number, by: number, where: string): number => {
  if (opcode === (BPF_JMP | BPF_CALL)) return by / SLOT;
  if (opcode === LDDW) return by;
  throw new ElfError(
    `${where} (opcode 0x${opcode.toString(16)}) refers to a section, but only calls and 64-bit loads can`,
  );
};

// ----------
// What nobody uses
// ----------

interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * The variables that lost to others of their name, by their sections. They stay, since others must not move, but a
 * loader that finds a reference in one asks whose it is. Code that lost it leaves alone.
 */
export const unusedVariables = (
  globals: ReadonlyMap<string, GlobalSymbol>,
): ReadonlyMap<ElfSection, readonly Range[]> => {
  const found = new Map<ElfSection, Range[]>();
  for (const { winner, candidates } of globals.values()) {
    for (const candidate of candidates) {
      const { symbol, place, input } = candidate;
      if (candidate === winner || !place || symbol.section === SHN.UNDEF) continue;
      if ((place.section.flags & SHF.EXECINSTR) !== 0) continue;
      const section = input.file.sections[symbol.section]!;
      const ranges = found.get(section) ?? [];
      found.set(section, ranges);
      ranges.push({ start: symbol.value, end: symbol.value + symbol.size });
    }
  }
  for (const ranges of found.values()) ranges.sort((a, b) => a.start - b.start);
  return found;
};

/** The relocations that lie in none of the ranges; both are in order. */
const outside = (
  relocations: readonly ElfRelocation[],
  ranges: readonly Range[],
): readonly ElfRelocation[] => {
  let [next, end] = [0, 0];
  return relocations.filter(({ offset }) => {
    for (; next < ranges.length && ranges[next]!.start <= offset; next++)
      end = Math.max(end, ranges[next]!.end);
    return offset >= end;
  });
};
