/**
 * @module
 * The patterns that tools ask the machine for names with, live and recorded.
 */
import { glob, isGlob } from '../kernel/glob.ts';
import type { NamePattern } from '../programs/system.ts';

export const nameTest = (pattern: NamePattern): ((name: string) => boolean) =>
  typeof pattern === 'string' ? glob(pattern) : (name) => pattern.test(name);

/** Whether it is no pattern, but one name. */
export const isOneName = (pattern: NamePattern): pattern is string =>
  typeof pattern === 'string' && !isGlob(pattern);
