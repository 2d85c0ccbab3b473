/**
 * @module
 * Arithmetic (RFC 9669, section 4.1 and 4.2). The width of the registers chooses the 64-bit or the 32-bit
 * instruction; 32-bit ones clear the upper half of the destination.
 */
import type { Width } from '../layout/index.ts';
import type { Instruction, Relocation } from './code.ts';
import {
  exact,
  fitsSigned32,
  immediate,
  make,
  readable,
  sameWidth,
  wholeOnly,
  wideLoad,
  writable,
} from './make.ts';
import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_DIV,
  BPF_END,
  BPF_K,
  BPF_LSH,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_X,
  BPF_XOR,
  LDDW,
} from './opcodes.ts';
import { isRegister, nameOf, type R, type Register } from './register.ts';
import { AssemblerError, callSite } from './site.ts';

/** `d op= s`, where `s` is a register of the same width or a number. */
export type Alu = <B extends Width>(
  d: Register<B>,
  s: Register<NoInfer<B>> | number | bigint,
) => Instruction;

/** A number about the running kernel, from `fieldSize`, `enumValue` and their kin, used as an operand. */
export interface KernelNumber {
  readonly kind: 'kernel-number';
  readonly relocation: Relocation;
}

const classFor = (register: Register): number => (register.width === 64 ? BPF_ALU64 : BPF_ALU);

const LOAD_FIRST = 'put it in a register with mov first';

const operation = (
  mnemonic: string,
  code: number,
  { offset = 0, shift = false, divides = false } = {},
): Alu => {
  const mnemonic_: Alu = (d, s) => {
    const site = callSite(mnemonic_);
    const what = `${mnemonic} ${nameOf(d)}`;
    const dst = writable(what, d, site);
    if (isRegister(s)) {
      sameWidth(what, d, s, site);
      return make({
        opcode: classFor(d) | code | BPF_X,
        dst,
        src: readable(what, s, site),
        offset,
        site,
      });
    }
    const number = exact(what, s, site);
    if (shift && (number < 0 || number >= d.width)) {
      throw new AssemblerError(`${what}: a shift is 0 to ${d.width - 1} bits, got ${s}`, site);
    }
    if (divides && number === 0n) throw new AssemblerError(`${what}: division by 0`, site);
    const hint =
      d.width === 64 && number >= 0 && number < 2 ** 32
        ? `use w${d.index}, or ${LOAD_FIRST}`
        : LOAD_FIRST;
    const imm = immediate(what, d.width, number, hint, site, offset !== 0);
    return make({ opcode: classFor(d) | code | BPF_K, dst, offset, imm, site });
  };
  return mnemonic_;
};

/** `d += s`. */
export const add: Alu = /* @__PURE__ */ operation('add', BPF_ADD);
/** `d -= s`. */
export const sub: Alu = /* @__PURE__ */ operation('sub', BPF_SUB);
/** `d *= s`. */
export const mul: Alu = /* @__PURE__ */ operation('mul', BPF_MUL);
/** `d /= s`, unsigned; by a register that holds 0 gives 0. */
export const div: Alu = /* @__PURE__ */ operation('div', BPF_DIV, { divides: true });
/** `d s/= s`, signed. Linux 6.6. */
export const sdiv: Alu = /* @__PURE__ */ operation('sdiv', BPF_DIV, { offset: 1, divides: true });
/** `d %= s`, unsigned; by a register that holds 0 leaves d. */
export const mod: Alu = /* @__PURE__ */ operation('mod', BPF_MOD, { divides: true });
/** `d s%= s`, signed, with the sign of the dividend. Linux 6.6. */
export const smod: Alu = /* @__PURE__ */ operation('smod', BPF_MOD, { offset: 1, divides: true });
/** `d |= s`. */
export const or: Alu = /* @__PURE__ */ operation('or', BPF_OR);
/** `d &= s`. */
export const and: Alu = /* @__PURE__ */ operation('and', BPF_AND);
/** `d ^= s`. */
export const xor: Alu = /* @__PURE__ */ operation('xor', BPF_XOR);
/** `d <<= s`. */
export const lsh: Alu = /* @__PURE__ */ operation('lsh', BPF_LSH, { shift: true });
/** `d >>= s`, filling with zeros. */
export const rsh: Alu = /* @__PURE__ */ operation('rsh', BPF_RSH, { shift: true });
/** `d s>>= s`, filling with the sign. */
export const arsh: Alu = /* @__PURE__ */ operation('arsh', BPF_ARSH, { shift: true });

/** `d = -d`. */
export const neg = <B extends Width>(d: Register<B>): Instruction => {
  const site = callSite(neg);
  return make({ opcode: classFor(d) | BPF_NEG, dst: writable('neg', d, site), site });
};

/**
 * `d = s`. A number is a mathematical value: one that 32 bits and their sign do not hold becomes the 16-byte load.
 */
export const mov = <B extends Width>(
  d: Register<B>,
  s: Register<NoInfer<B>> | number | bigint | KernelNumber,
): Instruction => {
  const site = callSite(mov);
  const what = `mov ${nameOf(d)}`;
  const dst = writable(what, d, site);
  const opcode = classFor(d) | BPF_MOV;
  if (isRegister(s)) {
    sameWidth(what, d, s, site);
    return make({ opcode: opcode | BPF_X, dst, src: readable(what, s, site), site });
  }
  if (typeof s === 'object' && s?.kind === 'kernel-number') {
    return s.relocation.kind === 'enumval_value' && d.width === 64
      ? make({ opcode: LDDW, dst, imm64: 0n, relocation: s.relocation, site })
      : make({ opcode: opcode | BPF_K, dst, relocation: s.relocation, site });
  }
  if (d.width === 64 && !fitsSigned32(s)) return wideLoad(what, dst, s, site);
  return make({
    opcode: opcode | BPF_K,
    dst,
    imm: immediate(what, d.width, s, LOAD_FIRST, site),
    site,
  });
};

/** The 16-byte load of a 64-bit constant, also where `mov` would be shorter. */
export const lddw = (d: R, value: number | bigint): Instruction => {
  const site = callSite(lddw);
  const what = `lddw ${nameOf(d)}`;
  wholeOnly(what, d, site);
  return wideLoad(what, writable(what, d, site), value, site);
};

/** `d = (sN)s`: the low `bits` of `s` with their sign; 32 only for 64-bit registers. Linux 6.6. */
export const movsx = <B extends Width>(
  d: Register<B>,
  s: Register<NoInfer<B>>,
  bits: 8 | 16 | 32,
): Instruction => {
  const site = callSite(movsx);
  sameWidth('movsx', d, s, site);
  if (![8, 16, 32].includes(bits) || bits >= d.width) {
    throw new AssemblerError(
      `movsx: ${nameOf(d)} is extended from 8${d.width === 64 ? ', 16 or 32' : ' or 16'} bits, got ${bits}`,
      site,
    );
  }
  const dst = writable('movsx', d, site);
  return make({
    opcode: classFor(d) | BPF_MOV | BPF_X,
    dst,
    src: readable('movsx', s, site),
    offset: bits,
    site,
  });
};

type Swap = (d: R, bits: 16 | 32 | 64) => Instruction;

const swap = (mnemonic: string, opcode: number): Swap => {
  const mnemonic_: Swap = (d, bits) => {
    const site = callSite(mnemonic_);
    if (bits !== 16 && bits !== 32 && bits !== 64) {
      throw new AssemblerError(`${mnemonic}: 16, 32 or 64 bits, got ${bits}`, site);
    }
    wholeOnly(mnemonic, d, site);
    return make({ opcode, dst: writable(mnemonic, d, site), imm: bits, site });
  };
  return mnemonic_;
};

/** The low `bits` of d as little-endian: clears the rest. */
export const le: Swap = /* @__PURE__ */ swap('le', BPF_ALU | BPF_END | BPF_K);
/** The low `bits` of d as big-endian: swaps their bytes and clears the rest. */
export const be: Swap = /* @__PURE__ */ swap('be', BPF_ALU | BPF_END | BPF_X);
/** Swaps the bytes of the low `bits` of d and clears the rest. Linux 6.6. */
export const bswap: Swap = /* @__PURE__ */ swap('bswap', BPF_ALU64 | BPF_END | BPF_K);

/** `d = addr_space_cast(s, to, from)`: an arena pointer (1) to a kernel pointer (0) or back. Linux 6.9. */
export const addrSpaceCast = (d: R, s: R, to: number, from: number): Instruction => {
  const site = callSite(addrSpaceCast);
  wholeOnly('addrSpaceCast', d, site);
  wholeOnly('addrSpaceCast', s, site);
  for (const space of [to, from]) {
    if (!Number.isInteger(space) || space < 0 || space > 0xffff) {
      throw new AssemblerError(`addrSpaceCast: an address space is 0 to 65535, got ${space}`, site);
    }
  }
  return make({
    opcode: BPF_ALU64 | BPF_MOV | BPF_X,
    dst: writable('addrSpaceCast', d, site),
    src: readable('addrSpaceCast', s, site),
    offset: 1,
    imm: (to << 16) | from,
    site,
  });
};
