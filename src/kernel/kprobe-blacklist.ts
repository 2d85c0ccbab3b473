/**
 * @module
 * Functions that the kernel does not let kprobes into: /sys/kernel/debug/kprobes/blacklist.
 */
import { readFileSync } from 'node:fs';

let names: ReadonlySet<string> | 'unknown' | undefined;

/** Whether a function is on the list; false where the list cannot be read: attaching will tell. */
export const isBlacklisted = (name: string): boolean => kprobeBlacklist()?.has(name) ?? false;

/** The whole list; undefined where it cannot be read. */
export const kprobeBlacklist = (): ReadonlySet<string> | undefined => {
  names ??= readNames();
  return names === 'unknown' ? undefined : names;
};

const readNames = (): ReadonlySet<string> | 'unknown' => {
  try {
    return parseBlacklist(readFileSync('/sys/kernel/debug/kprobes/blacklist', 'latin1'));
  } catch {
    return 'unknown';
  }
};

/** Lines as `0xffffffff81a00010-0xffffffff81a00050	asm_exc_divide_error`. */
export const parseBlacklist = (text: string): ReadonlySet<string> =>
  new Set([...text.matchAll(/^\S+[ \t]+(\S+)/gm)].map(([, name]) => name!));
