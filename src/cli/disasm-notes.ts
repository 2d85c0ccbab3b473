/**
 * @module
 * What a listing says of the instructions of an object file, beside their text: the variable whose address is loaded,
 * and what CO-RE accesses, as libbpf's log has it.
 */
import type { Instruction, Relocation } from '../asm/index.ts';
import { type Btf, CORE_KIND_LABELS, describeAccess, parseAccess } from '../btf/index.ts';
import type { Member } from '../layout/index.ts';
import type { AnyMapSpec } from '../object/index.ts';

/** The note of an instruction; undefined where there is nothing to say. */
export const noteOf = (
  { relocation, reference }: Instruction,
  types: Btf | undefined,
): string | undefined => {
  if (relocation) return types && describeRelocation(relocation, types);
  switch (reference?.kind) {
    case 'value':
      return describeVariable(reference.map as AnyMapSpec, reference.offset);
    case 'extern':
      return 'a symbol of the kernel';
    default:
      return undefined;
  }
};

/** `<byte_off> struct task_struct.pid (0:1 @ offset 8)`; undefined for a relocation that does not fit its type. */
const describeRelocation = ({ kind, root, path }: Relocation, types: Btf): string | undefined => {
  if (root.kind !== 'type') return undefined;
  const relocation = { kind, typeId: root.id, access: path.join(':') };
  try {
    return `<${CORE_KIND_LABELS[kind]}> ${describeAccess(parseAccess(types, relocation))}`;
  } catch {
    return undefined;
  }
};

/** `counter`, `values+8`; of a read-only text `message "hello"`. */
const describeVariable = (map: AnyMapSpec, at: number): string | undefined => {
  if (map.value?.kind !== 'struct') return undefined;
  const member = (map.value.members as readonly Member[]).find(
    ({ offset, layout }) => at >= offset && at < offset + layout.size,
  );
  if (!member) return undefined;
  const within = at - member.offset;
  const name = within === 0 ? member.name : `${member.name}+${within}`;
  const text = member.layout.kind === 'chars' ? textOf(map, at, member) : undefined;
  return text === undefined ? name : `${name} ${JSON.stringify(text)}`;
};

const textOf = (
  { section, initial }: AnyMapSpec,
  at: number,
  { offset, layout }: Member,
): string | undefined => {
  const bytes = initial?.[0];
  if (section !== 'rodata' || !(bytes instanceof Uint8Array)) return undefined;
  const text = bytes.subarray(at, offset + layout.size);
  const end = text.indexOf(0);
  return new TextDecoder().decode(end < 0 ? text : text.subarray(0, end));
};
