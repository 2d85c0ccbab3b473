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
  /** By register: its distance from the start of the frame, or NaN. */
  readonly #offsets = new Float64Array(16).fill(Number.NaN);

  /** At the start of a block, nothing but the frame pointer is known. */
  forget(): void {
    this.#offsets.fill(Number.NaN);
    this.#offsets[FRAME_POINTER] = FRAME_SIZE;
  }

  /** Where in the frame a register points; NaN where that is not known. */
  offsetOf(register: number): number {
    return this.#offsets[register] ?? Number.NaN;
  }

  /** Goes behind an instruction. */
  follow(code: MachineCode, index: number, registers: Registers): void {
    if (isCall(code.opcode[index]!)) this.#offsets.fill(Number.NaN, 0, 6);
    else {
      const written = writtenBy(code, index);
      if (written !== undefined) this.#offsets[written] = this.#result(code, index, registers);
    }
  }

  /** What an instruction makes of pointers into the frame. */
  #result({ opcode, dst, src }: MachineCode, index: number, { low, high }: Registers): number {
    const s = src[index]!;
    if (opcode[index] === MOVE) return this.offsetOf(s);
    const isSmall = s >= FIRST_CONSTANT && high[s] === low[s]! >> 31;
    return opcode[index] === ADD && isSmall ? this.offsetOf(dst[index]!) + low[s]! : Number.NaN;
  }
}
