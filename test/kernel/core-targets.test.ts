/**
 * Objects for other kernels than this one: against each we pass the same instructions to the kernel as libbpf, or refuse
 * for the same reason. The kernels are types that `targets.ts` and `target-rules.ts` make.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Instruction } from '../../src/asm/index.ts';
import { Btf, type BtfComposite } from '../../src/btf/index.ts';
import { readObject } from '../../src/elf/index.ts';
import { KernelWorld, kernelBtf } from '../../src/kernel/index.ts';
import { link, type ObjectSpec } from '../../src/object/index.ts';
import { exitsnoop } from '../../src/programs/exitsnoop.ts';
import { opensnoop } from '../../src/programs/opensnoop.ts';
import { installedObjects } from '../objects/carve.ts';
import {
  bytes,
  Judge,
  type JudgedProgram,
  namesOf,
  normalise,
  OBJECTS,
  objectFile,
} from '../objects/judge.ts';
import { passedByUs, slots } from '../objects/passed.ts';
import { RULES } from '../objects/target-rules.ts';
import { CHANGES, type Change, changed, MIXTURES } from '../objects/targets.ts';
import { kernel, noBpf } from '../syscall/support.ts';

const judge = new Judge();
const folder = mkdtempSync(join(tmpdir(), 'targets-'));
afterAll(() => {
  judge.close();
  rmSync(folder, { recursive: true });
});

interface Target {
  readonly file: string;
  readonly btf: Btf;
}

let targets = 0;

/** The types of another kernel, in a file as well. */
const target = (from: Btf, change: Change): Target => {
  const file = join(folder, `${++targets}.btf`);
  const content = changed(from, change);
  writeFileSync(file, content);
  return { file, btf: new Btf(content, { label: 'the other kernel' }) };
};

const vmlinux = (): Btf => kernelBtf()!;

/** Why a program is not even passed to the kernel, as libbpf says it and as we do. */
const REASONS: readonly (readonly [reason: string, libbpf: RegExp, ours: RegExp])[] = [
  ['candidates that disagree', /ambiguity/, /ambiguity/],
  ['too far for a load', /value too big/, /too far for one load/],
  ['a size that no load has', /invalid new mem size/, /one instruction takes 1, 2, 4 or 8/],
  ['a load of a part', /unexpected mem size/, /cannot be resized/],
  [
    'a bitfield over too many bytes',
    /can't be satisfied for bitfield/,
    /no load of at most 8 bytes/,
  ],
  ['nested too deep', /error matching candidate #0 .*: -7/, /nested too deep/],
  ['nothing to attach to', /failed to find kernel BTF type ID/, /this kernel does not have/],
];

type Outcome = readonly string[] | string;

const theirs = ({ passed: insns, log }: JudgedProgram): Outcome => {
  if (insns) return slots(normalise(bytes(insns.insns), namesOf(insns.maps)));
  return REASONS.find(([, libbpf]) => libbpf.test(log))?.[0] ?? log;
};

const ours = (spec: ObjectSpec, program: string, world: KernelWorld): Outcome => {
  try {
    return slots(passedByUs(spec, program, world));
  } catch (error) {
    const { message } = error as Error;
    return REASONS.find(([, , own]) => own.test(message))?.[0] ?? message;
  }
};

const POISON = '850000001023ad0b';

/**
 * Where we differ from libbpf 1.1, and what we pass then.
 *
 * - A load of an array reads one element, which is what counts for its size (libbpf 1.6). To 1.1 it is the whole array,
 *   and the load is wrong when the array has another length.
 * - A load that extends the sign of a field that has none cannot be resized: the sign would be another bit. libbpf
 *   resizes it.
 */
const AHEAD: Readonly<Record<string, RegExp>> = {
  load_start_of_array: /^7110....00000000$/,
  unsigned_8: new RegExp(POISON),
  unsigned_16: new RegExp(POISON),
  unsigned_32: new RegExp(POISON),
};

/** What libbpf and we make of each program of an object. Returns ours. */
const compare = (file: string, types: Target): Record<string, Outcome> => {
  const spec = readObject(readFileSync(file), { label: file });
  const world = new KernelWorld(undefined, types.btf);
  const expected: Record<string, Outcome> = {};
  const found: Record<string, Outcome> = {};
  for (const program of judge.judge(file, { btf: types.file, sized: true }).programs) {
    const { name } = program;
    found[name] = ours(spec, name, world);
    expected[name] = theirs(program);
    const ahead = AHEAD[name];
    if (!ahead || String(found[name]) === String(expected[name])) continue;
    expect(found[name]![0]).toMatch(ahead);
    expected[name] = found[name];
  }
  expect(found).toEqual(expected);
  return found;
};

describe.skipIf(noBpf)(kernel('the corpus on kernels that changed'), () => {
  const corpus = OBJECTS.filter((name) => /^core-(?!rules|v4)/.test(name));
  const linked = (object: string): Record<string, Outcome> => {
    const spec = readObject(readFileSync(objectFile(object)), { label: object });
    const world = new KernelWorld();
    return Object.fromEntries(
      Object.keys(spec.programs).map((program) => [program, ours(spec, program, world)]),
    );
  };
  let here: readonly Record<string, Outcome>[] | undefined;

  /** What CO-RE is not to notice. */
  const UNNOTICED = ['functions that are called as structs are'];

  it.each(Object.entries(CHANGES))('%s', (name, change) => {
    const types = target(vmlinux(), change);
    const there = corpus.map((object) => compare(objectFile(object), types));
    here ??= corpus.map(linked);
    if (UNNOTICED.includes(name)) expect(there).toEqual(here);
    else expect(there).not.toEqual(here);
  });
});

describe.skipIf(noBpf)(kernel('installed tools on kernels that changed'), () => {
  const tools = installedObjects().map(({ tool, bytes: object }) => {
    const file = join(folder, `${tool}.o`);
    writeFileSync(file, object);
    return [tool, file] as const;
  });

  describe.each(Object.entries(MIXTURES))('%s', (_name, change) => {
    let types: Target | undefined;
    it.each(tools)('%s', (_tool, file) => {
      types ??= target(vmlinux(), change);
      compare(file, types);
    });
  });
});

describe.skipIf(noBpf)(kernel('each kind and rule of CO-RE'), () => {
  describe.each(['core-rules', 'core-v4'])('%s', (name) => {
    const own = readObject(readFileSync(objectFile(name))).types!;
    it.each(Object.entries({ ...RULES, ...CHANGES }))('%s', (_name, change) => {
      compare(objectFile(name), target(own, change));
    });
  });
});

describe.skipIf(noBpf)(kernel('our own tools on kernels that changed'), () => {
  /** The linked instructions that read a field, by the way to it. */
  const reads = (spec: ObjectSpec, change: Change): Record<string, number[]> => {
    const { btf } = target(vmlinux(), change);
    const found: Record<string, Set<number>> = {};
    for (const { assembly, poisoned } of link(spec, new KernelWorld(undefined, btf)).programs) {
      expect([...poisoned]).toEqual([]);
      for (const { relocation, opcode, offset, imm } of assembly.instructions as Instruction[]) {
        if (relocation?.kind !== 'field_byte_offset') continue;
        const way = [relocation.root.name, ...relocation.path].join('.');
        // Loads and stores have it in the offset, `add` has it in the immediate.
        found[way] ??= new Set();
        found[way].add((opcode & 7) < 4 ? offset : imm);
      }
    }
    return Object.fromEntries(Object.entries(found).map(([way, offsets]) => [way, [...offsets]]));
  };

  it.each([
    ['a header of 12 bytes in the records of tracepoints, as RHEL has', 16],
    ['a header of 16 bytes in the records of tracepoints', 24],
  ])('opensnoop, with %s', (name, at) => {
    expect(reads(opensnoop.object({}) as ObjectSpec, CHANGES[name]!)).toMatchObject({
      'syscall_trace_enter.args.1': [at + 8],
      'syscall_trace_exit.ret': [at],
    });
  });

  it('exitsnoop, with members in the reverse order', () => {
    const found = reads(
      exitsnoop.object({}) as ObjectSpec,
      CHANGES['members in the reverse order']!,
    );
    const btf = vmlinux();
    const task = btf.type(btf.findByName('task_struct', 'struct')!) as BtfComposite;
    const mirrored = (field: string): number[] => {
      const { bitOffset, type } = task.members.find(({ name }) => name === field)!;
      return [task.size - bitOffset / 8 - btf.sizeOf(type)];
    };
    const fields = ['exit_code', 'start_time', 'real_parent'];
    expect(found).toMatchObject(
      Object.fromEntries(fields.map((field) => [`task_struct.${field}`, mirrored(field)])),
    );
  });
});
