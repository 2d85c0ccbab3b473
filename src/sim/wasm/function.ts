/**
 * @module
 * A function of a BPF program as one of WebAssembly: registers are locals, blocks nest, and each stretch up to the next
 * call, or load that may return, is paid for before it is executed.
 */
import { BPF_EXIT, BPF_JMP, sizeOfOpcode } from '../../asm/index.ts';
import { type MachineCode, OWN } from '../code.ts';
import { MAX_LOOPS } from '../frames.ts';
import { BIAS, FRAME_SIZE, POISON, STACK_SIZE } from '../memory.ts';
import type { Registers } from '../registers.ts';
import { execute, writeAccess } from './access.ts';
import { writeArithmetic } from './arithmetic.ts';
import { GOTO, isConditionalJump, MAY_GOTO, writeCondition } from './conditions.ts';
import { type Block, type ControlFlow, controlFlow } from './control-flow.ts';
import { isCall, isPacketLoad } from './effects.ts';
import { ASK, callOutside, FUNCTION, pushHalves } from './imports.ts';
import type { Library } from './library.ts';
import type { FunctionBody, FunctionType } from './module.ts';
import { LOCAL, LOCALS, localOf, pushLow, type Translation } from './operands.ts';
import { StackPointers } from './stack-pointers.ts';
import { writeBlocks } from './structure.ts';
import { Windows } from './windows.ts';
import { I32, I64, WASM, WasmWriter } from './writer.ts';

/** The frame, and r1 to r5; r0. */
const FUNCTION_TYPE: FunctionType = {
  parameters: [I32, I64, I64, I64, I64, I64],
  results: [I64],
};

/** The globals. */
const FUEL = 0;
const REPLACED = 1;
const FRAME_POINTER = 10;
const HIGH = 2 ** 32;
/** What r10 is in the first frame: it points behind region 1. */
const FIRST_FRAME = HIGH + BIAS + FRAME_SIZE;

export interface FunctionParts {
  readonly code: MachineCode;
  readonly registers: Registers;
  readonly library: Library;
  readonly leaders: Uint8Array;
  /** The indices in the module of the functions of the program, by where they start. */
  readonly functions: ReadonlyMap<number, number>;
}

/** The function that starts at an instruction. */
export const functionBody = (parts: FunctionParts, entry: number): FunctionBody => {
  const { code, leaders } = parts;
  const writer = new WasmWriter();
  const flow = controlFlow(code, leaders, entry);
  const windows = new Windows(writer, code, flow);
  const stack = new StackPointers();
  const straight = { ...parts, writer, stack, windows: undefined };
  const inLoop = { ...straight, windows };
  begin(writer, code, flow);
  writeBlocks(writer, flow, LOCAL.state, {
    enterLoop: (first, last) => windows.enter(first, last),
    write: (block) => {
      stack.forget();
      writeBlock(flow.isInLoop[block] ? inLoop : straight, flow.blocks[block]!);
    },
  });
  const locals = [...LOCALS, ...windows.locals];
  return { type: FUNCTION_TYPE, name: String(entry), locals, code: writer.end().bytes };
};

/** Takes over the fuel, and sets up what the function uses: its frame, its turns through may_goto. */
const begin = (
  writer: WasmWriter,
  { opcode, dst, src }: MachineCode,
  { blocks }: ControlFlow,
): void => {
  const has = (found: (index: number) => boolean): boolean =>
    blocks.some(({ start, end }) => {
      for (let index = start; index < end; index++) if (found(index)) return true;
      return false;
    });
  writer.op(WASM.globalGet).unsigned(FUEL).set(LOCAL.fuel);
  if (has((index) => dst[index] === FRAME_POINTER || src[index] === FRAME_POINTER)) {
    writer.get(LOCAL.frame).int(POISON).int(FRAME_SIZE).fill();
    writer.get(LOCAL.frame).int(STACK_SIZE).op(WASM.i32Add).int(0).int(FRAME_SIZE).fill();
    // Frames are one behind the other in the heap, and so are their regions.
    writer.get(LOCAL.frame).op(WASM.i64ExtendI32U);
    writer.long(HIGH / FRAME_SIZE).op(WASM.i64Mul);
    writer.long(FIRST_FRAME).op(WASM.i64Add).set(localOf(FRAME_POINTER));
  }
  if (has((index) => opcode[index] === MAY_GOTO)) writer.int(MAX_LOOPS).set(LOCAL.loops);
};

type FunctionTranslation = Translation & FunctionParts;

const writeBlock = (translation: FunctionTranslation, { start, end, next }: Block): void => {
  const { writer, code, registers, stack } = translation;
  for (let index = start; index < end; index++) {
    if (index === start || endsStretch(code.opcode[index - 1]!)) pay(translation, index, end);
    writeInstruction(translation, index);
    stack.follow(code, index, registers);
  }
  // A jump to where it goes on anyway.
  const last = code.opcode[end - 1];
  if (last !== undefined && isConditionalJump(last) && next.length === 1) writer.op(WASM.drop);
};

/** What may not come back: what is behind it is paid for when it has. */
const endsStretch = (opcode: number): boolean => isCall(opcode) || isPacketLoad(opcode);

/**
 * Pays for a stretch, up to the end of the block. Where that is too much the run ends before the stretch, of which the
 * interpreter would still execute a part.
 */
const pay = ({ writer, code }: Translation, start: number, blockEnd: number): void => {
  let end = start + 1;
  while (end < blockEnd && !endsStretch(code.opcode[end - 1]!)) end++;
  const cost = end - start;
  writer.get(LOCAL.fuel).long(cost).op(WASM.i64Sub).tee(LOCAL.fuel);
  writer.long(0).op(WASM.i64LtS).open(WASM.if);
  // What is missing is as many instructions as the interpreter would leave of these.
  writer.get(LOCAL.fuel).op(WASM.i32WrapI64).int(end).op(WASM.i32Add);
  writer.call(FUNCTION.exhausted).op(WASM.unreachable).end();
};

const writeInstruction = (translation: FunctionTranslation, index: number): void => {
  const { writer, code } = translation;
  const opcode = code.opcode[index];
  if (opcode === undefined) {
    // Behind the last instruction.
    writer.int(index).long(0).long(0).long(0).call(FUNCTION.execute).op(WASM.unreachable);
  } else if (opcode === GOTO) return;
  else if (isConditionalJump(opcode)) writeCondition(translation, index);
  else if (opcode === (BPF_JMP | BPF_EXIT)) leave(writer);
  else if (opcode === OWN.callFunction) callFunction(translation, index);
  else if (isCall(opcode)) callHelper(translation, index);
  else if (isPacketLoad(opcode)) loadPacket(translation, index);
  else if (!writeArithmetic(translation, index) && !writeAccess(translation, index))
    execute(translation, index).set(localOf(code.dst[index]!));
};

/** Returns r0. */
const leave = (writer: WasmWriter): void => {
  giveFuel(writer);
  writer.get(LOCAL.r0).op(WASM.return);
};

const giveFuel = (writer: WasmWriter): WasmWriter =>
  writer.get(LOCAL.fuel).op(WASM.globalSet).unsigned(FUEL);

/** After a call. */
const comeBack = ({ writer, windows }: Translation): void => {
  writer.set(LOCAL.r0).op(WASM.globalGet).unsigned(FUEL).set(LOCAL.fuel);
  windows?.comeBack();
};

const callFunction = (translation: FunctionTranslation, index: number): void => {
  const { writer, code, functions } = translation;
  const last = STACK_SIZE - FRAME_SIZE;
  writer.get(LOCAL.frame).int(last).op(WASM.i32Eq).open(WASM.if);
  writer.int(index).call(FUNCTION.tooDeep).op(WASM.unreachable).end();
  giveFuel(writer);
  writer.get(LOCAL.frame).int(FRAME_SIZE).op(WASM.i32Add);
  for (let register = 1; register <= 5; register++) writer.get(localOf(register));
  writer.call(functions.get(code.offset[index]!)!);
  comeBack(translation);
};

const callHelper = (translation: Translation, index: number): void => {
  const { writer } = translation;
  giveFuel(writer);
  writer.int(ASK.call).int(index).get(LOCAL.frame);
  for (let register = 1; register <= 5; register++) pushHalves(writer, localOf(register));
  callOutside(writer);
  comeBack(translation);
  // A tail call has given the result of another program.
  writer.op(WASM.globalGet).unsigned(REPLACED).op(WASM.i32WrapI64).open(WASM.if);
  writer.long(0).op(WASM.globalSet).unsigned(REPLACED);
  leave(writer);
  writer.end();
};

/** `r0 = skb[offset]`; a packet that is too short ends the function with 0. */
const loadPacket = (translation: Translation, index: number): void => {
  const { writer, code } = translation;
  const opcode = code.opcode[index]!;
  const indirect = opcode >= 0x40;
  writer.int(index).int(code.imm[index]!);
  if (indirect) pushLow(translation, code.src[index]!).op(WASM.i32Add);
  writer.int(sizeOfOpcode(opcode)).call(FUNCTION.packet).tee(LOCAL.r0);
  writer.long(0).op(WASM.i64LtS).open(WASM.if);
  writer.long(0).set(LOCAL.r0);
  leave(writer);
  writer.end();
};
