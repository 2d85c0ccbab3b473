import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownFrames, tc } from '../../src/index.ts';
import { sourceOf } from '../../src/kernel/sources.ts';
import { type LinkedProgram, link, type ObjectSpec } from '../../src/object/index.ts';
import { checkProgram, type Finding } from '../../src/verifier/index.ts';
import { randomProgram, shared } from '../asm/generator.ts';
import { world } from '../object/support.ts';
import { REJECTED } from './rejected/index.ts';
import { titleOf } from './rejected/verdicts.ts';

const linked = (spec: ObjectSpec): LinkedProgram => link(spec, world()).programs[0]!;

const lineOf = ({ site }: Finding, { spec }: LinkedProgram): string | undefined =>
  site && sourceOf(ownFrames(site, spec.site)[0]!).text;

/** Of the rejected programs of a class, how many the checks find without a kernel. */
const FOUND = {
  'null-check': 19,
  'not-a-pointer': 4,
  'stack-bounds': 4,
  'stack-depth': 3,
  'uninitialised-stack': 3,
  'uninitialised-register': 6,
  'helper-argument': 13,
  unreachable: 3,
  'jump-range': 7,
  subprogram: 1,
};

/** What the checks say besides: true, but not what the kernel says first. */
const ELSE = ['invalid-instruction: a register that does not exist'];

describe('the static checks', () => {
  it('find mistakes in rejected programs: the same mistake, in the same line', () => {
    const found: Record<string, number> = {};
    for (const program of REJECTED) {
      const subject = linked(program.object({ functionId: () => 0 }));
      const findings = checkProgram(subject);
      if (findings.length === 0 || ELSE.includes(titleOf(program))) continue;
      found[program.class] = (found[program.class] ?? 0) + 1;
      const classes = findings.map((finding) => finding.class);
      expect(classes, titleOf(program)).toContain(program.class);
      // Of nine functions that call each other each is made in the same line.
      if (titleOf(program) === 'stack-depth: nine functions deep') continue;
      const lines = findings
        .filter((finding) => finding.class === program.class)
        .map((finding) => lineOf(finding, subject));
      expect(lines, titleOf(program)).toContainEqual(expect.stringMatching(/\/\/ mistake$/));
    }
    expect(found).toEqual(FOUND);
  });

  it('say what is wrong, and where', () => {
    const forgotten = REJECTED.find(({ name }) => name === 'a load from what was looked up')!;
    const [finding, ...more] = checkProgram(linked(forgotten.object({ functionId: () => 0 })));
    expect(more).toEqual([]);
    expect(finding).toMatchObject({
      class: 'null-check',
      slot: 6,
      message: 'r0 may be 0: what bpf_map_lookup_elem gave was not compared with 0',
    });
  });

  describe('of random programs, which the kernel accepts', () => {
    const { captureStackTrace } = Error;
    beforeAll(() => {
      Object.assign(Error, { captureStackTrace: undefined });
    });
    afterAll(() => {
      Object.assign(Error, { captureStackTrace });
    });

    it('find nothing', () => {
      for (let seed = 1; seed <= 2000; seed++) {
        const { body } = randomProgram(seed, true);
        const program = tc(body);
        const spec = { kind: 'object', license: 'GPL', maps: { shared }, hidden: {} } as const;
        const subject = linked({ ...spec, programs: { program } } as unknown as ObjectSpec);
        expect(checkProgram(subject), `seed ${seed}`).toEqual([]);
      }
    }, 120_000);
  });
});
