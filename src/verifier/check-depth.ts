/**
 * @module
 * How much stack the functions of a program take that call each other, at least: what they access directly.
 */
import { MAX_STACK } from '../asm/index.ts';
import type { HookType } from '../object/index.ts';
import type { Fault } from './check-calls.ts';
import {
  baseRegister,
  calleeOf,
  functionAt,
  isSubprogramCall,
  type Slotted,
  type VerifiedProgram,
} from './program.ts';

/** check_max_stack_depth_subprog in kernel/bpf/verifier.c; Linux 7.2 takes more. */
const MAX_FRAMES = 8;
/** Where programs are compiled, and they are on all machines that matter. */
const ROUND_TO = 16;

/** Since Linux 6.13 these have stacks of their own, for each function. */
const PRIVATE_STACKS =
  /^(?:kprobe|kretprobe|ksyscall|kretsyscall|uprobe|uretprobe|usdt|tracepoint|perf_event|raw_tp|tp_btf|fentry|fexit|fmod_ret|fsession|lsm|iter|freplace|struct_ops)/;

type Placed = Fault & { readonly slot: number };

export const checkDepth = (
  { functions }: VerifiedProgram,
  all: readonly Slotted[],
  hook: HookType,
): readonly Placed[] => {
  const starts = functions.map(({ start }) => start);
  const functionOf = (slot: number): number => functionAt(starts, slot);
  const depths = functions.map(({ frame }) => frame);
  for (const { slot, instruction } of all) {
    const index = functionOf(slot);
    if (baseRegister(instruction) === 10)
      depths[index] = Math.max(depths[index]!, -instruction.offset);
  }
  const calls = all.flatMap((each) => {
    const to = isSubprogramCall(each.instruction) ? calleeOf(each) : undefined;
    return to === undefined
      ? []
      : [{ slot: each.slot, from: functionOf(each.slot), to: functionOf(to) }];
  });
  const faults = new Map<number, Placed>();
  const isPrivate = PRIVATE_STACKS.test(hook);
  const callsFrom = functions.map((): (typeof calls)[number][] => []);
  for (const each of calls) callsFrom[each.from]!.push(each);
  /** By function and number of frames: the most that was above it. Less was looked at with that. */
  const walked = new Map<string, number>();
  const walk = (index: number, above: number, around: readonly number[]): void => {
    const key = `${index} ${around.length}`;
    if ((walked.get(key) ?? -1) >= above) return;
    walked.set(key, above);
    const depth = above + Math.ceil(Math.max(depths[index]!, 1) / ROUND_TO) * ROUND_TO;
    for (const { slot, to } of callsFrom[index]!) {
      if (faults.has(slot)) continue;
      const reached = depth + Math.max(depths[to]!, 1);
      if (around.includes(to))
        faults.set(slot, {
          slot,
          class: 'subprogram',
          message: 'functions call each other in a circle',
        });
      else if (around.length >= MAX_FRAMES)
        faults.set(slot, {
          slot,
          class: 'stack-depth',
          acceptedBy: 'Linux 7.2',
          message: `it is called ${around.length + 1} functions deep, of ${MAX_FRAMES}`,
        });
      else if (reached > MAX_STACK && !isPrivate)
        faults.set(slot, {
          slot,
          class: 'stack-depth',
          message: `it and its callers have at least ${reached} bytes of stack, of ${MAX_STACK}`,
        });
      else walk(to, depth, [...around, to]);
    }
  };
  walk(0, 0, [0]);
  return [...faults.values()];
};
