/**
 * @module
 * Loads and stores (RFC 9669, section 5). Places carry offset, size and signedness.
 */
import {
  type Access,
  type Bitfield,
  describePlace,
  type Loadable,
  type Location,
  locationOf,
  type Mem,
  type Scalar,
  type Width,
} from '../layout/index.ts';
import type { Code, Instruction, Relocation } from './code.ts';
import { immediate, make, offset16, readable, writable } from './make.ts';
import {
  BPF_ABS,
  BPF_ALU64,
  BPF_ARSH,
  BPF_IND,
  BPF_LD,
  BPF_LDX,
  BPF_LSH,
  BPF_MEM,
  BPF_MEMSX,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  sizeBits,
} from './opcodes.ts';
import { isRegister, nameOf, type R, type Register } from './register.ts';
import { AssemblerError, callSite, type Site } from './site.ts';

/** The fields of an instruction that address a place. */
export interface Address {
  readonly register: number;
  readonly offset: number;
  readonly slot?: Instruction['slot'];
  readonly relocation?: Relocation;
}

/** How an instruction addresses `place`; not for chains, which take more than one. */
export const addressOf = (
  what: string,
  place: Mem<unknown, Access>,
  site: Site | undefined,
): Address => {
  const location = locationOf(place);
  const { base, steps, access } = location;
  if (access === 'chain') {
    throw new AssemblerError(
      `${what}: ${describePlace(place)} is behind a pointer; use coreRead or read`,
      site,
    );
  }
  const step = steps[0]!;
  if (base.kind === 'slot') {
    return {
      register: 10,
      offset: step.offset,
      slot: base as unknown as NonNullable<Instruction['slot']>,
    };
  }
  const register = (base as R).index;
  if (access === 'plain') return { register, offset: offset16(what, step.offset, site) };
  return { register, offset: step.offset, relocation: fieldOffset(location) };
};

/** The relocation of a place's last step: where the kernel has that field. */
export const fieldOffset = ({ steps }: Location, step = steps.length - 1): Relocation => {
  const { root, path } = steps[step]!;
  return { kind: 'field_byte_offset', root: root!, path };
};

/** What `place` holds, if one register can hold it. */
export const loadableOf = (what: string, place: Mem<unknown, Access>, site: Site | undefined) => {
  const { layout } = locationOf(place);
  if ('bits' in layout) return layout;
  throw new AssemblerError(
    `${what}: ${describePlace(place)} is no scalar but ${layout.kind} of ${layout.size} bytes`,
    site,
  );
};

const sameBits = (
  what: string,
  register: Register,
  place: Mem<unknown, Access>,
  site: Site,
): void => {
  const layout = loadableOf(what, place, site);
  if (register.width !== layout.bits) {
    const name = `${layout.bits === 64 ? 'r' : 'w'}${register.index}`;
    throw new AssemblerError(
      `${what}: ${describePlace(place)} has ${layout.size} bytes, so it goes with ${name}, not ${nameOf(register)}`,
      site,
    );
  }
};

/** Loads a field of memory that this program may read directly; clears the rest of the register. */
export const load = <B extends Width>(
  to: Register<B>,
  from: Mem<Loadable<NoInfer<B>>, 'plain' | 'core'>,
): Code => {
  const site = callSite(load);
  const what = `load ${nameOf(to)}`;
  sameBits(what, to, from, site);
  return loadFrom(what, to, from, site);
};

/** `load` without the check of widths, for macros. */
export const loadFrom = (
  what: string,
  to: Register,
  from: Mem<unknown, Access>,
  site: Site | undefined,
): Code => {
  const layout = loadableOf(what, from, site);
  const dst = writable(what, to, site);
  if (layout.kind === 'bitfield') return loadBits(what, dst, from, layout, site);
  const { register, ...address } = addressOf(what, from, site);
  return make({
    opcode: BPF_LDX | BPF_MEM | sizeBits(layout.size),
    dst,
    src: register,
    ...address,
    site,
  });
};

/** Loads a signed field and extends its sign. 8 to 32 bits into either half; Linux 6.6, before that a shift pair. */
export const loadSigned = <B extends Width>(
  to: Register<B>,
  from: Mem<Scalar<unknown, 32, boolean>, 'plain' | 'core'>,
): Code => {
  const site = callSite(loadSigned);
  const what = `loadSigned ${nameOf(to)}`;
  const layout = loadableOf(what, from, site);
  if (layout.size > 4 || layout.kind === 'bitfield') {
    throw new AssemblerError(
      `${what}: ${describePlace(from)} has ${layout.size * 8} bits; load reads it whole`,
      site,
    );
  }
  if (to.width === 32) {
    throw new AssemblerError(`${what}: it extends to 64 bits, so it fills r${to.index}`, site);
  }
  const dst = writable(what, to, site);
  const { register, ...address } = addressOf(what, from, site);
  const sized = sizeBits(layout.size);
  const bits = 64 - layout.size * 8;
  return {
    kind: 'choice',
    condition: { test: 'isa', version: 4 },
    yes: make({ opcode: BPF_LDX | BPF_MEMSX | sized, dst, src: register, ...address, site }),
    no: [
      make({ opcode: BPF_LDX | BPF_MEM | sized, dst, src: register, ...address, site }),
      make({ opcode: BPF_ALU64 | BPF_LSH, dst, imm: bits, site }),
      make({ opcode: BPF_ALU64 | BPF_ARSH, dst, imm: bits, site }),
    ],
  };
};

/** Loads the storage unit and shifts the bits out of it. */
function loadBits(
  what: string,
  dst: number,
  from: Mem<unknown, Access>,
  layout: Bitfield<unknown, Width>,
  site: Site | undefined,
): Code {
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
  ];
}

/** The bits of a bitfield's storage unit that lie below it. */
const bitsBefore = (place: Mem<unknown, Access>): number => {
  const { root, path } = locationOf(place).steps[0]!;
  let members = root?.members;
  for (const name of path) {
    const member = members?.find((candidate) => candidate.name === name);
    if (member?.layout.kind === 'bitfield') return member.bitOffset - member.offset * 8;
    members = member?.layout.kind === 'struct' ? member.layout.members : undefined;
  }
  throw new RangeError(`${describePlace(place)} is no bitfield of a struct`);
};

/** Stores a register or a constant into a field of this program's memory. */
export const store = <B extends Width>(
  to: Mem<Loadable<B>, 'plain'>,
  from: Register<NoInfer<B>> | number | bigint,
): Instruction => {
  const site = callSite(store);
  const what = `store ${describePlace(to)}`;
  if (isRegister(from)) sameBits(what, from, to, site);
  return storeTo(what, to, from, site);
};

/** `store` without the check of widths, for macros. */
export const storeTo = (
  what: string,
  to: Mem<unknown, Access>,
  from: Register | number | bigint,
  site: Site | undefined,
): Instruction => {
  const layout = loadableOf(what, to, site);
  if (layout.kind === 'bitfield') {
    throw new AssemblerError(
      `${what}: a bitfield is stored by loading its unit, masking and storing it`,
      site,
    );
  }
  const { register, ...address } = addressOf(what, to, site);
  if (address.relocation) {
    throw new AssemblerError(`${what}: memory of the kernel is not stored to`, site);
  }
  const size = sizeBits(layout.size);
  if (isRegister(from)) {
    return make({
      opcode: BPF_STX | BPF_MEM | size,
      dst: register,
      src: readable(what, from, site),
      ...address,
      site,
    });
  }
  const imm = storedImmediate(what, layout.size, from, site);
  return make({ opcode: BPF_ST | BPF_MEM | size, dst: register, imm, ...address, site });
};

const storedImmediate = (
  what: string,
  size: number,
  value: number | bigint,
  site: Site | undefined,
): number => {
  const bits = size * 8;
  if (size < 4 && (value < -(2 ** (bits - 1)) || value >= 2 ** bits)) {
    throw new AssemblerError(
      `${what}: ${bits} bits hold ${-(2 ** (bits - 1))} to ${2 ** bits - 1}, got ${value}`,
      site,
    );
  }
  return immediate(what, size === 8 ? 64 : 32, value, 'put it in a register with mov first', site);
};

/** `r0 = ` the bytes of the packet at `offset`, in host order; ends the program with 0 beyond it. r6 holds the context. */
export const ldAbs = (size: Scalar<number, 32>, offset: number): Instruction => {
  const site = callSite(ldAbs);
  return make({
    opcode: BPF_LD | BPF_ABS | sizeBits(size.size),
    imm: packetOffset('ldAbs', offset, site),
    site,
  });
};

/** `r0 = ` the bytes of the packet at `offset` plus a register; as `ldAbs` else. */
export const ldInd = (size: Scalar<number, 32>, register: R, offset: number): Instruction => {
  const site = callSite(ldInd);
  return make({
    opcode: BPF_LD | BPF_IND | sizeBits(size.size),
    src: readable('ldInd', register, site),
    imm: packetOffset('ldInd', offset, site),
    site,
  });
};

const packetOffset = (what: string, offset: number, site: Site): number =>
  immediate(what, 64, offset, 'packets are shorter', site);
