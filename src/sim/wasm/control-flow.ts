/**
 * @module
 * The control flow of one function: its basic blocks in reverse postorder, and which of them dominate which (Cooper,
 * Harvey and Kennedy, "A Simple, Fast Dominance Algorithm").
 *
 * A function is what can be reached from its first instruction without a call.
 */
import { BPF_EXIT, BPF_JMP } from '../../asm/index.ts';
import type { MachineCode } from '../code.ts';
import { GOTO, isConditionalJump } from './conditions.ts';

export interface Block {
  /** The index of its first instruction, and the one after its last. */
  readonly start: number;
  readonly end: number;
  /** The blocks that follow: none, one, or where the condition of the last instruction holds and where not. */
  readonly next: readonly number[];
}

export interface ControlFlow {
  /** In reverse postorder: only jumps back lead to a lower number, or the same. */
  readonly blocks: readonly Block[];
  /** By block that jumps back lead to: the last that they come from. */
  readonly loopEnd: readonly (number | undefined)[];
  /** By block: whether more than one way leads there, jumps back left out. */
  readonly isMerge: readonly boolean[];
  /** By block: whether it may be executed again, by a jump back behind it. */
  readonly isInLoop: readonly boolean[];
  /** By block: the blocks that it dominates at once, in their order. */
  readonly dominated: readonly (readonly number[])[];
  /** Whether all loops are entered at their headers only. */
  readonly reducible: boolean;
}

const EXIT = BPF_JMP | BPF_EXIT;

/** The instructions of a program that begin a block, whatever function they belong to. */
export const leadersOf = ({ opcode, offset }: MachineCode): Uint8Array => {
  const leaders = new Uint8Array(opcode.length + 1);
  for (let index = 0; index < opcode.length; index++)
    if (opcode[index] === GOTO || isConditionalJump(opcode[index]!))
      leaders[offset[index]!] = leaders[index + 1] = 1;
  return leaders;
};

/** The function that starts at an index. */
export const controlFlow = (code: MachineCode, leaders: Uint8Array, entry: number): ControlFlow => {
  const found = new Map<number, { readonly end: number; readonly next: readonly number[] }>();
  const postorder: number[] = [];
  const open: { readonly start: number; rest: number[] }[] = [];
  const visit = (start: number): void => {
    if (found.has(start)) return;
    const block = blockAt(code, leaders, start);
    found.set(start, block);
    // The last that is visited comes first in the order: what follows without a jump.
    open.push({ start, rest: block.next.toReversed() });
  };
  visit(entry);
  for (let top = open.at(-1); top; top = open.at(-1)) {
    const next = top.rest.pop();
    if (next !== undefined) visit(next);
    else {
      postorder.push(top.start);
      open.pop();
    }
  }
  const starts = postorder.toReversed();
  const numbers = new Map(starts.map((start, index) => [start, index]));
  const blocks = starts.map((start): Block => {
    const { end, next } = found.get(start)!;
    return { start, end, next: next.map((each) => numbers.get(each)!) };
  });
  return { blocks, ...dominanceOf(blocks) };
};

/** Where the block ends, and the instructions that follow: first where the condition holds. */
const blockAt = ({ opcode, offset }: MachineCode, leaders: Uint8Array, start: number) => {
  const { length } = opcode;
  for (let index = start; index < length; index++) {
    const end = index + 1;
    if (opcode[index] === EXIT) return { end, next: [] };
    if (opcode[index] === GOTO) return { end, next: [offset[index]!] };
    if (isConditionalJump(opcode[index]!))
      return { end, next: offset[index] === end ? [end] : [offset[index]!, end] };
    if (leaders[end] === 1) return { end, next: [end] };
  }
  // Behind the last instruction is a block of one that is not there, which ends the run.
  return start < length ? { end: length, next: [length] } : { end: length + 1, next: [] };
};

const dominanceOf = (blocks: readonly Block[]): Omit<ControlFlow, 'blocks'> => {
  const before: number[][] = blocks.map(() => []);
  blocks.forEach(({ next }, index) => {
    for (const each of next) before[each]!.push(index);
  });
  const dominators = dominatorsOf(before);
  const dominates = (block: number, other: number): boolean => {
    let each = other;
    while (each > block) each = dominators[each]!;
    return each === block;
  };
  const dominated: number[][] = blocks.map(() => []);
  dominators.forEach((dominator, block) => {
    if (block > 0) dominated[dominator]!.push(block);
  });
  const back = before.map((from, block) => from.filter((each) => each >= block));
  return {
    loopEnd: back.map((from) => from.at(-1)),
    isMerge: before.map((from, block) => from.length - back[block]!.length > 1),
    isInLoop: inLoops(back),
    dominated,
    reducible: back.every((from, block) => from.every((each) => dominates(block, each))),
  };
};

/** Any circle crosses each of its blocks with some jump back, so that what lies below one is all that is in loops. */
const inLoops = (back: readonly (readonly number[])[]): boolean[] => {
  const change = new Int32Array(back.length + 1);
  back.forEach((from, block) => {
    for (const each of from) {
      change[block]!++;
      change[each + 1]!--;
    }
  });
  let open = 0;
  return back.map((_, block) => {
    open += change[block]!;
    return open > 0;
  });
};

/** By block: the nearest that all ways to it go through. The first has itself. */
const dominatorsOf = (before: readonly (readonly number[])[]): number[] => {
  const dominators = before.map((_, block): number => (block === 0 ? 0 : -1));
  for (let changed = true; changed; ) {
    changed = false;
    for (let block = 1; block < before.length; block++) {
      let nearest = -1;
      for (const each of before[block]!) {
        if (dominators[each] === -1) continue;
        nearest = nearest === -1 ? each : common(dominators, nearest, each);
      }
      if (dominators[block] === nearest) continue;
      dominators[block] = nearest;
      changed = true;
    }
  }
  return dominators;
};

const common = (dominators: readonly number[], first: number, second: number): number => {
  let [one, other] = [first, second];
  while (one !== other) {
    while (one > other) one = dominators[one]!;
    while (other > one) other = dominators[other]!;
  }
  return one;
};
