/**
 * @module
 * Where a value comes from: back along the verifier's way, through moves, the stack and calls, to the instruction that
 * made it. It reads the instructions of the log, so it knows programs of any language.
 */
import type { Step } from './steps.ts';
import { parseValue } from './value.ts';

/** The instructions that made a value, the last first: moves and changes, then its origin. */
export type Provenance = readonly Step[];

/** A call after which a pointer is only a number. */
export interface Loss {
  readonly step: Step;
  /** What it was before, in the kernel's words. */
  readonly value: string;
}

/** As many as help: the latest, and where it began. */
const MOST = 4;

/** How `register` came to what it held before the step at `index`; empty where the log does not say. */
export const provenanceOf = (
  steps: readonly Step[],
  index: number,
  register: string,
): Provenance => {
  const found: Step[] = [];
  for (const { step, source } of trailOf(steps, index, register)) {
    // The turns of a loop count as one.
    if (source !== undefined && found.at(-1)?.slot !== step.slot) found.push(step);
  }
  return found.length <= MOST ? found : [...found.slice(0, MOST - 1), found.at(-1)!];
};

/** The call that made a number of the pointer that a register held; undefined when it never was one. */
export const lossOf = (
  steps: readonly Step[],
  index: number,
  register: string,
): Loss | undefined => {
  for (const { step, name, source } of trailOf(steps, index, register)) {
    const value = step.before[name];
    if (source !== undefined || value === undefined || !step.text.startsWith('call ')) continue;
    if (parseValue(value).type !== 'scalar') return { step, value };
  }
  return undefined;
};

/** A step of the function that a value was in, with what held it after the step. */
interface Crossing {
  readonly step: Step;
  readonly name: string;
  /** What it was made of; undefined where the step left it alone, '' where it begins here. */
  readonly source: string | undefined;
}

function* trailOf(steps: readonly Step[], index: number, register: string): Generator<Crossing> {
  let name = register;
  let frame = steps[index]?.frame ?? 0;
  for (let at = steps[index]?.previous; at !== undefined; at = steps[at]!.previous) {
    const step = steps[at]!;
    if (step.frame < frame) {
      // The arguments of a function come from its caller, where they have the same registers.
      if (!isArgument(name)) return;
      frame = step.frame;
      continue;
    }
    // What a callee does is of no concern here, but for its result.
    if (step.frame > frame) {
      if (name === 'r0' && step.text === 'exit' && step.frame === frame + 1) frame = step.frame;
      continue;
    }
    const source = sourceOf(step.text, name);
    yield { step, name, source };
    if (source === MADE_HERE) return;
    name = source ?? name;
  }
}

const isArgument = (name: string): boolean => /^r[1-5]$/.test(name);

/** The value is new: what was before does not matter. */
const MADE_HERE = '';

/** `r6 = r0`, `w1 += 4`, `r2 s>>= r3`. */
const ASSIGNMENT = /^[rw](\d+) ([-+*/|&^%s<>]*)= (.*)$/;

/** What the value of `name` after an instruction is made of; undefined when the instruction leaves it alone. */
const sourceOf = (text: string, name: string): string | undefined => {
  if (name.startsWith('fp-')) return storedOf(text, name);
  if (text.startsWith('call ')) {
    if (name === 'r0') return text.startsWith('call pc') ? undefined : MADE_HERE;
    return isArgument(name) ? MADE_HERE : undefined;
  }
  const [, to, operator, from = ''] = ASSIGNMENT.exec(text) ?? [];
  if (`r${to}` !== name) return undefined;
  // A change of what was there.
  if (operator !== '') return name;
  const fill = /^\*\(u64 \*\)\(r10 [-+](\d+)\)$/.exec(from);
  if (fill) return `fp-${fill[1]}`;
  const move = /^-?[rw](\d+)$/.exec(from);
  return move ? `r${move[1]}` : MADE_HERE;
};

const storedOf = (text: string, slot: string): string | undefined => {
  const [, offset, from = ''] = /^\*\(u64 \*\)\(r10 -(\d+)\) = (.*)$/.exec(text) ?? [];
  if (`fp-${offset}` !== slot) return undefined;
  return from.startsWith('r') ? from : MADE_HERE;
};
