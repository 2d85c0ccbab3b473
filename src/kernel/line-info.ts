/**
 * @module
 * The records that tell the kernel which function and which line an instruction belongs to. The verifier's log and
 * bpftool then show our TypeScript.
 */
import { type Assembly, type Instruction, ownFrames, type Site, slotsOf } from '../asm/index.ts';
import { funcInfo, lineInfo, MAX_COLUMN, MAX_LINE } from '../btf/index.ts';
import type { LinkedProgram, TypeInfo } from '../object/index.ts';
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
  const records = [];
  const starts = new Set(assembly.functions.map(({ start }) => start));
  let slot = 0;
  let before = '';
  for (const instruction of assembly.instructions) {
    const line = lineOf(instruction.site, spec.site);
    const key = `${line.file}:${line.line}:${line.column}`;
    // The kernel wants a record at the first instruction of every function.
    if (key !== before || starts.has(slot)) {
      records.push({
        insnOffset: slot,
        fileNameOffset: types.builder.string(line.file),
        lineOffset: types.builder.string(line.text),
        line: Math.min(line.line, MAX_LINE),
        column: Math.min(line.column, MAX_COLUMN),
      });
    }
    before = key;
    slot += slotsOf(instruction);
  }
  return { bytes: lineInfo.encode(records), recordSize: lineInfo.size };
};

/** The kernel takes printable text only, and no tabs. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?');

const lineOf = (site: Site | undefined, program: Site | undefined) => {
  const [frame] = ownFrames(site, program);
  if (!frame) return { file: 'unknown', line: 0, column: 0, text: '' };
  const { file, line, column, text } = sourceOf(frame);
  return { file: printable(file), line, column, text: printable(text ?? '') };
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
