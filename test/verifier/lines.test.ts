import { expect, it } from 'vitest';
import { lineOf } from '../../src/verifier/lines.ts';

it('a line of the source ends at its last @, which may stand in the source too', () => {
  expect(lineOf('; mail(a @ b); @ count.c:12')).toEqual({
    kind: 'source',
    text: 'mail(a @ b);',
    file: 'count.c',
    line: 12,
  });
  const { text, file, line } = lineOf('; a @ b') as Extract<
    ReturnType<typeof lineOf>,
    { kind: 'source' }
  >;
  expect([text, file, line]).toEqual(['a @ b', undefined, undefined]);
});

it('the state on the way of a jump stands behind the slot that it leads to', () => {
  expect(lineOf('5: (15) if r0 == 0x0 goto pc+2 18: R0=0 R10=fp0')).toEqual({
    kind: 'instruction',
    slot: 5,
    text: 'if r0 == 0x0 goto pc+2',
    state: 'R0=0 R10=fp0',
    whole: true,
  });
});
