import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeElf } from '../../src/elf/index.ts';
import {
  bytes,
  Judge,
  type Judged,
  namesOf,
  normalise,
  OBJECTS,
  objectFile,
} from '../objects/judge.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { inputOf } from './support.ts';

/** What does not differ from one load to the next. */
const lasting = ({ object, maps, programs }: Judged) => ({
  object: { name: object.name, stage: object.stage, error: object.error, whole: object.whole },
  maps: maps.map(({ name, initial, kernel: made }) => [
    name,
    initial,
    made?.keySize,
    made?.valueSize,
  ]),
  programs: programs.map((program) => ({
    name: program.name,
    section: program.section,
    verdict: program.verdict,
    error: program.error,
    passed:
      program.passed &&
      normalise(bytes(program.passed.insns), namesOf(program.passed.maps)).join(' '),
    functions: program.functions,
    lines: program.lines,
  })),
});

describe.skipIf(noBpf)(kernel("libbpf loads clang's objects as before"), () => {
  const judge = new Judge();
  const folder = mkdtempSync(join(tmpdir(), 'elf-rewritten-'));
  afterAll(() => {
    judge.close();
    rmSync(folder, { recursive: true });
  });

  it.each(OBJECTS)('after they were read and written again: %s', (name) => {
    const file = join(folder, `${name}.o`);
    writeFileSync(file, writeElf(inputOf(readFileSync(objectFile(name)))));
    expect(lasting(judge.judge(file))).toEqual(lasting(judge.judge(objectFile(name))));
  });
});
