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
  describePlace,
  type Loadable,
  type Location,
  locationOf,
  type Mem,
  placeOfStep,
  pointer,
  u64,
  type Width,
} from '../layout/index.ts';
import { loadableOf, offsetRelocation } from './address.ts';
import type { KernelNumber } from './alu.ts';
import { clearUpper } from './bits.ts';
import { callFrom } from './call.ts';
import { clearFrom, unitsOf } from './clear.ts';
import type { Code } from './code.ts';
import {
  type AnySource,
  type AnyTarget,
  type Block,
  follow,
  isContext,
  KERNEL,
  type Memory,
  requireLasting,
  TRUSTED,
  USER,
} from './hops.ts';
import { stackFrom } from './label.ts';
import { make } from './make.ts';
import { loadFrom, storeTo } from './memory.ts';
import { BPF_ALU64, BPF_ARSH, BPF_LSH, BPF_RSH } from './opcodes.ts';
import { isRegister, type Register, r0, whole } from './register.ts';
import { AssemblerError, callSite, type Site } from './site.ts';

type Target<B extends Width> = Register<B> | Mem<Loadable<B>, 'plain'>;

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

function copy(what: string, memory: Memory, to: AnyTarget, from: AnySource, site: Site): Code {
  if (isRegister(to)) {
    const { bits } = loadableOf(what, from, site);
    if (to.width !== bits) {
      throw new AssemblerError(
        `${what}: ${describePlace(from)} goes into ${bits === 64 ? 'r' : 'w'}${to.index}`,
        site,
      );
    }
  } else {
    requireLasting(what, to, site);
    requireSameSize(what, to, from, site);
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

/** Refuses a copy that would leave bytes of its target unwritten, or write beyond it. */
function requireSameSize(
  what: string,
  to: Mem<unknown, 'plain'>,
  from: AnySource,
  site: Site,
): void {
  const [target, source] = [locationOf(to).layout, locationOf(from).layout];
  if (target.size === source.size || source.kind === 'bitfield') return;
  throw new AssemblerError(
    `${what}: ${describePlace(to)} has ${target.size} bytes, but ${describePlace(from)} has ${source.size}${'bits' in source ? '; read it into a register and store that' : ''}`,
    site,
  );
}

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

/** The copy at the end of a path. */
function lastCopy(what: string, memory: Memory, to: AnyTarget, place: AnySource, site: Site): Code {
  const { layout, steps } = locationOf(place);
  const kernel = steps[0]!.root?.origin === 'kernel';
  if (layout.kind === 'bitfield') {
    return kernel
      ? anySize(what, memory, to, place, site)
      : copyBits(what, memory, to, place, site);
  }
  const asDeclared =
    memory.direct && !isRegister(to)
      ? copyBlock(what, memory, to, place, site)
      : copyBytes(what, memory, to, place, layout.size, site);
  if (!kernel || layout.size === 1) return asDeclared;
  const relocation = { ...offsetRelocation(locationOf(place)), kind: 'field_byte_size' as const };
  // Little-endian: the first bytes of a longer integer are its low ones, so only a shorter one needs care.
  return {
    kind: 'choice',
    condition: { test: 'core', relocation, least: layout.size },
    yes: asDeclared,
    no:
      'bits' in layout
        ? anySize(what, memory, to, place, site)
        : [
            // The field ends before the target does.
            clearFrom(site, to as Mem<unknown, 'plain'>),
            copyBytes(what, memory, to, place, { kind: 'kernel-number', relocation }, site),
          ],
  };
}

/** A copy of a block along a trusted pointer: plain loads, where they are no more instructions than a call. */
function copyBlock(
  what: string,
  memory: Memory,
  to: Mem<unknown, 'plain'>,
  place: AnySource,
  site: Site,
): Code {
  const [target, source] = [locationOf(to), locationOf(place)];
  const start = target.steps[0]!.offset;
  const units = unitsOf(start, source.layout.size);
  if (units.length > 3) return copyBytes(what, memory, to, place, source.layout.size, site);
  const { root, path, offset } = source.steps[0]!;
  return units.map(({ unit, at }) => {
    // As an element of the block, which CO-RE can find.
    const step = { root, path: [...path, at - start], offset: offset + at - start };
    return [
      loadFrom(what, r0, placeOfStep(unit, source.base, step), site),
      storeTo(what, unit.at(target.base, at), r0, site),
    ];
  });
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

/** A bitfield of the program's own layouts: a copy of its unit, from which a load takes the bits. */
function copyBits(what: string, memory: Memory, to: AnyTarget, place: AnySource, site: Site): Code {
  const { layout, steps } = locationOf(place);
  const unit = stackFrom(u64, site);
  const bits = placeOfStep(layout, locationOf(unit).base, { ...steps[0]!, offset: 0 });
  const holder = isRegister(to) ? to : r0;
  return [
    callFrom(site, memory.copy, [unit, layout.size, { kind: 'kernel-address', place }]),
    loadFrom(what, holder, bits, site),
    !isRegister(to) && storeTo(what, to, holder, site),
  ];
}

/** A kernel field of unknown size, bitfields too: its unit into 64 zeroed bits, then the shifts that CO-RE knows. */
function anySize(what: string, memory: Memory, to: AnyTarget, place: AnySource, site: Site): Code {
  const location = locationOf(place);
  const { signed } = loadableOf(what, place, site);
  const offset = offsetRelocation(location);
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
    isRegister(to) ? signed && clearUpper(to, site) : storeTo(what, to, r0, site),
  ];
}
