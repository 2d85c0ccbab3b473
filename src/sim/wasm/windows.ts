/**
 * @module
 * A window is a region that a loop keeps in locals: one for each register that it reaches memory through, looked up where
 * the loop is entered, and again after each call, since that may give regions back. What lies outside of its window takes
 * the long way (library.ts); so does the stack, whose bytes are watched.
 */
import { BPF_LDX, BPF_ST, BPF_STX, classOf } from '../../asm/index.ts';
import type { MachineCode } from '../code.ts';
import { STACK_SIZE, TRANSLATIONS } from '../memory.ts';
import type { ControlFlow } from './control-flow.ts';
import type { Locals } from './module.ts';
import { LOCAL, localOf } from './operands.ts';
import { I32, I64, WASM, type WasmWriter } from './writer.ts';

/** The locals of a window, and what it is for. */
export interface Window {
  /** A pointer to the start of the region. */
  readonly start: number;
  /** How many of its bytes may be reached. */
  readonly limit: number;
  /** What makes the lower half of a pointer a place in the heap. */
  readonly shift: number;
  /** Whether what it shows may be written. */
  readonly writes: boolean;
}

const FRAME_POINTER = 10;
const EACH = 3;
const LOCALS: Locals = [
  [2, I64],
  [1, I32],
];

/** The window that starts at a local. */
export const windowAt = (first: number, writes: boolean): Window => ({
  start: first,
  limit: first + 1,
  shift: first + 2,
  writes,
});

export class Windows {
  readonly #writer: WasmWriter;
  readonly #windows = new Map<number, Window>();
  /** By register: how often the blocks before each reach memory through it. */
  readonly #uses = new Map<number, Int32Array>();

  constructor(writer: WasmWriter, code: MachineCode, { blocks, isInLoop, reducible }: ControlFlow) {
    this.#writer = writer;
    // Without headers there is no place to enter a loop at.
    if (!reducible) return;
    const written = new Set<number>();
    blocks.forEach(({ start, end }, block) => {
      for (let index = start; isInLoop[block] && index < end; index++) {
        const base = baseOf(code, index);
        if (base === undefined || base === FRAME_POINTER) continue;
        const uses = this.#uses.get(base) ?? new Int32Array(blocks.length + 1);
        this.#uses.set(base, uses);
        uses[block + 1]!++;
        if (!isLoad(code, index)) written.add(base);
      }
    });
    for (const [base, uses] of this.#uses) {
      for (let block = 0; block < blocks.length; block++) uses[block + 1]! += uses[block]!;
      const first = LOCAL.windows + EACH * this.#windows.size;
      this.#windows.set(base, windowAt(first, written.has(base)));
    }
  }

  /** The locals of all. */
  get locals(): Locals {
    return Array.from({ length: this.#windows.size }, () => LOCALS).flat();
  }

  of(register: number): Window | undefined {
    return this.#windows.get(register);
  }

  /** Opens those that the blocks of a loop use. */
  enter(first: number, last: number): void {
    for (const [register, window] of this.#windows) {
      const uses = this.#uses.get(register)!;
      if (uses[last + 1]! > uses[first]!) this.#open(register, window);
    }
  }

  /** After a call: r1 to r5 hold nothing. */
  comeBack(): void {
    for (const [register, window] of this.#windows)
      if (register === 0 || register > 5) this.#open(register, window);
      else this.#writer.long(0).set(window.limit);
  }

  #open(register: number, window: Window): void {
    const writer = this.#writer;
    writer.get(localOf(register)).set(LOCAL.address);
    lookUp(writer, window, LOCAL);
    // The stack is first in the heap.
    writer.get(window.limit).long(0);
    writer.get(LOCAL.at).memory(WASM.i32Load, TRANSLATIONS.at + TRANSLATIONS.base);
    writer.int(STACK_SIZE).op(WASM.i32GeU).op(WASM.select).set(window.limit);
  }
}

/** The register that an instruction reaches memory through. */
const baseOf = ({ opcode, dst, src }: MachineCode, index: number): number | undefined => {
  const kind = classOf(opcode[index]!);
  if (kind === BPF_LDX) return src[index]!;
  return kind === BPF_STX || kind === BPF_ST ? dst[index]! : undefined;
};

const isLoad = ({ opcode }: MachineCode, index: number): boolean =>
  classOf(opcode[index]!) === BPF_LDX;

/** Takes from the table of memory.ts what it has for the region of the address in a local. */
export const lookUp = (
  writer: WasmWriter,
  { start, limit, shift, writes }: Window,
  { address, at }: { readonly address: number; readonly at: number },
): void => {
  const { entries, entrySize, pointer, base, readable, writable } = TRANSLATIONS;
  const table = TRANSLATIONS.at;
  writer.get(address).long(32).op(WASM.i64ShrU).op(WASM.i32WrapI64);
  writer.int(entries - 1).op(WASM.i32And);
  writer.int(Math.log2(entrySize)).op(WASM.i32Shl).tee(at);
  writer.memory(WASM.i64Load, table + pointer).set(start);
  const size = table + (writes ? writable : readable);
  writer.get(at).memory(WASM.i64Load32U, size).set(limit);
  writer.get(at).memory(WASM.i32Load, table + base);
  writer.get(start).op(WASM.i32WrapI64).op(WASM.i32Sub).set(shift);
};

/**
 * Pushes whether an access lies outside of a window: whether its offset is negative, or what is left behind it. The
 * offset of an address in another region is, or is farther than any region reaches.
 */
export const outside = (
  writer: WasmWriter,
  { start, limit }: Window,
  size: number,
  { address, long }: { readonly address: number; readonly long: number },
): WasmWriter => {
  writer.get(address).get(start).op(WASM.i64Sub).tee(long);
  writer.get(limit).long(size).op(WASM.i64Sub).get(long).op(WASM.i64Sub);
  return writer.op(WASM.i64Or).long(0).op(WASM.i64LtS);
};
