/**
 * @module
 * Bitfields: their unit is loaded, and two shifts of all 64 bits leave the field. On kernel structs the shifts are
 * relocated as the offset is.
 */
import {
  type Access,
  type Bitfield,
  type Layout,
  locationOf,
  type Mem,
  type Member,
  type Width,
} from '../layout/index.ts';
import { addressOf } from './address.ts';
import type { Code } from './code.ts';
import { make } from './make.ts';
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ARSH,
  BPF_LDX,
  BPF_LSH,
  BPF_MEM,
  BPF_MOV,
  BPF_RSH,
  BPF_X,
  sizeBits,
} from './opcodes.ts';
import type { Register } from './register.ts';
import type { Site } from './site.ts';

/** Loads the storage unit and shifts the bits out of it. */
export function loadBits(
  what: string,
  to: Register,
  from: Mem<unknown, Access>,
  layout: Bitfield<unknown, Width>,
  site: Site | undefined,
): Code {
  const dst = to.index;
  const { register, offset, slot, relocation } = addressOf(what, from, site);
  const right = layout.signed ? BPF_ARSH : BPF_RSH;
  const unit = BPF_LDX | BPF_MEM | sizeBits(layout.size);
  const shift = (operation: number, imm: number, kind: 'field_lshift_u64' | 'field_rshift_u64') =>
    make({
      opcode: BPF_ALU64 | operation,
      dst,
      imm,
      site,
      relocation: relocation && { ...relocation, kind },
    });
  const skip = bitsBefore(from);
  return [
    make({ opcode: unit, dst, src: register, offset, slot, relocation, site }),
    shift(BPF_LSH, 64 - skip - layout.width, 'field_lshift_u64'),
    shift(right, 64 - layout.width, 'field_rshift_u64'),
    layout.signed && clearUpper(to, site),
  ];
}

/** After a signed shift of all 64 bits: a `w` register leaves its upper half clear. */
export const clearUpper = (register: Register, site: Site | undefined): Code => {
  const { index, width } = register;
  return width === 32 && make({ opcode: BPF_ALU | BPF_MOV | BPF_X, dst: index, src: index, site });
};

/** The bits of a bitfield's storage unit that lie below it. */
const bitsBefore = (place: Mem<unknown, Access>): number => {
  const { root, path } = locationOf(place).steps.at(-1)!;
  let layout: Layout | undefined = root;
  let before = 0;
  for (const name of path) {
    if (layout?.kind === 'array') layout = layout.element;
    else if (layout?.kind === 'struct') {
      const member: Member = layout.members.find((candidate) => candidate.name === name)!;
      before = member.bitOffset - member.offset * 8;
      layout = member.layout;
    }
  }
  return before;
};
