/**
 * Which CPUs there can be and which are running. A per-CPU map has one value for each possible CPU, in
 * order of their numbers; perf buffers are opened for each online one.
 *
 * Follows Documentation/admin-guide/cputopology.rst: lists like `0-3,5`.
 * @module
 */

import { readFileSync } from 'node:fs';

let possible: readonly number[] | undefined;

/** The CPUs that this kernel can ever have; it is decided at boot. */
export function possibleCpus(): readonly number[] {
  possible ??= parseCpuList(readFileSync('/sys/devices/system/cpu/possible', 'utf8'));
  return possible;
}

/** The CPUs that run now; they can change. */
export function onlineCpus(): readonly number[] {
  return parseCpuList(readFileSync('/sys/devices/system/cpu/online', 'utf8'));
}

/** The numbers of `0-3,5`. */
export function parseCpuList(text: string): readonly number[] {
  const list = text.trim();
  if (list === '') return [];
  return list.split(',').flatMap((range) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    if (first === undefined) throw new SyntaxError(`a list of CPUs: expected 0-3,5, got ${list}`);
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i);
  });
}
