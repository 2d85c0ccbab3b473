/**
 * @module
 * Loads and stores (RFC 9669, section 5). Places carry offset, size and signedness.
 */
import {
  type Access,
  describePlace,
  type Loadable,
  type Mem,
  type Scalar,
  type Width,
} from '../layout/index.ts';
import { addressOf, loadableOf } from './address.ts';
import { loadBits } from './bits.ts';
import type { Code, Instruction } from './code.ts';
import { exact, immediate, make, readable, wholeOnly, writable } from './make.ts';
import {
  BPF_ALU64,
  BPF_ARSH,
  BPF_LDX,
  BPF_LSH,
  BPF_MEM,
  BPF_MEMSX,
  BPF_ST,
  BPF_STX,
  sizeBits,
} from './opcodes.ts';
import { isRegister, nameOf, type R, type Register } from './register.ts';
import { AssemblerError, callSite, type Site } from './site.ts';

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
  if (layout.kind === 'bitfield') return loadBits(what, to, from, layout, site);
  const { register, ...address } = addressOf(what, from, site);
  return make({
    opcode: BPF_LDX | BPF_MEM | sizeBits(layout.size),
    dst,
    src: register,
    ...address,
    site,
  });
};

/** Loads a field of 8 to 32 bits and extends its sign to 64. Linux 6.6; a shift pair before that. */
export const loadSigned = (
  to: R,
  from: Mem<Scalar<unknown, 32, boolean>, 'plain' | 'core'>,
): Code => {
  const site = callSite(loadSigned);
  const what = `loadSigned ${nameOf(to)}`;
  wholeOnly(what, to, site);
  const layout = loadableOf(what, from, site);
  if (layout.size > 4 || layout.kind === 'bitfield') {
    throw new AssemblerError(
      `${what}: ${describePlace(from)} has ${layout.size * 8} bits; load reads it whole`,
      site,
    );
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
  const number = exact(what, value, site);
  if (size < 4 && (number < -(2 ** (bits - 1)) || number >= 2 ** bits)) {
    throw new AssemblerError(
      `${what}: ${bits} bits hold ${-(2 ** (bits - 1))} to ${2 ** bits - 1}, got ${value}`,
      site,
    );
  }
  return immediate(what, size === 8 ? 64 : 32, number, 'put it in a register with mov first', site);
};
