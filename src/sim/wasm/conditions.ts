/**
 * @module
 * Conditional jumps (RFC 9669, section 4.3) as comparisons of WebAssembly.
 */
import { BPF_JA, BPF_JMP, BPF_JMP32, classOf } from '../../asm/index.ts';
import { LOCAL, push, pushLow, type Translation } from './operands.ts';
import { WASM } from './writer.ts';

/** By the opcode of code.ts. */
// biome-ignore format: a table
const COMPARISONS: ReadonlyMap<number, number> = /* @__PURE__ */ new Map([
  [0x1d, WASM.i64Eq],  [0x5d, WASM.i64Ne],
  [0x2d, WASM.i64GtU], [0x3d, WASM.i64GeU], [0xad, WASM.i64LtU], [0xbd, WASM.i64LeU],
  [0x6d, WASM.i64GtS], [0x7d, WASM.i64GeS], [0xcd, WASM.i64LtS], [0xdd, WASM.i64LeS],
  [0x1e, WASM.i32Eq],  [0x5e, WASM.i32Ne],
  [0x2e, WASM.i32GtU], [0x3e, WASM.i32GeU], [0xae, WASM.i32LtU], [0xbe, WASM.i32LeU],
  [0x6e, WASM.i32GtS], [0x7e, WASM.i32GeS], [0xce, WASM.i32LtS], [0xde, WASM.i32LeS],
]);
/** Whether operands have bits in common. */
const SET = 0x4d;
const SET32 = 0x4e;
export const MAY_GOTO = 0xe5;
export const GOTO: number = BPF_JMP | BPF_JA;

/** Whether an instruction jumps where a condition holds, and else goes on. */
export const isConditionalJump = (opcode: number): boolean =>
  COMPARISONS.has(opcode) || opcode === SET || opcode === SET32 || opcode === MAY_GOTO;

/** Leaves the condition of a jump on the stack. */
export const writeCondition = (translation: Translation, index: number): void => {
  const { writer, code } = translation;
  const opcode = code.opcode[index]!;
  if (opcode === MAY_GOTO) {
    // One turn less, also on the last.
    writer.get(LOCAL.loops).get(LOCAL.loops).int(1).op(WASM.i32Sub).set(LOCAL.loops);
    writer.int(0).op(WASM.i32LeS);
    return;
  }
  const operand = classOf(opcode) === BPF_JMP32 ? pushLow : push;
  operand(translation, code.dst[index]!);
  operand(translation, code.src[index]!);
  if (opcode === SET) writer.op(WASM.i64And).long(0).op(WASM.i64Ne);
  else writer.op(opcode === SET32 ? WASM.i32And : COMPARISONS.get(opcode)!);
};
