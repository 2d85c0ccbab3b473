/**
 * @module
 * Loads, stores and atomics (RFC 9669, section 5) in WebAssembly. What lies at a known place of the function's own frame
 * is reached directly, what a loop has in a window (windows.ts) through that, and all else by calls (library.ts).
 */
import {
  BPF_ADD,
  BPF_AND,
  BPF_CMPXCHG,
  BPF_FETCH,
  BPF_OR,
  BPF_XCHG,
  BPF_XOR,
} from '../../asm/index.ts';
import { BIAS, FRAME_SIZE } from '../memory.ts';
import { ATOMIC, ATOMIC32, writtenBy } from './effects.ts';
import { FUNCTION } from './imports.ts';
import { type Access, type Size, watch } from './library.ts';
import { LOCAL, localOf, push, type Translation } from './operands.ts';
import { outside } from './windows.ts';
import { WASM, type WasmWriter } from './writer.ts';

interface Load {
  readonly size: Size;
  readonly opcode: number;
  /** What makes a number with a sign of one without. */
  readonly extend?: number;
}

/** By the opcode of code.ts. */
// biome-ignore format: a table
const LOADS: ReadonlyMap<number, Load> = /* @__PURE__ */ new Map([
  [0x71, { size: 1, opcode: WASM.i64Load8U }],
  [0x69, { size: 2, opcode: WASM.i64Load16U }],
  [0x61, { size: 4, opcode: WASM.i64Load32U }],
  [0x79, { size: 8, opcode: WASM.i64Load }],
  [0x91, { size: 1, opcode: WASM.i64Load8S,  extend: WASM.i64Extend8S }],
  [0x89, { size: 2, opcode: WASM.i64Load16S, extend: WASM.i64Extend16S }],
  [0x81, { size: 4, opcode: WASM.i64Load32S, extend: WASM.i64Extend32S }],
]);
// biome-ignore format: a table
const STORES: ReadonlyMap<number, Load> = /* @__PURE__ */ new Map([
  [0x73, { size: 1, opcode: WASM.i64Store8 }],
  [0x6b, { size: 2, opcode: WASM.i64Store16 }],
  [0x63, { size: 4, opcode: WASM.i64Store32 }],
  [0x7b, { size: 8, opcode: WASM.i64Store }],
]);
const OPERATIONS: Readonly<Record<number, number>> = {
  [BPF_ADD]: WASM.i64Add,
  [BPF_OR]: WASM.i64Or,
  [BPF_AND]: WASM.i64And,
  [BPF_XOR]: WASM.i64Xor,
};

/** Writes an instruction; false where it reaches no memory. */
export const writeAccess = (translation: Translation, index: number): boolean => {
  const { writer, code, library } = translation;
  const opcode = code.opcode[index]!;
  const d = code.dst[index]!;
  const s = code.src[index]!;
  const load = LOADS.get(opcode);
  const store = STORES.get(opcode);
  if (load) {
    const { size } = load;
    reach(translation, index, s, {
      kind: 'load',
      size,
      access: (at, offset) => writer.get(at).memory(load.opcode, offset).set(localOf(d)),
      farther: () => {
        writer.call(library.of({ kind: 'load', size }));
        if (load.extend !== undefined) writer.op(load.extend);
        writer.set(localOf(d));
      },
    });
  } else if (store) {
    const { size } = store;
    reach(translation, index, d, {
      kind: 'store',
      size,
      access: (at, offset) => {
        writer.get(at);
        push(translation, s).memory(store.opcode, offset);
      },
      farther: () => push(translation, s).call(library.of({ kind: 'store', size })),
    });
  } else if (opcode === ATOMIC || opcode === ATOMIC32) atomic(translation, index);
  else return false;
  return true;
};

/**
 * Has the interpreter execute an instruction, and pushes what it has then for the register that the instruction writes;
 * where it writes none, for its destination.
 */
export const execute = (translation: Translation, index: number): WasmWriter => {
  const { writer, code } = translation;
  writer.int(index);
  push(translation, code.dst[index]!);
  push(translation, code.src[index]!);
  return push(translation, 0).call(FUNCTION.execute);
};

interface Ways extends Access {
  /** The access, at the address in a local and an offset. */
  readonly access: (local: number, offset: number) => void;
  /** By a call, of which the address, the offset and the index are on the stack. */
  readonly farther: () => void;
}

/** Reaches memory through a register, in the shortest way that there is. */
const reach = (translation: Translation, index: number, base: number, ways: Ways): void => {
  const { writer, code, stack, windows } = translation;
  const { size, access, farther } = ways;
  const distance = code.offset[index]! + BIAS;
  const own = stack.offsetOf(base) + distance;
  if (own >= 0 && own + size <= FRAME_SIZE) {
    watch(writer, ways, { local: LOCAL.frame, offset: own }, () => writer.int(index));
    access(LOCAL.frame, own);
    return;
  }
  const window = windows?.of(base);
  if (window) {
    push(translation, base);
    if (distance !== 0) writer.long(distance).op(WASM.i64Add);
    writer.set(LOCAL.address);
    outside(writer, window, size, LOCAL).open(WASM.if);
  }
  push(translation, base).int(distance).int(index);
  farther();
  if (!window) return;
  writer.op(WASM.else);
  writer.get(LOCAL.address).op(WASM.i32WrapI64).get(window.shift).op(WASM.i32Add).set(LOCAL.at);
  access(LOCAL.at, 0);
  writer.end();
};

/** Atomics: one program runs at a time, so that they are plain loads and stores. Those of 32 bits extend with zeros. */
const atomic = (translation: Translation, index: number): void => {
  const { writer, code, library } = translation;
  const wide = code.opcode[index] === ATOMIC;
  const [load, store] = wide ? [WASM.i64Load, WASM.i64Store] : [WASM.i64Load32U, WASM.i64Store32];
  const d = code.dst[index]!;
  const s = code.src[index]!;
  const imm = code.imm[index]!;
  const size = wide ? 8 : 4;
  const result = localOf(writtenBy(code, index) ?? d);
  const operation = OPERATIONS[imm & ~BPF_FETCH];
  if (operation === undefined && imm !== BPF_XCHG && imm !== BPF_CMPXCHG) {
    execute(translation, index).op(WASM.drop);
    return;
  }
  const exchange = (at: number, offset: number): void => {
    writer.get(at).memory(load, offset).set(LOCAL.long);
    if (imm === BPF_CMPXCHG) {
      writer.get(LOCAL.long).get(LOCAL.r0);
      if (!wide) writer.long(0xffff_ffff).op(WASM.i64And);
      writer.op(WASM.i64Eq).open(WASM.if);
    }
    writer.get(at);
    if (operation !== undefined) writer.get(LOCAL.long);
    push(translation, s);
    if (operation !== undefined) writer.op(operation);
    writer.memory(store, offset);
    if (imm === BPF_CMPXCHG) writer.end();
    if ((imm & BPF_FETCH) !== 0) writer.get(LOCAL.long).set(result);
  };
  reach(translation, index, d, {
    kind: 'atomic',
    size,
    access: exchange,
    farther: () => {
      writer.call(library.of({ kind: 'atomic', size })).tee(LOCAL.at);
      writer.int(0).op(WASM.i32LtS).open(WASM.if);
      execute(translation, index).set(result).op(WASM.else);
      exchange(LOCAL.at, 0);
      writer.end();
    },
  });
};
