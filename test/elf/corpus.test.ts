/** Objects of the corpus, read and linked by us and by libbpf: both must pass the same instructions to the kernel. */

import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { encode, type Instruction, LDDW, mapOf } from '../../src/asm/index.ts';
import { readObject } from '../../src/elf/index.ts';
import { KernelWorld } from '../../src/kernel/index.ts';
import { link, type ObjectSpec } from '../../src/object/index.ts';
import { bytes, Judge, namesOf, normalise, OBJECTS, objectFile } from '../objects/judge.ts';

const judge = new Judge();
afterAll(() => judge.close());

/** libbpf's names for the maps of variables begin with the object's, unless the section has a name of its own. */
const libbpfName = (object: string, map: string): string =>
  /^\.(data|rodata|bss|kconfig)$/.test(map)
    ? `${object.slice(0, 15 - Math.max(7, map.length))}${map}`
    : map;

/** What libbpf here (1.1) is too old for, or refuses to look at. */
const NEWER = ['arena', 'isa-big-endian'];

/** Functions of the kernel have flavours since libbpf 1.3. */
const FLAVOURED = 'flavoured';

/** How libbpf before 1.2 passed the call of a function that is not in the kernel; later ones poison it as we do. */
const UNRESOLVED_CALL = '8520000000000000';
const POISONED_CALL = '850000001023ad0b';

/** What we pass, with numbers in place of descriptors. */
const ours = (spec: ObjectSpec, object: string, program: string): Uint8Array => {
  const linked = link(spec, new KernelWorld(), { programs: [program] }).programs[0]!;
  const names = new Map(Object.keys(spec.maps).map((name, i) => [i + 1, libbpfName(object, name)]));
  const numbers = new Map(Object.values(spec.maps).map((map, i) => [map, i + 1] as const));
  const withNumber = (instruction: Instruction): Instruction => {
    const { reference } = instruction;
    const map = mapOf(instruction);
    if (!map || instruction.opcode !== LDDW) return instruction;
    const offset = reference?.kind === 'value' ? BigInt(reference.offset) << 32n : 0n;
    return { ...instruction, imm64: BigInt(numbers.get(map as never)!) | offset };
  };
  return normalise(encode(linked.assembly.instructions.map(withNumber)), names);
};

const text = (insns: Uint8Array): string[] =>
  Array.from({ length: insns.length / 8 }, (_, slot) =>
    Buffer.from(insns.subarray(slot * 8, slot * 8 + 8))
      .toString('hex')
      .replace(UNRESOLVED_CALL, POISONED_CALL),
  );

describe('an object file', () => {
  it.each(OBJECTS.filter((name) => !NEWER.includes(name)))('%s gives the instructions that libbpf makes of it', (name) => {
    const judged = judge.judge(objectFile(name));
    if (judged.object.stage === 'open') {
      expect(() => readObject(readFileSync(objectFile(name)))).toThrow();
      return;
    }
    const spec = readObject(readFileSync(objectFile(name)), { label: name });
    expect(Object.keys(spec.programs).sort()).toEqual(judged.programs.map((p) => p.name).sort());
    for (const { name: program, passed } of judged.programs) {
      if (!passed || program === FLAVOURED) continue;
      const theirs = normalise(bytes(passed.insns), namesOf(passed.maps));
      expect(text(ours(spec, name, program)), `${name}: ${program}`).toEqual(text(theirs));
    }
  });
});
