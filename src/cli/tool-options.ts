/**
 * @module
 * The options that every tool has, beside its own.
 */
import type { OptionTable } from '../programs/tool.ts';

export const TOOL_OPTIONS = {
  json: { type: 'boolean', help: 'one JSON object a line' },
  duration: { type: 'number', placeholder: 'SECONDS', min: 1, help: 'end after so many seconds' },
  buffer: { type: 'text', placeholder: 'SIZE', help: 'size of the event buffer, such as 8M' },
  verbose: {
    type: 'boolean',
    short: 'v',
    help: 'say on stderr what is loaded and where it is attached',
  },
  simulate: {
    type: 'boolean',
    help: 'play a small recorded world through the programs: any system, no privileges',
  },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

/** What the runner itself reads of the options. */
export interface RunnerValues {
  readonly json: boolean;
  readonly duration: number | undefined;
  readonly buffer: number | undefined;
  readonly verbose: boolean;
  readonly help: boolean;
}
