/**
 * @module
 * `beespoke TOOL`.
 */
import { runTool } from './run-tool.ts';
import { toolOf } from './tools.ts';

/** Runs the tool of this name, which must be one. Resolves to the exit status. */
export const run = async (name: string, args: readonly string[]): Promise<number> => {
  const tool = toolOf(name)!;
  const isHelp = args.includes('--help') || args.includes('-h');
  if (isHelp || !args.includes('--simulate')) return runTool(tool, args);
  const { simulateTool } = await import('./simulate-tool.ts');
  return simulateTool(tool, args);
};
