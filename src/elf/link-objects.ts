/**
 * Several BPF object files in one: sections of the same name one after the other, declarations resolved by what other
 * files define, types merged. What libbpf's static linker does (`bpftool gen object OUT IN...`, tools/lib/bpf/linker.c).
 * Pure: the same files in the same order give the same bytes.
 *
 * @example
 * writeFileSync('app.o', linkObjects([{ bytes: readFileSync('a.o'), label: 'a.o' }, { bytes: readFileSync('b.o'), label: 'b.o' }]));
 *
 * @module
 */
import { EM } from './constants.ts';
import { type ObjectBytes, readInputs } from './link-inputs.ts';
import { linkRelocations, unusedVariables } from './link-relocations.ts';
import { contentsOf, planSections } from './link-sections.ts';
import { linkSymbols } from './link-symbols.ts';
import { linkTypes } from './link-types.ts';
import { type ElfSectionInput, writeElf } from './write.ts';

/**
 * Links object files, of clang or bpftool or this library. What none of them defines stays declared, so that the result
 * can be linked again. Of a function that is `__weak` in several files the first one stays, unless one is strong.
 *
 * Throws ElfError or BtfError, with the names of files and symbols, for files that do not go together: two definitions,
 * a declaration of another type, licenses that differ.
 */
export const linkObjects = (objects: readonly ObjectBytes[]): Uint8Array => {
  const inputs = readInputs(objects);
  const plan = planSections(inputs);
  const symbols = linkSymbols(inputs, plan);
  const unused = unusedVariables(symbols.globals);
  const sections = plan.sections.map((section): ElfSectionInput => {
    const { name, type, flags, entrySize, align, size } = section;
    const data = contentsOf(section);
    const relocations = linkRelocations(section, data, plan, symbols, unused);
    return { name, type, flags, entrySize, align, size, data, relocations };
  });
  const { littleEndian } = inputs[0]!.file;
  return writeElf({
    machine: EM.BPF,
    flags: Math.max(...inputs.map(({ file }) => file.flags)),
    littleEndian,
    sections: [...sections, ...linkTypes(inputs, plan, symbols.globals)],
    symbols: symbols.output,
  });
};
