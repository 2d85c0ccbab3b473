/**
 * @module
 * Atomic operations (RFC 9669, section 5.3) on 32 and 64 bits, and the acquiring load and releasing store.
 */
import { describePlace, type Loadable, type Mem, type Width } from '../layout/index.ts';
import { addressOf, loadableOf } from './address.ts';
import type { Instruction } from './code.ts';
import { make, readable, writable } from './make.ts';
import {
  BPF_ADD,
  BPF_AND,
  BPF_ATOMIC,
  BPF_CMPXCHG,
  BPF_FETCH,
  BPF_LOAD_ACQ,
  BPF_OR,
  BPF_STORE_REL,
  BPF_STX,
  BPF_XCHG,
  BPF_XOR,
  sizeBits,
} from './opcodes.ts';
import { nameOf, type Register } from './register.ts';
import { AssemblerError, callSite, type Site } from './site.ts';

/** An operation on memory with the value of a register, which a fetching one then holds the old value. */
export type Atomic = <B extends Width>(
  to: Mem<Loadable<B>, 'plain'>,
  register: Register<NoInfer<B>>,
) => Instruction;

const access = (
  what: string,
  place: Mem<unknown, 'plain'>,
  register: Register,
  site: Site,
  anySize: boolean,
) => {
  const layout = loadableOf(what, place, site);
  if (layout.kind === 'bitfield' || (!anySize && layout.size < 4)) {
    throw new AssemblerError(
      `${what}: atomic operations take 32 or 64 bits, and ${describePlace(place)} has ${layout.size * 8}`,
      site,
    );
  }
  if (register.width !== layout.bits) {
    throw new AssemblerError(
      `${what}: ${describePlace(place)} has ${layout.size} bytes, so it does not go with ${nameOf(register)}`,
      site,
    );
  }
  const { register: base, ...address } = addressOf(what, place, site);
  if (address.relocation)
    throw new AssemblerError(`${what}: memory of the kernel is not changed`, site);
  return { opcode: BPF_STX | BPF_ATOMIC | sizeBits(layout.size), base, address };
};

const atomic = (what: string, imm: number): Atomic => {
  const mnemonic: Atomic = (to, register) => {
    const site = callSite(mnemonic);
    const { opcode, base, address } = access(what, to, register, site, false);
    const src = imm & BPF_FETCH ? writable(what, register, site) : readable(what, register, site);
    return make({ opcode, dst: base, src, imm, ...address, site });
  };
  return mnemonic;
};

/** `lock *to += register`. */
export const atomicAdd: Atomic = /* @__PURE__ */ atomic('atomicAdd', BPF_ADD);
/** `lock *to |= register`. Linux 5.12. */
export const atomicOr: Atomic = /* @__PURE__ */ atomic('atomicOr', BPF_OR);
/** `lock *to &= register`. Linux 5.12. */
export const atomicAnd: Atomic = /* @__PURE__ */ atomic('atomicAnd', BPF_AND);
/** `lock *to ^= register`. Linux 5.12. */
export const atomicXor: Atomic = /* @__PURE__ */ atomic('atomicXor', BPF_XOR);
/** `register = *to; *to += register`, as one. Linux 5.12, as the rest of these. */
export const fetchAdd: Atomic = /* @__PURE__ */ atomic('fetchAdd', BPF_ADD | BPF_FETCH);
export const fetchOr: Atomic = /* @__PURE__ */ atomic('fetchOr', BPF_OR | BPF_FETCH);
export const fetchAnd: Atomic = /* @__PURE__ */ atomic('fetchAnd', BPF_AND | BPF_FETCH);
export const fetchXor: Atomic = /* @__PURE__ */ atomic('fetchXor', BPF_XOR | BPF_FETCH);
/** Exchanges the register and the memory. */
export const xchg: Atomic = /* @__PURE__ */ atomic('xchg', BPF_XCHG);
/** Stores the register if the memory holds r0; r0 then holds what the memory held. */
export const cmpxchg: Atomic = /* @__PURE__ */ atomic('cmpxchg', BPF_CMPXCHG);

/** Loads 8 to 64 bits; no later access is seen before it. Linux 6.15. */
export const loadAcquire = <B extends Width>(
  to: Register<B>,
  from: Mem<Loadable<NoInfer<B>>, 'plain'>,
): Instruction => {
  const site = callSite(loadAcquire);
  const { opcode, base, address } = access('loadAcquire', from, to, site, true);
  return make({
    opcode,
    dst: writable('loadAcquire', to, site),
    src: base,
    imm: BPF_LOAD_ACQ,
    ...address,
    site,
  });
};

/** Stores 8 to 64 bits; no earlier access is seen after it. Linux 6.15. */
export const storeRelease = <B extends Width>(
  to: Mem<Loadable<B>, 'plain'>,
  from: Register<NoInfer<B>>,
): Instruction => {
  const site = callSite(storeRelease);
  const { opcode, base, address } = access('storeRelease', to, from, site, true);
  return make({
    opcode,
    dst: base,
    src: readable('storeRelease', from, site),
    imm: BPF_STORE_REL,
    ...address,
    site,
  });
};
