/**
 * @module
 * The tools by name; each is loaded when it is asked for.
 */
import type { Tool } from '../programs/tool.ts';

const TOOLS: Readonly<Record<string, () => Promise<Tool>>> = {
  hello: async () => (await import('../programs/hello.ts')).hello as unknown as Tool,
  'hello-perf': async () =>
    (await import('../programs/hello-perf.ts')).helloPerf as unknown as Tool,
  opensnoop: async () => (await import('../programs/opensnoop.ts')).opensnoop as unknown as Tool,
  exitsnoop: async () => (await import('../programs/exitsnoop.ts')).exitsnoop as unknown as Tool,
  runqslower: async () => (await import('../programs/runqslower.ts')).runqslower as unknown as Tool,
  hardirqs: async () => (await import('../programs/hardirqs.ts')).hardirqs as unknown as Tool,
};

/** The tool of this name, which must be one. */
export const loadTool = (name: string): Promise<Tool> => TOOLS[name]!();

export const toolNames = (): readonly string[] => Object.keys(TOOLS);
