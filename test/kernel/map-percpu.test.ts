import { describe, expect, it } from 'vitest';
import { createMap } from '../../src/kernel/map-create.ts';
import { array, struct, u8, u32, u64 } from '../../src/layout/index.ts';
import { lruPercpuHash, percpuArray, percpuHash } from '../../src/object/index.ts';
import { possibleCpus } from '../../src/syscall/index.ts';
import { kernel, noBpf } from '../syscall/support.ts';

const CPUS = possibleCpus().length;
const all = <T>(value: T): T[] => Array(CPUS).fill(value);
const each = <T>(make: (cpu: number) => T): T[] =>
  Array.from({ length: CPUS }, (_, cpu) => make(cpu));

describe.skipIf(noBpf)(kernel('a per-CPU map'), () => {
  it.each([percpuHash, lruPercpuHash])('has a value for each possible CPU: %o', (make) => {
    using map = createMap('calls', make(u32, u64, { maxEntries: 64 }));
    expect(map.get(1)).toBeUndefined();
    map.set(1, 5n);
    expect(map.get(1)).toEqual(all(5n));
    map.set(
      1,
      each((cpu) => BigInt(cpu) + 1n),
    );
    expect(map.get(1)).toEqual(each((cpu) => BigInt(cpu) + 1n));
    expect([...map]).toEqual([[1, each((cpu) => BigInt(cpu) + 1n)]]);
    expect(map.set(1, 1, { only: 'new' })).toBe(false);
    expect(map.delete(1)).toBe(true);
    expect(map.count()).toBe(0);
  });

  it('pads values to 8 bytes each', () => {
    const Three = struct('three', { a: u8, b: u8, c: u8 });
    using map = createMap('small', percpuArray(Three, { maxEntries: 2 }));
    const values = each((cpu) => ({ a: cpu, b: 10 + cpu, c: 20 + cpu }));
    map.set(1, values);
    expect(map.get(1)).toEqual(values);
    expect([...map.values()]).toEqual([all({ a: 0, b: 0, c: 0 }), values]);
    map.clear();
    expect(map.get(1)).toEqual(all({ a: 0, b: 0, c: 0 }));
    expect(map.valueSize).toBe(8 * CPUS);
    expect(map.info().valueSize).toBe(3);
  });

  it('tells a list of values from one value that is a list', () => {
    using map = createMap('lists', percpuHash(u32, array(array(u32, 2), 2), { maxEntries: 2 }));
    const one = [
      [1, 2],
      [3, 4],
    ];
    map.set(1, one);
    expect(map.get(1)).toEqual(all(one));
    const many = each((cpu) => one.map((pair) => pair.map((n) => n * (cpu + 1))));
    map.set(1, many);
    expect(map.get(1)).toEqual(many);
  });

  it('refuses a list of another length, and names the CPU of a wrong value', () => {
    using map = createMap('calls', percpuHash(u32, u64, { maxEntries: 4 }));
    expect(() => map.set(1, Array(CPUS + 1).fill(1))).toThrow(
      new RangeError(
        `map calls, value: expected ${CPUS} values, one for each possible CPU, or one for all; got ${CPUS + 1}`,
      ),
    );
    expect(() => map.set(1, [])).toThrow(RangeError);
    expect(() => map.set(1, [...Array(CPUS - 1).fill(1), 'x'] as never)).toThrow(
      new RegExp(`^map calls, value of CPU ${CPUS - 1}: u64: expected a u64`),
    );
    expect(() => map.set(1, 'x' as never)).toThrow(/^map calls, value: u64/);
  });

  it('does not delete from a per-CPU array', () => {
    using map = createMap('slots', percpuArray(u64, { maxEntries: 4 }));
    expect(() => map.delete(1 as never)).toThrow(
      'map slots: arrays keep all their entries; set zeros, or clear() them all',
    );
    expect(map.count()).toBe(4);
    expect([...map.keys()]).toEqual([0, 1, 2, 3]);
  });
});
