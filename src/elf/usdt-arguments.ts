/**
 * Where the arguments of a static probe are, as the assembler wrote it (`-4@%edi`), and as programs read it: the
 * `struct __bpf_usdt_spec` of libbpf's usdt.bpf.h.
 *
 * @module
 */
import { EM } from './constants.ts';
import { ElfError } from './error.ts';

/** The forms of an argument (enum __bpf_usdt_arg_type). */
const CONSTANT = 0;
const REGISTER = 1;
const MEMORY = 2;
const INDEXED_MEMORY = 3;

/** Where an argument is, and how many bits of it count. Offsets of registers are into `struct pt_regs`. */
export interface UsdtArgument {
  readonly kind: 'constant' | 'register' | 'memory' | 'indexed-memory';
  /** The constant, or what is added to the address in the register. */
  readonly value: bigint;
  readonly register: number;
  /** For indexed memory: the register that is multiplied. */
  readonly index: number;
  /** ... by 1, 2, 4 or 8. */
  readonly scale: number;
  /** 1, 2, 4 or 8 bytes. */
  readonly size: number;
  readonly signed: boolean;
}

/** The most arguments that programs can read. */
export const MOST_USDT_ARGUMENTS = 12;

/** Bytes of `struct __bpf_usdt_spec`. */
export const USDT_SPEC_SIZE = 208;

/** Reads `-4@%edi 8@-24(%rbp)`. Throws an ElfError that names the argument that programs cannot read. */
export const parseUsdtArguments = (text: string, machine: number): readonly UsdtArgument[] => {
  const operand = OPERANDS[machine];
  if (!operand)
    throw new ElfError(`arguments of static probes are known for x86-64 and arm64 only`);
  // Brackets of arm64 have spaces in them.
  const words = text.match(/[^\s@]+@(\[[^\]]*\]|\S+)/g) ?? [];
  if (words.length > MOST_USDT_ARGUMENTS)
    throw new ElfError(
      `a static probe has ${words.length} arguments, and programs read ${MOST_USDT_ARGUMENTS}: ${text}`,
    );
  return words.map((word) => {
    const [, size = '', place = ''] = /^(-?[1248])@(.*)$/.exec(word) ?? [];
    const found = operand(place.replaceAll(' ', ''));
    if (!found || size === '')
      throw new ElfError(`an argument of a static probe that programs cannot read: ${word}`);
    const none = { value: 0n, register: 0, index: 0, scale: 1 };
    return { ...none, ...found, size: Math.abs(Number(size)), signed: size.startsWith('-') };
  });
};

type Operand = Pick<UsdtArgument, 'kind'> &
  Partial<Pick<UsdtArgument, 'value' | 'register' | 'index' | 'scale'>>;

const x86 = (text: string): Operand | undefined => {
  const [, constant] = /^\$(-?\w+)$/.exec(text) ?? [];
  if (constant !== undefined) return constantOf(constant);
  const [, plain] = /^%(\w+)$/.exec(text) ?? [];
  if (plain !== undefined) return registerOf(X86_REGISTERS[plain]);
  const [, offset = '', base = '', index, scale = '1'] =
    /^(-?\w*)\(%(\w+)(?:,%(\w+)(?:,([1248]))?)?\)$/.exec(text) ?? [];
  const register = X86_REGISTERS[base];
  const value = numberOf(offset === '' ? '0' : offset);
  if (register === undefined || value === undefined) return undefined;
  if (index === undefined) return { kind: 'memory', value, register };
  const multiplied = X86_REGISTERS[index];
  return multiplied === undefined
    ? undefined
    : { kind: 'indexed-memory', value, register, index: multiplied, scale: Number(scale) };
};

const arm64 = (text: string): Operand | undefined => {
  const [, base, offset = '0'] = /^\[(\w+)(?:,(-?\w+))?\]$/.exec(text) ?? [];
  if (base === undefined)
    return /^-?\d/.test(text) ? constantOf(text) : registerOf(arm64Register(text));
  const register = arm64Register(base);
  const value = numberOf(offset);
  if (register === undefined || value === undefined) return undefined;
  return { kind: 'memory', value, register };
};

const OPERANDS: Readonly<Record<number, (text: string) => Operand | undefined>> = {
  [EM.X86_64]: x86,
  [EM.AARCH64]: arm64,
};

const numberOf = (text: string): bigint | undefined => {
  const [, sign, digits] = /^(-?)(0x[0-9a-fA-F]+|\d+)$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  return BigInt.asIntN(64, sign === '-' ? -BigInt(digits) : BigInt(digits));
};

const constantOf = (text: string): Operand | undefined => {
  const value = numberOf(text);
  return value === undefined ? undefined : { kind: 'constant', value };
};

const registerOf = (register: number | undefined): Operand | undefined =>
  register === undefined ? undefined : { kind: 'register', register };

/** x0 to x30 are 8 bytes each in `struct user_pt_regs`, sp follows. */
const arm64Register = (name: string): number | undefined => {
  if (name === 'sp') return 31 * 8;
  const [, number] = /^[xw](\d|[12]\d|30)$/.exec(name) ?? [];
  return number === undefined ? undefined : Number(number) * 8;
};

/** The registers of x86-64 with the names of their parts, in the order of `struct pt_regs`. */
const X86_REGISTERS: Readonly<Record<string, number>> = /* @__PURE__ */ Object.fromEntries(
  [
    'r15 r15d r15w r15b',
    'r14 r14d r14w r14b',
    'r13 r13d r13w r13b',
    'r12 r12d r12w r12b',
    'rbp ebp bp bpl',
    'rbx ebx bx bl',
    'r11 r11d r11w r11b',
    'r10 r10d r10w r10b',
    'r9 r9d r9w r9b',
    'r8 r8d r8w r8b',
    'rax eax ax al',
    'rcx ecx cx cl',
    'rdx edx dx dl',
    'rsi esi si sil',
    'rdi edi di dil',
    '', // orig_ax
    'rip eip',
    '', // cs
    '', // flags
    'rsp esp sp spl',
  ].flatMap((names, index) =>
    names
      .split(' ')
      .filter((name) => name !== '')
      .map((name) => [name, index * 8]),
  ),
);

const KINDS = {
  constant: CONSTANT,
  register: REGISTER,
  memory: MEMORY,
  'indexed-memory': INDEXED_MEMORY,
} as const;

/** `struct __bpf_usdt_spec`, little-endian: the arguments, the user's cookie, how many there are. */
export const encodeUsdtSpec = (args: readonly UsdtArgument[], cookie: bigint): Uint8Array => {
  const bytes = new Uint8Array(USDT_SPEC_SIZE);
  const view = new DataView(bytes.buffer);
  args.forEach(({ kind, value, register, index, scale, size, signed }, position) => {
    const at = position * 16;
    view.setBigInt64(at, value, true);
    // The kind in 8 bits, the second register in 12, the shift in 4: older headers have the kind in all 32.
    view.setUint32(at + 8, KINDS[kind] | (index << 8) | (Math.log2(scale) << 20), true);
    view.setInt16(at + 12, register, true);
    view.setUint8(at + 14, signed ? 1 : 0);
    view.setUint8(at + 15, 64 - size * 8);
  });
  view.setBigUint64(192, BigInt.asUintN(64, cookie), true);
  view.setInt16(200, args.length, true);
  return bytes;
};
