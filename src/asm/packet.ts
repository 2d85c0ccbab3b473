/**
 * @module
 * The packet loads that BPF had from its beginning (RFC 9669, section 5.6). New programs rather read the packet
 * through pointers or `helper.skb_load_bytes`.
 */
import type { Scalar } from '../layout/index.ts';
import type { Instruction } from './code.ts';
import { immediate, make, readable, wholeOnly } from './make.ts';
import { BPF_ABS, BPF_IND, BPF_LD, sizeBits } from './opcodes.ts';
import type { R } from './register.ts';
import { AssemblerError, callSite, type Site } from './site.ts';

/** `r0 = ` the bytes of the packet at `offset`, in host order; ends the program with 0 beyond it. r6 holds the context. */
export const ldAbs = (size: Scalar<number, 32>, offset: number): Instruction => {
  const site = callSite(ldAbs);
  return make({
    opcode: BPF_LD | BPF_ABS | packetSize('ldAbs', size, site),
    imm: packetOffset('ldAbs', offset, site),
    site,
  });
};

/** `r0 = ` the bytes of the packet at `offset` plus a register; as `ldAbs` else. */
export const ldInd = (size: Scalar<number, 32>, register: R, offset: number): Instruction => {
  const site = callSite(ldInd);
  wholeOnly('ldInd', register, site);
  return make({
    opcode: BPF_LD | BPF_IND | packetSize('ldInd', size, site),
    src: readable('ldInd', register, site),
    imm: packetOffset('ldInd', offset, site),
    site,
  });
};

const packetSize = (what: string, { size }: Scalar<number, 32>, site: Site): number => {
  if (size > 4) {
    throw new AssemblerError(
      `${what}: it loads 8, 16 or 32 bits of a packet, got ${size * 8}`,
      site,
    );
  }
  return sizeBits(size);
};

const packetOffset = (what: string, offset: number, site: Site): number =>
  immediate(what, 64, offset, 'packets are shorter', site);
