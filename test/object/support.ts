/** What the tests of this room share: worlds made by hand, programs linked for them, and errors with their line. */

import { type Btf, BtfBuilder } from '../../src/btf/index.ts';
import {
  type Code,
  listing,
  type ObjectSpec,
  object,
  type ProgramEntry,
  type World,
} from '../../src/index.ts';
import { type LinkedProgram, link } from '../../src/object/index.ts';

/** A kernel that has everything but types, unless it is told otherwise. */
export const world = (more: Partial<World> = {}): World => ({
  architecture: 'x86-64',
  btf: undefined,
  hasHook: () => true,
  hasHelper: () => true,
  hasMap: () => true,
  isaV4: true,
  tracepointFields: () => undefined,
  modules: () => [],
  symbolAddress: () => undefined,
  configuration: () => undefined,
  ...more,
});

/** A kernel with the types that `build` makes. */
export const kernelWith = (build: (b: BtfBuilder) => void, more: Partial<World> = {}): World => {
  const builder = new BtfBuilder();
  build(builder);
  return world({ btf: builder.build({ label: 'this kernel' }), ...more });
};

export const only = (program: ProgramEntry, maps = {}): ObjectSpec =>
  object({ license: 'GPL', maps, programs: { program } }) as ObjectSpec;

/** The program of an object, linked. */
export const linked = (program: ProgramEntry, into: World, maps = {}): LinkedProgram =>
  link(only(program, maps), into).programs[0]!;

/** Its text: each instruction with its relocation, without lines. */
export const textOf = ({ assembly }: LinkedProgram): string =>
  listing(assembly.instructions, { lines: false, labels: true })
    .map((line) => line.trimEnd())
    .join('\n');

/** The text of a program after linking. */
export const linkedText = (program: ProgramEntry, into: World, maps = {}): string =>
  textOf(linked(program, into, maps));

/** The message that something throws. */
export const messageOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('expected it to throw');
};

/** A message without the number of its line: `(map-spec.test.ts)`. */
export const withoutLine = (message: string): string => message.replace(/:\d+\)$/, ')');

export const int = (b: BtfBuilder): number => b.int('int', 4, 'signed');
export const u32 = (b: BtfBuilder): number => b.int('unsigned int', 4);
export const u64 = (b: BtfBuilder): number => b.int('unsigned long', 8);

export type { Btf, Code };
