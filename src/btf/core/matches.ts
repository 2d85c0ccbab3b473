/**
 * The strictest of the comparisons, BPF_CORE_TYPE_MATCHES: everything that the program knows of a type is in the target,
 * with the same name, kind and size (__bpf_core_types_match, tools/lib/bpf/relo_core.c, 6.18).
 *
 * - names are equal at each level, flavours and typedefs aside;
 * - integers have the same size and sign, arrays the same length;
 * - an enum has the same size and each of the local names;
 * - a struct has each of the local members, matching; behind a pointer only its kind counts.
 *
 * @module
 */
import type { Btf } from '../btf.ts';
import { BTF_INT } from '../constants.ts';
import { BtfError } from '../error.ts';
import { essentialName } from '../names.ts';
import type { BtfComposite, BtfEnum, BtfEnum64, BtfFwd, BtfType } from '../types.ts';
import { Budget, MAX_DEPTH } from './budget.ts';

export const typesMatch = (local: Btf, localId: number, target: Btf, targetId: number): boolean =>
  matches({ local, target, budget: new Budget() }, localId, targetId, false, MAX_DEPTH);

interface Sides {
  readonly local: Btf;
  readonly target: Btf;
  readonly budget: Budget;
}

const namesMatch = (local: string, target: string): boolean =>
  essentialName(local) === essentialName(target);

const matches = (
  sides: Sides,
  localRoot: number,
  targetRoot: number,
  behindPointer: boolean,
  level: number,
): boolean => {
  if (level <= 0) throw new BtfError(`type ${localRoot} is nested more than ${MAX_DEPTH} deep`);
  let localId = localRoot;
  let targetId = targetRoot;
  let pointer = behindPointer;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    sides.budget.spend();
    const local = sides.local.resolve(localId);
    const target = sides.target.resolve(targetId);
    if (!namesMatch(local.name, target.name)) return false;
    switch (local.kind) {
      case 'void':
        return target.kind === 'void';
      case 'fwd':
        return fwdMatches(local, target, pointer);
      case 'enum':
      case 'enum64':
        return (target.kind === 'enum' || target.kind === 'enum64') && enumsMatch(local, target);
      case 'struct':
      case 'union':
        if (pointer) return local.kind === target.kind || isFwdOf(target, local.kind);
        return (
          local.kind === target.kind && compositesMatch(sides, local, target as BtfComposite, level)
        );
      case 'int':
        return (
          target.kind === 'int' &&
          local.size === target.size &&
          (local.encoding & BTF_INT.SIGNED) === (target.encoding & BTF_INT.SIGNED)
        );
      case 'ptr':
        if (target.kind !== 'ptr') return false;
        pointer = true;
        localId = local.type;
        targetId = target.type;
        break;
      case 'array':
        if (target.kind !== 'array' || local.nelems !== target.nelems) return false;
        localId = local.type;
        targetId = target.type;
        break;
      case 'func_proto': {
        if (target.kind !== 'func_proto' || local.params.length !== target.params.length)
          return false;
        for (const [i, { type }] of local.params.entries()) {
          if (!matches(sides, type, target.params[i]!.type, pointer, level - 1)) return false;
        }
        localId = local.returnType;
        targetId = target.returnType;
        break;
      }
      default:
        return false;
    }
  }
  throw new BtfError(`type ${localRoot} is nested more than ${MAX_DEPTH} deep`);
};

const isFwdOf = (type: BtfType, kind: 'struct' | 'union'): boolean =>
  type.kind === 'fwd' && type.fwdKind === kind;

const fwdMatches = (local: BtfFwd, target: BtfType, behindPointer: boolean): boolean =>
  isFwdOf(target, local.fwdKind) || (behindPointer && target.kind === local.fwdKind);

const enumsMatch = (local: BtfEnum | BtfEnum64, target: BtfEnum | BtfEnum64): boolean => {
  if (local.size !== target.size || local.values.length > target.values.length) return false;
  const names = new Set(target.values.map(({ name }) => essentialName(name)));
  return local.values.every(({ name }) => names.has(essentialName(name)));
};

const compositesMatch = (
  sides: Sides,
  local: BtfComposite,
  target: BtfComposite,
  level: number,
): boolean => {
  if (local.members.length > target.members.length) return false;
  return local.members.every(({ name, type }) =>
    target.members.some(
      (member) =>
        namesMatch(name, member.name) && matches(sides, type, member.type, false, level - 1),
    ),
  );
};
