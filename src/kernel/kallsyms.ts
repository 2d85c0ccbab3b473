/**
 * @module
 * The kernel's table of symbols, /proc/kallsyms: read once, when the first symbol is asked for (about 45 ms).
 */
import { readFileSync } from 'node:fs';
import { isShortage } from '../syscall/index.ts';

let known: string | undefined;

/** The table as text, `ffffffff81000000 T name` in each line, followed by a tab and `[module]` for one of a module. */
export const kallsyms = (): string => {
  known ??= `\n${readTable()}`;
  return known;
};

/** The address of a symbol; undefined when there is none. 0 where the kernel hides addresses (kptr_restrict). */
export const symbolAddress = (name: string): bigint | undefined => {
  const table = kallsyms();
  for (let at = table.indexOf(` ${name}`); at >= 0; at = table.indexOf(` ${name}`, at + 1)) {
    const after = table[at + 1 + name.length];
    if (after !== '\n' && after !== '\t') continue;
    const line = table.slice(table.lastIndexOf('\n', at) + 1, at);
    const [address = '', type = ''] = line.split(' ');
    if (type.length === 1) return BigInt(`0x${address}`);
  }
  return undefined;
};

/** The symbol at an address; undefined where none begins. */
export const symbolAt = (address: bigint): string | undefined => {
  const table = kallsyms();
  const at = table.indexOf(`\n${BigInt.asUintN(64, address).toString(16).padStart(16, '0')} `);
  return at < 0 ? undefined : /^\S+ \S (\S+)/.exec(table.slice(at + 1, at + 600))?.[1];
};

const readTable = (): string => {
  try {
    return readFileSync('/proc/kallsyms', 'latin1');
  } catch (error) {
    if (isShortage(error)) throw error;
    return '';
  }
};
