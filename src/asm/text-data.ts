/**
 * @module
 * The directives of GNU as and LLVM that put data into a file: `.long 1, 2`, `.asciz "text"`, `.zero 8`.
 */
import type { Scanner } from './text-scanner.ts';

/** A variable, or what stands in its section without a name. */
export interface TextVariable {
  readonly name: string | undefined;
  /** What it starts with, by directives. */
  readonly pieces: Uint8Array[];
  readonly at: number;
}

/** What a variable starts with. */
export const variableBytes = ({ pieces }: TextVariable): Uint8Array => {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
};

/** As many bytes as the variables of a file may have: a short line must not take all memory. */
export const MOST_DATA: number = 2 ** 24;

const INTEGERS: Readonly<Record<string, number>> = {
  '.byte': 1,
  '.short': 2,
  '.hword': 2,
  '.2byte': 2,
  '.long': 4,
  '.int': 4,
  '.4byte': 4,
  '.quad': 8,
  '.8byte': 8,
};

export const DATA_DIRECTIVES: readonly string[] = [
  ...Object.keys(INTEGERS),
  ...['.zero', '.space', '.skip', '.ascii', '.asciz', '.string'],
];

/** The bytes of a directive; undefined for one that is no data. */
export const readData = (scanner: Scanner, name: string): Uint8Array | undefined => {
  if (Object.hasOwn(INTEGERS, name)) return integers(scanner, name, INTEGERS[name]!);
  switch (name) {
    case '.zero':
    case '.space':
    case '.skip': {
      const number = scanner.number();
      if (!number || number.value < 0n || number.value > MOST_DATA)
        return scanner.fail(`${name} takes a number of bytes up to ${MOST_DATA}`);
      return new Uint8Array(Number(number.value));
    }
    case '.ascii':
      return texts(scanner, name, false);
    case '.asciz':
    case '.string':
      return texts(scanner, name, true);
    default:
      return undefined;
  }
};

const integers = (scanner: Scanner, name: string, size: number): Uint8Array => {
  const bytes: number[] = [];
  do {
    const number = scanner.number();
    if (!number) return scanner.fail(`${name} takes numbers, got ${scanner.rest()}`);
    const { value, at } = number;
    const bits = BigInt(8 * size);
    if (value < -(1n << (bits - 1n)) || value >= 1n << bits)
      scanner.fail(`${name} has ${bits} bits, got ${value}`, at);
    for (let byte = 0n; byte < size; byte++) bytes.push(Number((value >> (8n * byte)) & 0xffn));
  } while (scanner.take(','));
  return Uint8Array.from(bytes);
};

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' };

const texts = (scanner: Scanner, name: string, ended: boolean): Uint8Array => {
  const quoted = scanner.quoted();
  if (quoted === undefined)
    return scanner.fail(`${name} takes a text in quotes, got ${scanner.rest()}`);
  // Each character has at most three bytes, and each escape at least two characters.
  const bytes = new Uint8Array(3 * quoted.length + 1);
  const plain = new TextEncoder();
  let length = 0;
  for (const [piece] of quoted.matchAll(/\\[0-7]{1,3}|\\.|[^\\]+/gsu)) {
    if (/^\\[0-7]/.test(piece)) bytes[length++] = Number.parseInt(piece.slice(1), 8);
    else {
      const text = piece[0] === '\\' ? (ESCAPES[piece[1]!] ?? piece.slice(1)) : piece;
      length += plain.encodeInto(text, bytes.subarray(length)).written;
    }
  }
  return bytes.slice(0, length + (ended ? 1 : 0));
};
