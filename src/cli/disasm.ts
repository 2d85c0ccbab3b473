/**
 * @module
 * `beespoke disasm TOOL`: the instructions of a tool's programs, with the TypeScript lines that they come from.
 *
 * It needs no kernel: it shows what a new one would get, and what CO-RE will fill in as comments. `--kernel` links for
 * the running kernel instead, and shows its variants and offsets.
 */
import { type AnyMap, assemble, type Condition, listing } from '../asm/index.ts';
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
import { UsageError } from './errors.ts';
import { helpOf, parseOptions } from './options.ts';
import { toolNames, toolOf } from './tools.ts';

const OPTIONS = {
  kernel: { type: 'boolean', help: 'for the running kernel, with its offsets and fallbacks' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

export const run = async ([name, ...args]: readonly string[]): Promise<number> => {
  if (name === undefined || name === '--help' || name === '-h') {
    print([
      'beespoke disasm TOOL [--kernel] [options of the tool]',
      '',
      'The instructions of a tool, with their lines.',
      '',
      ...helpOf(OPTIONS),
    ]);
    return name === undefined ? 2 : 0;
  }
  const tool = toolOf(name);
  if (!tool) {
    throw new UsageError(`there is no tool ${JSON.stringify(name)}: ${toolNames().join(', ')}`);
  }
  const given = parseOptions(args, { ...tool.options, ...OPTIONS }, tool.positionals);
  const spec: ObjectSpec = tool.object(given as never);
  const lines = given.kernel ? await linked(spec) : unlinked(spec);
  print(lines);
  return 0;
};

const print = (lines: readonly string[]): void => {
  process.stdout.write(`${lines.join('\n')}\n`);
};

const namesOf = ({ maps, hidden }: Pick<ObjectSpec, 'maps' | 'hidden'>) => {
  const names = new Map<AnyMap, string>(
    Object.entries({ ...maps, ...hidden } as Record<string, AnyMapSpec>).map(([name, map]) => [
      map,
      name,
    ]),
  );
  return (map: AnyMap): string | undefined => names.get(map);
};

/** The first variant of each program, every condition as on a new kernel. */
const unlinked = (spec: ObjectSpec): string[] =>
  Object.entries(spec.programs).flatMap(([name, entry]) => {
    const program = variantsOf(entry)[0]!;
    const { instructions, functions } = assemble(program.body, (condition) =>
      onNewKernel(condition, program),
    );
    return [
      `; ${program.hook.section}`,
      ...listing(instructions, {
        name,
        functions,
        mapName: namesOf(spec),
        labels: true,
        sourceOf,
        program: program.site,
      }),
      '',
    ];
  });

const onNewKernel = ({ test }: Condition, { hook }: ProgramSpec): boolean =>
  test === 'trusted' ? HOOKS[hook.type].trusted : true;

const linked = async (spec: ObjectSpec): Promise<string[]> => {
  const { KernelWorld } = await import('../kernel/index.ts');
  return link(spec, new KernelWorld()).programs.flatMap(({ name, spec: program, assembly }) => [
    `; ${program.hook.section}`,
    ...listing(assembly.instructions, {
      name,
      functions: assembly.functions,
      mapName: namesOf(spec),
      labels: true,
      sourceOf,
      program: program.site,
    }),
    '',
  ]);
};
