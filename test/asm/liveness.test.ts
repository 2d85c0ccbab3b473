import { describe, expect, it } from 'vitest';
import {
  type Code,
  call,
  either,
  exit,
  flatten,
  helper,
  helperExists,
  ja,
  jeq,
  label,
  liveBefore,
  mov,
  r0,
  r1,
  r2,
  r3,
  r6,
  r7,
} from '../../src/asm/index.ts';

/** The registers that are live before each item, as `r0 r6`. */
const live = (...code: readonly Code[]): string[] =>
  liveBefore(flatten(code).items).map((mask) =>
    Array.from({ length: 11 }, (_, register) => register)
      .filter((register) => mask & (1 << register))
      .map((register) => `r${register}`)
      .join(' '),
  );

describe('the registers that are still read', () => {
  it('are those that no instruction writes before', () => {
    expect(live(mov(r6, r1), mov(r0, r2), mov(r1, r0), mov(r0, r6), exit())).toEqual([
      'r1 r2',
      'r2 r6',
      'r0 r6',
      'r6',
      'r0',
    ]);
  });

  it('are not those that a call destroys, but those that it may read', () => {
    expect(live(call(helper.ktime_get_ns), exit())).toEqual(['', 'r0']);
    // trace_printk takes up to three arguments behind the first two.
    expect(live(call(helper.trace_printk, r1, 4), exit())).toEqual([
      'r1 r3 r4 r5',
      'r1 r2 r3 r4 r5',
      'r0',
    ]);
  });

  it('are those of both ways of a jump or a choice', () => {
    const other = label('other');
    expect(live(jeq(r1, 0, other), [mov(r0, r6), exit()], other, mov(r0, r7), exit())[0]).toBe(
      'r1 r6 r7',
    );
    const choice = either(helperExists(helper.loop), mov(r0, r2), mov(r0, r3));
    expect(live(choice, exit())[0]).toBe('r2 r3');
  });

  it('are found around a loop', () => {
    const [top, end] = [label('top'), label('end')];
    expect(live(top, jeq(r6, 0, end), mov(r6, r7), ja(top), end, mov(r0, 0), exit())).toEqual([
      'r6 r7',
      'r6 r7',
      'r7',
      'r6 r7',
      '',
      '',
      'r0',
    ]);
  });
});
