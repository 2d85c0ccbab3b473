/**
 * @module
 * Blocks that jump as blocks that nest, which is all that WebAssembly has. Where loops are entered at their headers
 * only, by the tree of dominators (Norman Ramsey, "Beyond Relooper", 2022); else by a loop around a table of all blocks.
 */
import type { ControlFlow } from './control-flow.ts';
import { WASM, type WasmWriter } from './writer.ts';

export interface BlockWriter {
  /** Writes the instructions of a block. Of one that two follow, it leaves the condition on the stack. */
  readonly write: (block: number) => void;
  /** Writes what comes before a loop of blocks. */
  readonly enterLoop: (first: number, last: number) => void;
}

/** The end of a `block`, `loop` or `if`, on the agenda among the blocks. */
const END = -1;

/** Writes all blocks of a function. `state` is a local of 32 bits for the next block of the table. */
export const writeBlocks = (
  writer: WasmWriter,
  flow: ControlFlow,
  state: number,
  blockWriter: BlockWriter,
): void => {
  if (flow.reducible) structured(writer, flow, blockWriter);
  else dispatched(writer, flow, blockWriter, state);
  // No way leads here: each ends in a jump or a return.
  writer.op(WASM.unreachable);
};

const structured = (
  writer: WasmWriter,
  { blocks, loopEnd, isMerge, dominated }: ControlFlow,
  { write, enterLoop }: BlockWriter,
): void => {
  /** By block: how many others are open around what a branch to it leaves, or starts again. */
  const labels = new Int32Array(blocks.length);
  let depth = 0;
  // An agenda in place of recursion: programs are as deep as they are long.
  const agenda = [0];
  for (let block = agenda.pop(); block !== undefined; block = agenda.pop()) {
    if (block === END) {
      writer.end();
      depth--;
      continue;
    }
    const last = loopEnd[block];
    if (last !== undefined) {
      enterLoop(block, last);
      writer.open(WASM.loop);
      labels[block] = depth++;
      agenda.push(END);
    }
    // What several ways lead to stands behind a block that they leave, the last outermost.
    for (const merge of dominated[block]!.filter((each) => isMerge[each]).toReversed()) {
      writer.open(WASM.block);
      labels[merge] = depth++;
      agenda.push(merge, END);
    }
    write(block);
    const branches = (to: number): boolean => isMerge[to]! || to <= block!;
    const go = (to: number): void => {
      if (branches(to)) writer.branch(WASM.br, depth - 1 - labels[to]!);
      else agenda.push(to);
    };
    const [to, otherwise] = blocks[block]!.next;
    if (to === undefined) continue;
    if (otherwise === undefined) go(to);
    else if (branches(to)) {
      writer.branch(WASM.brIf, depth - 1 - labels[to]!);
      go(otherwise);
    } else if (branches(otherwise)) {
      writer.op(WASM.i32Eqz).branch(WASM.brIf, depth - 1 - labels[otherwise]!);
      go(to);
    } else {
      writer.open(WASM.if);
      depth++;
      agenda.push(otherwise, END, to);
    }
  }
};

const dispatched = (
  writer: WasmWriter,
  { blocks }: ControlFlow,
  { write }: BlockWriter,
  state: number,
): void => {
  const { length } = blocks;
  writer.open(WASM.loop);
  for (let index = 0; index < length; index++) writer.open(WASM.block);
  const last = length - 1;
  writer.get(state).op(WASM.brTable).unsigned(last);
  for (let index = 0; index < length; index++) writer.unsigned(index);
  blocks.forEach(({ next: [to, otherwise] }, index) => {
    writer.end();
    write(index);
    const again = last - index;
    const go = (next: number, depth: number): WasmWriter =>
      writer.int(next).set(state).branch(WASM.br, depth);
    if (to === undefined) return;
    if (otherwise === undefined) go(to, again);
    else {
      writer.open(WASM.if);
      go(to, again + 1).end();
      go(otherwise, again);
    }
  });
  writer.end();
};
