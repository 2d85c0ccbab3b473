/**
 * @module
 * The kernel's table of symbols, /proc/kallsyms: read once, when the first symbol is asked for (about 45 ms).
 */
import { readFileSync } from 'node:fs';

let table: string | undefined;

/** The address of a symbol; undefined when there is none. 0 where the kernel hides addresses (kptr_restrict). */
export const symbolAddress = (name: string): bigint | undefined => {
  table ??= `\n${readTable()}`;
  // `ffffffff81000000 T name`, followed by a tab and `[module]` for one of a module.
  for (let at = table.indexOf(` ${name}`); at >= 0; at = table.indexOf(` ${name}`, at + 1)) {
    const after = table[at + 1 + name.length];
    if (after !== '\n' && after !== '\t') continue;
    const line = table.slice(table.lastIndexOf('\n', at) + 1, at);
    const [address = '', type = ''] = line.split(' ');
    if (type.length === 1) return BigInt(`0x${address}`);
  }
  return undefined;
};

const readTable = (): string => {
  try {
    return readFileSync('/proc/kallsyms', 'latin1');
  } catch {
    return '';
  }
};
