/**
 * @module
 * What can stand behind `r1 =` in a text: numbers, registers, loads, casts, swaps, atomic operations, and addresses.
 */
import { addrSpaceCast, be, bswap, lddw, le, mov, movsx, neg } from './alu.ts';
import { cmpxchg, fetchAdd, fetchAnd, fetchOr, fetchXor, loadAcquire, xchg } from './atomic.ts';
import { lea } from './call.ts';
import type { AnyMap, Instruction, Subprogram } from './code.ts';
import { make, readable, writable } from './make.ts';
import { load, loadFrom } from './memory.ts';
import {
  BPF_ABS,
  BPF_IND,
  BPF_LD,
  BPF_LDX,
  BPF_MEMSX,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  LDDW,
  sizeBits,
} from './opcodes.ts';
import { nameOf, type R, type Register } from './register.ts';
import { typedMemory, typeHere, valueHere } from './text-memory.ts';
import {
  describeValue,
  type Goal,
  memoryHere,
  numberHere,
  registerHere,
  type Size,
  type Statement,
  safe,
  takeNumber,
  takePlace,
  takeRegister,
  wholeHere,
  withWidth,
} from './text-operands.ts';
import type { Scanner } from './text-scanner.ts';

type Source = (scanner: Scanner, d: Register, at: number) => Statement;

/** Behind `d =`. `opcode`: what a listing says of the instruction. */
export const assigned = (scanner: Scanner, d: Register, opcode: number | undefined): Statement => {
  scanner.skipSpaces();
  const at = scanner.at;
  scanner.guard(at, () => writable(`${nameOf(d)} =`, d, undefined));
  const value = scanner.value();
  if (value) return ofValue(scanner, d, value.value, at);
  if (scanner.take('*')) return loading(scanner, d, at);
  if (scanner.take('&')) return addressOfPlace(scanner, d, at);
  if (scanner.match(/-(?=[ \t]*%?[rw]\d)/y)) return negated(scanner, d, at);
  const cast = scanner.match(/\([ \t]*s(8|16|32)[ \t]*\)/y);
  if (cast) {
    const s = registerHere(scanner, 'cast');
    const bits = Number(cast[1]) as 8 | 16 | 32;
    return { code: scanner.guard(at, () => movsx(d, s as never, bits)) };
  }
  const s = takeRegister(scanner);
  if (s) return { code: scanner.guard(at, () => mov(d, s as never)) };
  const number = takeNumber(scanner);
  if (number) return constant(scanner, d, number.value, at, opcode);
  const swap = scanner.match(/(le|be|bswap)(16|32|64)\b/y);
  if (swap) return swapped(scanner, d, swap[1]!, Number(swap[2]), at);
  const name = scanner.name();
  if (name === undefined)
    scanner.fail(`${nameOf(d)} =: a register, number, load or name, got ${scanner.rest()}`, at);
  // Maps and functions can have these names, too.
  if (Object.hasOwn(SOURCES, name) && scanner.match(/(?=[([])/y))
    return SOURCES[name]!(scanner, d, at);
  return symbol(scanner, d, name, at);
};

const constant = (
  scanner: Scanner,
  d: Register,
  value: bigint,
  at: number,
  opcode: number | undefined,
): Statement => {
  const isWide = scanner.match(/ll\b/y) !== undefined || opcode === LDDW;
  if (isWide) wholeOf(scanner, d, at);
  return { code: scanner.guard(at, () => (isWide ? lddw(d as R, value) : mov(d, value))) };
};

const wholeOf = (scanner: Scanner, d: Register, at: number): number => {
  if (d.width === 32)
    scanner.fail(`an address or 64-bit constant takes r${d.index}, not ${nameOf(d)}`, at);
  return d.index;
};

/** A value that stands in the text. */
const ofValue = (scanner: Scanner, d: Register, value: unknown, at: number): Statement => {
  const { kind } = (typeof value === 'object' && value !== null ? value : {}) as { kind?: string };
  scanner.at = at;
  const place = takePlace(scanner);
  if (place) return { code: scanner.guard(at, () => load(d as never, place as never)) };
  const s = takeRegister(scanner);
  if (s) return { code: scanner.guard(at, () => mov(d, s as never)) };
  const number = takeNumber(scanner);
  if (number) return constant(scanner, d, number.value, at, undefined);
  scanner.value();
  if (kind === 'kernel-number') return { code: scanner.guard(at, () => mov(d, value as never)) };
  if (kind === 'map' || kind === 'function') {
    scanner.match(/ll\b/y);
    wholeOf(scanner, d, at);
    return { code: lea(d as R, value as AnyMap | Subprogram) };
  }
  return scanner.fail(
    `${nameOf(d)} =: a register, number, place, map or function, got ${describeValue(value)}`,
    at,
  );
};

/** Behind `&`: the address of a place. */
const addressOfPlace = (scanner: Scanner, d: Register, at: number): Statement => {
  const place = takePlace(scanner);
  if (!place)
    scanner.fail(
      scanner.match(/\(void/y)
        ? 'addresses of per-CPU memory are put in by the kernel: no program can be loaded with them'
        : 'after & comes a place, as a value in the text',
      at,
    );
  wholeOf(scanner, d, at);
  return { code: scanner.guard(at, () => lea(d as R, place as never)) };
};

const negated = (scanner: Scanner, d: Register, at: number): Statement => {
  const s = registerHere(scanner, 'negation');
  if (s.index !== d.index || s.width !== d.width)
    scanner.fail(
      `${nameOf(d)} = -${nameOf(s)}: a register is negated in place, so both are the same`,
      at,
    );
  return { code: scanner.guard(at, () => neg(d)) };
};

const swapped = (
  scanner: Scanner,
  d: Register,
  name: string,
  bits: number,
  at: number,
): Statement => {
  const s = registerHere(scanner, name);
  if (s.index !== d.index || s.width !== d.width)
    scanner.fail(
      `${nameOf(d)} = ${name}${bits} ${nameOf(s)}: bytes are swapped in place, so both are the same`,
      at,
    );
  const swap = { le, be, bswap }[name]!;
  return { code: scanner.guard(at, () => swap(d as R, bits as 16)) };
};

// ----------
// Loads
// ----------

/** Behind `*`. */
const loading = (scanner: Scanner, d: Register, at: number): Statement => {
  const { size, signed } = typeHere(scanner, 'load');
  if (scanner.match(/skb[ \t]*\[/y)) return packet(scanner, d, size, at);
  scanner.expect('(', 'before the address');
  const place = memoryHere(scanner, 'load', size);
  scanner.expect(')', 'after the address');
  if (d.width === 32 && (signed || size === 8))
    scanner.fail(`this load fills the whole register: write r${d.index}`, at);
  const plain = scanner.guard(at, () => loadFrom('load', d, place, undefined)) as Instruction;
  if (!signed) return { code: plain };
  if (size === 8) scanner.fail('a load of 64 bits has no sign to extend: write u64', at);
  return { code: { ...plain, opcode: BPF_LDX | BPF_MEMSX | sizeBits(size) } };
};

/** Behind `skb[`: `12]`, `r2 + 0]`. */
const packet = (scanner: Scanner, d: Register, size: Size, at: number): Statement => {
  if (d.index !== 0) scanner.fail(`packet loads fill r0, not ${nameOf(d)}`, at);
  if (size === 8) scanner.fail('packet loads have 8, 16 or 32 bits', at);
  const base = takeRegister(scanner);
  const signed = base ? scanner.match(/[-+]/y)?.[0] : '+';
  const number = signed === undefined ? 0n : numberHere(scanner, 'packet load');
  scanner.expect(']', 'after the offset');
  const imm = signed === '-' ? -number : number;
  if (imm < -(2n ** 31n) || imm >= 2n ** 31n) scanner.fail(`an offset has 32 bits, got ${imm}`, at);
  const opcode = BPF_LD | (base ? BPF_IND : BPF_ABS) | sizeBits(size);
  const src = base ? scanner.guard(at, () => readable('packet load', base, undefined)) : 0;
  return { code: make({ opcode, src, imm: Number(imm) }) };
};

// ----------
// Atomic operations
// ----------

const FETCHING = {
  fetch_add: fetchAdd,
  fetch_or: fetchOr,
  fetch_and: fetchAnd,
  fetch_xor: fetchXor,
  xchg,
} as const;

/** `atomic_fetch_add((u64 *)(r1 +0), r2)`; the size is in the type. */
const fetching =
  (operation: keyof typeof FETCHING): Source =>
  (scanner, d, at) => {
    scanner.expect('(', 'after the name of the operation');
    const { place, size } = typedMemory(scanner, operation);
    return exchanged(scanner, d, operation, place, size, at);
  };

/** LLVM's `xchg_64(r1 + 0, r2)`; the size is in the name. */
const sized =
  (size: Size): Source =>
  (scanner, d, at) => {
    scanner.expect('(', 'after the name of the operation');
    return exchanged(scanner, d, 'xchg', memoryHere(scanner, 'xchg', size), size, at);
  };

const exchanged = (
  scanner: Scanner,
  d: Register,
  operation: keyof typeof FETCHING,
  place: unknown,
  size: Size | undefined,
  at: number,
): Statement => {
  scanner.expect(',', 'after the memory');
  const s = valueHere(scanner, operation, size);
  scanner.expect(')', 'after the register');
  if (s.index !== d.index)
    scanner.fail(
      `the old value goes into the register that the new one comes from: ${nameOf(d)} and ${nameOf(s)} differ`,
      at,
    );
  return { code: scanner.guard(at, () => FETCHING[operation](place as never, s as never)) };
};

const comparing =
  (size?: Size): Source =>
  (scanner, d, at) => {
    scanner.expect('(', 'after the name of the operation');
    const given =
      size === undefined
        ? typedMemory(scanner, 'cmpxchg')
        : { place: memoryHere(scanner, 'cmpxchg', size), size };
    scanner.expect(',', 'after the memory');
    const old = registerHere(scanner, 'cmpxchg');
    scanner.expect(',', 'after the register that is compared');
    const s = valueHere(scanner, 'cmpxchg', given.size);
    scanner.expect(')', 'after the register');
    if (d.index !== 0 || old.index !== 0)
      scanner.fail('cmpxchg compares with r0 and leaves the old value there', at);
    return { code: scanner.guard(at, () => cmpxchg(given.place as never, s as never)) };
  };

const acquiring: Source = (scanner, d, at) => {
  scanner.expect('(', 'after load_acquire');
  const { place, size } = typedMemory(scanner, 'load_acquire');
  scanner.expect(')', 'after the memory');
  if (size === 8 && d.width === 32)
    scanner.fail(`eight bytes fill r${d.index}, not ${nameOf(d)}`, at);
  const to = size === undefined ? d : withWidth(d, size === 8 ? 64 : 32);
  return { code: scanner.guard(at, () => loadAcquire(to as never, place as never)) };
};

// ----------
// Addresses
// ----------

const casting: Source = (scanner, d, at) => {
  scanner.expect('(', 'after addr_space_cast');
  const s = wholeHere(scanner, 'addr_space_cast');
  scanner.expect(',', 'after the register');
  const to = Number(numberHere(scanner, 'addr_space_cast'));
  scanner.expect(',', 'after the address space');
  const from = Number(numberHere(scanner, 'addr_space_cast'));
  scanner.expect(')', 'after the address space');
  return { code: scanner.guard(at, () => addrSpaceCast(d as R, s, to, from)) };
};

/** `map[counts]`, `map[counts][0]+8`, `map[id:5]`. */
const ofMap: Source = (scanner, d, at) => {
  const dst = wholeOf(scanner, d, at);
  const found = scanner.match(
    /\[[ \t]*(?:(id|idx):(\d{1,9})|([^\]\n]+))\][ \t]*(\[0\][ \t]*(?:\+[ \t]*(\d{1,9}))?)?/y,
  );
  if (!found)
    return scanner.fail(`map: its name in brackets, as map[counts], got ${scanner.rest()}`, at);
  const [, kind, number, name, isValue, bytes = '0'] = found;
  if (name !== undefined) {
    const addend = isValue === undefined ? undefined : Number(bytes);
    return {
      code: wide(dst, BPF_PSEUDO_MAP_FD),
      goal: { kind: 'address', to: name.trim(), addend, at },
    };
  }
  const src =
    kind === 'id'
      ? isValue === undefined
        ? BPF_PSEUDO_MAP_FD
        : BPF_PSEUDO_MAP_VALUE
      : isValue === undefined
        ? BPF_PSEUDO_MAP_IDX
        : BPF_PSEUDO_MAP_IDX_VALUE;
  return { code: wide(dst, src, (BigInt(bytes) << 32n) | BigInt(number!)) };
};

/** `subprog[callback]`, `subprog[+9]`. */
const ofFunction: Source = (scanner, d, at) => {
  const dst = wholeOf(scanner, d, at);
  scanner.expect('[', 'after subprog');
  const distance = scanner.number();
  const to = distance ? safe(distance.value) : scanner.name();
  if (to === undefined)
    return scanner.fail('subprog: the name of a function, as subprog[callback]', at);
  scanner.expect(']', 'after the name of the function');
  return { code: wide(dst, BPF_PSEUDO_FUNC), goal: { kind: 'address', to, at } };
};

const wide = (dst: number, src: number, imm64 = 0n): Instruction =>
  make({ opcode: LDDW, dst, src, imm64 });

/** `counts ll`, `table+8 ll`: LLVM's address of a map, a variable or a function. */
const symbol: (scanner: Scanner, d: Register, name: string, at: number) => Statement = (
  scanner,
  d,
  name,
  at,
) => {
  const dst = wholeOf(scanner, d, at);
  const addend = Number(scanner.number()?.value ?? 0n);
  scanner.match(/ll\b/y);
  return {
    code: wide(dst, 0),
    goal: { kind: 'address', to: name, ...(addend !== 0 && { addend }), at } satisfies Goal as Goal,
  };
};

const SOURCES: Readonly<Record<string, Source>> = {
  atomic_fetch_add: fetching('fetch_add'),
  atomic_fetch_or: fetching('fetch_or'),
  atomic_fetch_and: fetching('fetch_and'),
  atomic_fetch_xor: fetching('fetch_xor'),
  atomic_xchg: fetching('xchg'),
  atomic_cmpxchg: comparing(),
  atomic64_fetch_add: fetching('fetch_add'),
  atomic64_fetch_or: fetching('fetch_or'),
  atomic64_fetch_and: fetching('fetch_and'),
  atomic64_fetch_xor: fetching('fetch_xor'),
  atomic64_xchg: fetching('xchg'),
  atomic64_cmpxchg: comparing(),
  xchg_64: sized(8),
  xchg32_32: sized(4),
  cmpxchg_64: comparing(8),
  cmpxchg32_32: comparing(4),
  load_acquire: acquiring,
  addr_space_cast: casting,
  map: ofMap,
  subprog: ofFunction,
};
