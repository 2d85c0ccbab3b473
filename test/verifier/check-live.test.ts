/**
 * @module
 * The static checks of programs that the kernel accepts: the tools, and the object files of the corpus. They are linked
 * for the running kernel.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BtfError } from '../../src/btf/index.ts';
import { readObject } from '../../src/elf/index.ts';
import { type Feature, KernelWorld } from '../../src/kernel/index.ts';
import { link, type ObjectSpec, RequirementError } from '../../src/object/index.ts';
import {
  exitsnoop,
  hardirqs,
  hello,
  helloPerf,
  opensnoop,
  runqslower,
} from '../../src/programs/index.ts';
import { checkProgram } from '../../src/verifier/index.ts';
import { EXPECTED } from '../objects/expected.ts';
import { OBJECTS, objectFile } from '../objects/judge.ts';
import { kernel, noBpf } from '../syscall/support.ts';

/** The findings of the programs of an object, by their names; undefined for those that this kernel cannot link. */
const findingsOf = (spec: ObjectSpec, without: readonly Feature[] = []) => {
  const world = new KernelWorld(new Set(without));
  return Object.keys(spec.programs).map((name) => {
    try {
      const { programs } = link(spec, world, { programs: [name] });
      return [name, programs.flatMap((program) => checkProgram(program))] as const;
    } catch (error) {
      if (!(error instanceof RequirementError) && !(error instanceof BtfError)) throw error;
      return [name, undefined] as const;
    }
  });
};

describe.skipIf(noBpf)(kernel('the static checks of programs that the kernel accepts'), () => {
  const tools = { exitsnoop, hardirqs, hello, helloPerf, opensnoop, runqslower };
  const kernels: readonly (readonly Feature[])[] = [
    [],
    ['tp_btf'],
    ['tp_btf', 'raw_tp'],
    ['ringbuf'],
  ];

  it.each(Object.entries(tools))('find nothing in %s', (_, tool) => {
    for (const without of kernels)
      for (const [name, findings] of findingsOf(tool.object() as ObjectSpec, without))
        expect(findings ?? [], name).toEqual([]);
  });

  it('find nothing in the object files of the corpus', () => {
    let checked = 0;
    const restricted: string[] = [];
    for (const name of OBJECTS) {
      let spec: ObjectSpec;
      try {
        spec = readObject(new Uint8Array(readFileSync(objectFile(name))));
      } catch {
        // Those with mistakes that reading finds.
        continue;
      }
      if (spec.bigEndian) continue;
      for (const [program, findings] of findingsOf(spec)) {
        if (EXPECTED[name]?.programs[program] !== 'accepted' || !findings) continue;
        const forAll = findings.filter(({ acceptedBy }) => acceptedBy === undefined);
        expect(forAll, `${name} ${program}`).toEqual([]);
        if (findings.length > 0) restricted.push(`${name} ${program}`);
        checked++;
      }
    }
    expect(checked).toBeGreaterThan(200);
    // It is accepted only from those who have CAP_PERFMON.
    expect(restricted).toEqual(['refused uninitialised_stack']);
  });
});
