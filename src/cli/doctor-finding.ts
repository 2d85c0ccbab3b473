/**
 * @module
 * What doctor finds: one fact about the machine, whether tools have there what they need, and what to do if not.
 */

import { readFileSync } from 'node:fs';

export type Topic =
  | 'kernel'
  | 'configuration'
  | 'types'
  | 'jit'
  | 'privileges'
  | 'settings'
  | 'file systems'
  | 'container'
  | 'program types'
  | 'map types'
  | 'helpers'
  | 'attaching'
  | 'tools';

/** What to do about what a kernel was built without. The same for the option and for what comes with it. */
export const withoutOption = (option: string): string => `this kernel was built without ${option}`;

export interface Finding {
  readonly topic: Topic;
  readonly name: string;
  /** `no`: it is not there, or set so that something fails; `unknown`: this process cannot find out. */
  readonly state: 'yes' | 'no' | 'unknown';
  /** What was found: the text of a setting, a number. */
  readonly value?: string | number | boolean | undefined;
  /** How the line of the topic tells it; without it only --verbose does, and what is wrong. */
  readonly brief?: string | undefined;
  /** What is wrong, and what to do about it. */
  readonly advice?: string | undefined;
  /** Of an option of the kernel: what comes with it. */
  readonly brings?: string | undefined;
  /** For a helper: the types of programs that may call it. */
  readonly programTypes?: readonly string[] | undefined;
}

/** The text of a file of /proc or /sys; undefined where it is missing or may not be read. */
export const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
};
