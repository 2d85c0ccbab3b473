/**
 * Where the sections of several object files go in the one that is made of them: those of a name one after the other
 * (libbpf's linker_append_sec_data and extend_sec, tools/lib/bpf/linker.c).
 *
 * @module
 */
import { SHT } from './constants.ts';
import { ElfError } from './error.ts';
import type { LinkInput } from './link-inputs.ts';
import type { ElfSection } from './sections.ts';
import { decodeText } from './strings.ts';

/** A section of the result. */
export interface LinkedSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly entrySize: number;
  readonly align: number;
  readonly size: number;
  readonly parts: readonly Part[];
}

export interface Part {
  readonly input: LinkInput;
  readonly section: ElfSection;
  /** In the result, in bytes. */
  readonly offset: number;
}

/** Where a section of an input has gone. */
export interface Place {
  readonly section: LinkedSection;
  readonly offset: number;
  /** An earlier input has the same section, with the same bytes: this one is left out. */
  readonly repeated: boolean;
}

export interface SectionPlan {
  readonly sections: readonly LinkedSection[];
  /** By the sections of the inputs. */
  readonly places: ReadonlyMap<ElfSection, Place>;
}

interface Draft extends LinkedSection {
  align: number;
  size: number;
  readonly parts: Part[];
}

/** Plans the sections of the result. Throws ElfError for sections of a name that do not go together. */
export const planSections = (inputs: readonly LinkInput[]): SectionPlan => {
  const drafts = new Map<string, Draft>();
  const places = new Map<ElfSection, Place>();
  for (const input of inputs) {
    for (const section of input.sections) {
      const draft = drafts.get(section.name) ?? draftOf(section);
      drafts.set(section.name, draft);
      const repeated = isSaidOnce(section) && draft.parts.length > 0;
      if (repeated) checkRepeated(draft.parts[0]!, input, section);
      const offset = repeated ? 0 : append(draft, input, section);
      places.set(section, { section: draft, offset, repeated });
    }
  }
  return { sections: [...drafts.values()], places };
};

/** Sections that hold for the whole object. */
const isSaidOnce = ({ name }: ElfSection): boolean => name === 'license' || name === 'version';

const draftOf = ({ name, type, flags, entrySize }: ElfSection): Draft => ({
  name,
  type,
  flags,
  entrySize,
  align: 1,
  size: 0,
  parts: [],
});

const checkRepeated = (first: Part, { label }: LinkInput, { name, data }: ElfSection): void => {
  const { data: before } = first.section;
  if (data.length === before.length && data.every((byte, i) => byte === before[i])) return;
  const [one, two] = [before, data].map((each) => decodeText(each).replace(/\0.*$/s, ''));
  throw new ElfError(
    `${first.input.label} and ${label} have different ${name}s: ${one}, and ${two}. One object has one`,
  );
};

/** What BTF can say of a section. */
const MOST_BYTES = 0xffff_ffff;
/** The largest page that Linux has. Beyond it there is only padding. */
const LARGEST_ALIGNMENT = 0x1_0000;

const append = (draft: Draft, input: LinkInput, section: ElfSection): number => {
  const { name, type, flags, entrySize, align, size } = section;
  const [first] = draft.parts;
  if (type !== draft.type || flags !== draft.flags || entrySize !== draft.entrySize)
    throw new ElfError(
      `${first!.input.label} and ${input.label} have sections ${name} that do not go together: type ${draft.type} and ${type}, flags 0x${draft.flags.toString(16)} and 0x${flags.toString(16)}, entries of ${draft.entrySize} and ${entrySize} bytes`,
    );
  if (align > LARGEST_ALIGNMENT || (align > 1 && !Number.isInteger(Math.log2(align))))
    throw new ElfError(
      `${input.label} aligns ${name} to ${align}, which is no power of two up to ${LARGEST_ALIGNMENT}`,
    );
  draft.align = Math.max(draft.align, align);
  const offset = Math.ceil(draft.size / draft.align) * draft.align;
  draft.size = offset + size;
  if (draft.size > MOST_BYTES)
    throw new ElfError(`${name} would have ${draft.size} bytes with that of ${input.label}`);
  draft.parts.push({ input, section, offset });
  return offset;
};

/** The bytes of a section, as the inputs have them; none of NOBITS. */
export const contentsOf = ({ type, size, parts }: LinkedSection): Uint8Array => {
  if (type === SHT.NOBITS) return new Uint8Array();
  const data = new Uint8Array(size);
  for (const { section, offset } of parts) data.set(section.data, offset);
  return data;
};
