/**
 * @module
 * What ends a run before its program does: an access that the kernel would not have let through, a helper that is not
 * modelled, a loop without end. The message names the instruction and the line that wrote it.
 */
import { describeFrame, framesOf, type Instruction, print, type Site } from '../asm/index.ts';

/** A run that cannot go on. */
export class SimulationFault extends Error {
  override readonly name = 'SimulationFault';
  /** The instruction's index in its program; -1 outside of one. */
  readonly instruction: number;
  readonly site: Site | undefined;

  constructor(why: string, where?: { readonly index: number; readonly instruction: Instruction }) {
    const { index = -1, instruction } = where ?? {};
    const [frame] = framesOf(instruction?.site);
    const line = frame ? ` (${describeFrame(frame)})` : '';
    const place = instruction ? `instruction ${index}, ${print(instruction)}${line}: ` : '';
    super(place + why);
    this.instruction = index;
    this.site = instruction?.site;
    // Whoever shows the trace shows the line that wrote the instruction before the one that ran it.
    const [, written] = instruction?.site?.stack?.split('\n') ?? [];
    if (written && this.stack)
      this.stack = this.stack.replace(/\n {4}at /, () => `\n${written}\n    at `);
  }
}
