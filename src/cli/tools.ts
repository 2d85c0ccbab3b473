/**
 * @module
 * The tools by name; each is loaded when it is asked for.
 */
import type { Tool } from '../programs/tool.ts';

const TOOLS: Readonly<Record<string, () => Promise<Tool>>> = {
  exitsnoop: async () => (await import('../programs/exitsnoop.ts')).exitsnoop as unknown as Tool,
};

/** The tool of this name, which must be one. */
export const loadTool = (name: string): Promise<Tool> => TOOLS[name]!();

export const toolNames = (): readonly string[] => Object.keys(TOOLS);
