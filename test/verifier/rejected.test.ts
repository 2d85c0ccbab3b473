import { describe, expect, it } from 'vitest';
import { REJECTED } from './rejected/index.ts';
import { judge } from './rejected/judge.ts';
import { CLASSES, recordedLogs, titleOf } from './rejected/verdicts.ts';

describe('what Linux 6.18 said of programs that it rejects', () => {
  const logs = new Map(CLASSES.map((group) => [group, recordedLogs(group)]));

  it('was recorded for each of more than 200 programs, by test/golden/verifier/record-rejected.ts', () => {
    expect(REJECTED.length).toBeGreaterThan(200);
    for (const group of CLASSES) {
      const names = REJECTED.filter((each) => each.class === group).map(({ name }) => name);
      expect([...logs.get(group)!.keys()], group).toEqual(names);
    }
  });

  it.each(REJECTED.map((program) => [titleOf(program), program] as const))(
    'is explained: %s',
    (_, program) => {
      const log = logs.get(program.class)!.get(program.name)!;
      const { class: found, isMarked, line, unknown, explanation } = judge(program, log);
      expect(unknown).toEqual([]);
      expect(found).toBe(program.class);
      expect(isMarked, line).toBe(true);
      expect(explanation!.cause).toMatch(/^\S.*[^.]$/s);
      expect(explanation!.repair).toMatch(/^\S.*[^.]$/s);
    },
  );
});
