import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { collectCoverage, simulate } from '../../src/testing/index.ts';
import { graded } from './covered.ts';

const directory = mkdtempSync(join(tmpdir(), 'beespoke-coverage-'));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

it('counts lines and branches of what ran, with 0 for what did not, over all simulations', () => {
  const coverage = collectCoverage();
  const { grade } = simulate(graded()).programs;
  grade.run([5]);
  grade.run([200]);
  simulate(graded()).programs.grade.run([6]);
  const file = join(directory, 'deep/bpf.info');
  coverage.addTo(file);
  const text = readFileSync(file, 'utf8');
  expect(text).toBe(
    [
      'TN:',
      'SF:test/testing/covered.ts',
      'BRDA:27,100000,0,0', // r1 is 0
      'BRDA:27,100000,1,3',
      'BRDA:28,100000,0,1', // r1 is more than 100
      'BRDA:28,100000,1,2',
      'BRF:4',
      'BRH:3',
      'DA:25,3',
      'DA:26,3',
      'DA:27,3',
      'DA:28,3',
      'DA:29,2',
      'DA:30,2',
      'DA:32,0',
      'DA:34,1',
      'DA:36,0', // the variant for other kernels
      'LF:9',
      'LH:7',
      'end_of_record',
      '',
    ]
      .map((line) => line.replace(/ *\/\/.*/, ''))
      .join('\n'),
  );

  // What was written is not written again, and a test file adds to what is there.
  coverage.addTo(file);
  expect(readFileSync(file, 'utf8')).toBe(text);
  simulate(graded(), { without: ['tp_btf'] }).programs.grade.run();
  coverage.addTo(file);
  const more = readFileSync(file, 'utf8').slice(text.length);
  expect(more).toContain('BRDA:27,100000,0,-\nBRDA:27,100000,1,-\n');
  expect(more).toContain('DA:34,0\nDA:36,1\n');
});

it('knows where a run begins anew after one that was given up at a jump', () => {
  const coverage = collectCoverage();
  const { grade } = simulate(graded()).programs;
  expect(() => grade.run([5], { limit: 3 })).toThrow('has not ended after 3 instructions');
  grade.run([101]);
  expect(coverage.lcov()).toContain('BRDA:27,100000,0,0\nBRDA:27,100000,1,2\n');
});
