/**
 * @module
 * Static checks of an assembled program, which need no kernel. They speak only of what is wrong on every way to an
 * instruction, so that a kernel that looks at it refuses it too; `acceptedBy` says which do not. What they do
 * not find may be wrong all the same: the verdict is the kernel's.
 * @example
 * checkProgram(link(spec, world).programs[0]!);   // [{ class: 'null-check', slot: 6, message: 'r0 may be 0: ...' }]
 */
import type { Site } from '../asm/index.ts';
import type { LinkedProgram } from '../object/index.ts';
import { branchStates } from './check-branch.ts';
import type { Fault } from './check-calls.ts';
import { checkDepth } from './check-depth.ts';
import { type CheckState, isSameState, joined, type Known, UNKNOWN, UNSET } from './check-state.ts';
import { checkStep } from './check-step.ts';
import { checkStructure, successorsOf } from './check-structure.ts';
import { functionAt, type Slotted, slotted } from './program.ts';

/** Something that is wrong with a program. */
export interface Finding extends Fault {
  readonly slot: number;
  /** Where the instruction was written. */
  readonly site: Site | undefined;
}

/** What is wrong with a program, by slots. */
export const checkProgram = ({
  assembly,
  spec,
}: Pick<LinkedProgram, 'assembly' | 'spec'>): readonly Finding[] => {
  const all = slotted(assembly);
  const structure = checkStructure(assembly, all);
  const findings = [...structure];
  // Without its ways nothing can be said of registers.
  if (structure.length === 0) {
    const returns = spec.hook.type !== 'struct_ops' && spec.hook.type !== 'struct_ops.s';
    findings.push(...checkDepth(assembly, all, spec.hook.type));
    const starts = assembly.functions.map(({ start }) => start);
    const bodies = starts.map((): Slotted[] => []);
    for (const each of all) bodies[functionAt(starts, each.slot)]!.push(each);
    bodies.forEach((body, index) => {
      findings.push(...checkFunction(body, index === 0, index === 0 && returns));
    });
  }
  const bySlot = new Map(all.map(({ slot, instruction }) => [slot, instruction]));
  return findings
    .sort((a, b) => a.slot - b.slot)
    .map((each) => ({ ...each, site: bySlot.get(each.slot)?.site }));
};

type Placed = Fault & { readonly slot: number };

const checkFunction = (
  body: readonly Slotted[],
  isMain: boolean,
  needsResult: boolean,
): readonly Placed[] => {
  const bySlot = new Map(body.map((each) => [each.slot, each]));
  const states = new Map<number, CheckState>();
  const work: number[] = [];
  const reach = (slot: number, state: CheckState): void => {
    const before = states.get(slot);
    const now = before ? joined(before, state) : state;
    if (before && isSameState(before, now)) return;
    states.set(slot, now);
    work.push(slot);
  };
  reach(body[0]!.slot, entryOf(isMain));
  for (let slot = work.pop(); slot !== undefined; slot = work.pop()) {
    const each = bySlot.get(slot)!;
    const { after } = checkStep(each, states.get(slot)!, needsResult);
    const ways = branchStates(each, after);
    const [next, target] = successorsOf(each);
    if (next !== undefined && ways.next) reach(next, ways.next);
    if (target !== undefined && ways.target) reach(target, ways.target);
  }
  // Only now is each state what holds on every way.
  return body.flatMap((each) => {
    const state = states.get(each.slot);
    if (!state?.isCertain) return [];
    const [fault] = checkStep(each, state, needsResult).faults;
    return fault ? [{ ...fault, slot: each.slot }] : [];
  });
};

/** A program starts with its context in r1; a function with its arguments, of which nothing is known. */
const entryOf = (isMain: boolean): CheckState => {
  const argument = (index: number): Known =>
    isMain ? (index === 1 ? { kind: 'context' } : UNSET) : UNKNOWN;
  const registers = Array.from({ length: 11 }, (_, index): Known => {
    if (index === 10) return { kind: 'frame', offset: 0 };
    return index >= 1 && index <= 5 ? argument(index) : UNSET;
  });
  return { registers, written: 0n, isCertain: true };
};
