/**
 * @module
 * Which registers hold a value that is still read, before each item of a function: what is not among them is free for
 * code that is put there. Where it is not known what is read, all is taken to be.
 */
import type { Instruction, Label } from './code.ts';
import { endsFlow } from './control.ts';
import { ARGUMENTS, argumentMask, effectsOf } from './effects.ts';
import type { Item } from './flatten.ts';
import { helperById } from './helpers.ts';
import { BPF_CALL, BPF_JA, BPF_JMP, BPF_X } from './opcodes.ts';

const CALL = BPF_JMP | BPF_CALL;
const GOTOX = BPF_JMP | BPF_JA | BPF_X;
/** r0 to r10. */
const ALL = 0x7ff;

/** The registers that are read before they are written again, as a bit mask for each item. */
export const liveBefore = (items: readonly Item[]): readonly number[] => {
  const places = new Map<Label, number>();
  items.forEach((item, index) => {
    if (item.kind === 'label') places.set(item, index);
  });
  const live = items.map(() => 0);
  const at = (index: number): number => live[index] ?? 0;
  const before = (item: Item, next: number): number => {
    if (item.kind === 'label') return at(next);
    if (item.kind === 'fork') return at(places.get(item.to)!) | (item.always ? 0 : at(next));
    if (item.opcode === GOTOX) return ALL;
    const after =
      (item.target?.kind === 'label' ? at(places.get(item.target)!) : 0) |
      (endsFlow(item.opcode) ? 0 : at(next));
    const { reads, writes, destroys } = effectsOf(item);
    return (after & ~(writes | destroys)) | reads | mayRead(item);
  };
  // Backwards: loops alone need another round.
  for (let changed = true; changed; ) {
    changed = false;
    for (let index = items.length - 1; index >= 0; index--) {
      const now = before(items[index]!, index + 1);
      changed ||= now !== live[index];
      live[index] = now;
    }
  }
  return live;
};

/** What a call may read beside what it must: optional arguments, and those of functions that are not known. */
const mayRead = ({ opcode, src, imm, target }: Instruction): number => {
  if (opcode !== CALL || target?.kind === 'function') return 0;
  const helper = src === 0 ? helperById(imm) : undefined;
  return helper ? argumentMask(helper.args.length) : ARGUMENTS;
};
