/**
 * @module
 * What the functions of a WebAssembly module call outside: the machine, through engine.ts. It is one function for all,
 * in a table.
 *
 * V8 compiles a wrapper for each type of JavaScript function that a module imports, which takes longer than all the rest
 * of a small module. So one module imports the function, once in a process, and exports one that calls it; and that is
 * what the others find in their table.
 */
import { type FunctionBody, type FunctionType, moduleBytes } from './module.ts';
import { I32, I64, WASM, WasmWriter } from './writer.ts';

/** What is to be done for an instruction, and numbers for that. Those of 64 bits come as halves, the lower one first. */
export type Outside = (what: number, index: number, frame: number, ...numbers: number[]) => bigint;

const HALVES = [I32, I32] as const;

/** Its type, the first of each module: room for r1 to r5. */
export const OUTSIDE: FunctionType = {
  parameters: [I32, I32, I32, ...HALVES, ...HALVES, ...HALVES, ...HALVES, ...HALVES],
  results: [I64],
};

/** The module that imports `outside`, and exports it. */
export const bridge = (): Uint8Array<ArrayBuffer> => {
  const writer = new WasmWriter();
  OUTSIDE.parameters.forEach((_, local) => {
    writer.get(local);
  });
  const code = writer.call(0).end().bytes;
  const functions = [{ type: OUTSIDE, name: 'outside', locals: [], code }];
  return moduleBytes({ types: [OUTSIDE], imports: { outside: OUTSIDE }, functions });
};

/** Calls it, with its arguments on the stack. */
export const callOutside = (writer: WasmWriter): WasmWriter =>
  writer.int(0).op(WASM.callIndirect).unsigned(0).unsigned(0);

/** What is to be done. */
export const ASK = {
  /** Calls a helper with r1 to r5, from a frame at a place in the heap. Returns r0; after a tail call, that of the other program. */
  call: 0,
  /** Executes the instruction on its two operands and r0. Returns what is in the register that it writes. */
  execute: 1,
  /** Bytes of the packet: the offset, the size. Returns -1 where they are not there. */
  packet: 2,
  /** Tells of a read of stack that nothing has written. */
  unwritten: 3,
  /** Ends a run that has used up its fuel before the instruction. */
  exhausted: 4,
  /** Ends a run that has no frame for what the instruction calls. */
  tooDeep: 5,
} as const;

/** Indices of the functions that call it with arguments of their own. */
export const FUNCTION = {
  execute: 0,
  packet: 1,
  unwritten: 2,
  exhausted: 3,
  tooDeep: 4,
  /** The first behind them. */
  end: 5,
} as const;

const INDEX: FunctionType = { parameters: [I32], results: [] };

/** These functions. */
export const askingFunctions = (): FunctionBody[] => [
  asking(ASK.execute, { parameters: [I32, I64, I64, I64], results: [I64] }),
  asking(ASK.packet, { parameters: [I32, I32, I32], results: [I64] }),
  asking(ASK.unwritten, INDEX),
  asking(ASK.exhausted, INDEX),
  asking(ASK.tooDeep, INDEX),
];

/** Its first parameter is the index; the frame is for calls only. */
const asking = (what: number, type: FunctionType): FunctionBody => {
  const writer = new WasmWriter().int(what).get(0).int(0);
  let pushed = 3;
  type.parameters.forEach((parameter, local) => {
    if (local === 0) return;
    if (parameter === I32) writer.get(local);
    else pushHalves(writer, local);
    pushed += parameter === I32 ? 1 : 2;
  });
  for (; pushed < OUTSIDE.parameters.length; pushed++) writer.int(0);
  callOutside(writer);
  if (type.results.length === 0) writer.op(WASM.drop);
  return { type, locals: [], code: writer.end().bytes };
};

/** Pushes the halves of a local of 64 bits, the lower one first. */
export const pushHalves = (writer: WasmWriter, local: number): WasmWriter => {
  writer.get(local).op(WASM.i32WrapI64);
  return writer.get(local).long(32).op(WASM.i64ShrU).op(WASM.i32WrapI64);
};
