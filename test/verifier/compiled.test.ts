import { describe, expect, it } from 'vitest';
import { COMPILED, COMPILED_LOGS, compiledWorld } from './rejected/compiled.ts';
import { judge } from './rejected/judge.ts';
import { readLogs } from './rejected/verdicts.ts';

describe('what Linux 6.18 said of programs in C that it rejects', () => {
  const logs = readLogs(COMPILED_LOGS);

  it('was recorded for each, by test/golden/verifier/record-rejected.ts', () => {
    expect(COMPILED.length).toBe(33);
    expect([...logs.keys()]).toEqual(COMPILED.map(({ name }) => name));
  });

  it.each(COMPILED.map((program) => [program.name, program] as const))(
    'is explained, in words of C: %s',
    (name, program) => {
      const {
        class: found,
        isMarked,
        line,
        unknown,
        explanation,
      } = judge(program, logs.get(name)!, compiledWorld);
      expect(unknown).toEqual([]);
      expect(found).toBe(program.class);
      expect(isMarked, line).toBe(true);
      // The language has these; C has not.
      expect(explanation!.repair).not.toMatch(/call\(|mov\(|jeq\(|stack\(\)|helper\.|fn\(\)/);
    },
  );
});
