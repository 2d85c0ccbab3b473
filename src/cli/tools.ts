/**
 * @module
 * The tools by name. They are small and share one file with what runs them, so they are loaded together.
 */
import {
  bashreadline,
  exitsnoop,
  funccount,
  hardirqs,
  hello,
  helloPerf,
  opensnoop,
  runqslower,
  traceUsdt,
  unlinksnoop,
} from '../programs/index.ts';
import type { Tool } from '../programs/tool.ts';

const TOOLS = [
  hello,
  helloPerf,
  opensnoop,
  exitsnoop,
  runqslower,
  hardirqs,
  unlinksnoop,
  bashreadline,
  funccount,
  traceUsdt,
] as unknown as readonly Tool[];

export const toolNames = (): readonly string[] => TOOLS.map(({ name }) => name);

/** The tool of this name; undefined when there is none. */
export const toolOf = (name: string): Tool | undefined => TOOLS.find((tool) => tool.name === name);
