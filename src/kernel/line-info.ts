/**
 * @module
 * The records that tell the kernel which function and which line an instruction belongs to. The verifier's log and
 * bpftool then show our TypeScript.
 */
import { type Assembly, type Instruction, slotsOf } from '../asm/index.ts';
import { funcInfo, lineInfo } from '../btf/index.ts';
import { type LinkedProgram, lineRecords, type TypeInfo } from '../object/index.ts';
import type { Records } from '../syscall/index.ts';
import { sourceOf } from './sources.ts';

/** Which function starts at which instruction. */
export const funcInfoOf = ({ assembly, functionIds }: LinkedProgram): Records => ({
  bytes: funcInfo.encode(
    assembly.functions.map(({ start }, index) => ({
      insnOffset: start,
      typeId: functionIds[index]!,
    })),
  ),
  recordSize: funcInfo.size,
});

/** Which line each instruction comes from. Adds the texts to the strings of `types`, whose BTF is to be loaded after. */
export const lineInfoOf = ({ assembly, spec }: LinkedProgram, types: TypeInfo): Records => {
  const records = lineRecords(assembly.instructions, {
    program: spec.site,
    starts: new Set(assembly.functions.map(({ start }) => start)),
    string: (text) => types.string(text),
    sourceOf,
  });
  return { bytes: lineInfo.encode(records), recordSize: lineInfo.size };
};

/** The instruction in a slot. */
export const instructionAt = (
  { instructions }: Assembly,
  slot: number,
): Instruction | undefined => {
  let at = 0;
  return instructions.find((instruction) => {
    const found = slot >= at && slot < at + slotsOf(instruction);
    at += slotsOf(instruction);
    return found;
  });
};
