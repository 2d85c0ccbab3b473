/**
 * Choices that a file leaves to its loader. Loaders write numbers and addresses into instructions and no more, so a
 * choice becomes a move of such a number into a register and a jump: the verifier knows the number, and drops the way
 * that is not taken. The register is one that holds nothing at that point.
 *
 * @module
 */
import {
  AssemblerError,
  BPF_ALU64,
  BPF_JA,
  BPF_JEQ,
  BPF_JLT,
  BPF_JMP,
  BPF_JNE,
  BPF_MOV,
  type Condition,
  type Fork,
  type Item,
  type Label,
  LDDW,
  liveBefore,
  make,
  type Relocation,
  type Site,
} from '../asm/index.ts';
import type { Question } from './write-core.ts';

/** The items with instructions in the place of forks. Throws an AssemblerError where no register is free. */
export const branchesOf = (
  items: readonly Item[],
  ask: (condition: Condition) => Question,
): readonly Item[] => {
  const forks = items.some(({ kind }) => kind === 'fork');
  if (!forks) return items;
  const live = liveBefore(items);
  return items.flatMap((item, index): readonly Item[] => {
    if (item.kind !== 'fork') return [item];
    const site = siteAfter(items, index);
    if (item.condition) return branch(item, ask(item.condition), freeOf(live[index]!, site), site);
    return isNext(items, index, item.to)
      ? []
      : [make({ opcode: BPF_JMP | BPF_JA, target: item.to, site })];
  });
};

const branch = (
  { to }: Fork,
  question: Question,
  dst: number,
  site: Site | undefined,
): readonly Item[] => {
  const yes: Label = { kind: 'label', name: 'yes', site };
  const move = (relocation: Relocation) =>
    make({ opcode: BPF_ALU64 | BPF_MOV, dst, imm: 1, relocation, site });
  const jump = (operation: number, imm: number, target: Label) =>
    make({ opcode: BPF_JMP | operation, dst, imm, target, site });
  if ('extern' in question) {
    const reference = { kind: 'extern', extern: question.extern } as const;
    return [make({ opcode: LDDW, dst, imm64: 0n, reference, site }), jump(BPF_JEQ, 0, to)];
  }
  const { exists, numbers, least } = question;
  const last = numbers.at(-1)!;
  return [
    ...(exists ? [move(exists), jump(BPF_JEQ, 0, to)] : []),
    ...numbers.slice(0, -1).flatMap((number) => [move(number), jump(BPF_JNE, 0, yes)]),
    move(last),
    least === 1 ? jump(BPF_JEQ, 0, to) : jump(BPF_JLT, least, to),
    yes,
  ];
};

/** Those that calls destroy first. */
const PREFERRED = [0, 5, 4, 3, 2, 1, 9, 8, 7, 6];

const freeOf = (live: number, site: Site | undefined): number => {
  const free = PREFERRED.find((register) => (live & (1 << register)) === 0);
  if (free !== undefined) return free;
  throw new AssemblerError(
    'in a file this choice needs a register for the number that decides it, and r0 to r9 are all in use here; keep one of them on the stack',
    site,
  );
};

/** A choice has no line of its own: that of what it chooses. */
const siteAfter = (items: readonly Item[], index: number): Site | undefined => {
  const next = items.slice(index).find((item) => item.kind === 'instruction');
  return next?.kind === 'instruction' ? next.site : undefined;
};

/** Whether only labels lie between. */
const isNext = (items: readonly Item[], index: number, to: Label): boolean => {
  for (let at = index + 1; items[at]?.kind === 'label'; at++) if (items[at] === to) return true;
  return false;
};
