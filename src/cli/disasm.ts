/**
 * @module
 * `beespoke disasm TOOL|FILE|--id N`: the instructions of a tool's programs, of an object file or of a loaded program,
 * with the lines of source that they come from.
 *
 * It needs no kernel: it shows what a new one would get, and what CO-RE will fill in as comments. `--kernel` links for
 * the running kernel instead, and shows its variants and offsets.
 */
import { existsSync } from 'node:fs';
import {
  type AnyMap,
  type AssembledFunction,
  assemble,
  type Condition,
  type Instruction,
  type ListingOptions,
  listed,
  listing,
  listingLlvm,
  type Syntax,
} from '../asm/index.ts';
import { sourceOf } from '../kernel/sources.ts';
import {
  type AnyMapSpec,
  HOOKS,
  link,
  type ObjectSpec,
  type ProgramSpec,
  variantsOf,
} from '../object/index.ts';
import type { OptionTable } from '../programs/tool.ts';
import { textOfData } from './disasm-llvm.ts';
import { noteOf } from './disasm-notes.ts';
import { DONE, USAGE, UsageError } from './errors.ts';
import { openObject } from './object-file.ts';
import { helpOf, parseOptions } from './options.ts';
import { printable } from './printable.ts';
import { jsonLine } from './printer.ts';
import { toolNames, toolOf } from './tools.ts';

const OPTIONS = {
  kernel: { type: 'boolean', help: 'for the running kernel, with its offsets and fallbacks' },
  syntax: {
    type: 'text',
    placeholder: 'SYNTAX',
    help: 'kernel, or llvm for text that llvm-mc assembles (default: kernel)',
  },
  json: { type: 'boolean', help: 'one JSON object a line, for each instruction' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

const HELP = [
  'beespoke disasm TOOL [--kernel] [--syntax llvm] [--json] [options of the tool]',
  'beespoke disasm FILE [--kernel] [--syntax llvm] [--json]',
  'beespoke disasm --id N [--syntax llvm] [--json]',
  '',
  'The instructions of a tool or of an object file, with their lines; or of a program that is loaded, as the kernel runs',
  'it.',
  '',
  ...helpOf(OPTIONS),
];

export const run = async (words: readonly string[]): Promise<number> => {
  // The name decides which options there are.
  const at = words.findIndex(
    (word, index) => !word.startsWith('-') && words[index - 1] !== '--syntax',
  );
  const name = words[at];
  const args = words.filter((_, index) => index !== at);
  if (words.some((word) => /^--id\b/.test(word))) return disassembleLoaded(words);
  if (name === undefined) {
    const { help } = parseOptions(args, OPTIONS);
    (help ? process.stdout : process.stderr).write(`${HELP.join('\n')}\n`);
    return help ? DONE : USAGE;
  }
  const tool = toolOf(name);
  if (!tool && !isFile(name)) {
    throw new UsageError(
      `there is no tool ${JSON.stringify(name)}, and no file of this name: ${toolNames().join(', ')}`,
    );
  }
  const given = parseOptions(args, { ...tool?.options, ...OPTIONS }, tool?.positionals);
  if (given.help) {
    print(HELP);
    return 0;
  }
  const syntax = syntaxOf(given.syntax as string | undefined);
  const spec: ObjectSpec = tool ? tool.object(given as never) : openObject(name);
  const programs = given.kernel ? await linked(spec) : unlinked(spec);
  const lines = spelled(programs, syntax).flatMap(given.json ? inJson : asText);
  if (syntax === 'llvm' && !given.json) lines.push(...textOfData(spec));
  if (lines.length > 0) print(lines);
  return 0;
};

const ID = {
  id: {
    type: 'number',
    max: 2 ** 32 - 1,
    placeholder: 'N',
    help: 'a loaded program, as the kernel runs it',
  },
} as const satisfies OptionTable;

const disassembleLoaded = async (words: readonly string[]): Promise<number> => {
  const { kernel: _, ...options } = OPTIONS;
  const { id, json, help, syntax } = parseOptions(words, { ...ID, ...options });
  if (help) {
    print(HELP);
    return 0;
  }
  const { loadedProgram } = await import('./disasm-loaded.ts');
  const programs = spelled([loadedProgram(Number(id))], syntaxOf(syntax as string | undefined));
  print(programs.flatMap(json ? inJson : asText));
  return 0;
};

const syntaxOf = (syntax = 'kernel'): Syntax => {
  if (syntax === 'kernel' || syntax === 'llvm') return syntax;
  throw new UsageError(`--syntax is kernel or llvm, got ${JSON.stringify(syntax)}`);
};

/** The programs in a syntax; where they share one text, their labels have their names. */
const spelled = (programs: readonly Listed[], syntax: Syntax): readonly Listed[] =>
  programs.map((each) =>
    'problem' in each
      ? each
      : {
          ...each,
          options: {
            ...each.options,
            syntax,
            prefix: syntax === 'llvm' && programs.length > 1 ? `${each.name}.` : '',
          },
        },
  );

/** Whether it is meant as one: what is missing is better said of a file. */
const isFile = (name: string): boolean =>
  name.includes('/') || /\.\w+$/.test(name) || existsSync(name);

/** Files can hold any text. */
const print = (lines: readonly string[]): void => {
  process.stdout.write(`${lines.map(printable).join('\n')}\n`);
};

/** A program that is ready to be listed, or why it is not. */
export type Listed = {
  readonly name: string;
  /** Its hook's name. */
  readonly section: string;
  readonly onDemand?: boolean | undefined;
} & (
  | { readonly instructions: readonly Instruction[]; readonly options: ListingOptions }
  | { readonly problem: string }
);

export const asText = (each: Listed): string[] => {
  const head = `; ${each.section}${each.onDemand ? ', loaded only when it is asked for' : ''}`;
  if ('problem' in each) return [head, `; ${each.name}: ${each.problem}`, ''];
  if (each.options.syntax === 'llvm')
    return [
      ...listingLlvm(each.instructions, each.section, { ...each.options, name: each.name }),
      '',
    ];
  return [head, ...listing(each.instructions, each.options), ''];
};

export const inJson = (each: Listed): string[] => {
  const { name: program, section } = each;
  if ('problem' in each) return [jsonLine({ program, section, problem: each.problem })];
  let inside: string | undefined;
  return listed(each.instructions, each.options).map(({ head, ...instruction }) => {
    inside = head ?? inside;
    return jsonLine({ program, section, function: inside, ...instruction });
  });
};

const headOf = (name: string, { hook, autoload }: ProgramSpec) => ({
  name,
  section: hook.section,
  onDemand: autoload === false,
});

const namesOf = ({ maps, hidden }: Pick<ObjectSpec, 'maps' | 'hidden'>) => {
  const names = new Map<AnyMap, string>(
    Object.entries({ ...maps, ...hidden } as Record<string, AnyMapSpec>).map(([name, map]) => [
      map,
      name,
    ]),
  );
  return (map: AnyMap): string | undefined => names.get(map);
};

/** How the programs of an object are listed: from a file with the lines of C, which nobody may have at hand. */
const optionsOf = (
  spec: ObjectSpec,
  name: string,
  program: ProgramSpec,
  functions: readonly AssembledFunction[],
): ListingOptions => ({
  name,
  functions,
  mapName: namesOf(spec),
  labels: true,
  sourceOf,
  program: program.site,
  lines: isFromFile(spec) ? 'text' : true,
  note: (instruction) => noteOf(instruction, spec.types),
});

const isFromFile = ({ bigEndian }: ObjectSpec): boolean => bigEndian !== undefined;

/** The first variant of each program, every condition as on a new kernel. */
const unlinked = (spec: ObjectSpec): Listed[] =>
  Object.entries(spec.programs).map(([name, entry]) => {
    const program = variantsOf(entry)[0]!;
    const { instructions, functions } = assemble(program.body, (condition) =>
      onNewKernel(condition, program),
    );
    return {
      ...headOf(name, program),
      instructions,
      options: optionsOf(spec, name, program, functions),
    };
  });

const onNewKernel = ({ test }: Condition, { hook }: ProgramSpec): boolean =>
  test === 'trusted' ? HOOKS[hook.type].trusted : true;

/** What the running kernel would get; of a file each program by itself, since it can have some that it lacks. */
const linked = async (spec: ObjectSpec): Promise<Listed[]> => {
  const { KernelWorld } = await import('../kernel/index.ts');
  const world = new KernelWorld();
  if (!isFromFile(spec)) return linkAll(spec, link(spec, world));
  return Object.entries(spec.programs).flatMap(([name, entry]): Listed[] => {
    try {
      return linkAll(spec, link(spec, world, { programs: [name] }));
    } catch (error) {
      const program = variantsOf(entry)[0]!;
      return [{ ...headOf(name, program), problem: (error as Error).message }];
    }
  });
};

const linkAll = (spec: ObjectSpec, { programs }: ReturnType<typeof link>): Listed[] =>
  programs.map(({ name, spec: program, assembly, poisoned }) => {
    const { instructions, functions } = assembly;
    const options = optionsOf(spec, name, program, functions);
    const note: ListingOptions['note'] = (instruction, slot) =>
      poisoned.get(slot) ?? noteOf(instruction, spec.types);
    return { ...headOf(name, program), instructions, options: { ...options, note } };
  });
