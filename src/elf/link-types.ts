/**
 * The types of several object files as those of one: each there once, declarations replaced by what defines them, the
 * sections of variables put together as the sections themselves are, and `.BTF.ext` moved along (libbpf's
 * linker_append_btf, linker_append_btf_ext and finalize_btf, tools/lib/bpf/linker.c).
 *
 * @module
 */
import {
  Btf,
  type BtfDatasec,
  type BtfExt,
  type BtfMapping,
  BtfMerger,
  type Deduplicated,
  deduplicate,
  type ExtRecords,
  encodeBtfExt,
  remapExt,
} from '../btf/index.ts';
import { ElfError } from './error.ts';
import type { LinkInput } from './link-inputs.ts';
import { isDefined } from './link-match.ts';
import type { Place, SectionPlan } from './link-sections.ts';
import type { GlobalSymbol } from './link-symbols.ts';
import type { ElfSectionInput } from './write.ts';

/** An input that has types. */
interface Typed {
  readonly input: LinkInput;
  readonly btf: Btf;
  readonly mapping: BtfMapping;
  /** Where its sections have gone, by name. */
  readonly places: ReadonlyMap<string, Place>;
}

/** The sections `.BTF` and `.BTF.ext`; none if no input has them. Throws ElfError or BtfError. */
export const linkTypes = (
  inputs: readonly LinkInput[],
  { sections, places }: SectionPlan,
  globals: ReadonlyMap<string, GlobalSymbol>,
): readonly ElfSectionInput[] => {
  const merger = new BtfMerger();
  const typed = inputs.flatMap((input): Typed[] => {
    const { btf, sections } = input;
    if (btf === undefined) return [];
    const byName = new Map(sections.map((section) => [section.name, places.get(section)!]));
    const dropped = typesOfSections(btf, byName);
    const instead = (id: number): number | undefined => (dropped.has(id) ? 0 : undefined);
    return [{ input, btf, mapping: merger.append(btf, { instead }), places: byName }];
  });
  const [first] = typed;
  if (first === undefined) return [];
  const { littleEndian } = first.btf;
  const sizes = new Map(sections.map(({ name, size }) => [name, size]));
  for (const [name, variables] of variablesOf(typed, globals))
    merger.add({ kind: 'datasec', name, size: sizes.get(name) ?? 0, variables });
  const ext = extOf(typed);
  const replace = replacements(typed, globals);
  const linked = inOrder(deduplicate(merger.build('the linked types'), { ext, replace }));
  const types = { name: '.BTF', align: 4, data: linked.bytes };
  if (!inputs.some((input) => input.ext)) return [types];
  return [types, { name: '.BTF.ext', align: 4, data: encodeBtfExt(linked.ext, littleEndian) }];
};

/** The same with the strings in the order of the types that are left: linking the result again changes nothing. */
const inOrder = ({ bytes, ext }: Deduplicated) => {
  const merger = new BtfMerger();
  const mapping = merger.append(new Btf(bytes));
  return { ext: remapExt(ext!, mapping), bytes: merger.encode() };
};

/** Sections are written anew; and what a section that is left out has in it goes with it. */
const typesOfSections = (btf: Btf, places: ReadonlyMap<string, Place>): ReadonlySet<number> => {
  const found = new Set<number>();
  for (const id of btf.idsOf('datasec')) {
    found.add(id);
    const { name, variables } = btf.type(id) as BtfDatasec;
    if (places.get(name)?.repeated) for (const { type } of variables) found.add(type);
  }
  return found;
};

/** What stands for each type that lost to another of its name. */
const replacements = (
  typed: readonly Typed[],
  globals: ReadonlyMap<string, GlobalSymbol>,
): ReadonlyMap<number, number> => {
  const mappings = new Map(typed.map(({ input, mapping }) => [input, mapping]));
  const replace = new Map<number, number>();
  for (const { winner, candidates } of globals.values()) {
    const [id, ...others] = [winner, ...candidates].map(({ input, declaration }) =>
      declaration === undefined ? 0 : mappings.get(input)!.ids[declaration.id]!,
    );
    for (const other of others) if (other !== id) replace.set(other, id!);
  }
  return replace;
};

// ----------
// Sections
// ----------

type Variable = BtfDatasec['variables'][number];

/** The variables of all inputs by section, with the offsets that they have now. Ids are those of the merged types. */
const variablesOf = (
  typed: readonly Typed[],
  globals: ReadonlyMap<string, GlobalSymbol>,
): ReadonlyMap<string, readonly Variable[]> => {
  const sections = new Map<string, Variable[]>();
  for (const each of typed) {
    for (const id of each.btf.idsOf('datasec')) {
      const { name, variables } = each.btf.type(id) as BtfDatasec;
      const place = each.places.get(name);
      if (place?.repeated) continue;
      const found = sections.get(name) ?? [];
      sections.set(name, found);
      for (const variable of variables) {
        const moved = variableOf(each, variable, place, globals);
        if (moved) found.push(moved);
      }
    }
  }
  for (const variables of sections.values()) variables.sort((a, b) => a.offset - b.offset);
  return sections;
};

/** A variable where it is now; undefined for one that another stands for. */
const variableOf = (
  { input, btf, mapping }: Typed,
  { type: id, offset, size }: Variable,
  place: Place | undefined,
  globals: ReadonlyMap<string, GlobalSymbol>,
): Variable | undefined => {
  const type = mapping.ids[id];
  if (type === undefined) throw new ElfError(`${input.label}: a section holds type ${id}`);
  const declared = btf.type(id);
  const isSeen =
    (declared.kind === 'var' || declared.kind === 'func') && declared.linkage !== 'static';
  const winner = isSeen ? globals.get(declared.name)?.winner : undefined;
  // Static variables have their offsets from the compiler, others from the symbol table.
  if (!winner) return { type, offset: offset + (place?.offset ?? 0), size };
  if (winner.input !== input || winner.declaration?.id !== id) return undefined;
  if (!isDefined(winner)) return { type, offset: 0, size };
  return { type, offset: winner.symbol.value + (winner.place?.offset ?? 0), size };
};

// ----------
// .BTF.ext
// ----------

const LISTS = ['funcInfos', 'lineInfos', 'coreRelos'] as const;

/** The records of all inputs by section, moved to where their instructions are. */
const extOf = (typed: readonly Typed[]): BtfExt => {
  const merged = typed.flatMap((each) => {
    const { ext } = each.input;
    return ext ? [remapExt(movedExt(ext, each), each.mapping)] : [];
  });
  const [funcInfos, lineInfos, coreRelos] = LISTS.map((list) => {
    const sections = new Map<number, object[]>();
    for (const { [list]: entries } of merged) {
      for (const { section, records } of entries) {
        const known = sections.get(section) ?? [];
        sections.set(section, known);
        for (const record of records) known.push(record);
      }
    }
    return [...sections].map(([section, records]) => ({ section, records }));
  });
  return { funcInfos, lineInfos, coreRelos } as unknown as BtfExt;
};

const movedExt = (ext: BtfExt, { input, btf, places }: Typed): BtfExt => {
  const moved = <T extends { readonly insnOffset: number }>(
    entries: readonly ExtRecords<T>[],
  ): readonly ExtRecords<T>[] =>
    entries
      .filter(({ records }) => records.length > 0)
      .map(({ section, records }) => {
        const name = btf.string(section);
        const place = places.get(name);
        if (!place)
          throw new ElfError(
            `${input.label}: .BTF.ext tells of ${name}, which is no section of it`,
          );
        return {
          section,
          records: records.map((each) => ({ ...each, insnOffset: each.insnOffset + place.offset })),
        };
      });
  return {
    funcInfos: moved(ext.funcInfos),
    lineInfos: moved(ext.lineInfos),
    coreRelos: moved(ext.coreRelos),
  };
};
