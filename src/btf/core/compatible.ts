/**
 * Whether types are alike enough to stand for each other: fields by bpf_core_fields_are_compat, whole types by
 * __bpf_core_types_are_compat (tools/lib/bpf/relo_core.c, 6.18). Names of structs do not count: their contents are
 * looked at where they are accessed.
 *
 * @module
 */
import type { Btf } from '../btf.ts';
import { BtfError } from '../error.ts';
import { essentialName } from '../names.ts';
import type { BtfType } from '../types.ts';
import { Budget, MAX_DEPTH } from './budget.ts';

const isComposite = ({ kind }: BtfType): boolean => kind === 'struct' || kind === 'union';

export const isAnyEnum = ({ kind }: BtfType): boolean => kind === 'enum' || kind === 'enum64';

/** The same kind; enum and enum64 are one. */
export const sameKind = (a: BtfType, b: BtfType): boolean =>
  a.kind === b.kind || (isAnyEnum(a) && isAnyEnum(b));

/**
 * Whether a field of one type can be read where a field of another is expected: any two structs or unions, any two
 * pointers, any two integers, arrays of such whatever their length, enums of the same name.
 */
export const fieldsCompatible = (
  local: Btf,
  localId: number,
  target: Btf,
  targetId: number,
): boolean => {
  let localType = local.resolve(localId);
  let targetType = target.resolve(targetId);
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    if (isComposite(localType) && isComposite(targetType)) return true;
    if (!sameKind(localType, targetType)) return false;
    switch (localType.kind) {
      case 'ptr':
      case 'float':
        return true;
      case 'fwd':
      case 'enum':
      case 'enum64': {
        const localName = essentialName(localType.name);
        const targetName = essentialName(targetType.name);
        return localName === '' || targetName === '' || localName === targetName;
      }
      case 'int':
        return hasNoBitOffset(localType) && hasNoBitOffset(targetType);
      case 'array':
        localType = local.resolve(localType.type);
        targetType = target.resolve(elementOf(targetType));
        break;
      default:
        return false;
    }
  }
  throw new BtfError(`type ${localId} is an array of more than ${MAX_DEPTH} dimensions`);
};

/** Whether two types have the same kind at each level, by way of pointers, arrays and prototypes. */
export const typesCompatible = (
  local: Btf,
  localId: number,
  target: Btf,
  targetId: number,
): boolean =>
  // The caller has seen to the names. The kind counts before typedefs are taken off as well.
  sameKind(local.type(localId), target.type(targetId)) &&
  compatible(local, localId, target, targetId, MAX_DEPTH, new Budget());

const compatible = (
  local: Btf,
  localRoot: number,
  target: Btf,
  targetRoot: number,
  level: number,
  budget: Budget,
): boolean => {
  let localId = localRoot;
  let targetId = targetRoot;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    budget.spend();
    const localType = local.resolve(localId);
    const targetType = target.resolve(targetId);
    if (!sameKind(localType, targetType)) return false;
    switch (localType.kind) {
      case 'void':
      case 'struct':
      case 'union':
      case 'enum':
      case 'enum64':
      case 'fwd':
        return true;
      case 'int':
        return hasNoBitOffset(localType) && hasNoBitOffset(targetType);
      case 'ptr':
      case 'array':
        localId = localType.type;
        targetId = elementOf(targetType);
        break;
      case 'func_proto': {
        if (targetType.kind !== 'func_proto') return false;
        const { params } = targetType;
        if (localType.params.length !== params.length) return false;
        if (level <= 0 && params.length > 0) throw new BtfError('prototypes are nested too deep');
        for (const [i, { type }] of localType.params.entries()) {
          if (!compatible(local, type, target, params[i]!.type, level - 1, budget)) return false;
        }
        localId = localType.returnType;
        targetId = targetType.returnType;
        break;
      }
      default:
        return false;
    }
  }
  throw new BtfError(`type ${localRoot} is nested more than ${MAX_DEPTH} deep`);
};

/** Bitfields of old compilers are no fields that can be read. */
const hasNoBitOffset = (type: BtfType): boolean => type.kind === 'int' && type.offset === 0;

export const elementOf = (type: BtfType): number =>
  type.kind === 'ptr' || type.kind === 'array' ? type.type : 0;
