/**
 * @module
 * The functions of the kernel for strings, wherever those are (bpf_strcmp and its kin, kernel/bpf/helpers.c, Linux 6.17):
 * positions, or errors. They give up after 64 KiB.
 */
import type { HelperFunction } from '../helper.ts';
import type { Machine } from '../machine.ts';
import { E2BIG, ENOENT, ERANGE } from '../maps/errors.ts';
import { kernelBytes } from './memory.ts';

/** XATTR_SIZE_MAX. */
const LONGEST = 65_536;

/** What ends a search at a byte that cannot be read. */
class Unreadable extends Error {
  readonly error: number;

  constructor(error: number) {
    super();
    this.error = error;
  }
}

/** A byte of a string. One that cannot be read ends the search with its error. */
type Text = (index: number) => number;

/** @param word the lower half of an argument */
type Search = (first: Text, second: Text, word: (register: number) => number) => number;

/** @param strings how many there are, of which all must be where strings can be, read or not. */
const search =
  (strings: 1 | 2, find: Search): HelperFunction =>
  (machine, registers) => {
    for (let register = 1; register <= strings; register++)
      if (kernelBytes(machine, registers.get(register), 0) === -ERANGE) return -ERANGE;
    try {
      const word = (register: number) => registers.word(register);
      return find(textIn(machine, 1), textIn(machine, 2), word);
    } catch (error) {
      if (error instanceof Unreadable) return error.error;
      throw error;
    }
  };

const textIn = (machine: Machine, register: number): Text => {
  const address = machine.registers.get(register);
  return (index) => {
    const bytes = kernelBytes(machine, address + BigInt(index), 1);
    if (typeof bytes === 'number') throw new Unreadable(bytes);
    return bytes[0]!;
  };
};

const lower = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte);

const compare =
  (letterOf: (byte: number) => number): Search =>
  (first, second) => {
    for (let index = 0; index < LONGEST; index++) {
      const [a, b] = [letterOf(first(index)), letterOf(second(index))];
      if (a !== b) return a < b ? -1 : 1;
      if (a === 0) return 0;
    }
    return -E2BIG;
  };

const positionOf = (text: Text, count: number, byte: number): number => {
  for (let index = 0; index < Math.min(count, LONGEST); index++) {
    const found = text(index);
    if (found === byte) return index;
    if (found === 0) return -ENOENT;
  }
  return count < LONGEST ? -ENOENT : -E2BIG;
};

const lengthOf = (text: Text, count: number): number => {
  const most = Math.min(count, LONGEST);
  for (let index = 0; index < most; index++) if (text(index) === 0) return index;
  return most === LONGEST ? -E2BIG : most;
};

const lastOf: Search = (text, _, word) => {
  let last = -ENOENT;
  for (let index = 0; index < LONGEST; index++) {
    const found = text(index);
    if (found === (word(2) & 0xff)) last = index;
    if (found === 0) return last;
  }
  return -E2BIG;
};

const firstOrEnd: Search = (text, _, word) => {
  for (let index = 0; index < LONGEST; index++) {
    const found = text(index);
    if (found === 0 || found === (word(2) & 0xff)) return index;
  }
  return -E2BIG;
};

/** How many of the first bytes are among others, or are not. */
const span =
  (among: boolean): Search =>
  (text, others) => {
    for (let index = 0; index < LONGEST; index++) {
      const byte = text(index);
      if (byte === 0) return index;
      let other = 0;
      let at = 0;
      for (; at < LONGEST; at++) {
        other = others(at);
        if (other === byte || other === 0) break;
      }
      if (at === LONGEST) return -E2BIG;
      if ((other !== 0) !== among) return index;
    }
    return -E2BIG;
  };

/** Where the second is in the first `count` bytes of the first. */
const within = (text: Text, part: Text, count: number): number => {
  for (let start = 0; start < LONGEST; start++) {
    let at = 0;
    for (; start + at <= count && at < LONGEST; at++) {
      const wanted = part(at);
      if (wanted === 0) return start;
      if (start + at === count) break;
      const found = text(start + at);
      if (found === 0) return -ENOENT;
      if (found !== wanted) break;
    }
    if (at === LONGEST) return -E2BIG;
    if (start + at === count) return -ENOENT;
  }
  return -E2BIG;
};

export const stringFunctions = {
  bpf_strcmp: search(
    2,
    compare((byte) => byte),
  ),
  bpf_strcasecmp: search(2, compare(lower)),
  bpf_strchr: search(1, (text, _, word) => positionOf(text, LONGEST, word(2) & 0xff)),
  bpf_strnchr: search(1, (text, _, word) => positionOf(text, word(2), word(3) & 0xff)),
  bpf_strchrnul: search(1, firstOrEnd),
  bpf_strrchr: search(1, lastOf),
  bpf_strlen: search(1, (text) => lengthOf(text, LONGEST)),
  bpf_strnlen: search(1, (text, _, word) => lengthOf(text, word(2))),
  bpf_strspn: search(2, span(true)),
  bpf_strcspn: search(2, span(false)),
  bpf_strstr: search(2, (text, part) => within(text, part, LONGEST)),
  bpf_strnstr: search(2, (text, part, word) => within(text, part, word(3))),
};
