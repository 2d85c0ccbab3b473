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
import type { BtfComposite } from '../types.ts';
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
  const base = { btf: target, kind: local.kind, typeId: targetId };
  if (isTypeKind(local.kind)) {
    const alike = local.kind === 'type_matches' ? typesMatch : typesCompatible;
    if (alike(local.btf, local.typeId, target, targetId)) {
      return { access: { ...base, raw: [], accessors: [], bitOffset: 0 } };
    }
    const differs = local.kind === 'type_matches' ? 'does not match' : 'is another type';
    return { why: `${nameOf(target, targetId)} ${differs} in ${target.label}` };
  }
  return isEnumKind(local.kind) ? matchValue(local, base) : matchField(local, base);
};

type Base = Pick<CoreAccess, 'btf' | 'kind' | 'typeId'>;

const matchValue = (local: CoreAccess, base: Base): CoreMatch => {
  const type = base.btf.resolve(base.typeId);
  const wanted = local.accessors[0]!.name!;
  if (type.kind === 'enum' || type.kind === 'enum64') {
    const essential = essentialName(wanted);
    const index = type.values.findIndex(({ name }) => essentialName(name) === essential);
    if (index !== -1) {
      const { name } = type.values[index]!;
      const accessors = [{ typeId: type.id, index, name }];
      return { access: { ...base, raw: [index], accessors, bitOffset: 0 } };
    }
  }
  return { why: `${nameOf(base.btf, base.typeId)} has no value ${wanted} in ${base.btf.label}` };
};

const matchField = (local: CoreAccess, base: Base): CoreMatch => {
  const { btf } = base;
  const raw: number[] = [];
  const accessors: CoreAccessor[] = [];
  let bitOffset = 0;
  let id = base.typeId;
  const fail = (what: string): CoreMatch => {
    const path = describePath(accessors);
    return { why: `${nameOf(btf, base.typeId)}${path} ${what}` };
  };

  for (const [i, accessor] of local.accessors.entries()) {
    const type = btf.resolve(id);
    if (accessor.name !== undefined) {
      const isComposite = type.kind === 'struct' || type.kind === 'union';
      const found = isComposite && findMember(btf, type, accessor.name, raw.length, new Budget());
      if (!found) return fail(`has no member ${accessor.name} in ${btf.label}`);
      raw.push(...found.path);
      bitOffset += found.bitOffset;
      accessors.push({ typeId: found.owner, index: found.path.at(-1)!, name: accessor.name });
      id = found.type;
      const localType = memberType(local.btf, accessor);
      if (!fieldsCompatible(local.btf, localType, btf, id)) {
        const there = nameOf(btf, btf.resolve(id).id);
        const here = nameOf(local.btf, local.btf.resolve(localType).id);
        return fail(`is ${there} in ${btf.label}, and ${here} in the program`);
      }
      continue;
    }
    // The first index is that of the root itself, as if it were in an array.
    let elementId = type.id;
    if (i > 0) {
      const isInside =
        type.kind === 'array' &&
        (accessor.index < type.nelems || isFlexible(btf, accessors.at(-1), type));
      if (!isInside) return fail(`has no element ${accessor.index} in ${btf.label}`);
      elementId = btf.resolve(type.type).id;
    }
    if (raw.length === MAX_ACCESSORS) throw new BtfError('the target is nested too deep');
    raw.push(accessor.index);
    accessors.push({ typeId: elementId, index: accessor.index, name: undefined });
    bitOffset += accessor.index * btf.sizeOf(elementId) * 8;
    id = elementId;
  }
  return { access: { ...base, raw, accessors, bitOffset: checkedOffset(bitOffset) } };
};

/** A member, and the way to it through anonymous ones. */
interface FoundMember {
  /** The struct or union that has it by name. */
  readonly owner: number;
  readonly path: readonly number[];
  readonly bitOffset: number;
  readonly type: number;
}

const findMember = (
  btf: Btf,
  composite: BtfComposite,
  name: string,
  depth: number,
  budget: Budget,
): FoundMember | undefined => {
  if (depth >= MAX_ACCESSORS) throw new BtfError('the target is nested too deep');
  for (const [index, member] of composite.members.entries()) {
    budget.spend();
    const { bitOffset, type } = member;
    if (member.name === name) return { owner: composite.id, path: [index], bitOffset, type };
    if (member.name !== '') continue;
    const inner = btf.resolve(type);
    if (inner.kind !== 'struct' && inner.kind !== 'union') continue;
    const found = findMember(btf, inner, name, depth + 1, budget);
    if (found !== undefined) {
      return { ...found, path: [index, ...found.path], bitOffset: bitOffset + found.bitOffset };
    }
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
