/**
 * @module
 * A whole object from text: its licence, maps, variables, and programs in the sections of their hooks.
 * @example
 * parseObject(`
 *   .license "GPL"
 *   .map counts, hash, key=u32, value=u64, max_entries=1024
 *   .section tracepoint/sched/sched_process_exit
 * ended:
 *   r1 = counts ll
 *   ...
 * `, { file: 'ended.s' });
 */
import {
  closeNames,
  type PlacedFunction,
  type Reference,
  readTextFile,
  type TextFile,
} from '../asm/index.ts';
import { program } from './make-program.ts';
import type { AnyMapSpec } from './map-spec.ts';
import { isObjectName, OBJECT_NAMES, type ObjectSpec, object } from './object-spec.ts';
import type { ProgramSpec } from './program-spec.ts';
import { HOOKS, parseSection } from './sections.ts';
import { mapOfText, variablesOfText } from './text-maps.ts';

export interface ParseObjectOptions {
  /** What errors and lines call the text. */
  readonly file?: string | undefined;
}

/**
 * The object that a text describes, checked as `object()` checks one. Throws an AssemblerTextError with line and
 * column, or an AssemblerError that names the line.
 */
export const parseObject = (
  text: string,
  { file = 'text' }: ParseObjectOptions = {},
): ObjectSpec => {
  const source = readTextFile(text, file);
  const maps = new Map<string, AnyMapSpec>();
  const symbols = new Map<string, Reference>();
  const add = (name: string, map: AnyMapSpec, at: number): void => {
    checkName(name, at, source);
    if (maps.has(name)) source.fail(`there are two maps ${name}`, at);
    maps.set(name, map);
    symbols.set(name, { kind: 'map', map });
  };
  for (const map of source.maps) add(map.name, mapOfText(map, source.fail), map.at);
  for (const [section, variables] of source.variables) {
    const { name, map, places } = variablesOfText(section, variables, source.fail);
    add(name, map, variables[0]!.at);
    symbols.set(section, { kind: 'value', map, offset: 0 });
    for (const [variable, { offset, at }] of places) {
      if (symbols.has(variable)) source.fail(`${variable} has this name a second time`, at);
      symbols.set(variable, { kind: 'value', map, offset });
    }
  }
  const programs = new Map<string, ProgramSpec>();
  for (const each of source.functions(symbols)) {
    // What is only called is part of its callers.
    if (each.subprogram && (each.section === TEXT || !each.global)) continue;
    const { name } = each;
    if (name === undefined)
      return source.fail('a program needs a name: put a label before it', each.at);
    checkName(name, each.at, source);
    programs.set(name, programOf(each, name, source));
  }
  if (programs.size === 0)
    source.fail(
      'there is no program: a function in the section of a hook, as .section xdp, that no other calls, or that is .globl',
      0,
    );
  return object({
    license: source.license ?? '',
    maps: Object.fromEntries(maps),
    programs: Object.fromEntries(programs),
  });
};

const TEXT = '.text';

/** Maps and programs are in the object's BTF. */
const checkName = (name: string, at: number, source: TextFile): void => {
  if (!isObjectName(name))
    source.fail(`${name} is no name for a map or a program: ${OBJECT_NAMES}`, at);
};

const programOf = (
  { section, body, at }: PlacedFunction,
  name: string,
  source: TextFile,
): ProgramSpec => {
  if (section === TEXT)
    source.fail(
      `${name} is called by no function of the file: if it is a program, put it into the section of its hook, as .section xdp`,
      at,
    );
  const isOptional = section.startsWith('?');
  const hook = parseSection(isOptional ? section.slice(1) : section);
  if (!hook) {
    const close = closeNames(section.split('/')[0]!, Object.keys(HOOKS));
    return source.fail(
      `there is no hook ${section}${close.length > 0 ? `; did you mean ${close.join(', ')}?` : ''}`,
      at,
    );
  }
  const spec = program(hook, body, source.siteOf(at) ?? {});
  return isOptional ? { ...spec, autoload: false } : spec;
};
