/**
 * The instructions of a function in an object file, of either byte order, and the labels that their jumps lead to.
 *
 * @module
 */
import {
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP32,
  type Code,
  type Instruction,
  isJumpClass,
  type Label,
  LDDW,
  make,
} from '../asm/index.ts';
import { ElfError } from './error.ts';
import type { ElfFile } from './file.ts';
import { type FileFunction, SLOT } from './read-functions.ts';

/** The instructions of a function with their byte offsets in its section. */
export function* instructionsOf(file: ElfFile, { section, start, end, name }: FileFunction) {
  const { data } = section;
  const { littleEndian } = file;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let offset = start; offset < end; offset += SLOT) {
    const opcode = view.getUint8(offset);
    const registers = view.getUint8(offset + 1);
    const [low, high] = [registers & 15, registers >> 4];
    const fields = {
      opcode,
      dst: littleEndian ? low : high,
      src: littleEndian ? high : low,
      offset: view.getInt16(offset + 2, littleEndian),
    };
    if (opcode !== LDDW) {
      yield {
        offset,
        instruction: make({ ...fields, imm: view.getInt32(offset + 4, littleEndian) }),
      };
      continue;
    }
    if (offset + 2 * SLOT > end)
      throw new ElfError(`${name} ends within a 64-bit load`, section.offset + offset);
    const imm64 =
      BigInt(view.getUint32(offset + 4, littleEndian)) |
      (BigInt(view.getUint32(offset + 12, littleEndian)) << 32n);
    yield { offset, instruction: make({ ...fields, imm64 }) };
    offset += SLOT;
  }
}

const GOTOL = BPF_JMP32 | BPF_JA;

/** How many slots a jump goes on after its own; undefined for all else. */
const distanceOf = ({ opcode, offset, imm }: Instruction): number | undefined => {
  const operation = opcode & 0xf0;
  if (!isJumpClass(opcode) || operation === BPF_CALL || operation === BPF_EXIT) return undefined;
  return opcode === GOTOL ? imm : offset;
};

/** The instructions in order, with a label wherever one of them jumps to. Jumps to elsewhere stay: the kernel refuses them. */
export const withLabels = (instructions: ReadonlyMap<number, Instruction>): Code => {
  const labels = new Map<number, Label>();
  const first = instructions.keys().next().value ?? 0;
  const labelAt = (offset: number): Label | undefined => {
    if (!instructions.has(offset)) return undefined;
    const known = labels.get(offset);
    if (known) return known;
    const label: Label = { kind: 'label', name: `L${(offset - first) / SLOT}` };
    labels.set(offset, label);
    return label;
  };
  const jumps = [...instructions].map(([offset, instruction]) => {
    const distance = distanceOf(instruction);
    const target = distance === undefined ? undefined : labelAt(offset + (distance + 1) * SLOT);
    return [offset, target ? { ...instruction, target } : instruction] as const;
  });
  return jumps.flatMap(([offset, instruction]): (Instruction | Label)[] => {
    const label = labels.get(offset);
    return label ? [label, instruction] : [instruction];
  });
};
