/** Object files: read, linked for a kernel with a few types, encoded, and printed. */
import { readFileSync } from 'node:fs';
import { encode, listing } from '../../src/asm/index.ts';
import { Btf, BtfError } from '../../src/btf/index.ts';
import { ElfError, ElfFile, readObject } from '../../src/elf/index.ts';
import { decode, type Layout } from '../../src/layout/index.ts';
import { link, RequirementError } from '../../src/object/index.ts';
import { world } from '../object/support.ts';
import { objectFile } from '../objects/judge.ts';
import type { Target } from './fuzz.ts';

const kernel = world({
  btf: new Btf(readFileSync(new URL('inputs/vmlinux.btf', import.meta.url))),
  symbolAddress: () => 1n,
  configuration: () => 'y',
});

const OBJECTS = [
  'globals',
  'maps-nested',
  'subprograms',
  'callbacks',
  'kconfig',
  'ksyms',
  'kfuncs',
  'core-kinds',
  'struct-ops',
];

export const object: Target = {
  name: 'object',
  errors: [ElfError, BtfError, RequirementError],
  inputs: () => OBJECTS.map((name) => readFileSync(objectFile(name))),
  /** Breaks the bytes of one section: most of what is random never gets beyond the headers. */
  twist(input, random) {
    const out = input.slice();
    const { data } = random.pick(new ElfFile(out).sections.filter((each) => each.data.length > 8));
    for (let changes = 1 + random.below(4); changes > 0; changes--) {
      const at = random.below(data.length);
      data[at] = random.below(2) === 0 ? random.below(256) : data[at]! ^ (1 << random.below(8));
    }
    return out;
  },
  run(bytes, attempt) {
    const spec = attempt(() => readObject(bytes, { label: 'fuzz.o' }));
    if (spec === undefined) return;
    for (const { value, initial } of Object.values(spec.maps)) {
      const [first] = initial ?? [];
      if (first instanceof Uint8Array) attempt(() => decode(value as Layout, first));
    }
    for (const name of Object.keys(spec.programs)) {
      const linked = attempt(() => link(spec, kernel, { programs: [name] }));
      if (linked === undefined) continue;
      attempt(() => linked.types.encode({ without: [] }));
      for (const { assembly } of linked.programs) {
        attempt(() => encode(assembly.instructions));
        attempt(() =>
          listing(assembly.instructions, { functions: assembly.functions, labels: true }),
        );
      }
    }
  },
};
