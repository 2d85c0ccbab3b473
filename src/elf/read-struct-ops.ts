/**
 * The sections `.struct_ops` and `.struct_ops.link`: variables whose type is a struct of the kernel's, with programs for
 * its functions (libbpf's init_struct_ops_maps and bpf_object__collect_st_ops_relos, tools/lib/bpf/libbpf.c).
 *
 * @module
 */
import type { Btf, BtfComposite } from '../btf/index.ts';
import { u32 } from '../layout/index.ts';
import { type AnyMapSpec, layoutOf } from '../object/index.ts';
import { STT } from './constants.ts';
import { ElfError } from './error.ts';
import type { ElfFile } from './file.ts';
import type { FileTypes } from './read-types.ts';
import type { ElfSection } from './sections.ts';

/** Whether the map is attached by a link (Linux 6.4), not by giving it its value. */
const BPF_F_LINK = 1 << 13;

/** The maps of these sections, by the names of their variables. */
export const readStructOps = (
  file: ElfFile,
  types: FileTypes | undefined,
): Record<string, AnyMapSpec> =>
  Object.fromEntries(
    file.sections
      .filter(({ name }) => /^\??\.struct_ops(\.link)?$/.test(name))
      .flatMap((section) => mapsOf(file, section, types)),
  );

const mapsOf = (
  file: ElfFile,
  section: ElfSection,
  types: FileTypes | undefined,
): (readonly [string, AnyMapSpec])[] => {
  const id = types?.btf.findByName(section.name, 'datasec');
  const declared = id === undefined ? undefined : types!.btf.type(id);
  if (declared?.kind !== 'datasec')
    throw new ElfError(`${section.name} has no type information: compile it with -g`);
  const { btf } = types!;
  return declared.variables.map(({ type, offset, size }) => {
    const variable = btf.type(type);
    const struct = variable.kind === 'var' ? btf.resolve(variable.type) : variable;
    if (variable.kind !== 'var' || struct.kind !== 'struct' || struct.name === '')
      throw new ElfError(`${section.name} holds ${variable.name}, which is no struct with a name`);
    if (struct.size > size || offset + struct.size > section.data.length)
      throw new ElfError(`${variable.name} does not lie in ${section.name}`);
    const { name } = variable;
    const operations = operationsOf(file, section, { name, offset, struct });
    return [name, specOf(btf, struct, section, offset, operations)] as const;
  });
};

const specOf = (
  btf: Btf,
  struct: BtfComposite,
  { name, data }: ElfSection,
  offset: number,
  operations: Readonly<Record<string, string>>,
): AnyMapSpec => ({
  kind: 'map',
  type: 'struct_ops',
  key: u32,
  value: layoutOf(btf, struct.id),
  maxEntries: 1,
  flags: name.endsWith('.link') ? BPF_F_LINK : 0,
  extra: 0,
  bufferSize: 0,
  initial: [data.subarray(offset, offset + struct.size)],
  operations,
  typeIds: { key: 0, value: struct.id },
});

/** The programs that the members of a variable point to. */
const operationsOf = (
  file: ElfFile,
  section: ElfSection,
  {
    name,
    offset,
    struct,
  }: { readonly name: string; readonly offset: number; readonly struct: BtfComposite },
): Record<string, string> =>
  Object.fromEntries(
    file
      .relocations(section)
      .filter((each) => each.offset >= offset && each.offset < offset + struct.size)
      .map(({ offset: at, symbol }) => {
        const member = struct.members.find(({ bitOffset }) => bitOffset === (at - offset) * 8);
        if (!member || symbol.type !== STT.FUNC)
          throw new ElfError(
            `${name}: byte ${at - offset} refers to ${symbol.name || 'a section'}, but members of ${struct.name} refer to programs`,
          );
        return [member.name, symbol.name] as const;
      }),
  );
