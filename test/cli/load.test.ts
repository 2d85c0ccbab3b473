import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { parseStatistics } from '../../src/verifier/index.ts';
import { Judge, objectFile } from '../objects/judge.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { beespoke, objects } from './support.ts';

const scratch = mkdtempSync(join(tmpdir(), 'beespoke-load-'));
const judge = new Judge();
afterAll(() => {
  judge.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** The programs in the kernel that have the name of the only one of maps-pinned. */
const programs = (): string[] =>
  spawnSync('bpftool', ['prog', 'list'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((line) => / name count /.test(line));

describe.skipIf(noBpf)(kernel('load'), () => {
  const corpus = ['globals', 'isa-v4', 'loops', 'refused', 'sections-cgroup', 'subprograms', 'xdp'];

  it.each(corpus)('gives the verdicts that libbpf gets of %s', (name) => {
    const judged = judge.judge(objectFile(name)).programs;
    const expected = judged.map(({ name: program, section, verdict }) => ({
      program,
      section: section.replace(/^\?/, ''),
      // What libbpf does not know we do not know either.
      verdict: verdict === 'unknown' ? 'unsupported' : verdict,
    }));
    const ended = beespoke('load', '--json', objectFile(name));
    const found = objects(ended).map(({ program, section, verdict }) => ({
      program,
      section,
      verdict,
    }));
    expect(found.sort(byProgram)).toEqual(expected.sort(byProgram));
    const verdicts = new Set(found.map(({ verdict }) => verdict));
    const status = verdicts.has('refused') ? 1 : verdicts.has('unsupported') ? 3 : 0;
    expect({ status: ended.status, stderr: ended.stderr }).toEqual({ status, stderr: '' });
  });

  it('counts what the kernel counts', () => {
    const spec = readObject(readFileSync(objectFile('loops')));
    using loaded = loadObject(spec, { programs: ['bounded'], logLevel: 4 });
    const { log } = loaded.programs.bounded!;
    const info = loaded.programs.bounded!.info();
    const statistics = parseStatistics(log)!;
    expect(statistics.instructions).toBeGreaterThan(1000);
    expect(statistics.instructions).toBe(info.verifiedInsns);
    const [row] = objects(beespoke('load', '--json', objectFile('loops'))).filter(
      ({ program }) => program === 'bounded',
    );
    expect(row).toMatchObject({
      file: objectFile('loops'),
      section: 'raw_tp/sched_switch',
      type: 'raw_tp',
      instructions: info.verifiedInsns,
      xlatedInstructions: info.xlatedLength / 8,
      jitedBytes: info.jitedLength,
      totalStates: statistics.totalStates,
      timeMs: expect.any(Number),
    });
  });

  it('prints a table, and for refused programs why, with the line of C', () => {
    const { status, stdout, stderr } = beespoke('load', objectFile('xdp'));
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(
      /^FILE +PROGRAM +SECTION +VERDICT +INSNS STATES +PEAK XLATED +JITED +MS$/,
    );
    expect(lines[1]).toMatch(/xdp\.o filter +xdp +accepted( +\d+){5} +\d+\.\d{3}$/);
    expect(stdout).toMatch(
      /xdp\.o unchecked +xdp +refused .*\n {4}the kernel refuses unchecked \(xdp\): invalid access to packet.*\n {6}at \.\/xdp\.c:76:9\n {10}\S.*\n {6}instruction 1: r0 = \*\(u8 \*\)\(r1 \+0\)\n/,
    );
    expect(stdout).not.toContain('processed');
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
  });

  it('prints with --verbose what the verifier wrote, also of accepted programs', () => {
    const { stdout } = beespoke('load', '--verbose', objectFile('isa-v1'));
    expect(stdout.match(/^ {4}processed \d+ insns/gm)).toHaveLength(6);
    expect(stdout).toMatch(/^ {4}0: R1=ctx\(\) R10=fp0$/m);
  });

  it('verifies programs that load only when they are asked for', () => {
    const rows = objects(beespoke('load', '--json', objectFile('sections-probes')));
    expect(rows).toContainEqual(
      expect.objectContaining({ program: 'on_demand', verdict: 'accepted' }),
    );
  });

  it('leaves nothing loaded and nothing pinned', () => {
    const before = programs();
    expect(beespoke('load', objectFile('maps-pinned')).status).toBe(0);
    expect(programs()).toEqual(before);
    expect(existsSync('/sys/fs/bpf/corpus_shared')).toBe(false);
  });

  it('says of each file that is no object what is wrong, and goes on', () => {
    const cut = join(scratch, 'cut.o');
    writeFileSync(cut, readFileSync(objectFile('globals')).subarray(0, 900));
    const files = ['/etc/passwd', cut, scratch, join(scratch, 'none.o'), objectFile('legacy-maps')];
    const { status, stdout, stderr } = beespoke('load', ...files, objectFile('isa-v1'));
    const complaints = stderr.trimEnd().split('\n');
    expect(complaints).toHaveLength(files.length);
    files.forEach((file, index) => {
      expect(complaints[index]).toMatch(/^beespoke: /);
      expect(complaints[index]).toContain(file);
    });
    expect(stdout.match(/accepted/g)).toHaveLength(6);
    expect(status).toBe(1);
  });

  it('ends with status 3 where the kernel lacks what is asked of it', () => {
    const big = beespoke('load', '--json', objectFile('isa-big-endian'));
    expect(objects(big).map(({ verdict }) => verdict)).toEqual(Array(6).fill('unsupported'));
    expect(big.status).toBe(3);
  });

  it('says that a file holds no programs', () => {
    const { status, stderr } = beespoke('load', objectFile('only-maps'));
    expect(stderr).toMatch(/only-maps\.o holds no programs\n$/);
    expect(status).toBe(0);
  });

  it('resolves CO-RE against the types of a file', () => {
    const plain = objects(beespoke('load', '--json', objectFile('core-types')));
    const btf = '/sys/kernel/btf/vmlinux';
    const same = objects(beespoke('load', '--json', '--btf', btf, objectFile('core-types')));
    const verdicts = (rows: typeof plain) => rows.map(({ program, verdict }) => [program, verdict]);
    expect(verdicts(same)).toEqual(verdicts(plain));
    const other = beespoke(
      'load',
      '--json',
      '--btf',
      objectFile('isa-v1'),
      objectFile('core-fields'),
    );
    expect(objects(other).find(({ program }) => program === 'offsets').verdict).toBe('refused');
    expect(other.stdout).toContain('there is no struct task_struct in isa-v1.o');
  });
});

const byProgram = (a: { program: string }, b: { program: string }): number =>
  a.program < b.program ? -1 : 1;

describe('load', () => {
  it('wants files', () => {
    const { status, stdout, stderr } = beespoke('load');
    expect({ status, stdout, stderr }).toEqual({
      status: 2,
      stdout: '',
      stderr: 'beespoke: load takes object files: beespoke load FILE...\n',
    });
  });

  it('explains itself', () => {
    const { status, stdout } = beespoke('load', '--help');
    expect(stdout).toMatch(/^beespoke load FILE\.\.\. \[options\]\n/);
    expect(status).toBe(0);
  });

  it('refuses BTF that is none', () => {
    const { status, stderr } = beespoke('load', '--btf', '/etc/passwd', objectFile('globals'));
    expect(stderr).toMatch(/^beespoke: .*\/etc\/passwd.*\n$/);
    expect(status).toBe(1);
  });
});
