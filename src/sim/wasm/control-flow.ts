/**
 * @module
 * The control flow of one function: its basic blocks in reverse postorder, and which of them dominate which (Cooper,
 * Harvey and Kennedy, "A Simple, Fast Dominance Algorithm", of which one pass is enough: see below).
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
  /** By block: whether it lies in a loop, so that each way to it goes through the header of that. */
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
  const back: number[][] = blocks.map(() => []);
  blocks.forEach(({ next }, block) => {
    for (const each of next) (each > block ? before : back)[each]!.push(block);
  });
  const dominators = dominatorsOf(before);
  const dominates = dominanceIn(dominators);
  const dominated: number[][] = blocks.map(() => []);
  dominators.forEach((dominator, block) => {
    if (block > 0) dominated[dominator]!.push(block);
  });
  const loopEnd = back.map((from) => from.at(-1));
  return {
    loopEnd,
    isMerge: before.map((from) => from.length > 1),
    isInLoop: inLoops(loopEnd, dominators),
    dominated,
    reducible: back.every((from, block) => from.every((each) => dominates(block, each))),
  };
};

/** Whether some header that dominates a block starts a loop that ends behind it. */
const inLoops = (
  loopEnd: readonly (number | undefined)[],
  dominators: readonly number[],
): boolean[] => {
  const reach: number[] = [];
  return loopEnd.map((end = -1, block) => {
    reach.push(Math.max(end, reach[dominators[block]!] ?? -1));
    return reach[block]! >= block;
  });
};

/**
 * By block: the nearest that all ways to it go through. The first has itself. Jumps back are left out: where each leads
 * to a block that dominates it they change nothing, and else the function is not reducible and nobody asks.
 */
const dominatorsOf = (before: readonly (readonly number[])[]): number[] => {
  const dominators = [0];
  for (let block = 1; block < before.length; block++) {
    // The nearest first, from which it is not far to the next.
    const nearest = before[block]!.reduceRight((one, other) => common(dominators, one, other));
    dominators.push(nearest);
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

/** Whether one block dominates another: what a block dominates are neighbours in preorder. */
const dominanceIn = (dominators: readonly number[]) => {
  const { length } = dominators;
  const sizes = new Int32Array(length).fill(1);
  for (let block = length - 1; block > 0; block--) sizes[dominators[block]!]! += sizes[block]!;
  const places = new Int32Array(length);
  const free = new Int32Array(length).fill(1);
  for (let block = 1; block < length; block++) {
    const dominator = dominators[block]!;
    places[block] = places[dominator]! + free[dominator]!;
    free[dominator]! += sizes[block]!;
  }
  return (block: number, other: number): boolean => {
    const distance = places[other]! - places[block]!;
    return distance >= 0 && distance < sizes[block]!;
  };
};
