/**
 * @module
 * Helpers of the checksums of the Internet (RFC 1071): sums of 16-bit words in ones' complement, as the kernel keeps them
 * in 32 bits between (include/net/checksum.h, net/core/filter.c).
 */
import { type HelperFunction, hasOnly, readable } from '../helper.ts';
import type { Machine } from '../machine.ts';
import { EFAULT, EINVAL } from '../maps/errors.ts';

/** The sum of two numbers of 32 bits, with the carry added at the other end. */
const sumOf = (a: number, b: number): number => {
  const sum = (a >>> 0) + (b >>> 0);
  return sum > 0xffff_ffff ? (sum + 1) >>> 0 : sum;
};

/** The sum of the words of memory, from a seed on; the last one may lack bytes. */
const sumAt = ({ memory: { bytes } }: Machine, at: number, size: number, seed: number): number => {
  let sum = seed >>> 0;
  for (let index = 0; index < size; index++)
    sum = sumOf(sum, bytes[at + index]! << (8 * (index & 3)));
  return sum;
};

/** 32 bits to 16. */
const folded = (sum: number): number => {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
};

/** The difference between two buffers, one of which may be empty, to be given to the others. As Linux 6.13 folds it. */
const csum_diff: HelperFunction = (machine, registers) => {
  const [fromSize, toSize, seed] = [registers.word(2), registers.word(4), registers.word(5)];
  const from = readable(machine, 1, fromSize);
  const to = readable(machine, 3, toSize);
  if (toSize === 0)
    return folded(fromSize === 0 ? seed : ~sumAt(machine, from, fromSize, ~seed) >>> 0);
  const sum = sumAt(machine, to, toSize, seed);
  return folded(fromSize === 0 ? sum : sumOf(sum, ~sumAt(machine, from, fromSize, 0)));
};

/** BPF_F_HDR_FIELD_MASK: how many bytes change, or 0 for a difference of csum_diff. */
const FIELD = 0xf;
/** Of TCP and UDP: a header that is not sent counts as well, 0 stands for no sum, it is computed all the same; IPv6. */
const PSEUDO = 0x10;
const ZERO_IS_NONE = 0x20;
const ENFORCE = 0x40;
const IPV6 = 0x80;

const replace =
  (known: number): HelperFunction =>
  (machine, registers) => {
    if (!hasOnly(registers, 5, known)) return -EINVAL;
    const [offset, flags] = [registers.word(2), registers.word(5)];
    if (offset > 0xffff || offset % 2 !== 0) return -EFAULT;
    const bytes = machine.packetBytes(offset, 2);
    if (!bytes) return -EFAULT;
    const old = bytes[0]! | (bytes[1]! << 8);
    const zeroIsNone = (flags & ZERO_IS_NONE) !== 0;
    if (zeroIsNone && (flags & ENFORCE) === 0 && old === 0) return 0;
    const size = flags & FIELD;
    const [from, to] = [registers.word(3), registers.word(4)];
    if (size !== 0 && size !== 2 && size !== 4) return -EINVAL;
    if (size === 0 && registers.get(3) !== 0n) return -EINVAL;
    const changed = replaced(old, from, to, known === FIELD ? size : 4);
    const sum = zeroIsNone && changed === 0 ? 0xffff : changed;
    bytes[0] = sum;
    bytes[1] = sum >> 8;
    return 0;
  };

/** The sum after words of two bytes, or of four, have changed. */
const replaced = (old: number, from: number, to: number, size: number): number => {
  if (size === 2) {
    const without = sumOf16(~old & 0xffff, ~from & 0xffff);
    return ~sumOf16(without, to & 0xffff) & 0xffff;
  }
  return ~folded(sumOf(sumOf(~old, ~from), to)) & 0xffff;
};

const sumOf16 = (a: number, b: number): number => {
  const sum = a + b;
  return sum > 0xffff ? (sum + 1) & 0xffff : sum;
};

const l3_csum_replace: HelperFunction = replace(FIELD);
const l4_csum_replace: HelperFunction = replace(FIELD | PSEUDO | ZERO_IS_NONE | ENFORCE | IPV6);

export const checksumHelpers = { csum_diff, l3_csum_replace, l4_csum_replace };
