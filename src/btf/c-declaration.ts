/**
 * The C declarator grammar: a type and a name become `int (*name[4])(const char *, ...)`, with unnamed structs, unions
 * and enums written where they are used.
 *
 * @example
 * declaration(context, id, 'open');   // struct file *(*open)(const char *, int)
 *
 * @module
 */
import type { Btf } from './btf.ts';
import { isBuiltin, isCompilerTypedef } from './c-builtin.ts';
import { type CGap, type CLayout, CLayouts } from './c-layout.ts';
import { CNames, identifierOf } from './c-names.ts';
import { MAX_RESOLVE_DEPTH } from './constants.ts';
import { BtfError } from './error.ts';
import type {
  BtfComposite,
  BtfEnum,
  BtfEnum64,
  BtfFuncProto,
  BtfMember,
  BtfType,
} from './types.ts';

/** What all declarations of one output share. */
export interface CContext {
  readonly btf: Btf;
  readonly names: CNames;
  readonly layouts: CLayouts;
  /** The unnamed enums that were written where they are used. */
  readonly inlined: Set<number>;
  /** Characters that may still be printed: hostile BTF repeats unnamed structs, or names as long as the file. */
  left: number;
}

/** Unnamed structs in each other. */
const MAX_LEVEL = 64;
/** Thirty times what vmlinux takes. What is inside something else counts once more for each level. */
const MAX_PRINTED = 100_000_000;

export const context = (btf: Btf): CContext => ({
  btf,
  names: new CNames(btf),
  layouts: new CLayouts(btf),
  inlined: new Set(),
  left: MAX_PRINTED,
});

/** The declaration of a name with this type; without a name the type alone, as casts and parameters have it. */
export const declaration = (c: CContext, id: number, name: string, level = 0): string => {
  if (level > MAX_LEVEL) throw new BtfError(`type ${id} is nested more than ${MAX_LEVEL} deep`);
  let type = c.btf.type(id);
  let declarator = name;
  let qualifiers = '';
  // Suffixes bind tighter than `*`.
  let parentheses = false;
  for (let depth = 0; depth < MAX_RESOLVE_DEPTH; depth++) {
    switch (type.kind) {
      case 'const':
      case 'volatile':
      case 'restrict':
        // An array of const elements that is const itself: C says it once.
        if (!qualifiers.includes(type.kind)) qualifiers += `${type.kind} `;
        break;
      case 'type_tag':
        qualifiers += `${attributeOf(type)} `;
        break;
      case 'ptr':
        declarator = `*${qualifiers}${declarator}`;
        qualifiers = '';
        parentheses = true;
        break;
      case 'array':
        declarator = `${parentheses ? `(${declarator})` : declarator}[${type.nelems}]`;
        parentheses = false;
        break;
      case 'func_proto':
        // GCC marks functions that do not return as volatile, pure ones as const: no qualifiers in C.
        declarator = `${parentheses ? `(${declarator})` : declarator}(${parameters(c, type, level)})`;
        qualifiers = '';
        parentheses = false;
        type = c.btf.type(type.returnType);
        continue;
      default:
        return `${qualifiers}${specifier(c, type, level)} ${declarator}`.trimEnd();
    }
    type = c.btf.type(type.type);
  }
  throw new BtfError(
    `type ${id} is declared by more than ${MAX_RESOLVE_DEPTH} others, in a circle?`,
  );
};

/** A struct or union with its members, named or not. */
export const compositeDefinition = (c: CContext, type: BtfComposite, level = 0): string =>
  `${type.kind} ${type.name === '' ? '' : `${c.names.tag(type)} `}${compositeBody(c, type, level)}`;

/** An enum with its values, named or not. */
export const enumDefinition = (c: CContext, type: BtfEnum | BtfEnum64, level = 0): string =>
  `enum ${type.name === '' ? '' : `${c.names.tag(type)} `}${enumBody(c, type, level)}`;

const attributeOf = ({ name, attribute }: { name: string; attribute?: boolean }): string =>
  attribute
    ? `__attribute__((${name.replace(/[^\w\s(),"-]/g, '_')}))`
    : `__attribute__((btf_type_tag("${name.replace(/[^\x20-\x7e]|["\\?]/g, '_')}")))`;

const specifier = (c: CContext, type: BtfType, level: number): string => {
  switch (type.kind) {
    case 'void':
      return 'void';
    case 'int':
    case 'float':
      return isBuiltin(c.btf, type) ? type.name : c.names.identifier(type);
    case 'typedef':
      return isCompilerTypedef(type) ? type.name : c.names.identifier(type);
    case 'fwd':
      return `${type.fwdKind} ${c.names.tag(type)}`;
    case 'struct':
    case 'union':
      return type.name === ''
        ? compositeDefinition(c, type, level)
        : `${type.kind} ${c.names.tag(type)}`;
    case 'enum':
    case 'enum64':
      if (type.name !== '') return `enum ${c.names.tag(type)}`;
      c.inlined.add(type.id);
      return enumDefinition(c, type, level);
    default:
      throw new BtfError(`type ${type.id} (${type.kind}) cannot be part of a declaration`);
  }
};

const parameters = (c: CContext, { params }: BtfFuncProto, level: number): string => {
  // Two ways to write `void`: no parameters, and clang's one parameter of type void for BPF.
  const isVoid = ({ name, type }: BtfFuncProto['params'][number]) => name === '' && type === 0;
  if (params.length === 0 || (params.length === 1 && isVoid(params[0]!))) return 'void';
  return params
    .map((param, index) => {
      if (isVoid(param) && index === params.length - 1) return '...';
      const name = param.name === '' ? '' : identifierOf(param.name);
      return counted(c, declaration(c, param.type, name, level + 1));
    })
    .join(', ');
};

const compositeBody = (c: CContext, composite: BtfComposite, level: number): string => {
  if (level > MAX_LEVEL) {
    throw new BtfError(`type ${composite.id} is nested more than ${MAX_LEVEL} deep`);
  }
  const layout = c.layouts.of(composite);
  const indent = '\t'.repeat(level + 1);
  const lines = layout.parts.flatMap((part) =>
    'kind' in part
      ? gapLines(c.btf, part, layout, composite)
      : [counted(c, memberLine(c, part, level + 1)) + misplacement(layout, part)],
  );
  const body = lines.map((line) => `${indent}${line}\n`).join('');
  const braces = body === '' ? '{}' : `{\n${body}${'\t'.repeat(level)}}`;
  return layout.packed ? `${braces} __attribute__((packed))` : braces;
};

const misplacement = ({ misplaced }: CLayout, member: BtfMember): string =>
  misplaced.has(member)
    ? ` /* at bit ${member.bitOffset} in the BTF, where C cannot put it */`
    : '';

const memberLine = (c: CContext, { name, type, bitOffset, bitSize }: BtfMember, level: number) => {
  const bits = bitSize > 0 ? `: ${bitSize}` : '';
  if (name !== '') return `${declaration(c, type, identifierOf(name), level)}${bits};`;
  const unnamed = c.btf.resolve(type);
  // Its fields are fields of the outer struct. Where it has a tag (-fms-extensions), plain C wants it without.
  if (unnamed.kind === 'struct' || unnamed.kind === 'union') {
    return `${unnamed.kind} ${compositeBody(c, unnamed, level)};`;
  }
  if (bitSize > 0) return `${declaration(c, type, '', level)}${bits};`;
  return `${declaration(c, type, `___unnamed_${bitOffset}`, level)};`;
};

/** Counts what is printed. Throws BtfError when it is too much. */
export const counted = (c: CContext, text: string): string => {
  c.left -= text.length;
  if (c.left >= 0) return text;
  throw new BtfError('these types are too long, or repeat each other too often, to be printed');
};

const enumBody = (c: CContext, type: BtfEnum | BtfEnum64, level: number): string => {
  const indent = '\t'.repeat(level + 1);
  // An enum that the program only mentions has no values in BTF. C has no such enum that is as large as it should be.
  const values =
    type.values.length > 0 ? type.values : [{ name: `${type.name}___unknown`, value: 0 }];
  const suffix = type.kind === 'enum' ? '' : type.signed ? 'LL' : 'ULL';
  const lines = values.map(({ name, value }) => {
    return counted(c, `${indent}${c.names.enumerator(name)} = ${literal(value, suffix)},\n`);
  });
  const mode = type.size === compilerSize(values) ? undefined : MODES[type.size];
  const attribute = mode === undefined ? '' : ` __attribute__((mode(${mode})))`;
  return `{\n${lines.join('')}${'\t'.repeat(level)}}${attribute}`;
};

/** C has no negative literals: the least number would be the negative of one that is too large. */
const literal = (value: number | bigint, suffix: string): string =>
  value === -(2n ** 63n) ? `(${value + 1n}${suffix} - 1)` : `${value}${suffix}`;

const MODES: Readonly<Record<number, string>> = { 1: 'byte', 2: 'HI', 4: 'SI', 8: 'DI' };

/** The size of an enum that says nothing of it. */
const compilerSize = (values: readonly { readonly value: number | bigint }[]): number => {
  let least: number | bigint = 0;
  let most: number | bigint = 0;
  for (const { value } of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const isInt = least >= -(2 ** 31) && most < 2 ** 31;
  return isInt || (least >= 0 && most < 2 ** 32) ? 4 : 8;
};

/** More lines of padding than these become an array. */
const MAX_GAP_LINES = 8;

const GAP_TYPES: readonly (readonly [bytes: number, type: string])[] = [
  [8, 'long'],
  [4, 'int'],
  [2, 'short'],
  [1, 'char'],
];

/** Unnamed bitfields. Their types are aligned no stricter than the struct: some ABIs (arm64's) would align it to them. */
const gapLines = (
  { pointerSize }: Btf,
  { bitOffset, bits }: CGap,
  { align }: CLayout,
  { kind, id }: BtfComposite,
): string[] => {
  const [bytes, type] = GAP_TYPES.find(([size]) => size <= align && size <= pointerSize)!;
  const lines: string[] = [];
  let at = bitOffset;
  const bitfields = (end: number): void => {
    while (at < end) {
      const chunk = Math.min(8 * bytes - (at % (8 * bytes)), end - at);
      lines.push(`${type}: ${chunk};`);
      at += chunk;
    }
  };
  if (bits > MAX_GAP_LINES * 8 * bytes) {
    bitfields(Math.ceil(at / 8) * 8);
    const length = Math.floor((bitOffset + bits - at) / 8);
    // The number makes it unlike that of any struct that is written inside this one.
    lines.push(`char ___padding_${id}_${at / 8}[${length}];`);
    at += length * 8;
  }
  bitfields(bitOffset + bits);
  return kind === 'union' ? ['struct {', ...lines.map((line) => `\t${line}`), '};'] : lines;
};
