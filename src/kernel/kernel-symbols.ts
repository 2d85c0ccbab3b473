/**
 * @module
 * Which function of the kernel an address is in, by /proc/kallsyms. The table is read and put in order when the first
 * address is asked for (about 0.1 s), never before.
 */
import { kallsyms } from './kallsyms.ts';

export interface KernelSymbol {
  readonly name: string;
  /** Bytes from the start of the function. */
  readonly offset: number;
  /** The module that it belongs to; `bpf` for BPF programs, undefined for the kernel itself. */
  readonly module: string | undefined;
}

/** Functions, in the order of their addresses. */
interface Table {
  readonly addresses: BigUint64Array;
  /** Where the names begin in the text. */
  readonly names: Uint32Array;
  readonly text: string;
}

/** Where nothing says how long a function is, one that is longer than this is taken for a gap. */
const LONGEST = 0x4_0000n;

let known: Table | undefined;

/** The function at an address; undefined where none is known, also where the kernel hides addresses (kptr_restrict). */
export const kernelSymbol = (address: bigint): KernelSymbol | undefined => {
  known ??= tableOf(kallsyms());
  const index = lastUpTo(known.addresses, address);
  const start = known.addresses[index];
  if (start === undefined || address - start > LONGEST) return undefined;
  const { text, names } = known;
  const line = text.slice(names[index], text.indexOf('\n', names[index]));
  const [name = '', module] = line.split('\t');
  // The end of the code has a name, but is no function.
  if (name === '_etext') return undefined;
  return { name, offset: Number(address - start), module: module?.slice(1, -1) };
};

/** The index of the last address up to one, and of several that are equal the first, as in the kernel; -1 before all. */
const lastUpTo = (addresses: BigUint64Array, address: bigint): number => {
  let [low, high] = [0, addresses.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (addresses[middle]! <= address) low = middle + 1;
    else high = middle;
  }
  let found = low - 1;
  while (found > 0 && addresses[found - 1] === addresses[found]) found--;
  return found;
};

/** The lines of code: `ffffffff81000000 T name`, of the types t, T, w and W. By hand: a pattern takes ten times as long. */
const tableOf = (text: string): Table => {
  const most = Math.ceil(text.length / SHORTEST_LINE);
  const addresses = new BigUint64Array(most);
  const words = new Uint32Array(addresses.buffer);
  const names = new Uint32Array(most);
  let count = 0;
  for (let at = text.indexOf('\n') + 1; at > 0; at = text.indexOf('\n', at) + 1) {
    const type = text[at + 17];
    if (type !== 't' && type !== 'T' && type !== 'w' && type !== 'W') continue;
    words[2 * count] = hexadecimal(text, at + 8);
    words[2 * count + 1] = hexadecimal(text, at);
    names[count] = at + 19;
    if (addresses[count] !== 0n) count++;
  }
  // The kernel's own are in order already, which this sort makes use of; modules and BPF programs follow as they came.
  const order = Array.from({ length: count }, (_, index) => index).sort((a, b) =>
    compare(addresses[a]!, addresses[b]!),
  );
  return {
    addresses: BigUint64Array.from(order, (index) => addresses[index]!),
    names: Uint32Array.from(order, (index) => names[index]!),
    text,
  };
};

/** `0000000000000000 t a` and the line feed. */
const SHORTEST_LINE = 21;

/** Eight digits. */
const hexadecimal = (text: string, at: number): number => {
  let value = 0;
  for (let i = at; i < at + 8; i++) {
    const code = text.charCodeAt(i);
    value = value * 16 + code - (code >= 0x61 ? 0x57 : 0x30);
  }
  return value;
};

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : Number(a > b));
