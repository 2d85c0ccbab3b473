/**
 * @module
 * `beespoke TOOL`.
 */
import { runTool } from './run-tool.ts';
import { toolOf } from './tools.ts';

/** Runs the tool of this name, which must be one. Resolves to the exit status. */
export const run = (name: string, args: readonly string[]): Promise<number> =>
  runTool(toolOf(name)!, args);
