/**
 * @module
 * What ends a run before its program does: an access that the kernel would not have let through, a helper that is not
 * modelled, a loop without end. The message names the instruction and the line that wrote it.
 */
import {
  describeFrame,
  framesOf,
  type Instruction,
  print,
  type Site,
  slotCount,
} from '../asm/index.ts';

/** Where a run was. */
export interface Position {
  /** In its program, as the kernel and listings count: a 64-bit load takes two. -1 outside of one. */
  readonly slot: number;
  readonly instruction: Instruction;
}

/** The instruction at an index of a program; undefined outside of it. */
export const positionIn = (
  instructions: readonly Instruction[],
  index: number,
): Position | undefined => {
  const instruction = instructions[index];
  return instruction && { slot: slotCount(instructions.slice(0, index)), instruction };
};

/** A run that cannot go on. */
export class SimulationFault extends Error {
  override readonly name = 'SimulationFault';
  /** The slot of the instruction in its program; -1 outside of one. */
  readonly instruction: number;
  readonly site: Site | undefined;

  constructor(why: string, where?: Position) {
    const { slot = -1, instruction } = where ?? {};
    const [frame] = framesOf(instruction?.site);
    const line = frame ? ` (${describeFrame(frame)})` : '';
    const place = instruction ? `instruction ${slot}, ${print(instruction)}${line}: ` : '';
    super(place + why);
    this.instruction = slot;
    this.site = instruction?.site;
    // Whoever shows the trace shows the line that wrote the instruction before the one that ran it.
    const [, written] = instruction?.site?.stack?.split('\n') ?? [];
    if (written && this.stack)
      this.stack = this.stack.replace(/\n {4}at /, () => `\n${written}\n    at `);
  }
}
