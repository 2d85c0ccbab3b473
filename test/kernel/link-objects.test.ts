/** Objects that we link and that libbpf's linker links: libbpf and the kernel must say the same of both. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ElfError, linkObjects, readObject } from '../../src/elf/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { progXlated } from '../../src/syscall/index.ts';
import { describeLinked } from '../elf/linked.ts';
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
import { kernel, noBpf } from '../syscall/support.ts';

const judge = new Judge();
const folder = mkdtempSync(join(tmpdir(), 'linked-'));
afterAll(() => {
  judge.close();
  rmSync(folder, { recursive: true });
});

/** A file that can be linked. */
interface File {
  readonly label: string;
  readonly bytes: Uint8Array;
}

const corpus = (names: readonly string[]): readonly File[] =>
  names.map((label) => ({ label, bytes: readFileSync(objectFile(label)) }));

/** libbpf calls the maps of an object after its file, so both are called the same. */
const write = (under: string, content: Uint8Array, name = 'linked'): string => {
  mkdirSync(join(folder, under), { recursive: true });
  const file = join(folder, under, `${name}.o`);
  writeFileSync(file, content);
  return file;
};

/** What `bpftool gen object` makes of files, or says when it refuses them. */
const linkByBpftool = (
  files: readonly File[],
): { readonly file?: string; readonly error: string } => {
  const inputs = files.map(({ bytes, label }) => write('inputs', bytes, label));
  const file = write('bpftool', new Uint8Array());
  const { status, stderr } = spawnSync('bpftool', ['gen', 'object', file, ...inputs], {
    encoding: 'utf8',
  });
  return status === 0 ? { file, error: '' } : { error: stderr };
};

/** What we link and bpftool 7.1 does not: later ones may. */
const BEYOND: readonly RegExp[] = [
  // A function or `void` of the kernel's that both declare.
  /failed to resolve size of underlying type/,
  // A pointer in data through the symbol of a section.
  /relocation against STT_SECTION in non-exec section/,
  // A file without types.
  /failed to find BTF info for object/,
];

/** Where bpftool 7.1 leaves the place of a declaration, or of a weak variable, to what another file defines. */
const MISPLACED = /^(linked-one|link-weak-.|link-maps-.)$/;

const linked = (files: readonly File[]): Uint8Array | string => {
  try {
    return linkObjects(files);
  } catch (error) {
    if (error instanceof ElfError) return error.message;
    throw error;
  }
};

/** Holds what we make of files against what bpftool makes of them. */
const compare = (files: readonly File[]): void => {
  const names = files.map(({ label }) => label);
  const ours = linked(files);
  const { file, error } = linkByBpftool(files);
  if (file === undefined) {
    const isBeyond = BEYOND.some((reason) => reason.test(error));
    if (!isBeyond) expect([names, ours, error]).toEqual([names, expect.any(String), error]);
    return;
  }
  expect([names, typeof ours === 'string' ? ours : describeLinked(ours)]).toEqual([
    names,
    describeLinked(readFileSync(file)),
  ]);
};

const hex = (insns: string | undefined, maps: JudgedProgram['maps']): string | undefined =>
  insns && maps && Buffer.from(normalise(bytes(insns), namesOf(maps))).toString('hex');

/** What libbpf passed and the kernel made of each program. */
const judged = (file: string) => {
  const { object, maps, programs } = judge.judge(file, { sized: true });
  return {
    object: { stage: object.stage, whole: object.whole },
    maps: maps.map(({ kernel: _, ...map }) => map).sort((a, b) => (a.name < b.name ? -1 : 1)),
    programs: Object.fromEntries(
      programs.map(({ name, section, verdict, passed, xlated, maps, functions, lines }) => [
        name,
        {
          ...{ section, verdict, functions, lines },
          passed: hex(passed?.insns, passed?.maps),
          xlated: hex(xlated, maps),
        },
      ]),
    ),
  };
};

/** Whether we load a program of an object, too. */
const loads = (object: Uint8Array, program: string): boolean => {
  try {
    using loaded = loadObject(readObject(object, { label: 'linked.o' }), { programs: [program] });
    return progXlated(loaded.programs[program]!.fd).length > 0;
  } catch {
    return false;
  }
};

const verdicts = ({ programs }: ReturnType<typeof judged>) =>
  Object.fromEntries(Object.entries(programs).map(([name, { verdict }]) => [name, verdict]));

/** Programs of which this machine decides. */
const DEPENDS = /^variables_/;

describe.skipIf(noBpf)(kernel('an object that we link'), () => {
  it.each([
    [['linked-one', 'linked-two']],
    [['linked-two', 'linked-one']],
    [['link-weak-1', 'link-weak-2']],
    [['link-weak-2', 'link-weak-1']],
    [['link-shared-1', 'link-shared-2']],
    [['link-shared-2', 'link-shared-1']],
    [['link-kernel-1', 'link-kernel-2']],
    [['link-kernel-2', 'link-kernel-1']],
    [['linked-one', 'linked-two', 'maps-nested']],
    [['kconfig', 'subprograms', 'only-maps']],
  ])('of %s is to libbpf and the kernel what bpftool links', (names) => {
    const files = corpus(names);
    const object = linkObjects(files);
    const ours = judged(write('ours', object));
    expect(ours).toEqual(judged(linkByBpftool(files).file!));
    expect(ours.object.stage).toBe('done');
    for (const [name, verdict] of Object.entries(verdicts(ours)))
      if (!DEPENDS.test(name))
        expect([name, loads(object, name)]).toEqual([name, verdict === 'accepted']);
  });

  it('has the maps that another file declares, which bpftool 7.1 misplaces', () => {
    const object = linkObjects(corpus(['link-maps-1', 'link-maps-2']));
    const { object: whole, maps, programs } = judged(write('ours', object));
    expect(whole).toEqual({ stage: 'done', whole: 0 });
    expect(maps.map(({ name }) => name)).toEqual([
      'control_1',
      'control_2',
      'counts',
      'nested',
      'of_one',
      'of_two',
      'steps',
    ]);
    expect(maps.find(({ name }) => name === 'nested')?.filled).toEqual([0, 1]);
    expect(Object.values(programs).map(({ verdict }) => verdict)).toEqual(
      Array(8).fill('accepted'),
    );
    for (const order of [
      ['link-maps-1', 'link-maps-2'],
      ['link-maps-2', 'link-maps-1'],
    ]) {
      const object = linkObjects(corpus(order));
      for (const name of Object.keys(programs))
        expect([name, loads(object, name)]).toEqual([name, true]);
    }
  });

  it('verifies what is hidden in one file with its callers', () => {
    const alone = judged(objectFile('link-weak-1'));
    expect(verdicts(alone)).toEqual({ program_1: 'refused', replaced: 'accepted' });
    const linked = judged(write('ours', linkObjects(corpus(['link-weak-1', 'link-weak-2']))));
    expect(verdicts(linked)).toEqual({
      program_1: 'accepted',
      program_2: 'accepted',
      replaced: 'accepted',
    });
  });

  it.each([
    // A function of the kernel's in both.
    [['kfuncs', 'locks']],
    // Pointers in data.
    [['linkage', 'xdp']],
    [['isa-without-types', 'maps']],
  ])('of %s keeps every program as it was alone', (names) => {
    const files = corpus(names);
    const alone = Object.assign({}, ...names.map((name) => judged(objectFile(name)).programs));
    const { programs } = judged(write('ours', linkObjects(files)));
    // Variables have moved, and so have addresses.
    const withoutAddresses = (all: typeof programs) =>
      Object.fromEntries(
        Object.entries(all).map(([name, { verdict, xlated, functions, lines }]) => [
          name,
          { verdict, functions, lines, length: xlated?.length },
        ]),
      );
    expect(withoutAddresses(programs)).toEqual(withoutAddresses(alone));
  });
});

describe('linking gives what bpftool gives', () => {
  const names = OBJECTS.filter((name) => !MISPLACED.test(name));

  it.each(names)('of %s and others', (name) => {
    const at = names.indexOf(name);
    for (const step of [1, 19]) compare(corpus([name, names[(at + step) % names.length]!]));
  });

  const installed = installedObjects().map(({ tool, bytes }) => ({ label: tool, bytes }));

  it.each(installed.map(({ label }, at) => [label, at] as const))(
    'of %s of libbpf-tools and others',
    (_, at) => {
      for (const step of [1, 17])
        compare([installed[at]!, installed[(at + step) % installed.length]!]);
    },
  );

  it.skipIf(noBpf).each([
    ['bashreadline', 'biolatency'],
    ['biotop', 'tcptop'],
    ['execsnoop', 'readahead'],
    ['fsslower', 'klockstat'],
    ['biopattern', 'filelife'],
  ])(kernel('and the kernel says the same of %s with %s'), (...pair) => {
    const files = installed.filter(({ label }) => pair.includes(label));
    expect(files.length).toBe(2);
    const object = linkObjects(files);
    const ours = judged(write('ours', object));
    expect(ours).toEqual(judged(linkByBpftool(files).file!));
    for (const [name, verdict] of Object.entries(verdicts(ours)))
      expect([name, loads(object, name)]).toEqual([name, verdict === 'accepted']);
  });
});
