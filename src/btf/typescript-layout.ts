/**
 * The layout that describes a type, as an expression of TypeScript: `u32`, `chars(16)`, `array(pointer(), 4)`.
 *
 * @module
 */
import type { Btf } from './btf.ts';
import { context, declaration } from './c-declaration.ts';
import { identifierOf } from './c-names.ts';
import { BTF_INT, MAX_RESOLVE_DEPTH } from './constants.ts';
import { BtfError } from './error.ts';
import type { BtfComposite, BtfEnum, BtfInt, BtfMember, BtfReference, BtfType } from './types.ts';

/** What all definitions of one output share. */
export interface TypeScriptContext {
  readonly btf: Btf;
  /** The constants of the structs, unions and enums that are printed, by their ids. */
  readonly constants: ReadonlyMap<number, string>;
  /** The ids of those that stand further above. */
  readonly defined: Set<number>;
  readonly imports: Set<string>;
  /** Characters that may still be printed: hostile BTF repeats unnamed structs, or names as long as the file. */
  left: number;
}

/** Structs in structs; each level takes room on the stack. */
export const MAX_NESTING = 64;

interface Expression {
  readonly value: string;
  /** Its type, for a getter; '' where tsc can infer it. */
  readonly type: string;
  /** Whether it has to wait, since it needs constants that may be defined further below. */
  readonly later: boolean;
  /** What the expression does not say. */
  readonly comment?: string | undefined;
}

/** Why a type has no layout. */
interface Missing {
  readonly missing: string;
}

/** Of files that no compiler wrote, names can be anything; nothing else becomes part of a program. */
const isIdentifier = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);

/** The type without dimensions, qualifiers and typedefs; its name in C, or that of its typedef; '' without any. */
export const elementOf = (
  btf: Btf,
  id: number,
): { readonly type: BtfType; readonly name: string } => {
  let type = btf.type(id);
  let name = '';
  for (let depth = 0; depth < MAX_RESOLVE_DEPTH; depth++) {
    switch (type.kind) {
      case 'typedef':
        name = type.name;
        break;
      case 'array':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        break;
      default:
        name = type.name || name;
        return { type, name: isIdentifier(name) ? name : '' };
    }
    type = btf.type(type.type);
  }
  throw new BtfError(`type ${id} is made of more than ${MAX_RESOLVE_DEPTH} others, in a circle?`);
};

/** A call of kernelEnum; of enumeration where CO-RE could not find it by its name. */
export const enumText = (
  c: TypeScriptContext,
  type: BtfEnum,
  name: string,
  indent: string,
): string => {
  const make = type.name === name ? 'kernelEnum' : 'enumeration';
  c.imports.add(make);
  const values = type.values
    .filter((each) => isIdentifier(each.name))
    .map((each) => {
      const line = `${indent}  ${keyOf(each.name)}: ${each.value},\n`;
      spend(c, line.length);
      return line;
    });
  return `${make}('${name}', {\n${values.join('')}${indent}})`;
};

/** The fields of a struct or union, a line for each, or three, or a comment. */
export const fieldLines = (
  c: TypeScriptContext,
  composite: BtfComposite,
  indent: string,
): string[] =>
  membersOf(c, composite).flatMap((member) => {
    const field = layoutOf(c, member, indent);
    if ('missing' in field) {
      return [`${indent}// ${cText(c.btf, member.type, member.name)}: ${field.missing}`];
    }
    const { value, type, later, comment } = field;
    const key = keyOf(member.name);
    spend(c, key.length + value.length);
    if (!later) {
      return [`${indent}${key}: ${value},${comment === undefined ? '' : ` // ${comment}`}`];
    }
    const annotation = type === '' ? '' : `: ${type}`;
    return [`${indent}get ${key}()${annotation} {`, `${indent}  return ${value};`, `${indent}},`];
  });

/** Counts characters. Throws BtfError when there are too many. */
const spend = (c: TypeScriptContext, characters: number): void => {
  c.left -= characters;
  if (c.left < 0) throw new BtfError('these types have more fields than a program can hold');
};

/** In an object literal `__proto__: u32` would be something else. */
const keyOf = (name: string): string => (name === '__proto__' ? "['__proto__']" : name);

/** The members that have names, those of unnamed structs and unions included. */
const membersOf = (c: TypeScriptContext, composite: BtfComposite): BtfMember[] => {
  const found = new Map<string, BtfMember>();
  const visit = ({ members }: BtfComposite, depth: number): void => {
    if (depth > MAX_NESTING) throw new BtfError(`type ${composite.id} is nested too deep`);
    for (const member of members) {
      spend(c, member.name.length + 8);
      const inner = member.name === '' ? c.btf.resolve(member.type) : undefined;
      if (inner?.kind === 'struct' || inner?.kind === 'union') visit(inner, depth + 1);
      else if (member.name !== '' && !found.has(member.name)) found.set(member.name, member);
    }
  };
  visit(composite, 0);
  return [...found.values()];
};

const layoutOf = (
  c: TypeScriptContext,
  member: BtfMember,
  indent: string,
): Expression | Missing => {
  const { name, type, bitSize } = member;
  if (!isIdentifier(name)) return { missing: 'its name is no C identifier' };
  return bitSize > 0 ? bitfieldOf(c, type, bitSize) : expressionOf(c, type, name, indent);
};

const bitfieldOf = (c: TypeScriptContext, id: number, bits: number): Expression | Missing => {
  const type = c.btf.resolve(id);
  // CO-RE takes no integer for an enum, and layouts have no bitfields of enums.
  if (type.kind !== 'int') return { missing: `layouts have no bitfields of ${type.kind}s` };
  const scalar = type.encoding === BTF_INT.BOOL && bits > 1 ? 'u8' : scalarOf(type);
  if (scalar === undefined || bits > 8 * type.size) return { missing: 'no layout is as wide' };
  c.imports.add('bitfield').add(scalar);
  return { value: `bitfield(${scalar}, ${bits})`, type: '', later: false };
};

const scalarOf = ({ name, size, encoding }: BtfInt): string | undefined => {
  if (encoding === BTF_INT.BOOL && size === 1) return 'bool';
  if (name === 'char' && size === 1) return 'char';
  const sign = encoding & BTF_INT.SIGNED ? 'i' : 'u';
  return [1, 2, 4, 8].includes(size) ? `${sign}${8 * size}` : undefined;
};

const expressionOf = (
  c: TypeScriptContext,
  id: number,
  name: string,
  indent: string,
): Expression | Missing => {
  const type = c.btf.resolve(id);
  switch (type.kind) {
    case 'int': {
      const scalar = scalarOf(type);
      if (scalar === undefined) return { missing: 'no layout is as wide' };
      c.imports.add(scalar);
      return { value: scalar, type: '', later: false };
    }
    case 'enum':
    case 'struct':
    case 'union': {
      const constant = c.constants.get(type.id);
      if (constant !== undefined)
        return { value: constant, type: `typeof ${constant}`, later: false };
      const value =
        type.kind === 'enum' ? enumText(c, type, name, indent) : inlineText(c, type, name, indent);
      return { value, type: '', later: false };
    }
    case 'ptr':
      return pointerOf(c, type);
    case 'array':
      return arrayOf(c, type.type, type.nelems, name, indent);
    case 'enum64':
      return { missing: 'layouts have no enums of 64 bits' };
    default:
      return { missing: `no layout describes a ${type.kind}` };
  }
};

/** An unnamed struct or union where it is used; CO-RE does not look at what it is called. */
const inlineText = (
  c: TypeScriptContext,
  type: BtfComposite,
  name: string,
  indent: string,
): string => {
  const make = type.kind === 'struct' ? 'kernelStruct' : 'kernelUnion';
  c.imports.add(make);
  const lines = fieldLines(c, type, `${indent}  `);
  return `${make}('${name}', ${lines.length === 0 ? '{}' : `{\n${lines.join('\n')}\n${indent}}`})`;
};

const pointerOf = (c: TypeScriptContext, { id, type }: BtfReference): Expression => {
  c.imports.add('pointer');
  const target = c.btf.resolve(type);
  // A hop starts from the name of a struct, so one that only its typedef names is out of reach.
  const constant = isIdentifier(target.name) ? c.constants.get(target.id) : undefined;
  if (constant !== undefined && target.kind !== 'enum') {
    const later = !c.defined.has(target.id);
    if (later) c.imports.add('type Pointer');
    return { value: `pointer(${constant})`, type: `Pointer<typeof ${constant}>`, later };
  }
  if (target.kind === 'int' && scalarOf(target) === 'char') {
    c.imports.add('char');
    return { value: 'pointer(char)', type: '', later: false };
  }
  const comment = target.kind === 'void' ? undefined : cText(c.btf, id, '');
  return { value: 'pointer()', type: '', later: false, comment };
};

const arrayOf = (
  c: TypeScriptContext,
  id: number,
  length: number,
  name: string,
  indent: string,
): Expression | Missing => {
  const element = c.btf.resolve(id);
  if (element.kind === 'int' && element.size === 1 && length > 0) {
    const scalar = scalarOf(element);
    const whole = scalar === 'char' ? 'chars' : scalar === 'u8' ? 'bytes' : undefined;
    if (whole !== undefined) {
      c.imports.add(whole);
      return { value: `${whole}(${length})`, type: '', later: false };
    }
  }
  if (length > MAX_LENGTH) return { missing: 'no layout is as long' };
  const expression = expressionOf(c, id, name, indent);
  if ('missing' in expression) return expression;
  c.imports.add('array');
  const { value, type, comment } = expression;
  // An array looks at the fields of its structs at once.
  const later = expression.later || isComposite(elementOf(c.btf, id).type);
  if (later && type !== '') c.imports.add('type ArrayOf');
  return {
    value: `array(${value}, ${length})`,
    type: type === '' ? '' : `ArrayOf<${type}, ${length}>`,
    later,
    comment,
  };
};

const isComposite = ({ kind }: BtfType): boolean => kind === 'struct' || kind === 'union';

/** Of arrays, see layout/compound.ts. */
const MAX_LENGTH = 2 ** 31;

/** A declaration in C, for a comment: in one line, or not at all. */
const cText = (btf: Btf, id: number, name: string): string => {
  try {
    const text = declaration(
      { ...context(btf), left: 500 },
      id,
      name && identifierOf(name),
    ).replace(/\s+/g, ' ');
    return text.length > 70 ? `${text.slice(0, 67)}...` : text;
  } catch (error) {
    if (error instanceof BtfError) return name && identifierOf(name);
    throw error;
  }
};
