/**
 * Which CPUs there can be and which are running. A per-CPU map has one value for each possible CPU, in
 * order of their numbers; perf buffers are opened for each online one.
 *
 * Follows Documentation/admin-guide/cputopology.rst: lists like `0-3,5`.
 * @module
 */

import { UnsupportedError } from './errors.ts';
import { kernelFile } from './kernel-file.ts';

let possible: readonly number[] | undefined;

/** The CPUs that this kernel can ever have; it is decided at boot. */
export function possibleCpus(): readonly number[] {
  possible ??= parseCpuList(cpuFile('possible'));
  return possible;
}

/** The CPUs that run now; they can change. */
export function onlineCpus(): readonly number[] {
  return parseCpuList(cpuFile('online'));
}

const cpuFile = (name: string): string => {
  const path = `/sys/devices/system/cpu/${name}`;
  const text = kernelFile(path);
  if (text !== undefined) return text;
  throw new UnsupportedError(
    `there is no ${path}, which says what CPUs there are: run 'mount -t sysfs sysfs /sys' as root`,
  );
};

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
