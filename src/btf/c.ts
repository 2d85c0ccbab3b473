/**
 * Types as C that compiles, with the layout that they have in BTF: what `bpftool btf dump file X format c` prints, a
 * vmlinux.h (libbpf's btf_dump.c does it there). The declarations assume a target whose pointers are as large as those of
 * the BTF.
 *
 * @example
 * printC(btf, [btf.findByName('list_head', 'struct')!]);   // struct list_head {\n\tstruct list_head *next;\n ...
 *
 * @module
 */
import type { Btf } from './btf.ts';
import { equivalent, isBuiltin } from './c-builtin.ts';
import {
  type CContext,
  compositeDefinition,
  context,
  counted,
  declaration,
  enumDefinition,
} from './c-declaration.ts';
import { COrder, type CStep } from './c-order.ts';
import { BtfError } from './error.ts';
import type { BtfEnum, BtfEnum64, BtfType } from './types.ts';

export interface PrintCOptions {
  /**
   * Wrap the declarations as bpftool wraps vmlinux.h: an include guard, and the pragma by which clang makes every access
   * to a field a CO-RE relocation.
   */
  readonly header?: boolean | undefined;
}

/**
 * Prints the types with these ids and all that they need to compile; without ids all types, those of the base only
 * where they are needed. Functions and variables are printed when they are asked for.
 * Throws BtfError where C cannot express the BTF: a struct that holds itself, a type without end.
 */
export const printC = (
  btf: Btf,
  ids?: Iterable<number>,
  { header = false }: PrintCOptions = {},
): string => {
  const c = context(btf);
  const declarations: string[] = [];
  const order = new COrder(c, (step) => declarations.push(counted(c, stepText(c, step))));
  const requested = ids === undefined ? allTypes(btf) : [...ids];
  for (const id of requested) {
    if (ids === undefined && isAlias(btf, id)) order.declare(id);
    else declarations.push(...request(c, order, id));
  }
  // Unnamed enums that nothing printed so far holds: lists of constants.
  for (const id of requested) {
    const type = btf.type(id);
    if (isEnum(type) && type.name === '' && !c.inlined.has(id)) {
      declarations.push(guarded(`${enumDefinition(c, type)};`, type));
    }
  }
  const text = declarations.map((each) => `${each}\n`).join('\n');
  return header ? `${HEADER}\n${text}\n${FOOTER}` : text;
};

/**
 * The declaration of a name with the type with this id, without those that it needs. Without a name, the type as a cast
 * or a parameter has it.
 *
 * @example
 * printDeclaration(btf, id, 'open');   // struct file *(*open)(const char *, int)
 */
export const printDeclaration = (btf: Btf, id: number, name = ''): string =>
  declaration(context(btf), id, name);

const HEADER = `#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif
`;

const FOOTER = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
`;

/** The ids of the types that a header declares. */
const allTypes = (btf: Btf): number[] => {
  const ids: number[] = [];
  for (let id = btf.firstId; btf.has(id); id++) {
    const { kind, name } = btf.type(id);
    switch (kind) {
      case 'struct':
      case 'union':
      case 'fwd':
      case 'typedef':
        if (name !== '') ids.push(id);
        break;
      case 'enum':
      case 'enum64':
        ids.push(id);
    }
  }
  return ids;
};

const isEnum = (type: BtfType): type is BtfEnum | BtfEnum64 =>
  type.kind === 'enum' || type.kind === 'enum64';

/** Whether a type is only another name, for what has its own turn if all types are printed. */
const isAlias = (btf: Btf, id: number): boolean => {
  const { kind } = btf.type(id);
  return kind === 'typedef' || kind === 'fwd';
};

/** Has printed what a type needs, and the type where order does that; returns what else there is to print. */
const request = (c: CContext, order: COrder, id: number): string[] => {
  const type = c.btf.type(id);
  switch (type.kind) {
    case 'func':
      order.declare(type.type);
      return [`${declaration(c, type.type, c.names.identifier(type))};`];
    case 'var':
      complete(c, order, type.type);
      return [`extern ${declaration(c, type.type, c.names.identifier(type))};`];
    case 'datasec':
      return type.variables.flatMap((variable) => {
        if (c.btf.type(variable.type).kind !== 'datasec') return request(c, order, variable.type);
        throw new BtfError(`section ${type.name} has section ${variable.type} in it`);
      });
    case 'int':
    case 'float':
      order.define(id);
      return isBuiltin(c.btf, type) ? [`/* ${type.name}: C has it, ${type.size} bytes */`] : [];
    default:
      complete(c, order, id);
      return [];
  }
};

/** Defines a type with all that it stands for, as far as the BTF says what that is. */
const complete = ({ btf, names }: CContext, order: COrder, id: number): void => {
  if (names.owner(btf.resolve(id)).kind === 'fwd') order.declare(id);
  else order.define(id);
};

const stepText = (c: CContext, { kind, type }: CStep): string => {
  if (kind === 'forward') {
    return `${type.kind === 'fwd' ? type.fwdKind : type.kind} ${c.names.tag(type)};`;
  }
  switch (type.kind) {
    case 'struct':
    case 'union':
      return `${compositeDefinition(c, type)};`;
    case 'enum':
    case 'enum64':
      return `${enumDefinition(c, type)};`;
    case 'typedef':
      return guarded(`typedef ${declaration(c, type.type, c.names.identifier(type))};`, type);
    case 'int':
    case 'float':
      return `typedef ${equivalent(type, c.names.identifier(type))};`;
    default:
      throw new BtfError(`type ${type.id} (${type.kind}) has no definition in C`);
  }
};

/** C23 has these words by itself, and takes no other definition of them. */
const guarded = (text: string, type: BtfType): string => {
  const isBool = type.kind === 'typedef' && type.name === 'bool';
  const isTruth =
    isEnum(type) && type.values.some(({ name }) => name === 'true' || name === 'false');
  return isBool || isTruth ? `#if __STDC_VERSION__ < 202311L\n${text}\n#endif` : text;
};
