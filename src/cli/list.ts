/**
 * @module
 * `beespoke list`: the tools, one line each, and whether this kernel can run them.
 */
import { loadObject, type Program } from '../kernel/index.ts';
import { tracepointId } from '../kernel/tracefs.ts';
import { defaults } from '../programs/tool.ts';
import { syscallNumbers } from '../syscall/index.ts';
import { parseOptions } from './options.ts';
import { jsonLine } from './printer.ts';
import { toolNames, toolOf } from './tools.ts';

const OPTIONS = {
  json: { type: 'boolean', help: 'one JSON object a line' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const;

export const run = async (args: readonly string[]): Promise<number> => {
  const { json, help } = parseOptions(args, OPTIONS);
  if (help) {
    process.stdout.write(
      'beespoke list [--json]\n\nThe tools, and whether this kernel and these privileges can run them: each is loaded, not attached.\n',
    );
    return 0;
  }
  // On another system this is what is wrong with all of them.
  syscallNumbers();
  for (const name of toolNames()) {
    const { summary } = toolOf(name)!;
    const problem = toolProblem(name);
    const line = json
      ? jsonLine({ name, summary, runs: problem === undefined, problem })
      : `${name.padEnd(14)}${(problem === undefined ? 'yes' : 'no').padEnd(5)}${summary}${problem ? ` (${problem})` : ''}`;
    process.stdout.write(`${line}\n`);
  }
  return 0;
};

/** Why this kernel or these privileges cannot run a tool, in one sentence; undefined where they can. */
export const toolProblem = (name: string): string | undefined => {
  const { options, object } = toolOf(name)!;
  try {
    using loaded = loadObject(object(defaults(options) as never));
    for (const program of Object.values(loaded.programs) as readonly (Program | undefined)[]) {
      const hook = program?.spec.hook;
      // Says what is wrong with tracefs, without which they are loaded and cannot be attached.
      if (hook && 'category' in hook) tracepointId(hook.category, hook.name);
    }
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n')[0];
  }
};
