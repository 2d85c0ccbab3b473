import { describe, expect, it } from 'vitest';
import { createMap } from '../../src/kernel/map-create.ts';
import { bytes, chars, struct, u32 } from '../../src/layout/index.ts';
import { bloomFilter, queueMap, stackMap } from '../../src/object/index.ts';
import type { BpfError } from '../../src/syscall/index.ts';
import { kernel, noBpf, thrownBy } from '../syscall/support.ts';

const Job = struct('job', { pid: u32, comm: chars(16) });
const job = (pid: number) => ({ pid, comm: `job ${pid}` });

describe.skipIf(noBpf)(kernel('a queue'), () => {
  it('gives what was first in', () => {
    using queue = createMap('jobs', queueMap(Job, { maxEntries: 4 }));
    expect(queue.pop()).toBeUndefined();
    expect(queue.peek()).toBeUndefined();
    queue.push(job(1));
    queue.push(job(2));
    expect(queue.peek()).toEqual(job(1));
    expect(queue.pop()).toEqual(job(1));
    expect(queue.pop()).toEqual(job(2));
    expect(queue.pop()).toBeUndefined();
  });

  it('says that it is full', () => {
    using queue = createMap('jobs', queueMap(u32, { maxEntries: 2 }));
    queue.push(1);
    queue.push(2);
    const error = thrownBy<BpfError>(() => queue.push(3));
    expect(error).toMatchObject({ code: 'E2BIG', message: 'map jobs is full: 2 entries' });
    expect([queue.pop(), queue.pop()]).toEqual([1, 2]);
  });

  it('says what does not fit, and that it is closed', () => {
    const queue = createMap('jobs', queueMap(Job, { maxEntries: 2 }));
    expect(() => queue.push({ pid: 1, comm: 5 as never })).toThrow(
      'map jobs, value: job.comm: expected a string of at most 16 bytes, got 5',
    );
    queue.close();
    queue.close();
    for (const use of [() => queue.push(job(1)), () => queue.pop(), () => queue.peek()]) {
      expect(use).toThrow(new Error('map jobs is closed'));
    }
  });
});

describe.skipIf(noBpf)(kernel('a stack'), () => {
  it('gives what was last in', () => {
    using stack = createMap('jobs', stackMap(u32, { maxEntries: 4 }));
    for (const value of [1, 2, 3]) stack.push(value);
    expect(stack.peek()).toBe(3);
    expect([stack.pop(), stack.pop(), stack.pop(), stack.pop()]).toEqual([3, 2, 1, undefined]);
  });
});

describe.skipIf(noBpf)(kernel('a bloom filter'), () => {
  it('knows what was added', () => {
    using seen = createMap('seen', bloomFilter(Job, { maxEntries: 1000 }));
    for (let pid = 0; pid < 500; pid++) seen.add(job(pid));
    for (let pid = 0; pid < 500; pid++) expect(seen.mayHave(job(pid))).toBe(true);
    const others = Array.from({ length: 1000 }, (_, i) => seen.mayHave(job(1_000_000 + i)));
    expect(others.filter((found) => found).length).toBeLessThan(200);
    expect(seen.info().extra).toBe(5n);
  });

  it('takes values that are larger than the scratch memory', () => {
    using seen = createMap('seen', bloomFilter(bytes(40_000), { maxEntries: 10, hashes: 15 }));
    seen.add(new Uint8Array(40_000).fill(1));
    expect(seen.mayHave(new Uint8Array(40_000).fill(1))).toBe(true);
    expect(seen.mayHave(new Uint8Array(40_000).fill(2))).toBe(false);
  });

  it('says what does not fit, and that it is closed', () => {
    const seen = createMap('seen', bloomFilter(u32, { maxEntries: 10 }));
    expect(() => seen.add('x' as never)).toThrow(/^map seen, value: u32: expected a u32/);
    expect(() => seen.mayHave(-1)).toThrow(RangeError);
    seen.close();
    expect(() => seen.add(1)).toThrow('map seen is closed');
    expect(() => seen.mayHave(1)).toThrow('map seen is closed');
  });
});
