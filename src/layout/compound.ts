/**
 * @module
 * Structs, unions, arrays, char arrays and strings, laid out as C compilers do on x86-64 and AArch64.
 * @example
 * const Event = struct('event', { ageNs: u64.number, pid: u32, comm: chars(16) });
 * Event.size;            // 32: the tail is padded to the alignment
 * Event.at(r7).comm;     // 12 bytes from r7
 */
import { identifier } from './names.ts';
import { placeAt } from './place.ts';
import { pointer } from './scalar.ts';
import { trailingText } from './shape.ts';
import type {
  Access,
  ArrayOf,
  Base,
  Bytes,
  Chars,
  Fields,
  Layout,
  Member,
  Origin,
  Place,
  Struct,
  Text,
  Union,
} from './types.ts';

const count = (what: string, n: number, least = 1): number => {
  if (!Number.isInteger(n) || n < least || n > 2 ** 31) {
    throw new RangeError(`${what} takes a whole number from ${least} on, got ${n}`);
  }
  return n;
};

/** `char[length]`: a string of at most `length` bytes, UTF-8. */
export const chars = (length: number): Chars =>
  Object.freeze({ kind: 'chars', size: count('chars', length), align: 1 });

/** `u8[length]`, decoded to a Uint8Array of its own. */
export const bytes = (length: number): Bytes =>
  Object.freeze({ kind: 'bytes', size: count('bytes', length), align: 1 });

/** The string that ends a record of variable length: at most `max` bytes with its NUL. Only as the last field. */
export const text = (max: number): Text =>
  Object.freeze({ kind: 'text', size: 0, align: 1, max: count('text', max) });

/** `element[length]`. */
export const array = <L extends Layout, const N extends number>(
  element: L,
  length: N,
): ArrayOf<L, N> => {
  if (!isLayout(element)) {
    throw new TypeError('array: the elements need a layout, such as u32 or chars(16)');
  }
  if (element.kind === 'bitfield' || element.kind === 'text') {
    throw new TypeError(`an array cannot hold ${element.kind} elements`);
  }
  const { name } = trailingText(element) ?? {};
  if (name !== undefined) {
    throw new TypeError(`an array cannot hold structs that end in a text(), but ${name} is one`);
  }
  const size = element.size * count('array', length, 0);
  return Object.freeze({ kind: 'array', element, length, size, align: element.align });
};

/** A struct of this program: offsets, padding and size as a C compiler would have them. */
export const struct = <F extends Fields>(name: string, fields: F): Struct<F> =>
  make(name, fields, 'local', false) as Struct<F>;

/** A union of this program. Decoding gives every view; encoding takes exactly one field. */
export const union = <F extends Fields>(name: string, fields: F): Union<F> =>
  make(name, fields, 'local', true) as Union<F>;

/**
 * A struct of the kernel's, with the fields that the program reads; order and size do not matter, names and types
 * do. Where each field is gets looked up in the running kernel's BTF (CO-RE), through anonymous structs and unions.
 * A suffix after three underscores is a flavour (`task_struct___old`): another shape of the same kernel type.
 */
export const kernelStruct = <F extends Fields>(name: string, fields: F): Struct<F, 'core'> =>
  make(name, fields, 'kernel', false) as Struct<F, 'core'>;

/** A union of the kernel's; see {@link kernelStruct}. */
export const kernelUnion = <F extends Fields>(name: string, fields: F): Union<F, 'core'> =>
  make(name, fields, 'kernel', true) as Union<F, 'core'>;

/**
 * The arguments of a tp_btf, raw_tp, fentry, lsm, kprobe or uprobe hook and their kin, in the kernel's order and under
 * the kernel's names. At load they are looked up by name in BTF; where that has no names for them (uprobe), they are
 * taken by order. `arg0`, `arg1`... are arguments by position, and `retval` is what the function has returned.
 */
export const hookArguments = <F extends Fields>(fields: F): Struct<F, 'core'> =>
  make('context', fields, 'arguments', false) as Struct<F, 'core'>;

/**
 * The arguments of a system call, in a `ksyscall` program: at most six, in the order of the call and under the kernel's
 * names. They are read with `coreRead`, since the program's context leads to the registers of the process that has
 * called. At load they are looked up by name in the call's tracepoint (`syscalls/sys_enter_*`); where the kernel does
 * not have that, they are taken by order. `arg0`, `arg1`... are arguments by position.
 * @example
 * const Open = systemCallArguments({ dfd: i32, filename: pointer(char), flags: i32 });
 * ksyscall('openat', [mov(r6, r1), coreRead(w7, Open.at(r6).flags), ...])
 */
export const systemCallArguments = <F extends Fields>(fields: F) => {
  const registers = make('system_call', fields, 'system-call', false) as Struct<F, 'core'>;
  const context = hookArguments({ arg0: pointer(registers) });
  return Object.freeze({ at: (base: Base) => context.at(base).arg0 });
};

/** The fields of a tracepoint's record, any of them in any order, found in its `format` file when loaded. */
export const tracepointFields = <F extends Fields>(fields: F): Struct<F, 'core'> =>
  make('context', fields, 'tracepoint', false) as Struct<F, 'core'>;

/**
 * A struct or union whose fields are where a compiler has put them, as its BTF says: packed, or aligned by hand. The
 * members must lie in `size` bytes.
 */
export const placedStruct = (
  name: string,
  members: readonly Member[],
  {
    size,
    align,
    union,
  }: { readonly size: number; readonly align: number; readonly union: boolean },
): Struct<Fields> => {
  const what = `${union ? 'union' : 'struct'} ${name}`;
  for (const { name: field, layout, offset } of members) {
    checkField(`${what}: field ${field}`, layout, false);
    if (offset < 0 || offset + layout.size > size)
      throw new RangeError(`${what}: field ${field} does not lie in its ${size} bytes`);
  }
  return Object.freeze({
    kind: 'struct' as const,
    name,
    union,
    origin: 'local' as const,
    fields: Object.fromEntries(members.map((member) => [member.name, member.layout])),
    members,
    size,
    align,
    at(this: Struct<Fields>, base: Base, offset?: number) {
      return placeAt(this, base, offset) as unknown as Place<Struct<Fields>, Fields, 'plain'>;
    },
  });
};

function make(
  name: string,
  fields: Fields,
  origin: Origin,
  isUnion: boolean,
): Struct<Fields, Access> {
  const what = `${isUnion ? 'union' : 'struct'} ${name}`;
  identifier(isUnion ? 'union' : 'struct', name);
  if (isLayout(Object.getPrototypeOf(fields))) {
    throw new TypeError(`${what}: a field named __proto__ is written ['__proto__']: u32`);
  }
  for (const field of Object.keys(fields)) identifier(`${what}: field`, field);
  let placed: Placed | undefined;
  let placing = false;
  // Lazy, so that a struct can name itself: `get parent() { return pointer(Task); }`.
  const get = (): Placed => {
    if (placed) return placed;
    if (placing) throw new TypeError(`${what} contains itself; it can hold a pointer() to itself`);
    placing = true;
    try {
      placed = place(what, fields, origin, isUnion);
      return placed;
    } finally {
      placing = false;
    }
  };
  if (origin === 'local' && !hasGetters(fields)) get();
  return Object.freeze({
    kind: 'struct' as const,
    name,
    union: isUnion,
    origin,
    fields,
    get members() {
      return get().members;
    },
    get size() {
      return get().size;
    },
    get align() {
      return get().align;
    },
    at(this: Struct<Fields, Access>, base: Base, offset?: number) {
      return placeAt(this, base, offset) as unknown as Place<
        Struct<Fields, Access>,
        Fields,
        Access
      >;
    },
  });
}

const hasGetters = (fields: Fields): boolean =>
  Object.values(Object.getOwnPropertyDescriptors(fields)).some((field) => field.get !== undefined);

interface Placed {
  readonly members: readonly Member[];
  readonly size: number;
  readonly align: number;
}

const alignUp = (value: number, align: number): number => Math.ceil(value / align) * align;

function place(what: string, fields: Fields, origin: Origin, isUnion: boolean): Placed {
  const entries = Object.entries(fields) as [string, Layout][];
  entries.forEach(([field, layout], index) => {
    const last = !isUnion && index === entries.length - 1;
    checkField(`${what}: field ${field}`, layout, last);
    if (origin === 'local') refuseKernel(`${what}: field ${field}`, layout);
  });
  return isUnion ? overlay(entries) : inSequence(entries);
}

function inSequence(entries: readonly [string, Layout][]): Placed {
  let bit = 0;
  let align = 1;
  const members = entries.map(([name, layout]): Member => {
    align = Math.max(align, layout.align);
    const unit = layout.size * 8;
    if (layout.kind === 'bitfield') {
      // A bitfield may not straddle two storage units of its own type (psABI, "Bit-Fields").
      const last = bit + layout.width - 1;
      if (Math.floor(bit / unit) !== Math.floor(last / unit)) bit = alignUp(bit, unit);
      const offset = Math.floor(bit / unit) * layout.size;
      bit += layout.width;
      return { name, layout, offset, bitOffset: bit - layout.width };
    }
    const bitOffset = alignUp(bit, layout.align * 8);
    bit = bitOffset + unit;
    return { name, layout, offset: bitOffset / 8, bitOffset };
  });
  return { members, size: alignUp(bit, align * 8) / 8, align };
}

function overlay(entries: readonly [string, Layout][]): Placed {
  let size = 0;
  let align = 1;
  const members = entries.map(([name, layout]): Member => {
    size = Math.max(size, layout.size);
    align = Math.max(align, layout.align);
    return { name, layout, offset: 0, bitOffset: 0 };
  });
  return { members, size: alignUp(size, align), align };
}

const isLayout = (layout: unknown): layout is Layout =>
  typeof layout === 'object' && layout !== null && 'kind' in layout;

function checkField(what: string, layout: Layout, last: boolean): void {
  if (!isLayout(layout)) {
    throw new TypeError(`${what} needs a layout, such as u32 or chars(16)`);
  }
  if (layout.kind === 'text' && !last) {
    throw new TypeError(`${what} cannot be a text(): only the last field of a struct can`);
  }
  if (trailingText(layout)) {
    throw new TypeError(`${what} ends in a text(), which only the outermost struct can`);
  }
}

/** Where a kernel struct's fields are, and how many, is not known here: inside a local struct it has no size. */
function refuseKernel(what: string, layout: Layout): void {
  if (layout.kind === 'array') refuseKernel(what, layout.element);
  else if (layout.kind === 'struct' && layout.origin !== 'local') {
    throw new TypeError(
      `${what} cannot hold ${layout.name}, whose size only the kernel knows; hold a pointer() to it`,
    );
  }
}
