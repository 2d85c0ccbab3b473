/**
 * @module
 * The wire format (RFC 9669, section 3): eight bytes an instruction, sixteen for the 64-bit load, little-endian.
 */
import type { Instruction } from './code.ts';
import { make } from './make.ts';
import { LDDW } from './opcodes.ts';

/** Bytes of one slot. */
export const SLOT_SIZE = 8;

/** The slots that an instruction takes: 2 for the 64-bit load, else 1. */
export const slotsOf = (instruction: Instruction): number => (instruction.opcode === LDDW ? 2 : 1);

/** The slots of instructions together. */
export const slotCount = (instructions: readonly Instruction[]): number =>
  instructions.reduce((sum, instruction) => sum + slotsOf(instruction), 0);

/** The bytes of assembled instructions. */
export const encode = (instructions: readonly Instruction[]): Uint8Array => {
  const bytes = new Uint8Array(slotCount(instructions) * SLOT_SIZE);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const instruction of instructions) {
    const { opcode, dst, src, offset, imm } = instruction;
    checkRange(instruction);
    view.setUint8(at, opcode);
    view.setUint8(at + 1, (src << 4) | dst);
    view.setInt16(at + 2, offset, true);
    if (opcode === LDDW) {
      const value = instruction.imm64 ?? 0n;
      view.setUint32(at + 4, Number(value & 0xffff_ffffn), true);
      view.setUint32(at + 12, Number(value >> 32n), true);
      at += 16;
    } else {
      view.setInt32(at + 4, imm, true);
      at += 8;
    }
  }
  return bytes;
};

const checkRange = (instruction: Instruction): void => {
  const { opcode, dst, src, offset, imm, imm64, slot } = instruction;
  if (slot) throw new RangeError(`a stack slot has no offset yet: assemble the program first`);
  const fits = (value: number, least: number, most: number) =>
    Number.isInteger(value) && value >= least && value <= most;
  if (
    !fits(opcode, 0, 255) ||
    !fits(dst, 0, 15) ||
    !fits(src, 0, 15) ||
    !fits(offset, -32768, 32767) ||
    !fits(imm, -(2 ** 31), 2 ** 31 - 1) ||
    (imm64 !== undefined && (imm64 < 0n || imm64 >= 2n ** 64n)) ||
    // The 64-bit load has its immediate in imm64 alone.
    (opcode === LDDW && imm !== 0)
  ) {
    throw new RangeError(
      `instruction 0x${opcode.toString(16)}: a field is out of its range: dst ${dst}, src ${src}, offset ${offset}, imm ${imm}, imm64 ${imm64}`,
    );
  }
};

/** The instructions in `bytes`. Any opcode is taken; only a length that is no whole number of slots is refused. */
export const decode = (bytes: Uint8Array): Instruction[] => {
  if (bytes.length % SLOT_SIZE !== 0) {
    throw new RangeError(`instructions are 8 bytes each, got ${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out: Instruction[] = [];
  for (let at = 0; at < bytes.length; at += SLOT_SIZE) {
    const opcode = view.getUint8(at);
    const registers = view.getUint8(at + 1);
    const fields = {
      opcode,
      dst: registers & 15,
      src: registers >> 4,
      offset: view.getInt16(at + 2, true),
    };
    if (opcode !== LDDW) {
      out.push(make({ ...fields, imm: view.getInt32(at + 4, true) }));
      continue;
    }
    if (at + 16 > bytes.length)
      throw new RangeError(`byte ${at}: a 64-bit load takes 16 bytes, but 8 are left`);
    if (view.getUint32(at + 8, true) !== 0) {
      throw new RangeError(
        `byte ${at + 8}: the second half of a 64-bit load must begin with 4 zero bytes`,
      );
    }
    const low = BigInt(view.getUint32(at + 4, true));
    out.push(make({ ...fields, imm64: (BigInt(view.getUint32(at + 12, true)) << 32n) | low }));
    at += 8;
  }
  return out;
};
