/**
 * @module
 * Every form of every constructor, beside its text in the dialects of two assemblers that know nothing of ours. The
 * bytes that they make of the text are in test/golden/asm; golden.test.ts compares.
 *
 * The texts are written from the manuals of the dialects, not with our printer.
 */
import type * as asm from '../../src/asm/index.ts';
import {
  type Alu,
  type Atomic,
  add,
  addrSpaceCast,
  and,
  arsh,
  atomicAdd,
  atomicAnd,
  atomicOr,
  atomicXor,
  be,
  bswap,
  type Code,
  call,
  cmpxchg,
  div,
  exit,
  fetchAdd,
  fetchAnd,
  fetchOr,
  fetchXor,
  helper,
  type Jump,
  ja,
  jal,
  jeq,
  jge,
  jgt,
  jle,
  jlt,
  jne,
  jset,
  jsge,
  jsgt,
  jsle,
  jslt,
  label,
  ldAbs,
  lddw,
  ldInd,
  le,
  lea,
  load,
  loadSigned,
  loop,
  lsh,
  mayGoto,
  mod,
  mov,
  movsx,
  mul,
  neg,
  or,
  type R,
  r0,
  r1,
  r2,
  r3,
  r6,
  r7,
  r8,
  r9,
  r10,
  r11,
  rsh,
  sdiv,
  smod,
  stack,
  store,
  sub,
  times,
  type W,
  w0,
  w1,
  w2,
  w3,
  w4,
  w7,
  w9,
  when,
  xchg,
  xor,
} from '../../src/asm/index.ts';
import {
  bitfield,
  bool,
  char,
  enumeration,
  i8,
  i16,
  i32,
  i64,
  pointer,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../../src/layout/index.ts';

export interface Form {
  /** The constructor that this is a form of. */
  readonly of: keyof typeof asm;
  readonly build: () => Code;
  /** LLVM's dialect, a line for each instruction; left out where llvm-mc 19 does not know it. */
  readonly llvm?: string;
  /** The normal dialect of binutils; left out where version 2.40 does not know it. */
  readonly gas?: string;
  /** How choices are decided; true when left out. */
  readonly choose?: boolean;
}

export const forms: Form[] = [];
const form = (of: Form['of'], build: () => Code, llvm?: string, gas?: string, choose?: boolean) =>
  forms.push({
    of,
    build,
    ...(llvm && { llvm }),
    ...(gas && { gas }),
    ...(choose === false && { choose }),
  });

const signed = (offset: number) => (offset < 0 ? `- ${-offset}` : `+ ${offset}`);
/** A register as GNU as has it, which has the width in the mnemonic. */
const gasName = ({ index }: R | W) => (index === 10 ? '%fp' : `%r${index}`);
const llvmName = ({ index, width }: R | W) => `${width === 64 ? 'r' : 'w'}${index}`;

// ----------
// Arithmetic
// ----------

const ALU: readonly [Form['of'], Alu, string, gas?: string][] = [
  ['add', add, '+=', 'add'],
  ['sub', sub, '-=', 'sub'],
  ['mul', mul, '*=', 'mul'],
  ['div', div, '/=', 'div'],
  ['sdiv', sdiv, 's/='],
  ['mod', mod, '%=', 'mod'],
  ['smod', smod, 's%='],
  ['or', or, '|=', 'or'],
  ['and', and, '&=', 'and'],
  ['xor', xor, '^=', 'xor'],
  ['lsh', lsh, '<<=', 'lsh'],
  ['rsh', rsh, '>>=', 'rsh'],
  ['arsh', arsh, 's>>=', 'arsh'],
  ['mov', mov, '=', 'mov'],
];
const isShift = (of: string) => ['lsh', 'rsh', 'arsh'].includes(of);

const aluRegister = (of: Form['of'], alu: Alu, d: R, s: R, text: string, gas?: string) =>
  form(
    of,
    () => alu(d, s),
    `${llvmName(d)} ${text} ${llvmName(s)}`,
    gas && `${gas} ${gasName(d)},${gasName(s)}`,
  );
const aluRegister32 = (of: Form['of'], alu: Alu, d: W, s: W, text: string, gas?: string) =>
  form(
    of,
    () => alu(d, s),
    `${llvmName(d)} ${text} ${llvmName(s)}`,
    gas && `${gas}32 ${gasName(d)},${gasName(s)}`,
  );

for (const [of, alu, text, gas] of ALU) {
  for (const [d, s] of [
    [r1, r2],
    [r0, r9],
    [r9, r0],
    [r7, r7],
    [r3, r10],
  ] as const)
    aluRegister(of, alu, d, s, text, gas);
  for (const [d, s] of [
    [w1, w2],
    [w0, w9],
    [w9, w0],
    [w7, w7],
  ] as const)
    aluRegister32(of, alu, d, s, text, gas);
  const signedOnly = of === 'sdiv' || of === 'smod';
  const immediates64 = isShift(of) ? [0, 1, 32, 63] : [1, 7, -1, -128, 0x7fff_ffff, -0x8000_0000];
  const immediates32 = isShift(of) ? [0, 1, 16, 31] : [1, 7, -1, -128, 0x7fff_ffff, -0x8000_0000];
  for (const imm of immediates64) {
    form(
      of,
      () => alu(r4(imm), imm),
      `${llvmName(r4(imm))} ${text} ${imm}`,
      gas && `${gas} ${gasName(r4(imm))},${imm}`,
    );
  }
  for (const imm of immediates32)
    form(of, () => alu(w4, imm), `w4 ${text} ${imm}`, gas && `${gas}32 %r4,${imm}`);
  if (!isShift(of) && !signedOnly) {
    // 32-bit operations take all 32 bits as they come.
    form(of, () => alu(w3, 0xffff_ffff), `w3 ${text} -1`, gas && `${gas}32 %r3,-1`);
    form(
      of,
      () => alu(w3, 0x8000_0000n),
      `w3 ${text} -2147483648`,
      gas && `${gas}32 %r3,-2147483648`,
    );
  }
}
/** One register or another, so that both nibbles are seen. */
function r4(imm: number): R {
  return imm < 0 ? r8 : r1;
}
form('mov', () => mov(r1, 0), 'r1 = 0', 'mov %r1,0');
form('mov', () => mov(w1, 0), 'w1 = 0', 'mov32 %r1,0');
form('mov', () => mov(r1, 0xffff_ffff), 'r1 = 4294967295 ll', 'lddw %r1,4294967295');
form('mov', () => mov(r1, -0x8000_0001), 'r1 = -2147483649 ll', 'lddw %r1,-2147483649');
form('mov', () => mov(r9, 0x8000_0000), 'r9 = 2147483648 ll', 'lddw %r9,2147483648');
form('mov', () => mov(r1, 0xffff_ffff_ffff_fffen), 'r1 = -2 ll', 'lddw %r1,-2');
form(
  'mov',
  () => mov(r1, -(2n ** 63n)),
  'r1 = 0x8000000000000000 ll',
  'lddw %r1,0x8000000000000000',
);
form(
  'lddw',
  () => lddw(r1, 0x1122_3344_5566_7788n),
  'r1 = 0x1122334455667788 ll',
  'lddw %r1,0x1122334455667788',
);
form('lddw', () => lddw(r9, 5), 'r9 = 5 ll', 'lddw %r9,5');
form('lddw', () => lddw(r0, -1), 'r0 = -1 ll', 'lddw %r0,-1');
form('lddw', () => lddw(r3, 2n ** 64n - 1n), 'r3 = -1 ll', 'lddw %r3,-1');
for (const d of [r0, r1, r9])
  form('neg', () => neg(d), `r${d.index} = -r${d.index}`, `neg %r${d.index}`);
for (const d of [w0, w1, w9])
  form('neg', () => neg(d), `w${d.index} = -w${d.index}`, `neg32 %r${d.index}`);
for (const bits of [8, 16, 32] as const) {
  form('movsx', () => movsx(r1, r2, bits), `r1 = (s${bits})r2`);
  form('movsx', () => movsx(r9, r9, bits), `r9 = (s${bits})r9`);
}
for (const bits of [8, 16] as const) {
  form('movsx', () => movsx(w1, w2, bits), `w1 = (s${bits})w2`);
  form('movsx', () => movsx(w9, w0, bits), `w9 = (s${bits})w0`);
}
for (const bits of [16, 32, 64] as const) {
  for (const d of [r1, r9]) {
    const n = d.index;
    form('le', () => le(d, bits), `r${n} = le${bits} r${n}`, `endle %r${n},${bits}`);
    form('be', () => be(d, bits), `r${n} = be${bits} r${n}`, `endbe %r${n},${bits}`);
    form('bswap', () => bswap(d, bits), `r${n} = bswap${bits} r${n}`);
  }
}
form('addrSpaceCast', () => addrSpaceCast(r1, r2, 1, 0), 'r1 = addr_space_cast(r2, 1, 0)');
form('addrSpaceCast', () => addrSpaceCast(r9, r0, 0, 1), 'r9 = addr_space_cast(r0, 0, 1)');
form('addrSpaceCast', () => addrSpaceCast(r1, r2, 65535, 7), 'r1 = addr_space_cast(r2, 65535, 7)');

// ----------
// Jumps
// ----------

const JUMPS: readonly [Form['of'], Jump, string][] = [
  ['jeq', jeq, '=='],
  ['jne', jne, '!='],
  ['jgt', jgt, '>'],
  ['jge', jge, '>='],
  ['jlt', jlt, '<'],
  ['jle', jle, '<='],
  ['jsgt', jsgt, 's>'],
  ['jsge', jsge, 's>='],
  ['jslt', jslt, 's<'],
  ['jsle', jsle, 's<='],
  ['jset', jset, '&'],
];
/** Two instructions further, and two back. */
const forward = (jump: (to: asm.Label) => Code) => () => {
  const out = label('out');
  return [jump(out), mov(r0, 1), mov(r0, 2), out, exit()];
};
const backward = (jump: (to: asm.Label) => Code) => () => {
  const top = label('top');
  return [top, mov(r0, 1), jump(top), exit()];
};
/** Nothing comes after a jump without a condition. */
const endless = (jump: (to: asm.Label) => Code) => () => {
  const top = label('top');
  return [top, mov(r0, 1), jump(top)];
};
const around = (
  of: Form['of'],
  jump: (to: asm.Label) => Code,
  llvm: (pc: string) => string,
  gas?: (pc: string) => string,
) => {
  form(
    of,
    forward(jump),
    `${llvm('+2')}\nr0 = 1\nr0 = 2\nexit`,
    gas && `${gas('2')}\nmov %r0,1\nmov %r0,2\nexit`,
  );
  form(of, backward(jump), `r0 = 1\n${llvm('-2')}\nexit`, gas && `mov %r0,1\n${gas('-2')}\nexit`);
};
for (const [of, jump, text] of JUMPS) {
  for (const [d, s] of [
    [r1, r2],
    [r9, r0],
    [r10, r10],
  ] as const) {
    around(
      of,
      (to) => jump(d, s, to),
      (pc) => `if r${d.index} ${text} r${s.index} goto ${pc}`,
      (pc) => `${of} ${gasName(d)},${gasName(s)},${pc}`,
    );
  }
  for (const [d, s] of [
    [w1, w2],
    [w9, w0],
  ] as const) {
    around(
      of,
      (to) => jump(d, s, to),
      (pc) => `if w${d.index} ${text} w${s.index} goto ${pc}`,
      (pc) => `${of}32 ${gasName(d)},${gasName(s)},${pc}`,
    );
  }
  for (const imm of [0, 5, -1, 0x7fff_ffff, -0x8000_0000]) {
    around(
      of,
      (to) => jump(r1, imm, to),
      (pc) => `if r1 ${text} ${imm} goto ${pc}`,
      (pc) => `${of} %r1,${imm},${pc}`,
    );
    around(
      of,
      (to) => jump(w9, imm, to),
      (pc) => `if w9 ${text} ${imm} goto ${pc}`,
      (pc) => `${of}32 %r9,${imm},${pc}`,
    );
  }
  if (!text.startsWith('s')) {
    around(
      of,
      (to) => jump(w1, 0xffff_fffe, to),
      (pc) => `if w1 ${text} -2 goto ${pc}`,
      (pc) => `${of}32 %r1,-2,${pc}`,
    );
  }
}
form('ja', endless(ja), 'r0 = 1\ngoto -2', 'mov %r0,1\nja -2');
form('jal', endless(jal), 'r0 = 1\ngotol -2');
const over = (jump: (to: asm.Label) => Code) => () => {
  const [other, out] = [label('other'), label('out')];
  return [jeq(r1, 0, other), jump(out), other, mov(r0, 1), out, exit()];
};
form(
  'ja',
  over(ja),
  'if r1 == 0 goto +1\ngoto +1\nr0 = 1\nexit',
  'jeq %r1,0,1\nja 1\nmov %r0,1\nexit',
);
form('jal', over(jal), 'if r1 == 0 goto +1\ngotol +1\nr0 = 1\nexit');
around('mayGoto', mayGoto, (pc) => `may_goto ${pc}`);
form('exit', () => exit(), 'exit', 'exit');

// ----------
// Calls and addresses
// ----------

form('call', () => call(helper.get_current_pid_tgid), 'call 14', 'call 14');
form('call', () => call(helper.cgrp_storage_delete, r1, r2), 'call 211', 'call 211');
form(
  'call',
  () => call(helper.get_current_comm, r6, 16),
  'r1 = r6\nr2 = 16\ncall 16',
  'mov %r1,%r6\nmov %r2,16\ncall 16',
);
form(
  'call',
  () => call(helper.redirect, w7, 2n ** 32n),
  'w1 = w7\nr2 = 4294967296 ll\ncall 23',
  'mov32 %r1,%r7\nlddw %r2,4294967296\ncall 23',
);
form(
  'call',
  () => call(helper.get_current_comm, u64.at(r6, 24), w9),
  'r1 = r6\nr1 += 24\nw2 = w9\ncall 16',
  'mov %r1,%r6\nadd %r1,24\nmov32 %r2,%r9\ncall 16',
);
form(
  'call',
  () => call(helper.get_current_comm, stack(u64), 8),
  'r1 = r10\nr1 += -8\nr2 = 8\ncall 16',
  'mov %r1,%fp\nadd %r1,-8\nmov %r2,8\ncall 16',
);
form('lea', () => lea(r6, stack(u32)), 'r6 = r10\nr6 += -8', 'mov %r6,%fp\nadd %r6,-8');
form('lea', () => lea(r6, u64.at(r6, 8)), 'r6 += 8', 'add %r6,8');
form('lea', () => lea(r9, u64.at(r1, -8)), 'r9 = r1\nr9 += -8', 'mov %r9,%r1\nadd %r9,-8');

// ----------
// Memory
// ----------

const SMALL = [
  [u8, 'u8', 'b'],
  [u16, 'u16', 'h'],
  [u32, 'u32', 'w'],
  [i8, 'u8', 'b'],
  [i16, 'u16', 'h'],
  [i32, 'u32', 'w'],
  [bool, 'u8', 'b'],
  [char, 'u8', 'b'],
  [enumeration('colour', { RED: 1 }), 'u32', 'w'],
] as const;
const LARGE = [
  [u64, 'u64', 'dw'],
  [i64, 'u64', 'dw'],
  [u64.number, 'u64', 'dw'],
] as const;
const OFFSETS = [0, 4, -8, 32767, -32768];
const gasAt = (base: R, offset: number) => `[${gasName(base)}+${offset}]`;

for (const offset of OFFSETS) {
  for (const [layout, type, suffix] of SMALL) {
    form(
      'load',
      () => load(w1, layout.at(r2, offset)),
      `w1 = *(${type} *)(r2 ${signed(offset)})`,
      `ldx${suffix} %r1,${gasAt(r2, offset)}`,
    );
    form(
      'store',
      () => store(layout.at(r9, offset), w2),
      `*(${type} *)(r9 ${signed(offset)}) = w2`,
      `stx${suffix} ${gasAt(r9, offset)},%r2`,
    );
    form(
      'store',
      () => store(layout.at(r1, offset), 5),
      `*(${type} *)(r1 ${signed(offset)}) = 5`,
      `st${suffix} ${gasAt(r1, offset)},5`,
    );
  }
  for (const [layout, type, suffix] of LARGE) {
    form(
      'load',
      () => load(r9, layout.at(r0, offset)),
      `r9 = *(${type} *)(r0 ${signed(offset)})`,
      `ldx${suffix} %r9,${gasAt(r0, offset)}`,
    );
    form(
      'store',
      () => store(layout.at(r1, offset), r10),
      `*(${type} *)(r1 ${signed(offset)}) = r10`,
      `stx${suffix} ${gasAt(r1, offset)},%fp`,
    );
    form(
      'store',
      () => store(layout.at(r1, offset), -5),
      `*(${type} *)(r1 ${signed(offset)}) = -5`,
      `st${suffix} ${gasAt(r1, offset)},-5`,
    );
  }
  for (const [layout, type, suffix, bits] of [
    [i8, 's8', 'b', 56],
    [i16, 's16', 'h', 48],
    [i32, 's32', 'w', 32],
  ] as const) {
    form(
      'loadSigned',
      () => loadSigned(r1, layout.at(r2, offset)),
      `r1 = *(${type} *)(r2 ${signed(offset)})`,
    );
    form(
      'loadSigned',
      () => loadSigned(r1, layout.at(r2, offset)),
      `r1 = *(u${type.slice(1)} *)(r2 ${signed(offset)})\nr1 <<= ${bits}\nr1 s>>= ${bits}`,
      `ldx${suffix} %r1,${gasAt(r2, offset)}\nlsh %r1,${bits}\narsh %r1,${bits}`,
      false,
    );
  }
}
form('store', () => store(u8.at(r1), 255), '*(u8 *)(r1 + 0) = 255', 'stb [%r1+0],255');
form('store', () => store(i8.at(r1), -128), '*(u8 *)(r1 + 0) = -128', 'stb [%r1+0],-128');
form('store', () => store(u16.at(r1), 65535), '*(u16 *)(r1 + 0) = 65535', 'sth [%r1+0],65535');
form('store', () => store(u32.at(r1), 0xffff_ffff), '*(u32 *)(r1 + 0) = -1', 'stw [%r1+0],-1');
form(
  'store',
  () => store(u64.at(r1), 0x7fff_ffffn),
  '*(u64 *)(r1 + 0) = 2147483647',
  'stdw [%r1+0],2147483647',
);
const Packed = struct('packed', {
  a: bitfield(u32, 3),
  b: bitfield(i32, 7),
  c: u8,
  d: bitfield(u64, 40),
  p: pointer(),
  s: i16,
});
form('load', () => load(r1, Packed.at(r2).p), 'r1 = *(u64 *)(r2 + 8)', 'ldxdw %r1,[%r2+8]');
form('load', () => load(w1, Packed.at(r2, 8).s), 'w1 = *(u16 *)(r2 + 24)', 'ldxh %r1,[%r2+24]');
form(
  'load',
  () => load(w1, Packed.at(r2).a),
  'r1 = *(u32 *)(r2 + 0)\nr1 <<= 61\nr1 >>= 61',
  'ldxw %r1,[%r2+0]\nlsh %r1,61\nrsh %r1,61',
);
form(
  'load',
  () => load(w1, Packed.at(r2).b),
  'r1 = *(u32 *)(r2 + 0)\nr1 <<= 54\nr1 s>>= 57\nw1 = w1',
  'ldxw %r1,[%r2+0]\nlsh %r1,54\narsh %r1,57\nmov32 %r1,%r1',
);
form(
  'load',
  () => load(r1, Packed.at(r2).d),
  'r1 = *(u64 *)(r2 + 0)\nr1 <<= 0\nr1 >>= 24',
  'ldxdw %r1,[%r2+0]\nlsh %r1,0\nrsh %r1,24',
);
form('load', () => load(r1, u64.at(r11, 8)), 'r1 = *(u64 *)(r11 + 8)');
form('store', () => store(u64.at(r11, -8), r1), '*(u64 *)(r11 - 8) = r1');
for (const [layout, type, suffix] of [
  [u8, 'u8', 'b'],
  [u16, 'u16', 'h'],
  [u32, 'u32', 'w'],
] as const) {
  for (const offset of [0, 12, -4096]) {
    form(
      'ldAbs',
      () => ldAbs(layout, offset),
      `r0 = *(${type} *)skb[${offset}]`,
      `ldabs${suffix} ${offset}`,
    );
    // LLVM has no offset here.
    form(
      'ldInd',
      () => ldInd(layout, r2, offset),
      offset === 0 ? `r0 = *(${type} *)skb[r2]` : undefined,
      `ldind${suffix} %r2,${offset}`,
    );
  }
}

// ----------
// Atomics
// ----------

const LOCKED: readonly [Form['of'], Atomic, string][] = [
  ['atomicAdd', atomicAdd, '+='],
  ['atomicOr', atomicOr, '|='],
  ['atomicAnd', atomicAnd, '&='],
  ['atomicXor', atomicXor, '^='],
];
const FETCHING: readonly [Form['of'], Atomic, string][] = [
  ['fetchAdd', fetchAdd, 'add'],
  ['fetchOr', fetchOr, 'or'],
  ['fetchAnd', fetchAnd, 'and'],
  ['fetchXor', fetchXor, 'xor'],
];
for (const offset of OFFSETS) {
  const place = `(r1 ${signed(offset)})`;
  for (const [of, atomic, text] of LOCKED) {
    const xadd = of === 'atomicAdd';
    form(
      of,
      () => atomic(u64.at(r1, offset), r9),
      `lock *(u64 *)${place} ${text} r9`,
      xadd ? `xadddw ${gasAt(r1, offset)},%r9` : undefined,
    );
    form(
      of,
      () => atomic(i32.at(r1, offset), w0),
      `lock *(u32 *)${place} ${text} w0`,
      xadd ? `xaddw ${gasAt(r1, offset)},%r0` : undefined,
    );
  }
  for (const [of, atomic, text] of FETCHING) {
    form(
      of,
      () => atomic(i64.at(r1, offset), r9),
      `r9 = atomic_fetch_${text}((u64 *)${place}, r9)`,
    );
    form(
      of,
      () => atomic(u32.at(r1, offset), w0),
      `w0 = atomic_fetch_${text}((u32 *)${place}, w0)`,
    );
  }
  form(
    'xchg',
    () => xchg(u64.at(r1, offset), r9),
    `r9 = xchg_64${place.replace('(', '(')}`.replace(')', ', r9)'),
  );
  form('xchg', () => xchg(u32.at(r1, offset), w0), `w0 = xchg32_32${place}`.replace(')', ', w0)'));
  form(
    'cmpxchg',
    () => cmpxchg(u64.at(r1, offset), r9),
    `r0 = cmpxchg_64${place}`.replace(')', ', r0, r9)'),
  );
  form(
    'cmpxchg',
    () => cmpxchg(u32.at(r1, offset), w2),
    `w0 = cmpxchg32_32${place}`.replace(')', ', w0, w2)'),
  );
}

// ----------
// Structure
// ----------

form(
  'when',
  () => [when(r1, '==', 5, [mov(r0, 1)]), exit()],
  'if r1 != 5 goto +1\nr0 = 1\nexit',
  'jne %r1,5,1\nmov %r0,1\nexit',
);
form(
  'when',
  () => [when(w1, 's<', w2, [mov(r0, 1)], [mov(r0, 2)]), exit()],
  'if w1 s>= w2 goto +2\nr0 = 1\ngoto +1\nr0 = 2\nexit',
  'jsge32 %r1,%r2,2\nmov %r0,1\nja 1\nmov %r0,2\nexit',
);
form(
  'when',
  () => [when(r1, '&', 8, [mov(r0, 1)]), exit()],
  'if r1 & 8 goto +1\ngoto +1\nr0 = 1\nexit',
  'jset %r1,8,1\nja 1\nmov %r0,1\nexit',
);
form(
  'when',
  () => [when(r1, '>', 8, [mov(r0, 1), exit()], [mov(r0, 2)]), exit()],
  'if r1 <= 8 goto +2\nr0 = 1\nexit\nr0 = 2\nexit',
  'jle %r1,8,2\nmov %r0,1\nexit\nmov %r0,2\nexit',
);
form(
  'times',
  () => [times(r6, 10, [add(r0, r6)]), exit()],
  'r6 = 0\nr0 += r6\nr6 += 1\nif r6 < 10 goto -3\nexit',
  'mov %r6,0\nadd %r0,%r6\nadd %r6,1\njlt %r6,10,-3\nexit',
);
form(
  'times',
  () => [times(w7, w1, [add(r0, r6)]), exit()],
  'w7 = 0\nif w7 >= w1 goto +3\nr0 += r6\nw7 += 1\nif w7 < w1 goto -3\nexit',
  'mov32 %r7,0\njge32 %r7,%r1,3\nadd %r0,%r6\nadd32 %r7,1\njlt32 %r7,%r1,-3\nexit',
);
form(
  'loop',
  () => {
    const out = label('out');
    return [loop([add(r1, 1), jgt(r1, 9, out)]), out, exit()];
  },
  'may_goto +3\nr1 += 1\nif r1 > 9 goto +1\ngoto -4\nexit',
);
