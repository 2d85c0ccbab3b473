/**
 * @module
 * What a text for LLVM has beside the instructions: the sections of variables, which they refer to, and the licence.
 * Maps stay names that the text does not define: what they are is in BTF, which is not written.
 */
import type { AnyMapSpec, ObjectSpec, Section } from '../object/index.ts';

/** The lines behind the programs of an object. */
export const textOfData = ({ maps, hidden, license }: ObjectSpec): string[] => [
  // Sections of a file begin with a dot; our own variables have the names of their maps.
  ...Object.entries({ ...maps, ...hidden } as Record<string, AnyMapSpec>)
    .filter(([name, map]) => /^\.[\w.]+$/.test(name) && map.section !== undefined)
    .flatMap(([name, map]) => [
      `.section ${name},${flagsOf(name, map.section!)}`,
      ...bytesOf(map),
      '',
    ]),
  '.section license,"aw",@progbits',
  `.asciz ${JSON.stringify(license)}`,
];

/** Constants and texts that linkers merge have names of their own, of which LLVM expects the flags. */
const flagsOf = (name: string, section: Section): string => {
  const merged = /^\.rodata\.(cst|str)(\d+)/.exec(name);
  if (!merged) return FLAGS[section];
  return `"${merged[1] === 'str' ? 'aMS' : 'aM'}",@progbits,${merged[2]}`;
};

const FLAGS = {
  bss: '"aw",@nobits',
  data: '"aw",@progbits',
  rodata: '"a",@progbits',
  kconfig: '"aw",@progbits',
} as const satisfies Record<Section, string>;

const bytesOf = ({ initial, value }: AnyMapSpec): string[] => {
  const bytes = initial?.[0];
  if (!(bytes instanceof Uint8Array)) return [`.zero ${value?.size ?? 0}`];
  return Array.from({ length: Math.ceil(bytes.length / 16) }, (_, row) => {
    const some = [...bytes.subarray(16 * row, 16 * row + 16)];
    return `.byte ${some.map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(', ')}`;
  });
};
