/**
 * @module
 * Which registers point into the frame of their function, as far as one block tells: what lies at a known place needs
 * no look into the table of regions.
 */
import type { MachineCode } from '../code.ts';
import { FRAME_SIZE } from '../memory.ts';
import { FIRST_CONSTANT, type Registers } from '../registers.ts';
import { isCall, writtenBy } from './effects.ts';

const MOVE = 0xbf;
const ADD = 0x0f;
const FRAME_POINTER = 10;

export class StackPointers {
  /** By register: its distance from the start of the frame. */
  readonly #offsets = new Map([[FRAME_POINTER, FRAME_SIZE]]);

  /** Where in the frame a register points; undefined where that is not known. */
  offsetOf(register: number): number | undefined {
    return this.#offsets.get(register);
  }

  /** Goes behind an instruction. */
  follow(code: MachineCode, index: number, registers: Registers): void {
    if (isCall(code.opcode[index]!)) {
      for (let register = 0; register <= 5; register++) this.#offsets.delete(register);
      return;
    }
    const written = writtenBy(code, index);
    if (written === undefined) return;
    const offset = this.#result(code, index, registers);
    if (offset === undefined) this.#offsets.delete(written);
    else this.#offsets.set(written, offset);
  }

  /** What an instruction makes of pointers into the frame. */
  #result({ opcode, dst, src }: MachineCode, index: number, { low, high }: Registers) {
    const s = src[index]!;
    if (opcode[index] === MOVE) return this.#offsets.get(s);
    const known = this.#offsets.get(dst[index]!);
    const isSmall = s >= FIRST_CONSTANT && high[s] === low[s]! >> 31;
    if (opcode[index] !== ADD || known === undefined || !isSmall) return undefined;
    return known + low[s]!;
  }
}
