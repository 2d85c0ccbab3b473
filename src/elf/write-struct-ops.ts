/**
 * The sections `.struct_ops` and `.struct_ops.link`: the structs of the kernel's whose functions are programs, as
 * variables that point to the programs. The way back from read-struct-ops.ts.
 *
 * @module
 */
import type { AnyMap } from '../asm/index.ts';
import type { Fields, Struct } from '../layout/index.ts';
import type { AnyMapSpec, ObjectSpec, TypeInfo } from '../object/index.ts';
import { R_BPF, SHF, STB, STT } from './constants.ts';
import { ElfError } from './error.ts';
import type { ElfRelocationInput, ElfSectionInput, ElfSymbolInput } from './write.ts';
import type { FileMaps } from './write-maps.ts';

/** Whether the map is attached by a link (Linux 6.4), not by giving it its value. */
const BPF_F_LINK = 1 << 13;
/** Functions are pointers; the structs are aligned to what the largest member can be. */
const ALIGN = 8;

/** Describes these maps. `program` finds the symbol of a program. */
export const structOpsOf = (
  { maps }: ObjectSpec,
  types: TypeInfo,
  program: (name: string) => ElfSymbolInput | undefined,
): FileMaps => {
  const symbols = new Map<AnyMap, ElfSymbolInput>();
  const sections = ['.struct_ops', '.struct_ops.link'].flatMap((name): ElfSectionInput[] => {
    const linked = name.endsWith('.link');
    const held = Object.entries(maps).filter(
      ([, { type, flags }]) => type === 'struct_ops' && ((flags & BPF_F_LINK) !== 0) === linked,
    );
    if (held.length === 0) return [];
    let end = 0;
    const parts = held.map(([map, spec]) => {
      const value = spec.value as Struct<Fields>;
      const offset = end;
      end = Math.ceil((offset + value.size) / ALIGN) * ALIGN;
      const what = { name: map, section: name, value: offset, size: value.size };
      symbols.set(spec, { ...what, type: STT.OBJECT, binding: STB.GLOBAL });
      const type = types.builder.var(map, spec.typeIds?.value || typeOf(value, types));
      return { map, spec, value, type, offset, size: value.size };
    });
    const variables = parts.map(({ type, offset, size }) => ({ type, offset, size }));
    types.builder.datasec(name, end, variables);
    const data = new Uint8Array(end);
    for (const { spec, offset } of parts) {
      const [initial] = spec.initial ?? [];
      if (initial instanceof Uint8Array) data.set(initial, offset);
    }
    const relocations = parts.flatMap((part) => operationsOf(part, program));
    return [{ name, flags: SHF.WRITE | SHF.ALLOC, align: ALIGN, data, relocations }];
  });
  return { sections, symbols };
};

/** A struct of the language, whose pointers are to functions: libbpf puts programs into no others. */
const typeOf = ({ name, size, members }: Struct<Fields>, types: TypeInfo): number => {
  const { builder } = types;
  const operation = builder.ptr(builder.funcProto(0, []));
  return builder.struct(
    name,
    size,
    members.map(({ name, layout, bitOffset }) => ({
      name,
      type: layout.kind === 'pointer' ? operation : types.idOf(layout),
      bitOffset,
    })),
  );
};

const operationsOf = (
  {
    map,
    spec,
    value,
    offset,
  }: {
    readonly map: string;
    readonly spec: AnyMapSpec;
    readonly value: Struct<Fields>;
    readonly offset: number;
  },
  program: (name: string) => ElfSymbolInput | undefined,
): ElfRelocationInput[] =>
  Object.entries(spec.operations ?? {}).map(([operation, name]) => {
    const member = value.members.find((each) => each.name === operation);
    const symbol = program(name);
    if (member && symbol)
      return { offset: offset + member.offset, type: R_BPF['64_ABS64'], symbol };
    throw new ElfError(
      member
        ? `map ${map}: ${operation} is ${name}, which is not among the programs of the object`
        : `map ${map}: ${value.name} has no member ${operation}`,
    );
  });
