/**
 * @module
 * Functions that the kernel does not let kprobes into: /sys/kernel/debug/kprobes/blacklist.
 */
import { readFileSync } from 'node:fs';

let names: ReadonlySet<string> | undefined;

/** Whether a function is on the list; false where the list cannot be read: attaching will tell. */
export const isBlacklisted = (name: string): boolean => {
  names ??= new Set(readNames());
  return names.has(name);
};

/** `0xffffffff81a00010-0xffffffff81a00050	asm_exc_divide_error` */
const readNames = (): string[] => {
  try {
    const text = readFileSync('/sys/kernel/debug/kprobes/blacklist', 'latin1');
    return [...text.matchAll(/^\S+\s+(\S+)$/gm)].map(([, name]) => name!);
  } catch {
    return [];
  }
};
