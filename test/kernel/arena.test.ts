import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { Arena, loadObject } from '../../src/kernel/index.ts';
import { isAtLeast, pageSize } from '../../src/syscall/index.ts';
import { objectFile } from '../objects/judge.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { holdings } from './object-support.ts';

const missing = noBpf ?? (isAtLeast('6.9') ? undefined : 'arenas need Linux 6.9');

describe.skipIf(missing)(kernel('an arena'), () => {
  it('has the same pointers for programs and for this process', () => {
    const before = holdings();
    {
      const spec = readObject(readFileSync(objectFile('arena')));
      using tool = loadObject(spec, { programs: ['push'] });
      const arena = tool.maps.arena as unknown as Arena;
      expect(arena).toBeInstanceOf(Arena);
      expect(arena.bytes.length).toBe(4 * pageSize());
      const push = () => tool.programs.push!.testRun().returnValue;
      expect([push(), push()]).toEqual([0, 0]);
      // struct arena_node { next; value } at the start of a page each.
      const longs = new BigUint64Array(arena.bytes.buffer);
      const words = pageSize() / 8;
      const nodes = [0, 1, 2, 3].filter((page) => longs[page * words + 1] === 7n);
      expect(nodes.length).toBe(2);
      const next = nodes.map((page) => longs[page * words]!).sort();
      // The second points to the first, in an arena that begins at 1 << 44.
      expect(next[0]).toBe(0n);
      expect(nodes.map((page) => (1n << 44n) + BigInt(page * pageSize()))).toContain(next[1]);
    }
    expect(holdings()).toEqual(before);
  });

  it('starts with the variables that a file puts there', () => {
    const spec = readObject(readFileSync(objectFile('arena-globals')));
    using tool = loadObject(spec);
    const arena = tool.maps.arena as unknown as Arena;
    // shared_count, a u64 that is 5 at first, and the fourth of the u32s behind it.
    const words = new Uint32Array(arena.bytes.buffer, 0, 6);
    expect([words[0], words[5]]).toEqual([5, 0]);
    expect(tool.programs.count!.testRun().returnValue).toBe(6);
    expect([words[0], words[5]]).toEqual([6, 6]);
  });
});
