/**
 * @module
 * The shape of a program, as the kernel checks it before anything else (check_subprogs and check_cfg in
 * kernel/bpf/verifier.c): jumps within functions, ends, instructions that no way leads to, frames.
 */
import { BPF_JA, BPF_JMP, BPF_JMP32, slotsOf } from '../asm/index.ts';
import type { Fault } from './check-calls.ts';
import {
  calleeOf,
  functionAt,
  isExit,
  isIndirectJump,
  jumpTarget,
  type Slotted,
  type VerifiedProgram,
} from './program.ts';

type Placed = Fault & { readonly slot: number };

/** The slots that may come next: the one behind, and that of a jump. */
export const successorsOf = (
  each: Slotted,
): readonly [next: number | undefined, target: number | undefined] => {
  const { slot, instruction } = each;
  const { opcode } = instruction;
  const always = opcode === (BPF_JMP | BPF_JA) || opcode === (BPF_JMP32 | BPF_JA);
  const ends = always || isExit(instruction) || isIndirectJump(instruction);
  return [ends ? undefined : slot + slotsOf(instruction), jumpTarget(each)];
};

export const checkStructure = (
  { functions }: VerifiedProgram,
  all: readonly Slotted[],
): readonly Placed[] => {
  const bySlot = new Map(all.map((each) => [each.slot, each]));
  const length = all.reduce((sum, { instruction }) => sum + slotsOf(instruction), 0);
  // A file may call what it does not name.
  const called = all.flatMap((each) => calleeOf(each) ?? []);
  const known = [...functions.map(({ start }) => start), ...called];
  const starts = [...new Set(known)].filter((slot) => bySlot.has(slot)).sort((a, b) => a - b);
  const isStart = new Set(starts);
  const functionOf = (slot: number): number => functionAt(starts, slot);
  const isWithin = (from: number, to: number): boolean =>
    to >= 0 && to < length && functionOf(to) === functionOf(from);
  const faults = all.flatMap((each): Placed[] => {
    const { slot } = each;
    const [next, target] = successorsOf(each);
    if (target !== undefined && !(isWithin(slot, target) && bySlot.has(target)))
      return [
        { slot, class: 'jump-range', message: jumpMessage(target, bySlot, isWithin(slot, target)) },
      ];
    if (next !== undefined && !isWithin(slot, next))
      return [{ slot, class: 'jump-range', message: 'control runs off the end of the function' }];
    const callee = calleeOf(each);
    if (callee !== undefined && !isStart.has(callee))
      return [
        {
          slot,
          class: 'jump-range',
          message: `it calls instruction ${callee}, where no function starts`,
        },
      ];
    return [];
  });
  const indirect = all.some(({ instruction }) => isIndirectJump(instruction));
  if (faults.length > 0 || indirect) return faults;
  return unreached(all, bySlot, starts);
};

const jumpMessage = (
  target: number,
  bySlot: ReadonlyMap<number, Slotted>,
  isWithin: boolean,
): string =>
  isWithin && !bySlot.has(target)
    ? 'it jumps into the middle of a 16-byte load'
    : `it jumps to instruction ${target}, which is not in this function`;

/** The first instruction of each stretch that no way leads to. */
const unreached = (
  all: readonly Slotted[],
  bySlot: ReadonlyMap<number, Slotted>,
  starts: readonly number[],
): Placed[] => {
  const seen = new Set<number>();
  const work = [...starts];
  for (let slot = work.pop(); slot !== undefined; slot = work.pop()) {
    if (seen.has(slot)) continue;
    seen.add(slot);
    for (const next of successorsOf(bySlot.get(slot)!)) if (next !== undefined) work.push(next);
  }
  return all.flatMap(({ slot }, index): Placed[] => {
    const before = all[index - 1];
    if (seen.has(slot) || (before && !seen.has(before.slot))) return [];
    return [{ slot, class: 'unreachable', message: 'no way leads to this instruction' }];
  });
};
