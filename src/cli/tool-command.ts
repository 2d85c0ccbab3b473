/**
 * @module
 * `beespoke TOOL`.
 */
import type { Tool } from '../programs/tool.ts';
import { runTool } from './run-tool.ts';
import { toolOf } from './tools.ts';

/** Runs the tool of this name, which must be one. Resolves to the exit status. */
export const run = (name: string, args: readonly string[]): Promise<number> =>
  runAny(toolOf(name)!, args);

/** Runs a tool, on this machine or on a recorded one. */
export const runAny = async (tool: Tool, args: readonly string[]): Promise<number> => {
  const isHelp = args.includes('--help') || args.includes('-h');
  if (isHelp || !args.includes('--simulate')) return runTool(tool, args);
  const { simulateTool } = await import('./simulate-tool.ts');
  return simulateTool(tool, args);
};
