import { describe, expect, it } from 'vitest';
import { assemble } from '../../../src/asm/index.ts';
import { add, type Code, exit, jeq, jlt, label, mov, r0, r1 } from '../../../src/index.ts';
import { Constants, machineCode } from '../../../src/sim/code.ts';
import { Memory } from '../../../src/sim/memory.ts';
import { controlFlow, leadersOf } from '../../../src/sim/wasm/control-flow.ts';

const flowOf = (body: Code) => {
  const code = machineCode({
    name: 'test',
    assembly: assemble(body, () => true),
    constants: new Constants(),
    memory: new Memory(),
    constantOf: () => 0n,
  });
  return controlFlow(code, leadersOf(code), 0);
};

describe('the control flow of a function', () => {
  it('is one block without jumps', () => {
    expect(flowOf([mov(r0, 0), add(r0, 1), exit()])).toEqual({
      blocks: [{ start: 0, end: 3, next: [] }],
      loopEnd: [undefined],
      isMerge: [false],
      isInLoop: [false],
      dominated: [[]],
      reducible: true,
    });
  });

  it('goes on first where no jump is taken, and meets again', () => {
    const [other, both] = [label('other'), label('both')];
    const flow = flowOf([
      [mov(r0, 0), jeq(r1, 0, other), add(r0, 1), jeq(r0, 7, both), add(r0, 2)],
      [other, add(r0, 3), both, exit()],
    ]);
    expect(flow.blocks).toEqual([
      { start: 0, end: 2, next: [3, 1] },
      { start: 2, end: 4, next: [4, 2] },
      { start: 4, end: 5, next: [3] },
      { start: 5, end: 6, next: [4] },
      { start: 6, end: 7, next: [] },
    ]);
    expect(flow.isMerge).toEqual([false, false, false, true, true]);
    expect(flow.dominated).toEqual([[1, 3, 4], [2], [], [], []]);
  });

  it('has loops, of which the inner lie in the outer', () => {
    const [outer, inner] = [label('outer'), label('inner')];
    const flow = flowOf([
      [mov(r0, 0), outer, mov(r1, 0)],
      [inner, add(r1, 1), jlt(r1, 5, inner), add(r0, 1), jlt(r0, 5, outer), exit()],
    ]);
    expect(flow.blocks.map(({ start }) => start)).toEqual([0, 1, 2, 4, 6]);
    expect(flow.loopEnd).toEqual([undefined, 3, 2, undefined, undefined]);
    expect(flow.isInLoop).toEqual([false, true, true, true, false]);
    expect(flow.reducible).toBe(true);
  });

  it('is not reducible where a loop has two entries', () => {
    const [top, middle] = [label('top'), label('middle')];
    const flow = flowOf([
      [mov(r0, 0), jeq(r1, 0, middle), top, add(r0, 1)],
      [middle, add(r0, 2), jlt(r0, 9, top), exit()],
    ]);
    expect(flow.reducible).toBe(false);
  });

  it('goes on behind the last instruction, where nothing is', () => {
    expect(flowOf([mov(r0, 0)]).blocks).toEqual([
      { start: 0, end: 1, next: [1] },
      { start: 1, end: 2, next: [] },
    ]);
  });
});
