/**
 * @module
 * The mistakes in C (test/golden/verifier/c/mistakes.c, which make.sh beside it compiles), as clang made objects of
 * them. The class of each is the beginning of its name.
 */
import { readFileSync } from 'node:fs';
import { readObject } from '../../../src/elf/index.ts';
import type { ObjectSpec } from '../../../src/index.ts';
import type { RefusalClass } from '../../../src/verifier/index.ts';
import { kernelWith } from '../../object/support.ts';
import type { Rejected } from './support.ts';

const GOLDEN = new URL('../../golden/verifier/c/', import.meta.url);

/** What Linux 6.18 said of them, by their names (record-rejected.ts). */
export const COMPILED_LOGS = new URL('logs.txt', GOLDEN);

const spec: ObjectSpec = readObject(
  new Uint8Array(readFileSync(new URL('mistakes.o', GOLDEN))),
) as ObjectSpec;

export const COMPILED: readonly Rejected[] = Object.entries(spec.programs).map(
  ([name, program]) => ({
    name,
    class: name.split('__')[0]!.replaceAll('_', '-') as RefusalClass,
    object: () => ({ ...spec, programs: { [name]: program } }),
    restricted: false,
  }),
);

/** A kernel with the types that they read. */
export const compiledWorld = kernelWith((b) => {
  const task = b.reserve();
  const int = b.int('int', 4, 'signed');
  b.define(task, {
    kind: 'struct',
    name: 'task_struct',
    size: 16,
    members: [
      { name: 'pid', type: int, bitOffset: 0, bitSize: 0 },
      { name: 'tgid', type: int, bitOffset: 32, bitSize: 0 },
      { name: 'real_parent', type: b.ptr(task), bitOffset: 64, bitSize: 0 },
    ],
  });
});
