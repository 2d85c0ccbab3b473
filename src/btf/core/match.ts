/**
 * Finds in a target type what the program accesses in its own: members by name, through anonymous structs and unions,
 * elements by index, enum values by essential name (libbpf's bpf_core_spec_match and bpf_core_match_member,
 * tools/lib/bpf/relo_core.c, 6.18).
 *
 * @module
 */
import type { Btf } from '../btf.ts';
import { BtfError } from '../error.ts';
import { essentialName } from '../names.ts';
import type { BtfArray, BtfComposite, BtfType } from '../types.ts';
import {
  type CoreAccess,
  type CoreAccessor,
  checkedOffset,
  describePath,
  isFlexible,
} from './access.ts';
import { Budget, MAX_ACCESSORS } from './budget.ts';
import { fieldsCompatible, typesCompatible } from './compatible.ts';
import { isEnumKind, isTypeKind } from './kinds.ts';
import { typesMatch } from './matches.ts';

/** The access in the target, or why there is none: a clause for a message. */
export type CoreMatch =
  | { readonly access: CoreAccess; readonly why?: undefined }
  | { readonly access?: undefined; readonly why: string };

export const matchAccess = (local: CoreAccess, target: Btf, targetId: number): CoreMatch => {
  const { kind } = local;
  if (isTypeKind(kind)) {
    const alike = kind === 'type_matches' ? typesMatch : typesCompatible;
    if (alike(local.btf, local.typeId, target, targetId)) {
      const nothing = { raw: [], accessors: [], bitOffset: 0 };
      return { access: { btf: target, kind, typeId: targetId, ...nothing } };
    }
    const differs = kind === 'type_matches' ? 'does not match' : 'is another type';
    return { why: `${nameOf(target, targetId)} ${differs} in ${target.label}` };
  }
  return isEnumKind(kind)
    ? matchValue(local, target, targetId)
    : matchField(local, target, targetId);
};

const matchValue = (local: CoreAccess, btf: Btf, typeId: number): CoreMatch => {
  const { kind } = local;
  const type = btf.resolve(typeId);
  const wanted = local.accessors[0]!.name!;
  if (type.kind === 'enum' || type.kind === 'enum64') {
    const essential = essentialName(wanted);
    const index = type.values.findIndex(({ name }) => essentialName(name) === essential);
    if (index !== -1) {
      const accessors = [{ typeId: type.id, index, name: type.values[index]!.name }];
      return { access: { btf, kind, typeId, raw: [index], accessors, bitOffset: 0 } };
    }
  }
  return { why: `${nameOf(btf, typeId)} has no value ${wanted} in ${btf.label}` };
};

const matchField = (local: CoreAccess, btf: Btf, typeId: number): CoreMatch => {
  const raw: number[] = [];
  const accessors: CoreAccessor[] = [];
  const missing = (what: string): CoreMatch => ({
    why: `${nameOf(btf, typeId)}${describePath(accessors)} ${what}`,
  });

  let bitOffset = 0;
  let type = btf.resolve(typeId);
  for (let i = 0; i < local.accessors.length; i++) {
    const accessor = local.accessors[i]!;
    const { name, index } = accessor;
    if (name !== undefined) {
      const found = isComposite(type) ? findMember(btf, type, name, raw, new Budget()) : undefined;
      if (found === undefined) return missing(`has no member ${name} in ${btf.label}`);
      bitOffset += found.bitOffset;
      accessors.push({ typeId: found.owner, index: raw.at(-1)!, name });
      type = btf.resolve(found.type);
      const localType = memberType(local.btf, accessor);
      if (!fieldsCompatible(local.btf, localType, btf, type.id)) {
        const there = nameOf(btf, type.id);
        const here = nameOf(local.btf, local.btf.resolve(localType).id);
        return missing(`is ${there} in ${btf.label}, and ${here} in the program`);
      }
      continue;
    }
    // The first index is that of the root itself, as if it were in an array.
    if (i > 0) {
      const isInside =
        type.kind === 'array' && (index < type.nelems || isFlexible(btf, accessors.at(-1), type));
      if (!isInside) return missing(`has no element ${index} in ${btf.label}`);
      type = btf.resolve((type as BtfArray).type);
    }
    if (raw.length === MAX_ACCESSORS) throw new BtfError('the target is nested too deep');
    raw.push(index);
    accessors.push({ typeId: type.id, index, name: undefined });
    if (index > 0) bitOffset += index * btf.sizeOf(type.id) * 8;
  }
  return {
    access: { btf, kind: local.kind, typeId, raw, accessors, bitOffset: checkedOffset(bitOffset) },
  };
};

const isComposite = (type: BtfType): type is BtfComposite =>
  type.kind === 'struct' || type.kind === 'union';

interface FoundMember {
  /** The struct or union that has it by name. */
  readonly owner: number;
  readonly bitOffset: number;
  readonly type: number;
}

/** A member by name, also in anonymous ones. The way to it is appended to `path`. */
const findMember = (
  btf: Btf,
  { id: owner, members }: BtfComposite,
  name: string,
  path: number[],
  budget: Budget,
): FoundMember | undefined => {
  if (path.length >= MAX_ACCESSORS) throw new BtfError('the target is nested too deep');
  for (let index = 0; index < members.length; index++) {
    budget.spend();
    const member = members[index]!;
    if (member.name === name) {
      path.push(index);
      return { owner, bitOffset: member.bitOffset, type: member.type };
    }
    if (member.name !== '') continue;
    const inner = btf.resolve(member.type);
    if (!isComposite(inner)) continue;
    path.push(index);
    const found = findMember(btf, inner, name, path, budget);
    if (found !== undefined) return { ...found, bitOffset: member.bitOffset + found.bitOffset };
    path.pop();
  }
  return undefined;
};

/** The type of the member that a named accessor of parseAccess() stands for. */
const memberType = (btf: Btf, { typeId, index }: CoreAccessor): number =>
  (btf.type(typeId) as BtfComposite).members[index]!.type;

/** "struct task_struct", "int", "a pointer": what a type is called in a sentence. */
export const nameOf = (btf: Btf, id: number): string => {
  const { kind, name } = btf.type(id);
  if (name !== '') return kind === 'int' || kind === 'float' ? name : `${kind} ${name}`;
  const nameless: Readonly<Record<string, string>> = { ptr: 'a pointer', array: 'an array' };
  return nameless[kind] ?? `an anonymous ${kind}`;
};
