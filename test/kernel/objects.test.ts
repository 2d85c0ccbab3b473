/** Objects of the corpus and of installed tools, loaded by us and by libbpf: the kernel must say the same of both. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { KernelWorld, loadObject } from '../../src/kernel/index.ts';
import type { ObjectSpec } from '../../src/object/index.ts';
import { mapInfo, progXlated } from '../../src/syscall/index.ts';
import { installedObjects } from '../objects/carve.ts';
import { EXPECTED } from '../objects/expected.ts';
import { bytes, Judge, namesOf, normalise, OBJECTS, objectFile } from '../objects/judge.ts';
import { passedByUs, slots } from '../objects/passed.ts';

const judge = new Judge();
afterAll(() => judge.close());

/** What the kernel made of a program; or the first line of why there is none. */
const load = (spec: ObjectSpec, program: string): Uint8Array | string => {
  try {
    using loaded = loadObject(spec, { programs: [program], pinPath: '' });
    const { fd } = loaded.programs[program]!;
    const names = new Map<number, string>();
    for (const map of Object.values(loaded.maps)) {
      const { id, name } = mapInfo((map as { fd: number }).fd);
      names.set(id, name);
    }
    return normalise(progXlated(fd), names);
  } catch (error) {
    return (error as Error).message.split('\n')[0]!;
  }
};

const compare = (file: string, object: Uint8Array, label: string): void => {
  const { object: judged, programs } = judge.judge(file);
  const beyond = EXPECTED[label]?.beyond ?? [];
  let spec: ObjectSpec;
  try {
    spec = readObject(object, { label });
  } catch (error) {
    expect(judged.stage, (error as Error).message).toBe('open');
    return;
  }
  if (judged.stage === 'open') {
    expect(NEWER, judged.log).toContain(label);
    return;
  }
  expect(Object.keys(spec.programs).sort()).toEqual(programs.map(({ name }) => name).sort());
  const found: Record<string, unknown> = {};
  const expected: Record<string, unknown> = {};
  for (const { name, verdict, passed, xlated, maps } of programs) {
    if (beyond.includes(name) || KPROBES_DECIDE.includes(name)) continue;
    if (passed) {
      found[`${name}, passed`] = slots(passedByUs(spec, name, new KernelWorld()));
      expected[`${name}, passed`] = slots(normalise(bytes(passed.insns), namesOf(passed.maps)));
    }
    const ours = load(spec, name);
    if (verdict === 'accepted') {
      found[name] = typeof ours === 'string' ? ours : slots(ours);
      expected[name] = slots(normalise(bytes(xlated!), namesOf(maps!)));
    } else {
      found[name] = typeof ours === 'string' ? 'refused' : slots(ours);
      expected[name] = 'refused';
    }
  }
  expect(found).toEqual(expected);
};

/** Objects that libbpf here (1.1) cannot open: an address of an arena has 64 bits, and it reads no other byte order. */
const NEWER = ['arena', 'arena-globals', 'isa-big-endian'];

/**
 * libbpf learns whether system calls have wrappers from a kprobe; where kprobes are not allowed it takes them for
 * unwrapped, and leaves out other instructions than we do, who look into the symbols.
 */
const KPROBES_DECIDE = ['ksyscall_function'];

describe('the kernel says the same of an object that we load and that libbpf loads', () => {
  it.each(OBJECTS)('%s', (name) => {
    compare(objectFile(name), readFileSync(objectFile(name)), name);
  });

  const folder = mkdtempSync(join(tmpdir(), 'carved-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  it.each(installedObjects().map(({ tool, bytes }) => [tool, bytes] as const))(
    '%s of libbpf-tools',
    (tool, object) => {
      const file = join(folder, `${tool}.o`);
      writeFileSync(file, object);
      compare(file, object, tool);
    },
  );
});

describe('an object of a file with its lines', () => {
  it('has one BTF for maps and programs: the kernel takes equal types of two for different ones', () => {
    const spec = readObject(readFileSync(objectFile('graphs')), { label: 'graphs.o' });
    using loaded = loadObject(spec, { programs: ['push_and_pop', 'grow_and_prune'], lines: true });
    const ids = Object.values(loaded.programs).map((program) => program!.info().btfId);
    expect(new Set(ids).size).toBe(1);
  });
});
