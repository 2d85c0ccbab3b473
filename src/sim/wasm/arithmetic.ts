/**
 * @module
 * Arithmetic (RFC 9669, section 4.1) in WebAssembly. Shifts take as many bits of their distance there as here; divisions
 * trap there, where here they give 0 or leave things as they are.
 */
import { localOf, popLow, push, pushLow, type Translation } from './operands.ts';
import { I32, I64, WASM, type WasmWriter } from './writer.ts';

/** Operations that are one instruction, by the opcode of code.ts. */
// biome-ignore format: a table
const PLAIN: ReadonlyMap<number, number> = /* @__PURE__ */ new Map([
  [0x0f, WASM.i64Add], [0x1f, WASM.i64Sub], [0x2f, WASM.i64Mul], [0x4f, WASM.i64Or], [0x5f, WASM.i64And],
  [0x6f, WASM.i64Shl], [0x7f, WASM.i64ShrU], [0xaf, WASM.i64Xor], [0xcf, WASM.i64ShrS],
]);
// biome-ignore format: a table
const PLAIN32: ReadonlyMap<number, number> = /* @__PURE__ */ new Map([
  [0x0c, WASM.i32Add], [0x1c, WASM.i32Sub], [0x2c, WASM.i32Mul], [0x4c, WASM.i32Or], [0x5c, WASM.i32And],
  [0x6c, WASM.i32Shl], [0x7c, WASM.i32ShrU], [0xac, WASM.i32Xor], [0xcc, WASM.i32ShrS],
]);
const EXTEND: Readonly<Record<number, number>> = {
  8: WASM.i64Extend8S,
  16: WASM.i64Extend16S,
  32: WASM.i64Extend32S,
};
const EXTEND32: Readonly<Record<number, number>> = { 8: WASM.i32Extend8S, 16: WASM.i32Extend16S };

/** Writes an instruction; false where it is no arithmetic. */
export const writeArithmetic = (translation: Translation, index: number): boolean => {
  const { writer, code } = translation;
  const opcode = code.opcode[index]!;
  const d = code.dst[index]!;
  const s = code.src[index]!;
  const imm = code.imm[index]!;
  const plain = PLAIN.get(opcode);
  const plain32 = PLAIN32.get(opcode);
  if (plain !== undefined) {
    push(translation, d);
    push(translation, s).op(plain).set(localOf(d));
    return true;
  }
  if (plain32 !== undefined) {
    pushLow(translation, d);
    pushLow(translation, s).op(plain32);
    popLow(translation, d);
    return true;
  }
  // biome-ignore format: a table
  switch (opcode) {
    case 0xbf: push(translation, s).set(localOf(d)); return true;
    case 0xbc: pushLow(translation, s); popLow(translation, d); return true;
    case 0x87: negate(translation, d, LONG); LONG.pop(translation, d); return true;
    case 0x84: negate(translation, d, INT); INT.pop(translation, d); return true;
    case 0x3f: divide(translation, d, s, LONG); return true;
    case 0x3c: divide(translation, d, s, INT); return true;
    case 0xa8: divideSigned(translation, d, s, LONG); return true;
    case 0xb8: divideSigned(translation, d, s, INT); return true;
    case 0x9f: modulo(translation, d, s, LONG, LONG.modulo); return true;
    case 0x9c: modulo(translation, d, s, INT, INT.modulo); return true;
    case 0xb0: modulo(translation, d, s, LONG, LONG.moduloSigned); return true;
    case 0xc0: modulo(translation, d, s, INT, INT.moduloSigned); return true;
    case 0xc8: return extend(translation, d, s, EXTEND[imm], LONG);
    case 0xd0: return extend(translation, d, s, EXTEND32[imm], INT);
    case 0xd4: truncate(writer, localOf(d), imm); return true;
    case 0xd7:
    case 0xdc: swap(writer, localOf(d), imm); return true;
    default: return false;
  }
};

/** What differs between the widths of an operation. */
const LONG = {
  type: I64,
  push,
  pop: ({ writer }: Translation, register: number) => writer.set(localOf(register)),
  constant: (writer: WasmWriter, value: number) => writer.long(value),
  isZero: WASM.i64Eqz,
  equal: WASM.i64Eq,
  subtract: WASM.i64Sub,
  divide: WASM.i64DivU,
  divideSigned: WASM.i64DivS,
  modulo: WASM.i64RemU,
  moduloSigned: WASM.i64RemS,
} as const;
const INT = {
  type: I32,
  push: pushLow,
  pop: popLow,
  constant: (writer: WasmWriter, value: number) => writer.int(value),
  isZero: WASM.i32Eqz,
  equal: WASM.i32Eq,
  subtract: WASM.i32Sub,
  divide: WASM.i32DivU,
  divideSigned: WASM.i32DivS,
  modulo: WASM.i32RemU,
  moduloSigned: WASM.i32RemS,
} as const;
type Width = typeof LONG | typeof INT;

const negate = (translation: Translation, d: number, width: Width): WasmWriter => {
  width.constant(translation.writer, 0);
  return width.push(translation, d).op(width.subtract);
};

/** 0 when s is 0 */
const divide = (translation: Translation, d: number, s: number, width: Width): void => {
  const { writer } = translation;
  width.push(translation, s).op(width.isZero).open(WASM.if, width.type);
  width.constant(writer, 0).op(WASM.else);
  width.push(translation, d);
  width.push(translation, s).op(width.divide).end();
  width.pop(translation, d);
};

/** 0 when s is 0; the least number by -1 is itself */
const divideSigned = (translation: Translation, d: number, s: number, width: Width): void => {
  const { writer } = translation;
  width.push(translation, s).op(width.isZero).open(WASM.if, width.type);
  width.constant(writer, 0).op(WASM.else);
  width.push(translation, s);
  width.constant(writer, -1).op(width.equal).open(WASM.if, width.type);
  negate(translation, d, width).op(WASM.else);
  width.push(translation, d);
  width.push(translation, s).op(width.divideSigned).end().end();
  width.pop(translation, d);
};

/** d when s is 0 */
const modulo = (
  translation: Translation,
  d: number,
  s: number,
  width: Width,
  opcode: number,
): void => {
  width.push(translation, s).op(width.isZero).open(WASM.if, width.type);
  width.push(translation, d).op(WASM.else);
  width.push(translation, d);
  width.push(translation, s).op(opcode).end();
  width.pop(translation, d);
};

/** d becomes s, of which the lowest bits are a signed number; false where they are too many. */
const extend = (
  translation: Translation,
  d: number,
  s: number,
  opcode: number | undefined,
  width: Width,
): boolean => {
  if (opcode === undefined) return false;
  width.push(translation, s).op(opcode);
  width.pop(translation, d);
  return true;
};

/** The lowest `bits`, and zeros above. */
const truncate = (writer: WasmWriter, local: number, bits: number): void => {
  if (bits === 64) return;
  const mask = bits === 16 ? 0xffff : 0xffff_ffff;
  writer.get(local).long(mask).op(WASM.i64And).set(local);
};

/** The bytes in the other order: those of all 64 bits, of which the highest are then the lowest that were asked for. */
const swap = (writer: WasmWriter, local: number, bits: number): void => {
  exchange(writer, local, 8, 0x00ff_00ff);
  exchange(writer, local, 16, 0x0000_ffff);
  writer.get(local).long(32).op(WASM.i64Rotl);
  if (bits < 64) writer.long(64 - bits).op(WASM.i64ShrU);
  writer.set(local);
};

/** Exchanges neighbours of so many bits; `mask` has each lower one, twice. */
const exchange = (writer: WasmWriter, local: number, bits: number, mask: number): void => {
  writer.get(local).long(bits).op(WASM.i64ShrU).halves(mask, mask).op(WASM.i64And);
  writer.get(local).halves(mask, mask).op(WASM.i64And).long(bits).op(WASM.i64Shl);
  writer.op(WASM.i64Or).set(local);
};
