/**
 * @module
 * The engine to look into: one instruction after the other (RFC 9669), paused after any of them.
 *
 * The numbers of the cases are the wire's opcodes, in the form with a register; those of code.ts where the wire has
 * none. Literals, because V8 makes a jump table of those only.
 */
import { BPF_CALL, BPF_EXIT, BPF_JMP, sizeOfOpcode } from '../asm/index.ts';
import {
  divide,
  modulo,
  multiply,
  shiftArithmetic,
  shiftLeft,
  shiftRight,
  signedDivide,
  signedModulo,
  swapBytes,
  truncate,
} from './arithmetic.ts';
import { atomic, atomic32 } from './atomic.ts';
import { type MachineCode, OWN } from './code.ts';
import type { Callback, Calling, Engine, Environment, HelperResult } from './engine.ts';
import { positionIn, SimulationFault } from './fault.ts';
import { callbackAt, Frames } from './frames.ts';
import { STACK_SIZE } from './memory.ts';

/** Four bytes of the stack that are written. */
const WRITTEN = 0x0101_0101;

/** Where an access of `size` bytes lies in the heap; -1 where it is not plain memory. */
const find = (base: Int32Array, limit: Int32Array, id: number, at: number, size: number): number =>
  at >>> 0 <= limit[id]! - size ? base[id]! + at : -1;

export class Interpreter implements Engine {
  readonly #environment: Environment;
  readonly #frames: Frames;
  #code!: MachineCode;
  #executed = 0;
  /** The index of the next instruction. */
  pc = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
    this.#frames = new Frames(environment);
  }

  get executed(): number {
    return this.#executed;
  }

  /** The program that runs: a tail call changes it. */
  get code(): MachineCode {
    return this.#code;
  }

  /** How many functions have been entered and not left, the program itself left out. */
  get depth(): number {
    return this.#frames.depth;
  }

  start(code: MachineCode, index: number, args: readonly (number | bigint)[]): void {
    this.#code = code;
    this.pc = index;
    this.#executed = 0;
    this.#frames.start(args);
  }

  /** Executes one instruction for another engine, which has put its operands into the registers. */
  single(code: MachineCode, index: number): void {
    this.#code = code;
    this.pc = index;
    this.run(1);
  }

  run(fuel: number): boolean {
    const environment = this.#environment;
    const { memory, registers } = environment;
    const { low, high } = registers;
    let { view, base, readable, writable, written, writtenWords } = memory;
    let { forms, offset, imm } = this.#code;
    let pc = this.pc;
    const given = Math.min(fuel, Number.MAX_SAFE_INTEGER);
    let left = given;
    for (; left > 0; left--, pc++) {
      const form = forms[pc]!;
      const d = (form >>> 8) & 15;
      const s = form >>> 12;
      // biome-ignore format: a table
      switch (form & 0xff) {
        // 64-bit arithmetic
        case 0x0f: {
          const a = low[d]!;
          const sum = (a + low[s]!) | 0;
          high[d] = high[d]! + high[s]! + (sum >>> 0 < a >>> 0 ? 1 : 0);
          low[d] = sum;
          break;
        }
        case 0x1f: {
          const a = low[d]!;
          const b = low[s]!;
          high[d] = high[d]! - high[s]! - (a >>> 0 < b >>> 0 ? 1 : 0);
          low[d] = a - b;
          break;
        }
        case 0x2f: multiply(registers, d, s); break;
        case 0x3f: divide(registers, d, s); break;
        case 0x4f: low[d]! |= low[s]!; high[d]! |= high[s]!; break;
        case 0x5f: low[d]! &= low[s]!; high[d]! &= high[s]!; break;
        case 0x6f: shiftLeft(registers, d, s); break;
        case 0x7f: shiftRight(registers, d, s); break;
        case 0x87: high[d] = ~high[d]! + (low[d] === 0 ? 1 : 0); low[d] = -low[d]!; break;
        case 0x9f: modulo(registers, d, s); break;
        case 0xaf: low[d]! ^= low[s]!; high[d]! ^= high[s]!; break;
        case 0xbf: low[d] = low[s]!; high[d] = high[s]!; break;
        case 0xcf: shiftArithmetic(registers, d, s); break;
        case 0xd7: swapBytes(registers, d, imm[pc]!); break;
        case 0xa8: signedDivide(registers, d, s); break;
        case 0xb0: signedModulo(registers, d, s); break;
        case 0xc8: {
          const by = 32 - imm[pc]!;
          low[d] = (low[s]! << by) >> by;
          high[d] = low[d]! >> 31;
          break;
        }
        // 32-bit arithmetic
        case 0x0c: low[d] = low[d]! + low[s]!; high[d] = 0; break;
        case 0x1c: low[d] = low[d]! - low[s]!; high[d] = 0; break;
        case 0x2c: low[d] = Math.imul(low[d]!, low[s]!); high[d] = 0; break;
        case 0x3c: low[d] = low[s] === 0 ? 0 : (low[d]! >>> 0) / (low[s]! >>> 0); high[d] = 0; break;
        case 0x4c: low[d] = low[d]! | low[s]!; high[d] = 0; break;
        case 0x5c: low[d] = low[d]! & low[s]!; high[d] = 0; break;
        case 0x6c: low[d] = low[d]! << low[s]!; high[d] = 0; break;
        case 0x7c: low[d] = low[d]! >>> low[s]!; high[d] = 0; break;
        case 0x84: low[d] = -low[d]!; high[d] = 0; break;
        case 0x9c: if (low[s] !== 0) low[d] = (low[d]! >>> 0) % (low[s]! >>> 0); high[d] = 0; break;
        case 0xac: low[d] = low[d]! ^ low[s]!; high[d] = 0; break;
        case 0xbc: low[d] = low[s]!; high[d] = 0; break;
        case 0xcc: low[d] = low[d]! >> low[s]!; high[d] = 0; break;
        case 0xd4: truncate(registers, d, imm[pc]!); break;
        case 0xdc: swapBytes(registers, d, imm[pc]!); break;
        case 0xb8: low[d] = low[s] === 0 ? 0 : low[d]! / low[s]!; high[d] = 0; break;
        case 0xc0: if (low[s] !== 0) low[d] = low[d]! % low[s]!; high[d] = 0; break;
        case 0xd0: {
          const by = 32 - imm[pc]!;
          low[d] = (low[s]! << by) >> by;
          high[d] = 0;
          break;
        }
        // loads
        case 0x61: {
          const at = find(base, readable, high[s]!, (low[s]! + offset[pc]!) | 0, 4);
          if (at < 0) { this.#load(pc, 4); break; }
          if (at < STACK_SIZE && ((at & 3) !== 0 || writtenWords[at >> 2] !== WRITTEN)) this.#check(pc, at, 4);
          low[d] = view.getInt32(at, true);
          high[d] = 0;
          break;
        }
        case 0x69: {
          const at = find(base, readable, high[s]!, (low[s]! + offset[pc]!) | 0, 2);
          if (at < 0) { this.#load(pc, 2); break; }
          if (at < STACK_SIZE && (written[at]! & written[at + 1]!) === 0) this.#check(pc, at, 2);
          low[d] = view.getUint16(at, true);
          high[d] = 0;
          break;
        }
        case 0x71: {
          const at = find(base, readable, high[s]!, (low[s]! + offset[pc]!) | 0, 1);
          if (at < 0) { this.#load(pc, 1); break; }
          if (at < STACK_SIZE && written[at] === 0) this.#check(pc, at, 1);
          low[d] = view.getUint8(at);
          high[d] = 0;
          break;
        }
        case 0x79: {
          const at = find(base, readable, high[s]!, (low[s]! + offset[pc]!) | 0, 8);
          if (at < 0) { this.#load(pc, 8); break; }
          if (at < STACK_SIZE && ((at & 3) !== 0 || (writtenWords[at >> 2]! & writtenWords[(at >> 2) + 1]!) !== WRITTEN)) this.#check(pc, at, 8);
          low[d] = view.getInt32(at, true);
          high[d] = view.getInt32(at + 4, true);
          break;
        }
        case 0x81: this.#loadSigned(pc, 4); break;
        case 0x89: this.#loadSigned(pc, 2); break;
        case 0x91: this.#loadSigned(pc, 1); break;
        // stores
        case 0x63: {
          const at = find(base, writable, high[d]!, (low[d]! + offset[pc]!) | 0, 4);
          if (at < 0) { this.#store(pc, 4); break; }
          if (at < STACK_SIZE) {
            if ((at & 3) === 0) writtenWords[at >> 2] = WRITTEN;
            else memory.wrote(at, 4);
          }
          view.setInt32(at, low[s]!, true);
          break;
        }
        case 0x6b: {
          const at = find(base, writable, high[d]!, (low[d]! + offset[pc]!) | 0, 2);
          if (at < 0) { this.#store(pc, 2); break; }
          if (at < STACK_SIZE) written[at] = written[at + 1] = 1;
          view.setInt16(at, low[s]!, true);
          break;
        }
        case 0x73: {
          const at = find(base, writable, high[d]!, (low[d]! + offset[pc]!) | 0, 1);
          if (at < 0) { this.#store(pc, 1); break; }
          if (at < STACK_SIZE) written[at] = 1;
          view.setInt8(at, low[s]!);
          break;
        }
        case 0x7b: {
          const at = find(base, writable, high[d]!, (low[d]! + offset[pc]!) | 0, 8);
          if (at < 0) { this.#store(pc, 8); break; }
          if (at < STACK_SIZE) {
            if ((at & 3) === 0) writtenWords[at >> 2] = writtenWords[(at >> 2) + 1] = WRITTEN;
            else memory.wrote(at, 8);
          }
          view.setInt32(at, low[s]!, true);
          view.setInt32(at + 4, high[s]!, true);
          break;
        }
        case 0xc3: atomic32(environment, this.#code, pc); break;
        case 0xdb: atomic(environment, this.#code, pc); break;
        // 64-bit jumps, to the instruction after which the loop goes on
        case 0x05: pc = offset[pc]! - 1; break;
        case 0x1d: if (low[d] === low[s] && high[d] === high[s]) pc = offset[pc]! - 1; break;
        case 0x5d: if (low[d] !== low[s] || high[d] !== high[s]) pc = offset[pc]! - 1; break;
        case 0x4d: if ((low[d]! & low[s]!) !== 0 || (high[d]! & high[s]!) !== 0) pc = offset[pc]! - 1; break;
        case 0x2d: if (high[d] === high[s] ? low[d]! >>> 0 > low[s]! >>> 0 : high[d]! >>> 0 > high[s]! >>> 0) pc = offset[pc]! - 1; break;
        case 0x3d: if (high[d] === high[s] ? low[d]! >>> 0 >= low[s]! >>> 0 : high[d]! >>> 0 > high[s]! >>> 0) pc = offset[pc]! - 1; break;
        case 0xad: if (high[d] === high[s] ? low[d]! >>> 0 < low[s]! >>> 0 : high[d]! >>> 0 < high[s]! >>> 0) pc = offset[pc]! - 1; break;
        case 0xbd: if (high[d] === high[s] ? low[d]! >>> 0 <= low[s]! >>> 0 : high[d]! >>> 0 < high[s]! >>> 0) pc = offset[pc]! - 1; break;
        case 0x6d: if (high[d] === high[s] ? low[d]! >>> 0 > low[s]! >>> 0 : high[d]! > high[s]!) pc = offset[pc]! - 1; break;
        case 0x7d: if (high[d] === high[s] ? low[d]! >>> 0 >= low[s]! >>> 0 : high[d]! > high[s]!) pc = offset[pc]! - 1; break;
        case 0xcd: if (high[d] === high[s] ? low[d]! >>> 0 < low[s]! >>> 0 : high[d]! < high[s]!) pc = offset[pc]! - 1; break;
        case 0xdd: if (high[d] === high[s] ? low[d]! >>> 0 <= low[s]! >>> 0 : high[d]! < high[s]!) pc = offset[pc]! - 1; break;
        // 32-bit jumps
        case 0x1e: if (low[d] === low[s]) pc = offset[pc]! - 1; break;
        case 0x5e: if (low[d] !== low[s]) pc = offset[pc]! - 1; break;
        case 0x4e: if ((low[d]! & low[s]!) !== 0) pc = offset[pc]! - 1; break;
        case 0x2e: if (low[d]! >>> 0 > low[s]! >>> 0) pc = offset[pc]! - 1; break;
        case 0x3e: if (low[d]! >>> 0 >= low[s]! >>> 0) pc = offset[pc]! - 1; break;
        case 0xae: if (low[d]! >>> 0 < low[s]! >>> 0) pc = offset[pc]! - 1; break;
        case 0xbe: if (low[d]! >>> 0 <= low[s]! >>> 0) pc = offset[pc]! - 1; break;
        case 0x6e: if (low[d]! > low[s]!) pc = offset[pc]! - 1; break;
        case 0x7e: if (low[d]! >= low[s]!) pc = offset[pc]! - 1; break;
        case 0xce: if (low[d]! < low[s]!) pc = offset[pc]! - 1; break;
        case 0xde: if (low[d]! <= low[s]!) pc = offset[pc]! - 1; break;
        case 0xe5: if (!this.#frames.mayLoop()) pc = offset[pc]! - 1; break;
        // What leaves the straight line, and what is rare: it may end the program, change it, or move the memory.
        default: {
          this.pc = pc;
          if (this.#leave()) {
            this.#executed += given - left + 1;
            return true;
          }
          pc = this.pc;
          ({ view, base, readable, writable, written, writtenWords } = memory);
          ({ forms, offset, imm } = this.#code);
        }
      }
    }
    this.pc = pc;
    this.#executed += given;
    return false;
  }

  /** Calls, returns, and what is left. `pc` becomes the instruction after which the loop goes on; true ends the run. */
  #leave(): boolean {
    const { pc } = this;
    const { opcode, src, offset, imm } = this.#code;
    const environment = this.#environment;
    switch (opcode[pc]) {
      case BPF_JMP | BPF_CALL:
        return this.#settle(environment.call(imm[pc]!, this.#code, pc));
      case OWN.callKernel:
        return this.#settle(environment.callKernel(this.#code, pc));
      case OWN.callFunction:
        this.#frames.enter(this.#code, pc);
        this.pc = offset[pc]! - 1;
        return false;
      case BPF_JMP | BPF_EXIT:
        return this.#exit();
      case 0x20:
      case 0x28:
      case 0x30:
        return this.#loadPacket(imm[pc]!, sizeOfOpcode(opcode[pc]!));
      case 0x40:
      case 0x48:
      case 0x50:
        return this.#loadPacket(
          imm[pc]! + environment.registers.low[src[pc]!]!,
          sizeOfOpcode(opcode[pc]!),
        );
      default:
        throw new SimulationFault(
          pc < opcode.length
            ? 'there is no such instruction'
            : 'the program goes on behind its last instruction',
          this.#where(),
        );
    }
  }

  /** What a helper has come to: a number in r0, another program, or a call of a function. */
  #settle(result: HelperResult): boolean {
    if (typeof result !== 'object') {
      this.#environment.registers.set(0, result);
      return false;
    }
    if ('kind' in result) {
      this.#code = result.code;
      this.pc = -1;
      this.#frames.restart();
      return false;
    }
    return this.#callBack(result, result.next());
  }

  #callBack(calling: Calling, step: IteratorResult<Callback, number | bigint>): boolean {
    const { registers } = this.#environment;
    if (step.done) {
      registers.set(0, step.value);
      return false;
    }
    const start = callbackAt(this.#code, this.pc, step.value.function);
    this.#frames.enter(this.#code, this.pc, calling);
    step.value.args.forEach((value, index) => {
      registers.set(1 + index, value);
    });
    this.pc = start - 1;
    return false;
  }

  #exit(): boolean {
    if (this.depth === 0) return true;
    // A tail call may have changed the program since.
    const { code, pc, calling } = this.#frames.leave();
    this.#code = code;
    this.pc = pc;
    if (!calling) return false;
    return this.#callBack(calling, calling.next(this.#environment.registers.get(0)));
  }

  /** `r0 = skb[offset]`, big-endian; a packet that is too short ends the function with 0. */
  #loadPacket(offset: number, size: number): boolean {
    const { registers } = this.#environment;
    const value = this.#environment.packet(offset | 0, size);
    registers.set(0, value ?? 0);
    return value === undefined && this.#exit();
  }

  #load(pc: number, size: number): void {
    const { registers } = this.#environment;
    const s = this.#code.src[pc]!;
    const low = (registers.low[s]! + this.#code.offset[pc]!) | 0;
    this.pc = pc;
    const value = this.#environment.load(registers.high[s]!, low, size, this.#code, pc);
    registers.set(this.#code.dst[pc]!, value);
  }

  #loadSigned(pc: number, size: number): void {
    const { memory, registers } = this.#environment;
    const d = this.#code.dst[pc]!;
    const s = this.#code.src[pc]!;
    const low = (registers.low[s]! + this.#code.offset[pc]!) | 0;
    const at = find(memory.base, memory.readable, registers.high[s]!, low, size);
    if (at < 0) {
      this.#load(pc, size);
      registers.set(d, BigInt.asIntN(8 * size, registers.get(d)));
      return;
    }
    this.#check(pc, at, size);
    registers.set(d, memory.signed(at, size));
  }

  #store(pc: number, size: number): void {
    const { registers } = this.#environment;
    const d = this.#code.dst[pc]!;
    const low = (registers.low[d]! + this.#code.offset[pc]!) | 0;
    const value = BigInt.asUintN(8 * size, registers.get(this.#code.src[pc]!));
    this.pc = pc;
    this.#environment.store(registers.high[d]!, low, size, value, this.#code, pc);
  }

  #check(pc: number, at: number, size: number): void {
    if (!this.#environment.memory.isWritten(at, size)) this.#environment.unwritten(this.#code, pc);
  }

  #where() {
    return positionIn(this.#code.instructions, this.pc);
  }
}
