import { expect, it } from 'vitest';
import { chars, globals, hash, object, ringbuf, struct, tc, u32, u64 } from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { onKernel, onSimulator, simulate } from '../../src/testing/index.ts';

const Event = struct('event', { pid: u32, comm: chars(16) });
const spec = object({
  license: 'GPL',
  maps: {
    events: ringbuf(Event),
    counts: hash(u32, u64),
    totals: globals(struct('totals', { runs: u32 })),
  },
  programs: { first: tc([]) },
});

it('events are those of the buffer', () => {
  for (const { maps } of [simulate(spec), loadObject(spec)]) {
    expect(maps.events).toEmit({ comm: 'bash' });
    expect(maps.events).toEmit({ comm: expect.stringContaining('a'), pid: 7 });
    // @ts-expect-error there is no such field
    expect(maps.events).toEmit({ name: 'bash' });
    // @ts-expect-error it is a number
    expect(maps.events).toEmit({ pid: '7' });
    // @ts-expect-error a hash table gets none
    expect(maps.counts).toEmit({ pid: 7 });
  }
});

it('entries are those of the map', () => {
  for (const loaded of [simulate(spec), loadObject(spec)]) {
    expect(loaded).toHaveMap('counts', [[7, 1n]]);
    expect(loaded).toHaveMap('counts', new Map([[7, 1n]]));
    expect(loaded).toHaveMap('totals', { runs: 1 });
    // @ts-expect-error values have 64 bits
    expect(loaded).toHaveMap('counts', [[7, 1]]);
    // @ts-expect-error there is no such map
    expect(loaded).toHaveMap('count', [[7, 1n]]);
    // @ts-expect-error there is no such variable
    expect(loaded).toHaveMap('totals', { run: 1 });
  }
});

it('both runners give programs and maps by their names', () => {
  for (const on of [onSimulator, onKernel])
    on(spec, ({ programs, maps }) => {
      expect(programs.first.run({ packet: new Uint8Array(14) })).toReturnValue(0);
      const count: bigint | undefined = maps.counts.get(7);
      expect(count).toBe(1n);
      // @ts-expect-error there is no such program
      programs.second.run();
    });
});

it('the other matchers take what they compare with', () => {
  const { first } = simulate(spec).programs;
  expect(first.run()).toReturnValue(0);
  expect(first.run()).not.toReturnValue(1n << 40n);
  // @ts-expect-error it is a number
  expect(first.run()).toReturnValue('0');
  expect(spec).toPassVerifier();
  // @ts-expect-error it takes nothing
  expect(spec).toPassVerifier(true);
  expect(first).toDisassembleTo('r0 = 0\nexit');
  // @ts-expect-error it is one text
  expect(first).toDisassembleTo(['r0 = 0', 'exit']);
  expect(spec).toUseAtMost({ instructions: 2, stack: 0 });
  expect(first.run()).toUseAtMost({ instructions: 2 });
  // @ts-expect-error there is no such limit
  expect(spec).toUseAtMost({ maps: 1 });
});

it('they stand beside those of vitest, with its ways to ask', async () => {
  const { first } = simulate(spec).programs;
  expect(spec).not.toPassVerifier();
  expect(first.run()).toBeDefined();
  expect.soft(first.run()).toReturnValue(0);
  await expect.poll(() => first.run()).toReturnValue(0);
  await expect(Promise.resolve(first.run())).resolves.toReturnValue(0);
  // @ts-expect-error neither has this one
  expect(spec).toPassTheVerifier();
});
