/** ELF files: all that ElfFile shows, and what it read written again. */
import { readFileSync } from 'node:fs';
import { ElfError, ElfFile, SHT, writeElf } from '../../src/elf/index.ts';
import { bytesOf, goldens, inputOf } from '../elf/support.ts';
import { objectFile } from '../objects/judge.ts';
import type { Target } from './fuzz.ts';

export const elf: Target = {
  name: 'elf',
  errors: [ElfError],
  inputs: () => [
    ...Object.values(goldens()).map(bytesOf),
    ...['globals', 'maps', 'subprograms', 'xdp'].map((name) => readFileSync(objectFile(name))),
  ],
  run(bytes, attempt, random) {
    const file = attempt(() => new ElfFile(bytes, { label: 'fuzz.o' }));
    if (file === undefined) return;
    for (const section of attempt(() => file.sections) ?? []) {
      attempt(() => section.address);
      attempt(() => section.data);
      attempt(() => file.section(section.name));
      attempt(() => file.relocations(section));
      // Any section can be asked for; few hold notes.
      if (section.type === SHT.NOTE || random.below(20) === 0) attempt(() => file.notes(section));
    }
    for (const segment of attempt(() => file.segments) ?? []) {
      attempt(() => segment.address);
      attempt(() => segment.data);
    }
    attempt(() => file.symbols);
    attempt(() => file.dynamicSymbols);
    attempt(() => file.notes());
    attempt(() => writeElf(inputOf(bytes)));
  },
};
