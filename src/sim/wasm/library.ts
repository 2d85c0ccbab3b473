/**
 * @module
 * Functions that modules have beside those of the program: the long way to memory, for an address of which nothing is known. They look up its
 * region in the table that memory.ts keeps in the heap; bytes of the stack are checked, or marked, to be written. What
 * is not found there, or is no plain memory, the interpreter executes.
 */
import { STACK_SIZE } from '../memory.ts';
import { FUNCTION } from './imports.ts';
import type { FunctionBody, FunctionType } from './module.ts';
import { lookUp, outside, windowAt } from './windows.ts';
import { I32, I64, WASM, WasmWriter } from './writer.ts';

export type Size = 1 | 2 | 4 | 8;

/** Loads and stores without a sign, and the bytes behind the stack that say what of it is written. */
// biome-ignore format: a table
const PLAIN = {
  1: { load: WASM.i64Load8U,  store: WASM.i64Store8,  written: 0x01 },
  2: { load: WASM.i64Load16U, store: WASM.i64Store16, written: 0x0101 },
  4: { load: WASM.i64Load32U, store: WASM.i64Store32, written: 0x0101_0101 },
  8: { load: WASM.i64Load,    store: WASM.i64Store,   written: 0x0101_0101 },
} as const;

/** The address in a register, an offset, and the index of the instruction; of a store also the value. */
const LOAD: FunctionType = { parameters: [I64, I32, I32], results: [I64] };
const STORE: FunctionType = { parameters: [I64, I32, I32, I64], results: [] };
/** Where in the heap an atomic operation takes place; -1 where it does not. */
const PLACE: FunctionType = { parameters: [I64, I32, I32], results: [I32] };

const PARAMETER = { base: 0, offset: 1, index: 2, value: 3 } as const;

/** Those that a module has: each comes when it is first called. */
export class Library {
  readonly functions: FunctionBody[] = [];
  readonly #first: number;
  readonly #indices = new Map<FunctionBody, number>();

  /** @param first The index of the first of them. */
  constructor(first: number) {
    this.#first = first;
  }

  /** The index of the function for an access. */
  of({ kind, size }: Access): number {
    const body = bodyOf(kind, size);
    let index = this.#indices.get(body);
    if (index === undefined) {
      index = this.#first + this.functions.push(body) - 1;
      this.#indices.set(body, index);
    }
    return index;
  }
}

/** All that were made. */
const bodies = /* @__PURE__ */ new Map<string, FunctionBody>();

const bodyOf = (kind: Access['kind'], size: Size): FunctionBody => {
  const name = `${kind}${size}`;
  const known = bodies.get(name);
  if (known) return known;
  const body = WAYS[kind](size);
  bodies.set(name, body);
  return body;
};

const WAYS: Readonly<Record<Access['kind'], (size: Size) => FunctionBody>> = {
  load: (size) =>
    reach(LOAD, {
      kind: 'load',
      size,
      found: (writer, at) => writer.get(at).memory(PLAIN[size].load, 0),
      // The interpreter needs no more than the address, and gives what is in the destination.
      lost: (writer) => {
        writer.get(PARAMETER.index).long(0).get(PARAMETER.base).long(0);
        return writer.call(FUNCTION.execute);
      },
    }),
  store: (size) =>
    reach(STORE, {
      kind: 'store',
      size,
      found: (writer, at) => writer.get(at).get(PARAMETER.value).memory(PLAIN[size].store, 0),
      lost: (writer) => {
        writer.get(PARAMETER.index).get(PARAMETER.base).get(PARAMETER.value).long(0);
        return writer.call(FUNCTION.execute).op(WASM.drop);
      },
    }),
  atomic: (size) =>
    reach(PLACE, {
      kind: 'atomic',
      size,
      found: (writer, at) => writer.get(at),
      lost: (writer) => writer.int(-1),
    }),
};

/** What is done with memory. Atomic operations load and store. */
export interface Access {
  readonly kind: 'load' | 'store' | 'atomic';
  readonly size: Size;
}

interface Ways extends Access {
  /** With the place in the heap in a local. */
  readonly found: (writer: WasmWriter, at: number) => WasmWriter;
  readonly lost: (writer: WasmWriter) => WasmWriter;
}

const reach = (type: FunctionType, ways: Ways): FunctionBody => {
  const writer = new WasmWriter();
  const first = type.parameters.length;
  const local = { address: first, long: first + 1, at: first + 2 };
  const window = windowAt(first + 3, ways.kind !== 'load');
  writer.get(PARAMETER.base).get(PARAMETER.offset).op(WASM.i64ExtendI32S).op(WASM.i64Add);
  writer.set(local.address);
  lookUp(writer, window, local);
  outside(writer, window, ways.size, local).open(WASM.if);
  ways.lost(writer).op(WASM.return).end();
  writer.get(local.address).op(WASM.i32WrapI64).get(window.shift).op(WASM.i32Add).tee(local.at);
  writer.int(STACK_SIZE).op(WASM.i32LtU).open(WASM.if);
  watch(writer, ways, { local: local.at, offset: 0 }, () => writer.get(PARAMETER.index));
  writer.end();
  ways.found(writer, local.at).end();
  const locals = [
    [2, I64],
    [1, I32],
    [2, I64],
    [1, I32],
  ] as const;
  return { type, locals, code: writer.bytes };
};

/** Tells of a read of stack that nothing has written, and marks what is written. */
export const watch = (
  writer: WasmWriter,
  { kind, size }: Access,
  { local, offset }: { readonly local: number; readonly offset: number },
  pushIndex: () => WasmWriter,
): void => {
  const { load, store, written } = PLAIN[size];
  const upper = size === 8 ? written : 0;
  if (kind !== 'store') {
    writer.get(local).memory(load, STACK_SIZE + offset);
    writer.halves(written, upper).op(WASM.i64Ne).open(WASM.if);
    pushIndex().call(FUNCTION.unwritten).end();
  }
  if (kind === 'load') return;
  writer.get(local).halves(written, upper);
  writer.memory(store, STACK_SIZE + offset);
};
