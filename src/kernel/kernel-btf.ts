/**
 * @module
 * The BTF of the running kernel and of its modules: mapped once for the life of the process, decoded as it is asked.
 */
import { readdirSync } from 'node:fs';
import { Btf } from '../btf/index.ts';
import { isShortage, mapFile, UnsupportedError } from '../syscall/index.ts';

const DIRECTORY = '/sys/kernel/btf';

let vmlinux: Btf | undefined | 'none';

/** The kernel's types; undefined where it has none (CONFIG_DEBUG_INFO_BTF). */
export const kernelBtf = (): Btf | undefined => {
  if (vmlinux === undefined) {
    try {
      vmlinux = new Btf(mapFile(`${DIRECTORY}/vmlinux`).bytes, { label: 'this kernel' });
    } catch (error) {
      // Not Linux, or too many open files: that is the news, not that there are no types.
      if (error instanceof UnsupportedError || isShortage(error)) throw error;
      vmlinux = 'none';
    }
  }
  return vmlinux === 'none' ? undefined : vmlinux;
};

let modules: readonly Btf[] | undefined;

/** The types of each module that is loaded, under its name. Linux 5.11. */
export const moduleBtfs = (): readonly Btf[] => {
  const base = kernelBtf();
  modules ??= base ? moduleNames().flatMap((label) => moduleBtf(label, base) ?? []) : [];
  return modules;
};

const moduleNames = (): readonly string[] => {
  try {
    return readdirSync(DIRECTORY).filter((name) => name !== 'vmlinux');
  } catch (error) {
    if (isShortage(error)) throw error;
    return [];
  }
};

/** A module may be unloaded at any time. */
const moduleBtf = (label: string, base: Btf): Btf | undefined => {
  try {
    return new Btf(mapFile(`${DIRECTORY}/${label}`).bytes, { label, base });
  } catch (error) {
    if (isShortage(error)) throw error;
    return undefined;
  }
};
