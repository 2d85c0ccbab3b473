/**
 * @module
 * Writes the code of a WebAssembly function (WebAssembly Core Specification 2.0, section 5.4): instructions by their
 * names, with their operands behind them.
 * @example
 * writer.get(0).long(1).op(WASM.i64Add).set(0); // local 0 += 1
 */

/** Opcodes, as far as programs of BPF need them (section 5.4). */
// biome-ignore format: in the order of the specification
export const WASM = {
  unreachable: 0x00, block: 0x02, loop: 0x03, if: 0x04, else: 0x05, end: 0x0b,
  br: 0x0c, brIf: 0x0d, brTable: 0x0e, return: 0x0f, call: 0x10, callIndirect: 0x11, drop: 0x1a, select: 0x1b,
  localGet: 0x20, localSet: 0x21, localTee: 0x22, globalGet: 0x23, globalSet: 0x24,
  i32Load: 0x28, i64Load: 0x29, i32Load8U: 0x2d, i32Load16U: 0x2f,
  i64Load8S: 0x30, i64Load8U: 0x31, i64Load16S: 0x32, i64Load16U: 0x33, i64Load32S: 0x34, i64Load32U: 0x35,
  i32Store: 0x36, i64Store: 0x37, i32Store8: 0x3a, i32Store16: 0x3b,
  i64Store8: 0x3c, i64Store16: 0x3d, i64Store32: 0x3e,
  i32Const: 0x41, i64Const: 0x42,
  i32Eqz: 0x45, i32Eq: 0x46, i32Ne: 0x47, i32LtS: 0x48, i32LtU: 0x49, i32GtS: 0x4a, i32GtU: 0x4b,
  i32LeS: 0x4c, i32LeU: 0x4d, i32GeS: 0x4e, i32GeU: 0x4f,
  i64Eqz: 0x50, i64Eq: 0x51, i64Ne: 0x52, i64LtS: 0x53, i64LtU: 0x54, i64GtS: 0x55, i64GtU: 0x56,
  i64LeS: 0x57, i64LeU: 0x58, i64GeS: 0x59, i64GeU: 0x5a,
  i32Add: 0x6a, i32Sub: 0x6b, i32Mul: 0x6c, i32DivS: 0x6d, i32DivU: 0x6e, i32RemS: 0x6f, i32RemU: 0x70,
  i32And: 0x71, i32Or: 0x72, i32Xor: 0x73, i32Shl: 0x74, i32ShrS: 0x75, i32ShrU: 0x76, i32Rotl: 0x77,
  i64Add: 0x7c, i64Sub: 0x7d, i64Mul: 0x7e, i64DivS: 0x7f, i64DivU: 0x80, i64RemS: 0x81, i64RemU: 0x82,
  i64And: 0x83, i64Or: 0x84, i64Xor: 0x85, i64Shl: 0x86, i64ShrS: 0x87, i64ShrU: 0x88, i64Rotl: 0x89,
  i32WrapI64: 0xa7, i64ExtendI32S: 0xac, i64ExtendI32U: 0xad,
  i32Extend8S: 0xc0, i32Extend16S: 0xc1, i64Extend8S: 0xc2, i64Extend16S: 0xc3, i64Extend32S: 0xc4,
} as const;

/** Types of values, and of blocks without one (sections 5.3.1 and 5.4.1). */
export const I32 = 0x7f;
export const I64 = 0x7e;
const NOTHING = 0x40;
const HIGH = 2 ** 32;

/** Bytes that are added one after the other. */
export class WasmWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  op(opcode: number): this {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = opcode;
    return this;
  }

  append(bytes: ArrayLike<number>): this {
    if (this.#length + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  #grow(more: number): void {
    const longer = new Uint8Array(2 * (this.#length + more));
    longer.set(this.#bytes);
    this.#bytes = longer;
  }

  /** A whole number without a sign, LEB128 (section 5.2.2). */
  unsigned(value: number): this {
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) this.op((rest & 0x7f) | 0x80);
    return this.op(rest);
  }

  /** A signed number of 64 bits from its halves. */
  signed(low: number, high: number): this {
    let [lower, upper] = [low, high];
    for (;;) {
      const byte = lower & 0x7f;
      lower = (lower >>> 7) | (upper << 25);
      upper >>= 7;
      // Done when what is left is the sign, and the byte says so.
      const sign = (byte & 0x40) === 0 ? 0 : -1;
      if (lower === sign && upper === sign) return this.op(byte);
      this.op(byte | 0x80);
    }
  }

  // ----------
  // Instructions with operands
  // ----------

  get(local: number): this {
    return this.op(WASM.localGet).unsigned(local);
  }

  set(local: number): this {
    return this.op(WASM.localSet).unsigned(local);
  }

  /** Sets a local, and leaves the value where it is. */
  tee(local: number): this {
    return this.op(WASM.localTee).unsigned(local);
  }

  /** A constant of 32 bits. */
  int(value: number): this {
    return this.op(WASM.i32Const).signed(value | 0, value >> 31);
  }

  /** A constant of 64 bits, exact as a JavaScript number. */
  long(value: number): this {
    return this.op(WASM.i64Const).signed(value | 0, Math.floor(value / HIGH) | 0);
  }

  /** A constant of 64 bits from its halves. */
  halves(low: number, high: number): this {
    return this.op(WASM.i64Const).signed(low, high);
  }

  /** A load or store at an address on the stack, and `offset`. No alignment is promised. */
  memory(opcode: number, offset: number): this {
    return this.op(opcode).unsigned(0).unsigned(offset);
  }

  call(index: number): this {
    return this.op(WASM.call).unsigned(index);
  }

  /** `block`, `loop` or `if`, with a value of a type at its end. */
  open(opcode: number, type: number = NOTHING): this {
    return this.op(opcode).op(type);
  }

  end(): this {
    return this.op(WASM.end);
  }

  /** `br` or `br_if` out of so many blocks. */
  branch(opcode: number, depth: number): this {
    return this.op(opcode).unsigned(depth);
  }

  /** memory.fill, with the place, the value and the length on the stack (it has two opcodes, and a memory). */
  fill(): this {
    return this.op(0xfc).unsigned(11).op(0);
  }
}
