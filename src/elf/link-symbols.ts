/**
 * The symbols of several object files as those of one: what is local stays apart, and a name that is seen from outside
 * stands for one definition (libbpf's linker_append_elf_sym, tools/lib/bpf/linker.c).
 *
 * @module
 */
import { SHN, STB, STT, STV } from './constants.ts';
import { ElfError } from './error.ts';
import { type Declaration, declarationsOf } from './link-declarations.ts';
import type { LinkInput } from './link-inputs.ts';
import { checkAgreement, isDefined } from './link-match.ts';
import type { Place, SectionPlan } from './link-sections.ts';
import type { ElfSymbol } from './symbols.ts';
import type { ElfSymbolInput } from './write.ts';

/** One file's say about a name that others see. */
export interface Candidate {
  readonly input: LinkInput;
  readonly symbol: ElfSymbol;
  /** Where it is defined; undefined for a declaration, and for an absolute number. */
  readonly place: Place | undefined;
  /** What the BTF says of it. */
  readonly declaration: Declaration | undefined;
}

/** A name that is seen from outside. */
export interface GlobalSymbol {
  /** The definition, or a declaration where there is none. */
  readonly winner: Candidate;
  /** All, in order. */
  readonly candidates: readonly Candidate[];
  readonly output: ElfSymbolInput;
}

export interface LinkedSymbols {
  readonly globals: ReadonlyMap<string, GlobalSymbol>;
  /** In the order of first appearance. */
  readonly output: readonly ElfSymbolInput[];
  /** What the symbols of the inputs have become. Those of sections that were left out are missing. */
  readonly of: ReadonlyMap<ElfSymbol, ElfSymbolInput>;
}

/** Resolves all symbols. Throws ElfError for two strong definitions, and for a declaration that does not fit. */
export const linkSymbols = (inputs: readonly LinkInput[], plan: SectionPlan): LinkedSymbols => {
  const globals = resolveAll(inputs, plan);
  const output = new Set<ElfSymbolInput>();
  const of = new Map<ElfSymbol, ElfSymbolInput>();
  const ofSection = new Map<string, ElfSymbolInput>();
  const linkedSymbol = (symbol: ElfSymbol, place: Place | undefined) => {
    if (symbol.binding !== STB.LOCAL) return globals.get(symbol.name)?.output;
    if (!isSectionSymbol(symbol)) return moved(symbol, place);
    if (place === undefined) return undefined;
    const { name } = place.section;
    const linked = ofSection.get(name) ?? { name: '', section: name, type: STT.SECTION };
    ofSection.set(name, linked);
    return linked;
  };
  for (const input of inputs) {
    for (const symbol of input.file.symbols.slice(1)) {
      const place = placeOf(input, symbol, plan);
      if (place === 'dropped') continue;
      const linked = linkedSymbol(symbol, place);
      if (linked === undefined) continue;
      of.set(symbol, linked);
      output.add(linked);
    }
  }
  return { globals, output: [...output], of };
};

/** The symbol of a whole section: what refers to it says in its addend where. */
export const isSectionSymbol = ({ type, binding }: ElfSymbol): boolean =>
  type === STT.SECTION && binding === STB.LOCAL;

const resolveAll = (
  inputs: readonly LinkInput[],
  plan: SectionPlan,
): ReadonlyMap<string, GlobalSymbol> => {
  const byName = new Map<string, Candidate[]>();
  for (const input of inputs) {
    const declarations = declarationsOf(input.btf);
    for (const symbol of input.file.symbols.slice(1)) {
      const { name, binding } = symbol;
      if (binding === STB.LOCAL) continue;
      if (binding !== STB.GLOBAL && binding !== STB.WEAK)
        throw new ElfError(`${input.label}: symbol ${name} has binding ${binding}`);
      const place = placeOf(input, symbol, plan);
      if (place === 'dropped' || place?.repeated) continue;
      const candidates = byName.get(name) ?? [];
      byName.set(name, candidates);
      candidates.push({ input, symbol, place, declaration: declarations.get(name) });
    }
  }
  return new Map([...byName].map(([name, candidates]) => [name, resolve(name, candidates)]));
};

/** Where the section of a symbol has gone. Throws ElfError for a symbol that is not in its section. */
const placeOf = (
  { label, file }: LinkInput,
  { name, section: index, value, size }: ElfSymbol,
  { places }: SectionPlan,
): Place | 'dropped' | undefined => {
  if (index === SHN.UNDEF || index === SHN.ABS) return undefined;
  if (index === SHN.COMMON)
    throw new ElfError(`${label}: ${name} has no section yet: compile it with -fno-common`);
  const section = file.sections[index];
  if (section === undefined)
    throw new ElfError(
      `${label}: symbol ${name} is in section ${index}, and there are ${file.sections.length}`,
    );
  const place = places.get(section);
  if (place === undefined) return 'dropped';
  if (value + size <= section.size) return place;
  throw new ElfError(
    `${label}: symbol ${name} ends at ${value + size}, after the end of ${section.name} (${section.size})`,
  );
};

const moved = (
  { name, type, binding, visibility, value, size, section }: ElfSymbol,
  place: Place | undefined,
): ElfSymbolInput => ({
  name,
  type,
  binding,
  visibility,
  size,
  value: value + (place?.offset ?? 0),
  section: place?.section.name ?? section,
});

// ----------
// Resolution
// ----------

const isStrong = ({ symbol }: Candidate): boolean => symbol.binding === STB.GLOBAL;

const resolve = (name: string, candidates: readonly Candidate[]): GlobalSymbol => {
  const definitions = candidates.filter(isDefined);
  const [strong, other] = definitions.filter(isStrong);
  if (other)
    throw new ElfError(
      `${strong!.input.label} and ${other.input.label} both define ${name}: make one of them static or __weak`,
    );
  const winner = strong ?? definitions[0] ?? candidates[0]!;
  for (const candidate of candidates)
    if (candidate !== winner) checkAgreement(name, winner, candidate);
  const output = {
    ...moved(winner.symbol, winner.place),
    // A definition that somebody needs is as good as a strong one.
    binding: candidates.some(isStrong) ? STB.GLOBAL : STB.WEAK,
    visibility: strictest(candidates.map(({ symbol }) => symbol.visibility)),
  };
  return { winner, candidates, output };
};

/** The order in which STV restrict is that of their numbers, but for DEFAULT, which does not. */
const strictest = (visibilities: readonly number[]): number => {
  const restricting = visibilities.filter((each) => each !== STV.DEFAULT);
  return restricting.length === 0 ? STV.DEFAULT : Math.min(...restricting);
};
