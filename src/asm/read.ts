/**
 * @module
 * Reading the kernel's and the user's memory along a place, hop by hop.
 *
 * - `coreRead` copies with probe_read_kernel: any kernel pointer, in any program.
 * - `read` loads directly where the verifier trusts the pointer (tp_btf, fentry and their kin) and is `coreRead`
 *   elsewhere, so that one body serves a tp_btf program and its raw_tp twin.
 * - `userRead` copies with probe_read_user.
 *
 * The target is a register or the program's own memory. All destroy r0 to r5, but for the register that they fill. A
 * copy that fails gives zeros. A field that this kernel has in another size than declared is converted.
 */
import {
  type Access,
  type Bytes,
  type Chars,
  describePlace,
  type Loadable,
  type Location,
  locationOf,
  type Mem,
  type Pointer,
  placeOfStep,
  pointer,
  u64,
  type Width,
} from '../layout/index.ts';
import type { KernelNumber } from './alu.ts';
import { callFrom } from './call.ts';
import type { Code } from './code.ts';
import type { Helper } from './helper-types.ts';
import { helper } from './helpers.ts';
import { stackFrom } from './label.ts';
import { make } from './make.ts';
import { addressOf, fieldOffset, loadableOf, loadFrom, storeTo } from './memory.ts';
import {
  BPF_ADD,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_K,
  BPF_LSH,
  BPF_RSH,
  BPF_X,
} from './opcodes.ts';
import { isRegister, type R, type Register, r0, r3, whole } from './register.ts';
import { AssemblerError, callSite, type Site } from './site.ts';

type Target<B extends Width> = Register<B> | Mem<Loadable<B>, 'plain'>;
type Block = Chars | Bytes;

/** A copy of one value from a place into a register or memory. */
export interface Read {
  <B extends Width>(to: Target<B>, from: Mem<Loadable<NoInfer<B>>, 'core' | 'chain'>): Code;
  (to: Mem<Block, 'plain'>, from: Mem<Block, 'core' | 'chain'>): Code;
}

/** As `Read`, along the program's own layouts: nothing is looked up in BTF. */
export interface UserRead {
  <B extends Width>(to: Target<B>, from: Mem<Loadable<NoInfer<B>>, 'plain' | 'chain'>): Code;
  (to: Mem<Block, 'plain'>, from: Mem<Block, 'plain' | 'chain'>): Code;
}

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

interface Memory {
  readonly copy: Helper;
  readonly string: Helper;
  /** Whether plain loads may follow pointers. */
  readonly direct: boolean;
}

const KERNEL: Memory = {
  copy: helper.probe_read_kernel,
  string: helper.probe_read_kernel_str,
  direct: false,
};
const TRUSTED: Memory = { ...KERNEL, direct: true };
const USER: Memory = {
  copy: helper.probe_read_user,
  string: helper.probe_read_user_str,
  direct: false,
};

export const coreRead: Read = (to: unknown, from: unknown): Code =>
  copy('coreRead', KERNEL, to as AnyTarget, from as AnySource, callSite(coreRead));

export const read: Read = (to: unknown, from: unknown): Code => {
  const site = callSite(read);
  return {
    kind: 'choice',
    condition: { test: 'trusted' },
    yes: copy('read', TRUSTED, to as AnyTarget, from as AnySource, site),
    no: copy('read', KERNEL, to as AnyTarget, from as AnySource, site),
  };
};

export const userRead: UserRead = (to: unknown, from: unknown): Code =>
  copy('userRead', USER, to as AnyTarget, from as AnySource, callSite(userRead));

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

type AnyTarget = Register | Mem<unknown, 'plain'>;
type AnySource = Mem<unknown, Access>;

function copy(what: string, memory: Memory, to: AnyTarget, from: AnySource, site: Site): Code {
  if (isRegister(to)) {
    const { bits } = loadableOf(what, from, site);
    if (to.width !== bits) {
      throw new AssemblerError(
        `${what}: ${describePlace(from)} goes into ${bits === 64 ? 'r' : 'w'}${to.index}`,
        site,
      );
    }
  }
  const location = locationOf(from);
  const scalar = 'bits' in location.layout;
  const inContext = location.steps.length === 1 && isContext(location);
  if (scalar && (inContext || memory.direct)) return directCopy(what, to, location, site);
  if (inContext)
    throw new AssemblerError(
      `${what}: ${describePlace(from)} is in the context; pass its address with lea`,
      site,
    );
  const path = follow(what, memory, location, site);
  return [path.code, lastCopy(what, memory, to, path.place, site)];
}

/** Whether a location starts in the program's context, which is loaded from, never probed. */
const isContext = ({ steps }: Location): boolean =>
  steps[0]?.root?.origin === 'arguments' || steps[0]?.root?.origin === 'tracepoint';

/** Plain loads along trusted pointers. */
function directCopy(
  what: string,
  to: AnyTarget,
  { layout, base, steps }: Location,
  site: Site,
): Code {
  const holder = isRegister(to) ? whole(to) : r0;
  const code: Code[] = [];
  let from = base;
  for (const step of steps.slice(0, -1)) {
    code.push(loadFrom(what, holder, placeOfStep(pointer(), from, step), site));
    from = holder;
  }
  const value = isRegister(to) ? to : holder;
  code.push(loadFrom(what, value, placeOfStep(layout, from, steps.at(-1)!), site));
  if (!isRegister(to)) code.push(storeTo(what, to, value, site));
  return code;
}

/** Reads every pointer on the way; the place that remains is one step from its base. */
function follow(what: string, memory: Memory, location: Location, site: Site) {
  const { layout, steps } = location;
  let base = location.base;
  const code: Code[] = [];
  steps.slice(0, -1).forEach((step, index) => {
    const hop = placeOfStep(pointer(), base, step);
    if (memory.direct || (index === 0 && isContext(location))) {
      code.push(loadFrom(what, r3, hop, site));
    } else {
      const address = stackFrom(u64, site);
      code.push(callFrom(site, memory.copy, [address, 8, { kind: 'kernel-address', place: hop }]));
      code.push(loadFrom(what, r3, address, site));
    }
    base = r3;
  });
  return { code, place: placeOfStep(layout, base, steps.at(-1)!) };
}

/** The copy at the end of a path. */
function lastCopy(what: string, memory: Memory, to: AnyTarget, place: AnySource, site: Site): Code {
  const { layout, steps } = locationOf(place);
  if (layout.kind === 'bitfield') return anySize(what, memory, to, place, site);
  const asDeclared = copyBytes(what, memory, to, place, layout.size, site);
  if (steps[0]!.root?.origin !== 'kernel' || layout.size === 1) return asDeclared;
  const relocation = { ...fieldOffset(locationOf(place)), kind: 'field_byte_size' as const };
  // Little-endian: the first bytes of a longer integer are its low ones, so only a shorter one needs care.
  return {
    kind: 'choice',
    condition: { test: 'core', relocation, least: layout.size },
    yes: asDeclared,
    no:
      'bits' in layout
        ? anySize(what, memory, to, place, site)
        : copyBytes(what, memory, to, place, { kind: 'kernel-number', relocation }, site),
  };
}

/** A copy of `size` bytes into memory, or over the stack into a register. */
function copyBytes(
  what: string,
  memory: Memory,
  to: AnyTarget,
  place: AnySource,
  size: number | KernelNumber,
  site: Site,
): Code {
  const target = isRegister(to) ? stackFrom(locationOf(place).layout, site) : to;
  return [
    callFrom(site, memory.copy, [
      target as Mem<unknown, 'plain'>,
      size,
      { kind: 'kernel-address', place },
    ]),
    isRegister(to) && loadFrom(what, to, target as Mem<unknown, 'plain'>, site),
  ];
}

/** A field of unknown size, bitfields too: its unit into 64 zeroed bits, then the shifts that CO-RE knows. */
function anySize(what: string, memory: Memory, to: AnyTarget, place: AnySource, site: Site): Code {
  const location = locationOf(place);
  const { signed } = loadableOf(what, place, site);
  const offset = fieldOffset(location);
  const dst = isRegister(to) ? to.index : 0;
  const unit = stackFrom(u64, site);
  const shift = (operation: number, kind: 'field_lshift_u64' | 'field_rshift_u64') =>
    make({ opcode: BPF_ALU64 | operation, dst, relocation: { ...offset, kind }, site });
  return [
    storeTo(what, unit, 0, site),
    callFrom(site, memory.copy, [
      unit,
      { kind: 'kernel-number', relocation: { ...offset, kind: 'field_byte_size' } },
      { kind: 'kernel-address', place },
    ]),
    loadFrom(what, isRegister(to) ? whole(to) : r0, unit, site),
    shift(BPF_LSH, 'field_lshift_u64'),
    shift(signed ? BPF_ARSH : BPF_RSH, 'field_rshift_u64'),
    !isRegister(to) && storeTo(what, to, r0, site),
  ];
}

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
  const { register: context } = addressOf(what, field, site);
  return [
    loadFrom(what, r3, field, site),
    // The low half is the offset from the start of the record, the high half the length.
    make({ opcode: BPF_ALU64 | BPF_AND | BPF_K, dst: 3, imm: 0xffff, site }),
    make({ opcode: BPF_ALU64 | BPF_ADD | BPF_X, dst: 3, src: context, site }),
    callFrom(site, helper.probe_read_kernel_str, [to, locationOf(to).layout.size, r3]),
  ];
};
