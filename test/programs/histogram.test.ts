import { describe, expect, it } from 'vitest';
import { exit, load, object, r0, r1, rawTracepoint, u64 } from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { log2, log2Histogram, slotRange } from '../../src/programs/histogram.ts';
import { kernel, noBpf } from '../syscall/support.ts';

const text = (slots: readonly number[], unit = 'usecs') => log2Histogram(slots, unit).join('\n');

describe('a log2 histogram as text', () => {
  it('is that of libbpf-tools: zeros before the first slot, none after the last', () => {
    expect(text([0, 3, 1, 0, 12, 0, 0, 0])).toBe(
      [
        '     usecs               : count    distribution',
        '         0 -> 1          : 0        |                                        |',
        '         2 -> 3          : 3        |**********                              |',
        '         4 -> 7          : 1        |***                                     |',
        '         8 -> 15         : 0        |                                        |',
        '        16 -> 31         : 12       |****************************************|',
      ].join('\n'),
    );
  });

  it('has one line where only the smallest values were seen', () => {
    expect(text([7], 'nsecs')).toBe(
      [
        '     nsecs               : count    distribution',
        '         0 -> 1          : 7        |****************************************|',
      ].join('\n'),
    );
  });

  it('is empty where nothing was seen', () => {
    expect(log2Histogram(Array(20).fill(0), 'usecs')).toEqual([]);
    expect(log2Histogram([], 'usecs')).toEqual([]);
  });

  it('counts beyond 32 bits, and rounds stars down', () => {
    expect(text([4_294_967_295, 4_294_967_294])).toBe(
      [
        '     usecs               : count    distribution',
        '         0 -> 1          : 4294967295 |****************************************|',
        '         2 -> 3          : 4294967294 |*************************************** |',
      ].join('\n'),
    );
  });

  it('is narrow to slot 32 and wide from 33 on', () => {
    const line = (last: number) => log2Histogram([...Array(last).fill(0), 2], 'nsecs');
    expect(line(32)[0]).toBe('     nsecs               : count    distribution');
    expect(line(32).at(-1)).toBe(
      '4294967296 -> 8589934591 : 2        |****************************************|',
    );
    expect(line(33)[0]).toBe(
      '               nsecs                         : count    distribution',
    );
    expect(line(33).at(-1)).toBe(
      '          8589934592 -> 17179869183          : 2        |********************|',
    );
  });

  it('names the bounds of all 64 slots exactly', () => {
    expect(slotRange(0)).toEqual({ from: 0n, to: 1n });
    expect(slotRange(1)).toEqual({ from: 2n, to: 3n });
    for (let slot = 1; slot < 64; slot++) {
      expect(slotRange(slot).from).toBe(slotRange(slot - 1).to + 1n);
      expect(slotRange(slot).from).toBe(2n ** BigInt(slot));
    }
    expect(slotRange(63).to).toBe(2n ** 64n - 1n);
    expect(log2Histogram([...Array(63).fill(0), 1], 'nsecs').at(-1)).toBe(
      ' 9223372036854775808 -> 18446744073709551615 : 1        |********************|',
    );
  });
});

describe.skipIf(noBpf)(kernel('log2 in a program'), () => {
  it.each([63, 19])('is the whole logarithm, at most %i, of all 64 bits', (most) => {
    using loaded = loadObject(
      object({
        license: 'GPL',
        programs: {
          run: rawTracepoint('sched_switch', [load(r1, u64.at(r1)), log2(r0, r1, most), exit()]),
        },
      }),
    );
    const of = (value: bigint) => {
      const contextIn = new Uint8Array(BigUint64Array.of(value).buffer);
      return loaded.programs.run.testRun({ contextIn }).returnValue;
    };
    expect(of(0n)).toBe(0);
    for (let bit = 0; bit < 64; bit++) {
      const low = 1n << BigInt(bit);
      for (const value of [low, low + (low >> 1n), 2n * low - 1n]) {
        expect(`${value}: ${of(value)}`).toBe(`${value}: ${Math.min(bit, most)}`);
      }
    }
  });
});
