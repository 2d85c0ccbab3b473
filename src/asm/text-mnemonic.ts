/**
 * @module
 * Instructions by their mnemonics, as GNU as (its normal dialect), uBPF, bpf_conformance and rbpf write them:
 * `mov %r0, 1`, `ldxdw r0, [r1+8]`, `jeq r1, 0, +3`, `lock fetch add [r10-8], r1`, `call local f`.
 *
 * binutils' gas/doc/c-bpf.texi; where the dialects have names of their own for an instruction, all are known.
 */
import {
  add,
  and,
  arsh,
  be,
  bswap,
  div,
  lddw,
  le,
  lsh,
  mod,
  mov,
  movsx,
  mul,
  neg,
  or,
  rsh,
  sdiv,
  smod,
  sub,
  xor,
} from './alu.ts';
import type { Comparison } from './jump.ts';
import { fitsSigned32, make, writable } from './make.ts';
import { LDDW } from './opcodes.ts';
import { nameOf, type Register } from './register.ts';
import { callStatement } from './text-call.ts';
import {
  acquiring,
  atomic,
  bitsOrRegister,
  comma,
  loading,
  locked,
  type Parse,
  packetAbsolute,
  packetIndirect,
  releasing,
  storing,
  storingConstant,
} from './text-mnemonic-memory.ts';
import {
  numberHere,
  registerHere,
  type Size,
  type Statement,
  suggestion,
  takeNumber,
  wholeHere,
  withWidth,
} from './text-operands.ts';
import { compared, JA, JAL, jumping } from './text-pseudo.ts';
import type { Scanner } from './text-scanner.ts';

/** What begins with a mnemonic; undefined when the word is none. */
export const mnemonicStatement = (scanner: Scanner): Statement | undefined => {
  scanner.skipSpaces();
  const at = scanner.at;
  const word = scanner.word()?.toLowerCase() ?? '';
  const parse = known().get(word);
  if (parse) return parse(scanner, word, at);
  scanner.at = at;
  return undefined;
};

/** The mnemonics that are like this word. */
export const closeMnemonics = (word: string): string =>
  suggestion(word.toLowerCase(), [...known().keys(), 'if', 'goto', 'gotol', 'may_goto', 'exit']);

/** The register of an instruction whose name may say its width; `w1` says it as well. */
const sizedRegister = (scanner: Scanner, what: string, width: 32 | 64 | undefined): Register => {
  scanner.skipSpaces();
  const at = scanner.at;
  const register = registerHere(scanner, what);
  if (width === 64 && register.width === 32)
    scanner.fail(`${what}: it takes r${register.index}, not ${nameOf(register)}`, at);
  return width === 32 ? withWidth(register, 32) : register;
};

// ----------
// Arithmetic
// ----------

const OPERATIONS = { add, sub, mul, div, sdiv, mod, smod, or, and, xor, lsh, rsh, arsh, mov };

const arithmetic =
  (operation: keyof typeof OPERATIONS, width: 32 | 64 | undefined): Parse =>
  (scanner, what) => {
    const d = sizedRegister(scanner, what, width);
    comma(scanner, what);
    scanner.skipSpaces();
    const at = scanner.at;
    const s = bitsOrRegister(scanner, what);
    if (operation === 'mov' && typeof s === 'bigint' && d.width === 64 && !fitsSigned32(s))
      scanner.fail(`${what}: the immediate is -2147483648 to 2147483647, got ${s}; use lddw`, at);
    const source = typeof s === 'bigint' ? s : withWidth(s, d.width);
    return { code: scanner.guard(at, () => OPERATIONS[operation](d, source as never)) };
  };

const negation =
  (width: 32 | 64 | undefined): Parse =>
  (scanner, what, at) => {
    const d = sizedRegister(scanner, what, width);
    return { code: scanner.guard(at, () => neg(d)) };
  };

/** `movs %r1, %r2, 8` of GNU as, `movsx864 %r1, %r2` of uBPF. */
const signExtension =
  (width: 32 | 64 | undefined, bits?: 8 | 16 | 32): Parse =>
  (scanner, what, at) => {
    const d = sizedRegister(scanner, what, width);
    comma(scanner, what);
    const s = withWidth(registerHere(scanner, what), d.width);
    if (bits === undefined) comma(scanner, what);
    const from = bits ?? Number(numberHere(scanner, what));
    return { code: scanner.guard(at, () => movsx(d, s as never, from as 8)) };
  };

const SWAPS = { le, be, bswap };

/** `be16 %r1`, or `endbe %r1, 16`. */
const swapping =
  (swap: keyof typeof SWAPS, bits?: 16 | 32 | 64): Parse =>
  (scanner, what, at) => {
    const d = wholeHere(scanner, what);
    if (bits === undefined) comma(scanner, what);
    const width = bits ?? Number(numberHere(scanner, what));
    return { code: scanner.guard(at, () => SWAPS[swap](d, width as 16)) };
  };

const wideLoading: Parse = (scanner, what, at) => {
  const d = wholeHere(scanner, what);
  comma(scanner, what);
  scanner.skipSpaces();
  const place = scanner.at;
  const number = takeNumber(scanner);
  if (number) return { code: scanner.guard(at, () => lddw(d, number.value)) };
  // bpf_conformance writes map_by_fd(counts).
  const name = scanner.match(/map_by_fd\(([\w.]+)\)/y)?.[1] ?? scanner.name();
  if (name === undefined) return scanner.fail(`${what}: a number or a name, got ${scanner.rest()}`);
  const dst = scanner.guard(at, () => writable(what, d, undefined));
  return {
    code: make({ opcode: LDDW, dst, imm64: 0n }),
    goal: { kind: 'address', to: name, at: place },
  };
};

// ----------
// Jumps
// ----------

const CONDITIONS = {
  jeq: '==',
  jne: '!=',
  jgt: '>',
  jge: '>=',
  jlt: '<',
  jle: '<=',
  jsgt: 's>',
  jsge: 's>=',
  jslt: 's<',
  jsle: 's<=',
  jset: '&',
} as const satisfies Record<string, Comparison>;

const conditional =
  (comparison: Comparison, width: 32 | 64 | undefined): Parse =>
  (scanner, what) => {
    const d = sizedRegister(scanner, what, width);
    comma(scanner, what);
    const jump = compared(scanner, what, d, comparison, true);
    comma(scanner, what);
    return jumping(scanner, what, jump);
  };

const jump =
  (opcode: number): Parse =>
  (scanner, what) =>
    jumping(scanner, what, make({ opcode }));

// ----------
// The table
// ----------

const SUFFIXES: readonly (readonly [string, Size])[] = [
  ['b', 1],
  ['h', 2],
  ['w', 4],
  ['dw', 8],
];
const WIDTHS = [
  ['', undefined],
  ['32', 32],
  ['64', 64],
] as const;

const mnemonics = (): Map<string, Parse> => {
  const table = new Map<string, Parse>([
    ['lddw', wideLoading],
    ['ja', jump(JA)],
    ['jal', jump(JAL)],
    ['ja32', jump(JAL)],
    ['call', callStatement],
    ['lock', locked],
    ['xaddw', atomic('add', 4)],
    ['xadddw', atomic('add', 8)],
    ['movs', signExtension(undefined)],
    ['movs32', signExtension(32)],
    ['endle', swapping('le')],
    ['endbe', swapping('be')],
    ['bswap', swapping('bswap')],
  ]);
  for (const [suffix, width] of WIDTHS) {
    for (const name of Object.keys(OPERATIONS) as (keyof typeof OPERATIONS)[])
      table.set(name + suffix, arithmetic(name, width));
    table.set(`neg${suffix}`, negation(width));
    for (const [name, comparison] of Object.entries(CONDITIONS))
      table.set(name + suffix, conditional(comparison, width));
  }
  for (const bits of [16, 32, 64] as const) {
    table.set(`le${bits}`, swapping('le', bits));
    table.set(`be${bits}`, swapping('be', bits));
    table.set(`bswap${bits}`, swapping('bswap', bits));
    table.set(`swap${bits}`, swapping('bswap', bits));
  }
  for (const bits of [8, 16, 32] as const) {
    table.set(`movsx${bits}64`, signExtension(64, bits));
    if (bits < 32) table.set(`movsx${bits}32`, signExtension(32, bits));
  }
  for (const [suffix, size] of SUFFIXES) {
    table.set(`ldx${suffix}`, loading(size, false));
    table.set(`st${suffix}`, storingConstant(size));
    table.set(`stx${suffix}`, storing(size));
    table.set(`ldacq${suffix}`, acquiring(size));
    table.set(`strel${suffix}`, releasing(size));
    if (size === 8) continue;
    table.set(`ldxs${suffix}`, loading(size, true));
    table.set(`ldabs${suffix}`, packetAbsolute(size));
    table.set(`ldind${suffix}`, packetIndirect(size));
  }
  for (const [suffix, size] of [
    ['', 8],
    ['32', 4],
  ] as const) {
    for (const name of ['add', 'or', 'and', 'xor'] as const) {
      table.set(`a${name}${suffix}`, atomic(name, size));
      table.set(`af${name}${suffix}`, atomic(`fetch_${name}`, size));
    }
    table.set(`axchg${suffix}`, atomic('xchg', size));
    table.set(`acmp${suffix}`, atomic('cmpxchg', size));
  }
  return table;
};

/** Made when a text is parsed for the first time. */
const known = (): ReadonlyMap<string, Parse> => {
  table ??= mnemonics();
  return table;
};
let table: ReadonlyMap<string, Parse> | undefined;
