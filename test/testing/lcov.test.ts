import { describe, expect, it } from 'vitest';
import { mergeCoverage } from '../../src/testing/index.ts';

const text = (...lines: readonly string[]): string => `${lines.join('\n')}\n`;

describe('coverage of programs in a report', () => {
  const report = text(
    'TN:unit',
    'SF:src/counter.ts',
    'VER:7',
    'FN:1,build',
    'FNDA:2,build',
    'FNF:1',
    'FNH:1',
    'BRDA:3,0,0,2',
    'BRDA:3,0,1,-',
    'BRF:2',
    'BRH:1',
    'DA:1,2',
    'DA:3,2',
    'LF:2',
    'LH:2',
    'end_of_record',
  );
  const programs = text(
    'TN:',
    'SF:src/counter.ts',
    'BRDA:3,100000,0,-',
    'BRDA:3,100000,1,-',
    'BRDA:5,100000,0,1',
    'BRDA:5,100000,1,-',
    'DA:3,0',
    'DA:5,1',
    'end_of_record',
    'TN:',
    'SF:src/counter.ts',
    'BRDA:3,100000,0,-',
    'BRDA:3,100000,1,4',
    'BRDA:5,100000,1,-',
    'DA:3,0',
    'DA:5,6',
    'DA:7,0',
    'end_of_record',
  );
  const merged = text(
    'TN:unit',
    'SF:src/counter.ts',
    'VER:7',
    'FN:1,build',
    'FNDA:2,build',
    'FNF:1',
    'FNH:1',
    'BRDA:3,0,0,2',
    'BRDA:3,0,1,-',
    'BRDA:3,100000,0,-',
    'BRDA:3,100000,1,4',
    'BRDA:5,100000,0,1',
    'BRDA:5,100000,1,-',
    'BRF:6',
    'BRH:3',
    'DA:1,2',
    'DA:3,0',
    'DA:5,7',
    'DA:7,0',
    'LF:4',
    'LH:2',
    'end_of_record',
  );

  it('replaces the counts of lines with instructions, and adds up what several files have written', () => {
    expect(mergeCoverage(report, programs)).toBe(merged);
  });

  it('has its lines in their order, and branches that were never taken as such', () => {
    const known = text('SF:a.ts', 'BRDA:9,0,0,0', 'BRDA:2,0,0,1', 'DA:9,1', 'end_of_record');
    const ours = text('SF:a.ts', 'DA:2,1', 'end_of_record');
    expect(mergeCoverage(known, ours)).toBe(
      text(
        ...['TN:', 'SF:a.ts', 'BRDA:2,0,0,1', 'BRDA:9,0,0,0', 'BRF:2', 'BRH:1'],
        ...['DA:2,1', 'DA:9,1', 'LF:2', 'LH:2', 'end_of_record'],
      ),
    );
  });

  it('may have line ends of Windows in it', () => {
    const windows = (unix: string) => unix.replaceAll('\n', '\r\n');
    expect(mergeCoverage(windows(report), windows(programs))).toBe(merged);
  });

  it('is added for files that only one of them knows', () => {
    const other = text(
      'TN:',
      'SF:a.ts',
      'BRF:0',
      'BRH:0',
      'DA:1,1',
      'LF:1',
      'LH:1',
      'end_of_record',
    );
    const ours = other.replace('a.ts', 'b.ts');
    expect(mergeCoverage(other, ours)).toBe(other + ours);
    expect(mergeCoverage(other, '')).toBe(other);
    expect(mergeCoverage('', ours)).toBe(ours);
    expect(mergeCoverage('', '')).toBe('');
  });

  it('are counted once where files of reports were put together', () => {
    const once = text('TN:', 'SF:a.ts', 'DA:1,2', 'DA:3,2', 'end_of_record');
    const ran = text('TN:', 'SF:a.ts', 'DA:3,5', 'end_of_record');
    const added = new Map<string, number>();
    for (const [, line, count] of mergeCoverage(once + once, ran).matchAll(/^DA:(\d+),(\d+)$/gm))
      added.set(line!, (added.get(line!) ?? 0) + Number(count));
    expect([...added]).toEqual([
      ['1', 4],
      ['3', 5],
    ]);
  });
});
