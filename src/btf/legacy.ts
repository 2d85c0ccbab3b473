/**
 * Bitfields as compilers wrote them before Linux 4.20: the member says nothing, its type is an INT with fewer bits than
 * its size holds, and an offset of its own (Documentation/bpf/btf.rst, BTF_KIND_STRUCT, kind_flag 0).
 *
 * @module
 */
import { BTF_KIND } from './constants.ts';
import type { TypeRecords } from './records.ts';
import type { BtfComposite, BtfInt, BtfMember } from './types.ts';

const INT_INFO = BTF_KIND.INT << 24;

/**
 * Whether any INT is such a one. Without a walk: their `info` is looked for among all words (0.3 ms for vmlinux). What is
 * found by chance only costs the caller a closer look.
 */
export const hasIrregularInts = ({ words }: TypeRecords): boolean => {
  for (let at = words.indexOf(INT_INFO, 1); at !== -1; at = words.indexOf(INT_INFO, at + 1)) {
    const size = words[at + 1] ?? 0;
    const data = words[at + 2] ?? 0;
    const bits = data & 0xff;
    // No name has an offset as small as a size, so this cannot be a member that happens to look the same.
    const isInt = size >= 1 && size <= 16 && data >>> 28 === 0 && (data & 0xff00) === 0;
    if (isInt && bits > 0 && (bits !== size * 8 || (data & 0xff_0000) !== 0)) return true;
  }
  return false;
};

/** The composite with such members written as today. `intBehind` looks through typedefs and qualifiers. */
export const normaliseBitfields = (
  composite: BtfComposite,
  intBehind: (id: number) => BtfInt | undefined,
): BtfComposite => {
  const normalise = (member: BtfMember): BtfMember => {
    if (member.bitSize > 0) return member;
    const int = intBehind(member.type);
    if (int === undefined || (int.bits === int.size * 8 && int.offset === 0)) return member;
    return { ...member, bitOffset: member.bitOffset + int.offset, bitSize: int.bits };
  };
  return { ...composite, members: composite.members.map(normalise) };
};
