/**
 * @module
 * The operands of instructions in a text: registers, numbers, memory and names, or values that stand for them.
 */
import { type Access, isPlace, type Mem, u8, u16, u32, u64 } from '../layout/index.ts';
import { closeNames } from './close-names.ts';
import type { Code, Label } from './code.ts';
import { immediate, offset16 } from './make.ts';
import {
  isRegister,
  nameOf,
  type R,
  type Register,
  r0,
  r1,
  r2,
  r3,
  r4,
  r5,
  r6,
  r7,
  r8,
  r9,
  r10,
  r11,
  w0,
  w1,
  w2,
  w3,
  w4,
  w5,
  w6,
  w7,
  w8,
  w9,
} from './register.ts';
import type { Scanner } from './text-scanner.ts';

/** Where a jump or a call goes, or what an address is of: found when the whole text is known. */
export interface Goal {
  readonly kind: 'jump' | 'call' | 'address';
  /** The name of a label, function, map or variable, or how many slots further on. */
  readonly to: string | number;
  /** Bytes behind a variable's start. */
  readonly addend?: number | undefined;
  readonly at: number;
}

/** What one statement of a text says. */
export interface Statement {
  readonly code: Code;
  /** Where it jumps or what it refers to, by a name or a distance. */
  readonly goal?: Goal | undefined;
}

/** Registers that are only read as the lower half: compilers spill the frame pointer so. */
const w10: Register<32> = { kind: 'register', width: 32, index: 10 };
const WHOLES = [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11];
const HALVES = [w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10];

const REGISTER = /%?(?:([rw])(\d{1,2})|fp)\b/iy;

/** The register that comes next, if one does. */
export const takeRegister = (scanner: Scanner): Register | undefined => {
  const start = scanner.at;
  const value = scanner.value();
  if (value && isRegister(value.value)) return value.value;
  scanner.at = start;
  const found = scanner.match(REGISTER);
  if (!found) return undefined;
  if (found[1] === undefined) return r10;
  const letter = found[1].toLowerCase();
  const register = (letter === 'r' ? WHOLES : HALVES)[Number(found[2])];
  return (
    register ?? scanner.fail(`there is no register ${found[0]}, but r0 to r10 and w0 to w9`, start)
  );
};

export const registerHere = (scanner: Scanner, what: string): Register =>
  takeRegister(scanner) ?? scanner.fail(`${what}: a register, got ${scanner.rest()}`);

/** A whole register. */
export const wholeHere = (scanner: Scanner, what: string): R => {
  scanner.skipSpaces();
  const at = scanner.at;
  const register = registerHere(scanner, what);
  if (register.width === 64) return register as R;
  return scanner.fail(
    `${what}: it takes all 64 bits, so write r${register.index}, not ${nameOf(register)}`,
    at,
  );
};

/** A register with the width that an instruction has by its name or by the size of its memory. */
export const withWidth = (register: Register, width: 32 | 64): Register =>
  (width === 64 ? WHOLES : HALVES)[register.index] ?? register;

/** The number that comes next, written or as a value. */
export const takeNumber = (
  scanner: Scanner,
): { readonly value: bigint; readonly hex: boolean; readonly at: number } | undefined => {
  const start = scanner.at;
  const sign = scanner.match(/[-+]/y)?.[0];
  const hole = scanner.value();
  if (hole && (typeof hole.value === 'number' || typeof hole.value === 'bigint')) {
    const { value, at } = hole;
    if (typeof value === 'number' && !Number.isSafeInteger(value))
      scanner.fail(
        `${value} is not a whole number that JavaScript holds exactly; write it as a bigint`,
        at,
      );
    return { value: sign === '-' ? -BigInt(value) : BigInt(value), hex: false, at };
  }
  scanner.at = start;
  return scanner.number();
};

export const numberHere = (scanner: Scanner, what: string): bigint =>
  (takeNumber(scanner) ?? scanner.fail(`${what}: a number, got ${scanner.rest()}`)).value;

/** The immediate of a comparison. The kernel prints its 32 bits in hexadecimal, whatever the sign. */
export const comparedHere = (
  scanner: Scanner,
  what: string,
  width: 32 | 64,
  signed: boolean,
): number => {
  scanner.skipSpaces();
  const { value, hex, at } =
    takeNumber(scanner) ?? scanner.fail(`${what}: a register or a number, got ${scanner.rest()}`);
  if (hex && value < 2n ** 32n) return Number(BigInt.asIntN(32, value));
  return scanner.guard(at, () =>
    immediate(what, width, value, 'put it in a register first', undefined, signed),
  );
};

/** Unsigned integers by their bytes. */
export const SCALARS = { 1: u8, 2: u16, 4: u32, 8: u64 } as const;
export type Size = keyof typeof SCALARS;

/** Memory at a register, between the brackets: `r1 +8`. */
export const memoryHere = (scanner: Scanner, what: string, size: Size): Mem<unknown, 'plain'> => {
  const base = wholeHere(scanner, what);
  const sign = scanner.match(/[-+]/y)?.[0];
  scanner.skipSpaces();
  const at = scanner.at;
  const number = sign === undefined ? 0n : numberHere(scanner, what);
  const offset = Number(sign === '-' ? -number : number);
  scanner.guard(at, () => offset16(what, offset, undefined));
  return SCALARS[size].at(base, offset);
};

/** A place that stands as a value. */
export const takePlace = (scanner: Scanner): Mem<unknown, Access> | undefined => {
  const start = scanner.at;
  const value = scanner.value()?.value;
  if (isPlace(value)) return value;
  scanner.at = start;
  return undefined;
};

/** Where a jump goes: `+2`, `pc+2`, a label, or one as a value. */
export const targetHere = (scanner: Scanner, what: string): Goal | Label => {
  scanner.skipSpaces();
  const at = scanner.at;
  const hole = scanner.value();
  const label = hole?.value as Label | undefined;
  if (label && typeof label === 'object' && label.kind === 'label') return label;
  if (hole) scanner.fail(`${what}: a jump goes to a label, from label('name')`, at);
  // Local labels, which can be placed many times: the next one, or the last one.
  const local = scanner.match(/\d{1,9}[fb]\b/y)?.[0];
  if (local !== undefined) return { kind: 'jump', to: local, at };
  scanner.match(/pc(?=[ \t]*[-+])/y);
  const distance = scanner.number();
  if (distance) return { kind: 'jump', to: safe(distance.value), at };
  const name = scanner.name();
  if (name === undefined)
    scanner.fail(`${what}: a label or a distance as +2, got ${scanner.rest()}`, at);
  // LLVM's disassembler writes where that is.
  return { kind: 'jump', to: name, at };
};

/** A distance; one that no text reaches stays out of reach. */
export const safe = (value: bigint): number =>
  Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value)));

/** ` did you mean X?`, or nothing. */
export const suggestion = (name: string, names: Iterable<string>): string => {
  const close = closeNames(name, names);
  return close.length === 0 ? '' : `; did you mean ${close.join(', ')}?`;
};

/** A register or a number. */
export const operandHere = (scanner: Scanner, what: string): Register | bigint => {
  const register = takeRegister(scanner);
  if (register) return register;
  const number = takeNumber(scanner);
  if (number) return number.value;
  const hole = scanner.value();
  return hole
    ? scanner.fail(`${what}: a register or a number, got ${describeValue(hole.value)}`, hole.at)
    : scanner.fail(`${what}: a register or a number, got ${scanner.rest()}`);
};

/** What a value is, for messages. */
export const describeValue = (value: unknown): string => {
  if (isPlace(value)) return 'a place in memory';
  if (Array.isArray(value)) return 'a list of code';
  if (typeof value === 'object' && value !== null && 'kind' in value)
    return NAMES[String(value.kind)] ?? `a ${String(value.kind)}`;
  return value === null ? 'null' : typeof value;
};

const NAMES: Readonly<Record<string, string>> = {
  instruction: 'an instruction',
  function: 'a function of the object',
  'kernel-number': 'a number of the kernel',
};
