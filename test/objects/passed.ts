/** What we would pass to the kernel of an object, to be held against what libbpf passes. */
import { encode, type Instruction, LDDW, mapOf } from '../../src/asm/index.ts';
import { link, type ObjectSpec, type World } from '../../src/object/index.ts';
import { normalise } from './judge.ts';

/** A program as we link it, with hashes of names in place of the descriptors of maps. */
export const passedByUs = (spec: ObjectSpec, program: string, world: World): Uint8Array => {
  const { programs } = link(spec, world, { programs: [program] });
  const maps = Object.values(spec.maps);
  const names = new Map(
    Object.entries(spec.maps).map(([name, { kernelName }], i) => [i + 1, kernelName ?? name]),
  );
  const numbered = programs[0]!.assembly.instructions.map((instruction): Instruction => {
    const { reference } = instruction;
    const map = mapOf(instruction);
    if (!map || instruction.opcode !== LDDW) return instruction;
    const offset = reference?.kind === 'value' ? BigInt(reference.offset) << 32n : 0n;
    return { ...instruction, imm64: BigInt(maps.indexOf(map as never) + 1) | offset };
  });
  return normalise(encode(numbered), names);
};

/** How libbpf before 1.2 passed the call of a function that is not in the kernel; later ones poison it as we do. */
const UNRESOLVED_CALL = '8520000000000000';
const POISONED_CALL = '850000001023ad0b';

/** Instructions in hex, one string for each slot. */
export const slots = (insns: Uint8Array): string[] =>
  Array.from({ length: insns.length / 8 }, (_, slot) =>
    Buffer.from(insns.subarray(slot * 8, slot * 8 + 8))
      .toString('hex')
      .replace(UNRESOLVED_CALL, POISONED_CALL),
  );
