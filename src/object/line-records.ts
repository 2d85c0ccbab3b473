/**
 * @module
 * Which line each instruction of a program comes from: the records that a kernel and an object file take
 * (struct bpf_line_info of include/uapi/linux/bpf.h).
 */
import { type Frame, type Instruction, ownFrames, type Site, slotsOf } from '../asm/index.ts';
import type { LineInfo } from '../btf/index.ts';

export interface LineOptions {
  /** Where the program was built: tells the user's own macros from what called the user. */
  readonly program: Site | undefined;
  /** The slots where functions begin: the kernel wants a record there. */
  readonly starts: ReadonlySet<number>;
  /** The offset of a text in the strings of the BTF. */
  readonly string: (text: string) => number;
  /** Where a frame is in the source, and the text of its line: files are not for this room to read. */
  readonly sourceOf: (frame: Frame) => Frame;
}

/** The records of assembled instructions, one for each run of the same line, with offsets in slots. */
export const lineRecords = (
  instructions: readonly Instruction[],
  { program, starts, string, sourceOf }: LineOptions,
): LineInfo[] => {
  const records: LineInfo[] = [];
  let slot = 0;
  let before = '';
  for (const instruction of instructions) {
    const [frame] = ownFrames(instruction.site, program);
    const place = frame ? sourceOf(frame) : UNKNOWN;
    const { line, column } = place;
    // What a file brings is in the strings of its BTF as it is.
    const [file, text] =
      frame?.text === undefined
        ? [printable(place.file), printable(place.text ?? '')]
        : [frame.file, frame.text];
    const key = `${file}:${line}:${column}`;
    if (key !== before || starts.has(slot)) {
      records.push({
        insnOffset: slot,
        fileNameOffset: string(file),
        lineOffset: string(text),
        line,
        column,
      });
    }
    before = key;
    slot += slotsOf(instruction);
  }
  return records;
};

const UNKNOWN: Frame = { file: 'unknown', line: 0, column: 0 };

/** The kernel takes printable text only, and no tabs. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?');
