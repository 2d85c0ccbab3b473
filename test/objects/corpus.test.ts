import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isAtLeast } from '../../src/syscall/index.ts';
import { insn, kernel, noBpf } from '../syscall/support.ts';
import { carve, installedObjects } from './carve.ts';
import { EXPECTED } from './expected.ts';
import {
  bytes,
  Judge,
  type Judged,
  type JudgedProgram,
  namesOf,
  normalise,
  OBJECTS,
  objectFile,
} from './judge.ts';

const judge = new Judge();
const scratch = mkdtempSync(join(tmpdir(), 'corpus-'));
afterAll(() => {
  judge.close();
  rmSync(scratch, { recursive: true });
});

describe('the corpus', () => {
  const sources = readdirSync(join(import.meta.dirname, 'src'))
    .filter((file) => file.endsWith('.c'))
    .map((file) => file.slice(0, -2));

  it('has an object for every source, and a source for every object', () => {
    const isFrom = (object: string, source: string) =>
      object === source || object.startsWith(`${source}-`);
    expect(sources.filter((source) => !OBJECTS.some((object) => isFrom(object, source)))).toEqual(
      [],
    );
    // linked.o is linked-one and linked-two.
    expect(OBJECTS.filter((object) => !sources.some((source) => isFrom(object, source)))).toEqual([
      'linked',
    ]);
  });

  it('has an expectation for every object', () => {
    expect(Object.keys(EXPECTED).sort()).toEqual(OBJECTS);
  });

  it('is small', () => {
    const sizes = OBJECTS.map((name) => statSync(objectFile(name)).size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(1_500_000);
  });

  it.each(OBJECTS)('%s names no path of a machine, and has no DWARF', (name) => {
    const text = readFileSync(objectFile(name), 'latin1');
    expect(text.match(/(?<![\w.])(\/[\w.-]+){2,}\.[ch]\b/g)).toBe(null);
    expect(text).not.toContain(process.cwd());
    expect(text).not.toContain('.debug_');
  });
});

/** What `expected` calls the verdict of a program; the verdict itself where it is another one. */
const matches = (program: JudgedProgram, expected: string): string => {
  const [word, text] = expected.split(/: (.*)/);
  const { verdict, error, log } = program;
  const denied = verdict === 'refused' && error === 1;
  if (word === 'denied' && (verdict === 'accepted' || denied)) return expected;
  if (word === 'depends' && (verdict === 'accepted' || verdict === 'refused')) return expected;
  if (word === verdict && (text === undefined || log.includes(text))) return expected;
  return `${verdict}: ${log}`;
};

describe.skipIf(noBpf)(kernel('libbpf on the corpus'), () => {
  describe.each(Object.entries(EXPECTED))('%s', (name, { since = '0.0', stops, programs }) => {
    const isOld = !isAtLeast(since);

    let first: Judged | undefined;
    const judged = () => (first ??= judge.judge(objectFile(name)));

    it.skipIf(isOld)('gets the verdicts that its source asks for', () => {
      const [stage, warning] = stops ?? ['done', ''];
      expect(judged().object).toMatchObject({ stage, log: expect.stringContaining(warning) });
      const verdicts = judged().programs.map((program) => [
        program.name,
        matches(program, programs[program.name] ?? 'nothing'),
      ]);
      expect(Object.fromEntries(verdicts)).toEqual(programs);
    });

    it.skipIf(isOld)('gives the same instructions twice', () => {
      const instructions = ({ programs }: Judged) =>
        programs.map(({ name, passed, xlated, maps }) => ({
          name,
          passed: passed && normalise(bytes(passed.insns), namesOf(passed.maps)),
          xlated: xlated && maps && normalise(bytes(xlated), namesOf(maps)),
        }));
      expect(instructions(judge.judge(objectFile(name)))).toEqual(instructions(judged()));
    });
  });

  it('makes maps as they are defined, and puts their sizes right', () => {
    const { maps } = judge.judge(objectFile('maps'));
    const of = (name: string) => maps.find((map) => map.name === name);
    expect(of('by_key')).toMatchObject({
      type: 1,
      keySize: 20,
      valueSize: 64,
      maxEntries: 1024,
      flags: 1,
      keyType: 'id',
      valueType: 'value',
      pin: null,
      internal: false,
    });
    expect(of('ring')).toMatchObject({ kernel: { maxEntries: 8192 } });
    expect(of('perf_events')?.kernel?.maxEntries).toBeGreaterThan(0);
    expect(of('bloom')).toMatchObject({ type: 30, extra: 3, maxEntries: 100 });
  });

  it('fills the slots that an object names', () => {
    const { maps } = judge.judge(objectFile('maps-nested'));
    expect(maps.find(({ name }) => name === 'array_of_maps')?.filled).toEqual([0, 2, 3]);
    expect(maps.find(({ name }) => name === 'steps')?.filled).toEqual([1, 3]);
  });

  it('pins nothing', () => {
    const isPinned = () => existsSync('/sys/fs/bpf/corpus_shared');
    const before = isPinned();
    const { maps } = judge.judge(objectFile('maps-pinned'));
    expect(maps.map(({ name, pin }) => [name, pin])).toEqual([
      ['corpus_shared', '/sys/fs/bpf/corpus_shared'],
      ['corpus_own', null],
    ]);
    expect(isPinned()).toBe(before);
  });

  it('gives the kernel the initial values of global data', () => {
    const { maps } = judge.judge(objectFile('globals'));
    const custom = maps.find(({ name }) => name === '.data.custom');
    expect(custom?.initial).toBe('2a00000000000000' + '0100000000000000' + '0200000000000000');
    expect(custom?.contents).toBe(custom?.initial);
  });

  it('relocates for another kernel', () => {
    const offsets = ({ programs }: Judged) => programs.find(({ name }) => name === 'offsets');
    const file = objectFile('core-fields');
    const here = offsets(judge.judge(file, { btf: '/sys/kernel/btf/vmlinux' }));
    expect(here).toMatchObject({ verdict: 'accepted' });
    // These types have no task_struct.
    const elsewhere = offsets(judge.judge(file, { btf: objectFile('globals') }));
    expect(elsewhere).toMatchObject({
      verdict: 'refused',
      log: expect.stringContaining('<byte_off>'),
    });
  });

  it('loads newer sections than it knows', () => {
    const { programs } = judge.judge(objectFile('sections-net'));
    expect(programs.find(({ name }) => name === 'tcx_egress')).toMatchObject({
      section: 'tcx/egress',
      known: false,
      passed: { type: 3, attach: 47 },
    });
    expect(programs.find(({ name }) => name === 'tc_short')?.known).toBe(true);
  });
});

describe('normalised instructions', () => {
  const program = (...insns: number[][]) => Uint8Array.from(insns.flat());
  const wide = (source: number, low: number, high: number) => [
    ...insn(0x18, 1, source, 0, low),
    ...insn(0, 0, 0, 0, high),
  ];

  it('have numbers in the order of appearance in place of descriptors', () => {
    const insns = program(wide(1, 77, 0), wide(2, 12, 8), wide(1, 77, 0), insn(0x95));
    const expected = program(wide(1, 1, 0), wide(2, 2, 8), wide(1, 1, 0), insn(0x95));
    expect(normalise(insns)).toEqual(expected);
  });

  it('have hashes of names if the names are known', () => {
    const insns = program(wide(1, 77, 0), wide(2, 12, 8), insn(0x95));
    const names = new Map([
      [77, 'a'],
      [12, 'fifteen_letters_and_more'],
      [13, 'unused'],
    ]);
    // FNV-1a of `a` is 0xe40c292c.
    expect(normalise(insns, names)).toEqual(
      program(wide(1, 0xe40c292c | 0, 0), wide(2, 0x0dc0ce28 | 0, 8), insn(0x95)),
    );
    expect(() => normalise(insns, new Map([[77, 'a']]))).toThrow('map 12, which has no name');
  });

  it('have no addresses of memory, but those of the text', () => {
    const insns = program(
      wide(0, 0x1234, 0xffff8881 | 0),
      wide(0, 0x81000000 | 0, 0xffffffff | 0),
      wide(0, -1, -1),
      wide(0, 5, 7),
    );
    expect(normalise(insns)).toEqual(
      program(
        wide(0, 0, 0),
        wide(0, 0x81000000 | 0, 0xffffffff | 0),
        wide(0, -1, -1),
        wide(0, 5, 7),
      ),
    );
  });

  it('have no descriptors of the types of modules', () => {
    const insns = program(insn(0x85, 0, 2, 3, 999), wide(3, 55, 9), insn(0x85, 0, 0, 0, 1));
    expect(normalise(insns)).toEqual(
      program(insn(0x85, 0, 2, 0, 999), wide(3, 55, 0), insn(0x85, 0, 0, 0, 1)),
    );
  });

  it('keep the second half of a load, whatever it looks like', () => {
    const insns = program(insn(0x18, 1, 0, 0, 1), insn(0x85, 0, 2, 3, 4), insn(0x95));
    expect(normalise(insns)).toEqual(insns);
  });
});

describe('carving', () => {
  const object = readFileSync(objectFile('globals'));

  it('finds objects between other bytes, and nothing in them', () => {
    const other = Buffer.from('\x7fELF\x02\x01\x01 is how they begin', 'latin1');
    const file = Buffer.concat([other, object, other, object, object.subarray(0, 500)]);
    expect(carve(file)).toEqual([Uint8Array.from(object), Uint8Array.from(object)]);
  });

  it('finds none in a big-endian object or one for another machine', () => {
    expect(carve(readFileSync(objectFile('isa-big-endian')))).toEqual([]);
    expect(carve(readFileSync(process.execPath).subarray(0, 100_000))).toEqual([]);
  });

  const installed = installedObjects();

  it('finds the objects of the tools that are installed', () => {
    expect(installed.length).toBeGreaterThan(45);
    expect(installed.map(({ tool }) => tool)).toContain('opensnoop');
  });

  it.skipIf(noBpf).each(installed.map(({ tool, bytes }) => [tool, bytes] as const))(
    kernel('%s is whole: libbpf opens it'),
    (tool, bytes) => {
      const file = join(scratch, `${tool}.o`);
      writeFileSync(file, bytes);
      const { object, programs } = judge.judge(file, { sized: true });
      expect(object).toMatchObject({ stage: 'done', error: 0 });
      expect(programs.length).toBeGreaterThan(0);
    },
  );
});
