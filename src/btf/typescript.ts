/**
 * Types as layouts of our language: `kernelStruct`, `kernelUnion` and `kernelEnum`, to paste into a program and to cut
 * down to what it reads.
 *
 * What a struct holds by value is printed before it. A pointer leads on only to what is printed: task_struct points to
 * most of the kernel in the end. Other pointers become `pointer()`, with a comment that says what to ask for. Fields that
 * no layout describes are comments as well. Members of unnamed structs and unions become fields of the struct around
 * them, as in C: CO-RE finds them there. The fields have a named interface, since tsc elides recursive types in `.d.ts`
 * where it has to infer them.
 *
 * @example
 * printTypeScript(btf, [btf.findByName('list_head', 'struct')!]);
 *
 * @module
 */
import type { Btf } from './btf.ts';
import { BtfError } from './error.ts';
import type { BtfComposite, BtfEnum, BtfType } from './types.ts';
import {
  elementOf,
  enumText,
  fieldLines,
  MAX_NESTING,
  type TypeScriptContext,
} from './typescript-layout.ts';

/** Whether a type has a layout of its own: a named struct, union or enum, or a typedef of one. */
export const hasTypeScript = (btf: Btf, id: number): boolean => {
  const { kind } = btf.type(id);
  if (kind === 'typedef') return isDefinable(btf.resolve(id));
  const { type, name } = elementOf(btf, id);
  return type.id === id && name !== '' && isDefinable(type);
};

/**
 * Prints the structs, unions and enums with these ids, and those that they hold by value, as a module of TypeScript;
 * without ids all of the BTF, those of the base only where they are held. Types of other kinds are passed over.
 */
export const printTypeScript = (btf: Btf, ids?: Iterable<number>): string => {
  const all = Array.from({ length: btf.typeCount + 1 - btf.firstId }, (_, i) => btf.firstId + i);
  const requested = [...(ids ?? all)].filter((id) => hasTypeScript(btf, id));
  const collected = collect(btf, requested);
  const c: TypeScriptContext = {
    btf,
    // All of them before the first is printed, so that pointers know which of them lead on.
    constants: constantsOf(collected),
    defined: new Set(),
    imports: new Set(),
    left: MAX_PRINTED,
  };
  const definitions = collected.map(({ type, name }) => {
    const text = type.kind === 'enum' ? enumDefinition(c, type, name) : definition(c, type, name);
    c.defined.add(type.id);
    return text;
  });
  const imports = [...c.imports].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  const names = imports.map((name) => `  ${name},\n`).join('');
  return [`import {\n${names}} from 'beespoke';\n`, ...definitions].join('\n');
};

/** Twenty times what vmlinux takes. */
const MAX_PRINTED = 100_000_000;

/** What gets a definition, and its name in C. */
interface Collected {
  readonly type: BtfComposite | BtfEnum;
  readonly name: string;
}

const isDefinable = (type: BtfType): type is BtfComposite | BtfEnum =>
  type.kind === 'struct' || type.kind === 'union' || type.kind === 'enum';

/** The types with what they hold by value, each after what it holds. */
const collect = (btf: Btf, ids: readonly number[]): Collected[] => {
  const found: Collected[] = [];
  const seen = new Set<number>();
  const visit = (id: number, depth: number): void => {
    const { type, name } = elementOf(btf, id);
    if (seen.has(type.id) || !isDefinable(type)) return;
    if (depth > MAX_NESTING) throw new BtfError(`type ${id} is nested too deep, or holds itself`);
    if (type.kind !== 'enum') for (const member of type.members) visit(member.type, depth + 1);
    // Unnamed ones are written where they are used, but their contents need no second visit.
    seen.add(type.id);
    if (name !== '') found.push({ type, name });
  };
  for (const id of ids) visit(id, 0);
  return found;
};

/** `task_struct` is TaskStruct. Where two types would have one name, the second is numbered. */
const constantsOf = (collected: readonly Collected[]): Map<number, string> => {
  const taken = new Set(RESERVED);
  return new Map(
    collected.map(({ type, name }) => {
      const words = name
        .split(/[^A-Za-z0-9]+/)
        .map((word) => word.charAt(0).toUpperCase() + word.slice(1));
      const base = words.join('').replace(/^(?=[0-9]|$)/, '_');
      let constant = base;
      for (let count = 2; taken.has(constant); count++) constant = `${base}_${count}`;
      taken.add(constant);
      return [type.id, constant];
    }),
  );
};

/** Types that the output mentions. */
const RESERVED = ['ArrayOf', 'Pointer', 'Readonly', 'Struct', 'Union'];

const sortKey = (name: string): string => name.replace('type ', '').toLowerCase();

const enumDefinition = (c: TypeScriptContext, type: BtfEnum, name: string): string => {
  const what = type.name === name ? `enum ${name}` : `typedef ${name} of an unnamed enum`;
  return `/** ${what} */\nexport const ${c.constants.get(type.id)!} = ${enumText(c, type, name, '')};\n`;
};

const definition = (c: TypeScriptContext, type: BtfComposite, name: string): string => {
  const constant = c.constants.get(type.id)!;
  const fields = `${constant.charAt(0).toLowerCase()}${constant.slice(1)}Fields`;
  const [make, layout] =
    type.kind === 'struct' ? ['kernelStruct', 'Struct'] : ['kernelUnion', 'Union'];
  c.imports.add(make).add(`type ${layout}`);
  const what =
    type.name === name
      ? `${type.kind} ${name}`
      : `typedef ${name} of an unnamed ${type.kind}: CO-RE finds its fields only inside of other structs`;
  const lines = fieldLines(c, type, '  ');
  const body = lines.length === 0 ? '{}' : `{\n${lines.join('\n')}\n}`;
  return `const ${fields} = ${body};
export interface ${constant}Fields extends Readonly<typeof ${fields}> {}
/** ${what} */
export const ${constant}: ${layout}<${constant}Fields, 'core'> = ${make}('${name}', ${fields});
`;
};
