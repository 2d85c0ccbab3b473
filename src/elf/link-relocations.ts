/**
 * The relocations of the sections that were put together, and the addends in the bytes that they change: what refers to
 * a section, not to a symbol of its own, counts from the section's start (libbpf's linker_append_elf_relos).
 *
 * @module
 */
import { BPF_CALL, BPF_JMP, LDDW } from '../asm/index.ts';
import { R_BPF, SHF } from './constants.ts';
import { ElfError } from './error.ts';
import type { LinkedSection, Part, SectionPlan } from './link-sections.ts';
import { type GlobalSymbol, isSectionSymbol, type LinkedSymbols } from './link-symbols.ts';
import { SLOT } from './read-functions.ts';
import type { ElfRelocation } from './relocations.ts';
import type { ElfSection } from './sections.ts';
import type { ElfSymbol } from './symbols.ts';
import type { ElfRelocationInput } from './write.ts';

/** The relocations of a section. Addends are changed in `data`, which are its bytes. */
export const linkRelocations = (
  { parts }: LinkedSection,
  data: Uint8Array,
  plan: SectionPlan,
  symbols: LinkedSymbols,
  unused: ReadonlyMap<ElfSection, readonly Range[]>,
): readonly ElfRelocationInput[] =>
  parts.flatMap((part) => {
    const { file } = part.input;
    const kept = outside(file.relocations(part.section), unused.get(part.section) ?? []);
    return kept.map((relocation): ElfRelocationInput => {
      const { symbol, type, offset } = relocation;
      const linked = symbols.of.get(symbol);
      if (linked === undefined) throw refused(part, offset, 'refers to what is not linked', symbol);
      if (relocation.addend !== undefined)
        throw refused(part, offset, 'has its addend in a table, but BPF has none there', symbol);
      if (isSectionSymbol(symbol)) {
        const { offset: by } = plan.places.get(file.sections[symbol.section]!)!;
        move(part, relocation, data, by);
      }
      return { offset: part.offset + offset, type, symbol: linked };
    });
  });

const refused = (
  { input: { label, file }, section }: Part,
  offset: number,
  what: string,
  { name, section: index }: ElfSymbol,
): ElfError => {
  const symbol = name || `section ${file.sections[index]?.name ?? index}`;
  return new ElfError(`${label}: byte ${offset} of ${section.name} ${what} (${symbol})`);
};

// ----------
// Addends
// ----------

/** The bytes of an addend in data. Before LLVM 13 a pointer was relocated as a load is. */
const WIDTHS: ReadonlyMap<number, 4 | 8> = /* @__PURE__ */ new Map([
  [R_BPF['64_64'], 8],
  [R_BPF['64_ABS64'], 8],
  [R_BPF['64_ABS32'], 4],
  [R_BPF['64_NODYLD32'], 4],
]);

/** Adds to an addend how far the section that it counts from has moved. */
const move = (part: Part, relocation: ElfRelocation, data: Uint8Array, by: number): void => {
  const { section, input } = part;
  const { offset, type, symbol } = relocation;
  const isCode = (section.flags & SHF.EXECINSTR) !== 0;
  const width = isCode ? 4 : WIDTHS.get(type);
  const field = isCode ? offset + 4 : offset;
  if (width === undefined || field + width > section.data.length)
    throw refused(part, offset, `cannot be relocated by type ${type}`, symbol);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const at = part.offset + field;
  const { littleEndian } = input.file;
  if (width === 8) {
    view.setBigInt64(at, view.getBigInt64(at, littleEndian) + BigInt(by), littleEndian);
    return;
  }
  const scale = isCode ? scaleOf(data[part.offset + offset]!) : 1;
  if (scale === undefined) throw refused(part, offset, 'is neither a call nor a load', symbol);
  const addend = view.getInt32(at, littleEndian) + by / scale;
  if (addend !== (addend | 0)) throw refused(part, offset, `cannot hold ${addend}`, symbol);
  view.setInt32(at, addend, littleEndian);
};

/** What an instruction counts in: calls in instructions, loads of 64 bits in bytes. */
const scaleOf = (opcode: number): number | undefined => {
  if (opcode === (BPF_JMP | BPF_CALL)) return SLOT;
  return opcode === LDDW ? 1 : undefined;
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
      if (candidate === winner || !place) continue;
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
