import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseStatistics } from '../../src/verifier/index.ts';

const GOLDEN = new URL('../golden/verifier/', import.meta.url);

describe('the statistics of a log', () => {
  it('are read as Linux 6.18 writes them at log level 4', () => {
    const log = [
      'verification time 344 usec',
      'stack depth 8+16+0',
      'processed 57 insns (limit 1000000) max_states_per_insn 1 total_states 5 peak_states 10 mark_read 3',
      '',
    ].join('\n');
    expect(parseStatistics(log)).toEqual({
      instructions: 57,
      limit: 1_000_000,
      maxStatesPerInstruction: 1,
      totalStates: 5,
      peakStates: 10,
      markRead: 3,
      timeUs: 344,
      stackDepths: [8, 16, 0],
    });
  });

  it('are read behind a line for each function, which newer kernels write', () => {
    const log = [
      '0: R1=ctx() R10=fp0',
      'verification time 355643 usec',
      'stack depth 144+280+120',
      'insns processed 12591+75421+455',
      'processed 88467 insns (limit 1000000) max_states_per_insn 44 total_states 4141 peak_states 1137 mark_read 56',
    ].join('\n');
    expect(parseStatistics(log)).toMatchObject({
      instructions: 88467,
      totalStates: 4141,
      peakStates: 1137,
      timeUs: 355643,
      stackDepths: [144, 280, 120],
    });
  });

  it('are those that Linux 4.14 to 5.1 know', () => {
    const only = {
      limit: undefined,
      maxStatesPerInstruction: undefined,
      totalStates: undefined,
      peakStates: undefined,
      markRead: undefined,
      timeUs: undefined,
    };
    expect(parseStatistics('0: (95) exit\nprocessed 2 insns, stack depth 0\n')).toEqual({
      ...only,
      instructions: 2,
      stackDepths: [0],
    });
    expect(parseStatistics('processed 18 insns (limit 131072), stack depth 8+24\n')).toEqual({
      ...only,
      instructions: 18,
      limit: 131_072,
      stackDepths: [8, 24],
    });
  });

  it('are undefined where a log has none, or was cut before them', () => {
    expect(parseStatistics('')).toBeUndefined();
    expect(parseStatistics('0: (95) exit\nR0 !read_ok\n')).toBeUndefined();
    expect(parseStatistics('verification time 344 usec\nstack depth 8\nproces')).toBeUndefined();
  });

  it('are not taken from source lines and map names of a hostile program', () => {
    const log = '; processed 9 insns (limit 1) @ a.c:1\n0: (95) exit\n; stack depth 512 @ a.c:2\n';
    expect(parseStatistics(log)).toBeUndefined();
    expect(parseStatistics(`${log}processed 1 insns (limit 1000000)`)?.stackDepths).toBeUndefined();
  });

  const recorded = readdirSync(GOLDEN).filter((name) => name.endsWith('.txt'));
  it.each(recorded)('are at the end of %s', (name) => {
    const log = readFileSync(new URL(name, GOLDEN), 'utf8');
    const last = log.trimEnd().split('\n').at(-1)!;
    const numbers = last.match(/\d+/g)!.map(Number);
    const found = parseStatistics(log)!;
    expect([
      found.instructions,
      found.limit,
      found.maxStatesPerInstruction,
      found.totalStates,
      found.peakStates,
      found.markRead,
    ]).toEqual(numbers);
  });
});
