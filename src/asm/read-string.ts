/**
 * @module
 * Strings out of the kernel's and the user's memory, along a place as in read.ts.
 */
import {
  type Access,
  type Chars,
  type Loadable,
  locationOf,
  type Mem,
  type Pointer,
} from '../layout/index.ts';
import { addressOf } from './address.ts';
import { callFrom } from './call.ts';
import type { Code } from './code.ts';
import { helper } from './helpers.ts';
import {
  type AnySource,
  type Block,
  follow,
  KERNEL,
  type Memory,
  requireLasting,
  TRUSTED,
  USER,
} from './hops.ts';
import { make } from './make.ts';
import { loadFrom } from './memory.ts';
import { BPF_ADD, BPF_ALU64, BPF_AND, BPF_K, BPF_X } from './opcodes.ts';
import { isRegister, type R, r2, r3 } from './register.ts';
import { AssemblerError, callSite, type Site } from './site.ts';

/** What a string is read from: a `char *` or `char[]` field, or a register that holds the address. */
type StringSource<A extends Access> = R | Mem<Pointer<unknown>, A> | Mem<Chars, A>;

/**
 * A copy of a NUL-terminated string; r0 = its bytes with the NUL, or a negative error. A longer string is cut, and
 * then r0 is the size of the target. The size is that of the target's field, or given when a register addresses it.
 */
export interface ReadString<A extends Access> {
  (to: Mem<Block, 'plain'>, from: StringSource<A>): Code;
  (to: R, from: StringSource<A>, size: number): Code;
}

export const coreReadString: ReadString<'core' | 'chain'> = (to, from, size?: number): Code =>
  copyString('coreReadString', KERNEL, to, from, size, callSite(coreReadString));

export const readString: ReadString<'core' | 'chain'> = (to, from, size?: number): Code => {
  const site = callSite(readString);
  return {
    kind: 'choice',
    condition: { test: 'trusted' },
    yes: copyString('readString', TRUSTED, to, from, size, site),
    no: copyString('readString', KERNEL, to, from, size, site),
  };
};

export const userReadString: ReadString<'plain' | 'chain'> = (to, from, size?: number): Code =>
  copyString('userReadString', USER, to, from, size, callSite(userReadString));

function copyString(
  what: string,
  memory: Memory,
  to: R | Mem<Block, 'plain'>,
  from: R | AnySource,
  size: number | undefined,
  site: Site,
): Code {
  const bytes = isRegister(to) ? size : locationOf(to).layout.size;
  if (bytes === undefined || !(bytes > 0)) {
    throw new AssemblerError(
      `${what}: give the size of the memory that the register points to`,
      site,
    );
  }
  if (isRegister(from)) return callFrom(site, memory.string, [to, bytes, from]);
  const location = locationOf(from);
  if (location.layout.kind === 'pointer' || location.steps.length > 1)
    requireLasting(what, to, site);
  if (location.layout.kind === 'pointer') {
    // The string is one hop further than the field: the path ends with the pointer itself.
    const end = { root: undefined, path: [], offset: 0 };
    const path = follow(what, memory, { ...location, steps: [...location.steps, end] }, site);
    return [path.code, callFrom(site, memory.string, [to, bytes, r3])];
  }
  const path = follow(what, memory, location, site);
  return [
    path.code,
    callFrom(site, memory.string, [to, bytes, { kind: 'kernel-address', place: path.place }]),
  ];
}

/**
 * The string of a tracepoint's dynamic array: a `dataLoc` field says where it lies in the record. r0 = its bytes with
 * the NUL, or a negative error.
 */
export const readDataLoc = (to: Mem<Block, 'plain'>, field: Mem<Loadable<32>, 'core'>): Code => {
  const site = callSite(readDataLoc);
  const what = 'readDataLoc';
  requireLasting(what, to, site);
  const { register: context } = addressOf(what, field, site);
  const from = context === 3 ? r2 : r3;
  const dst = from.index;
  return [
    loadFrom(what, from, field, site),
    // The low half is the offset from the start of the record, the high half the length.
    make({ opcode: BPF_ALU64 | BPF_AND | BPF_K, dst, imm: 0xffff, site }),
    make({ opcode: BPF_ALU64 | BPF_ADD | BPF_X, dst, src: context, site }),
    callFrom(site, helper.probe_read_kernel_str, [to, locationOf(to).layout.size, from]),
  ];
};
