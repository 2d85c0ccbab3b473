/**
 * Coverage of a user's project: vitest's own (v8, lcov) and that of the BPF programs, merged. v8 counts the JavaScript
 * that built a program, we count its instructions.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { mergeCoverage } from '../../src/testing/index.ts';
import { build, root } from './built.ts';

const FILES = {
  'package.json': '{ "type": "module" }',

  'counter.ts': `import { add, exit, ja, jeq, label, load, mov, object, r0, r1, tracepoint, u64 } from 'beespoke';

const none = label('none');
const finish = [mov(r0, 0), exit()];
const never = [mov(r0, 1), exit()];

export const counter = object({
  license: 'GPL',
  programs: {
    count: tracepoint('sched/sched_switch', [
      load(r1, u64.at(r1, 8)),
      jeq(r1, 0, none),
      finish,
      none,
      never,
    ]),
  },
});
export const sizeOf = (count: number): string => {
  if (count > 1) return 'many';
  return 'one';
};
`,

  'only-built.ts': `import { exit, mov, object, r0, tracepoint } from 'beespoke';
export const idle = object({
  license: 'GPL',
  programs: {
    idle: tracepoint('sched/sched_switch', [mov(r0, 0), exit()]),
  },
});
`,

  'plain.ts': `export const twice = (number: number): number => 2 * number;
export const thrice = (number: number): number => 3 * number;
`,

  'one.test.ts': `import { simulate } from 'beespoke/testing';
import { expect, it } from 'vitest';
import { counter, sizeOf } from './counter.ts';
import { idle } from './only-built.ts';
import { twice } from './plain.ts';
it('counts', () => {
  const { count } = simulate(counter).programs;
  const record = new Uint8Array(64).fill(1);
  for (let i = 0; i < 3; i++) expect(count.run(record)).toReturnValue(0);
  simulate(idle);
  expect(sizeOf(1) + twice(2)).toBe('one4');
});
`,

  'two.test.ts': `import { simulate } from 'beespoke/testing';
import { expect, it } from 'vitest';
import { counter } from './counter.ts';
it('counts, in another process', () => {
  expect(simulate(counter).programs.count.run(new Uint8Array(64).fill(1))).toReturnValue(0);
});
`,

  'setup.ts': `import { collectCoverage } from 'beespoke/testing';
import { afterAll } from 'vitest';
const coverage = collectCoverage();
afterAll(() => coverage.addTo('coverage/bpf.info'));
`,

  'vitest.config.ts': `import { defineConfig } from 'vitest/config';
export default defineConfig({
  test: { setupFiles: ['setup.ts'], coverage: { provider: 'v8', reporter: ['lcovonly'] } },
});
`,

  'merge.ts': `import { readFileSync, writeFileSync } from 'node:fs';
import { mergeCoverage } from 'beespoke/testing';
const [all, bpf] = ['coverage/lcov.info', 'coverage/bpf.info'];
writeFileSync(all, mergeCoverage(readFileSync(all, 'utf8'), readFileSync(bpf, 'utf8')));
`,
};

const built = build();
const home = mkdtempSync(join(tmpdir(), 'beespoke-coverage-'));
afterAll(() => {
  built.remove();
  rmSync(home, { recursive: true, force: true });
});

const run = (...args: readonly string[]) =>
  spawnSync(process.execPath, args, {
    cwd: home,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: home },
  });

/** The record of a source file in an lcov file: its lines, sorted, but what names it. */
const recordOf = (text: string, source: string): readonly string[] => {
  const record = text.split('end_of_record\n').find((each) => each.includes(`SF:${source}\n`));
  return (record ?? '').split('\n').filter((line) => !/^(?:TN|SF):|^$/.test(line));
};

const linesOf = (text: string, source: string) =>
  recordOf(text, source).filter((line) => line.startsWith('DA:'));

describe('coverage', () => {
  const modules = join(home, 'node_modules');
  mkdirSync(modules);
  cpSync(built.directory, join(modules, 'beespoke'), { recursive: true });
  for (const name of ['koffi', '@koromix', 'vitest', '@vitest', 'tsx', 'esbuild'])
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(home, name), text);

  const vitest = run('node_modules/vitest/vitest.mjs', 'run', '--coverage', '--no-color');
  const read = (name: string) => readFileSync(join(home, 'coverage', name), 'utf8');
  const [report, programs] = [read('lcov.info'), read('bpf.info')];
  const merged = mergeCoverage(report, programs);

  it('is written by both beside each other', () => {
    expect(`${vitest.stdout}${vitest.stderr}`).toContain('2 passed');
    // v8 has run what builds the program: once, or in each of two processes.
    expect(linesOf(report, 'counter.ts')).toEqual([
      'DA:3,2',
      'DA:4,2',
      'DA:5,2',
      'DA:7,2',
      'DA:19,2',
      'DA:20,1',
      'DA:21,1',
    ]);
    // Two test files, of which each has added what it ran.
    expect(programs.match(/^SF:counter\.ts$/gm)).toHaveLength(2);
  });

  it('counts instructions on their lines, and JavaScript on all others', () => {
    expect(recordOf(merged, 'counter.ts')).toEqual([
      'FN:19,(anonymous_0)',
      'FNF:1',
      'FNH:1',
      'FNDA:1,(anonymous_0)',
      'BRDA:12,100000,0,0', // r1 is 0
      'BRDA:12,100000,1,4',
      'BRDA:20,0,0,0', // count > 1
      'BRDA:20,0,1,1',
      'BRF:4',
      'BRH:2',
      'DA:3,2', // a label is no instruction
      'DA:4,4', // built twice, run four times
      'DA:5,0', // built twice, never run
      'DA:7,2',
      'DA:11,4',
      'DA:12,4',
      'DA:19,2',
      'DA:20,1',
      'DA:21,1',
      'LF:9',
      'LH:8',
    ]);
  });

  it('has programs that were built and never ran', () => {
    expect(linesOf(merged, 'only-built.ts')).toEqual(['DA:2,1', 'DA:5,0']);
  });

  it('leaves other files as they are', () => {
    const sorted = (text: string) => recordOf(text, 'plain.ts').toSorted();
    expect(sorted(merged)).toEqual(sorted(report));
    expect(sorted(merged)).toContain('FNDA:0,(anonymous_1)');
    expect(merged.match(/^SF:.*$/gm)!.toSorted()).toEqual(report.match(/^SF:.*$/gm)!.toSorted());
  });

  it('is merged by the script that the documentation gives', () => {
    const script = run('--import', 'tsx', 'merge.ts');
    expect(script.stderr).toBe('');
    expect(read('lcov.info')).toBe(merged);
    // Once more changes nothing.
    expect(mergeCoverage(merged, programs)).toBe(merged);
  });
});
