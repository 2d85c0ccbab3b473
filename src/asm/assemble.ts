/**
 * @module
 * From a program's lists to its instructions in order, with every jump, call and stack offset filled in. What only a
 * kernel knows (maps, relocations) stays beside the instructions that wait for it.
 */
import { subprogramOf } from './check.ts';
import type { Code, Condition, Instruction, Label, Subprogram } from './code.ts';
import { endsFlow } from './control.ts';
import { slotsOf } from './encode.ts';
import { flatten, type Item } from './flatten.ts';
import { make } from './make.ts';
import { BPF_CALL, BPF_JA, BPF_JCOND, BPF_JMP, BPF_JMP32, classOf, LDDW } from './opcodes.ts';
import { AssemblerError } from './site.ts';

/** One function of an assembled program. */
export interface AssembledFunction {
  /** undefined for the program itself. */
  readonly subprogram: Subprogram | undefined;
  /** The slot of its first instruction. */
  readonly start: number;
  /** Bytes of its stack frame. */
  readonly frame: number;
}

export interface Assembly {
  /** In order; a 64-bit load takes two slots. */
  readonly instructions: readonly Instruction[];
  /** The program, then its subprograms. */
  readonly functions: readonly AssembledFunction[];
  /** The number of 8-byte slots. */
  readonly slots: number;
}

/**
 * Assembles a program and all that it calls, in libbpf's order: each subprogram comes when its first call is met, and
 * is searched for calls before the rest of its caller. `choose` decides its choices.
 */
export const assemble = (body: Code, choose: (condition: Condition) => boolean): Assembly => {
  const starts = new Map<Subprogram, number>();
  const functions: AssembledFunction[] = [];
  const instructions: Instruction[] = [];
  let slots = 0;
  const place = (body: Code, subprogram?: Subprogram): void => {
    const assembled = assembleFunction(body, choose);
    functions.push({ subprogram, start: slots, frame: assembled.frame });
    if (subprogram) starts.set(subprogram, slots);
    for (const instruction of assembled.instructions) {
      instructions.push(instruction);
      slots += slotsOf(instruction);
    }
    for (const instruction of assembled.instructions) {
      const callee = subprogramOf(instruction);
      if (callee && !starts.has(callee)) place(callee.body, callee);
    }
  };
  place(body);
  return {
    instructions: functions.length > 1 ? linkCalls(instructions, starts) : instructions,
    functions,
    slots,
  };
};

/** Local calls and callbacks name their target by its distance in slots. */
const linkCalls = (
  instructions: readonly Instruction[],
  starts: ReadonlyMap<Subprogram, number>,
): Instruction[] => {
  let slot = 0;
  return instructions.map((instruction) => {
    const here = slot;
    slot += slotsOf(instruction);
    const callee = subprogramOf(instruction);
    if (!callee) return instruction;
    const distance = starts.get(callee)! - here - 1;
    return instruction.opcode === LDDW
      ? { ...instruction, imm64: BigInt.asUintN(32, BigInt(distance)) }
      : { ...instruction, imm: distance };
  });
};

/**
 * Assembles one function; its calls of others stay as they are. Where `choose` decides nothing both ways are kept, and
 * `branch` puts instructions in the place of the forks between them.
 */
export const assembleFunction = (
  body: Code,
  choose: (condition: Condition) => boolean | undefined,
  branch?: (items: readonly Item[]) => readonly Item[],
): { readonly instructions: readonly Instruction[]; readonly frame: number } => {
  let decided = false;
  const { items, frame, slots } = flatten(body, (condition) => {
    decided = true;
    return choose(condition);
  });
  const place = (item: Item): Item => {
    if (item.kind !== 'instruction' || !item.slot) return item;
    const base = slots.get(item.slot)!;
    // Loads and stores have the offset in the offset, `add` has it in the immediate.
    return classOf(item.opcode) >= 4
      ? { ...item, imm: item.imm + base, slot: undefined }
      : { ...item, offset: item.offset + base, slot: undefined };
  };
  const placed = slots.size > 0 ? items.map(place) : items;
  const kept = decided ? reachable(placed) : placed;
  const linear = (branch ? branch(kept) : kept) as readonly (Instruction | Label)[];
  return { instructions: linkJumps(linear), frame };
};

/** Drops what a decided choice has cut off: the kernel refuses instructions that are never reached. */
const reachable = (items: readonly Item[]): Item[] => {
  const places = labelPlaces(items);
  const seen = new Set<number>();
  const work = [0];
  while (work.length > 0) {
    const index = work.pop()!;
    const item = items[index];
    if (!item || seen.has(index)) continue;
    seen.add(index);
    if (item.kind === 'instruction') {
      if (item.target?.kind === 'label') work.push(places.get(item.target)!);
      if (endsFlow(item.opcode)) continue;
    }
    if (item.kind === 'fork') {
      work.push(places.get(item.to)!);
      if (item.always) continue;
    }
    work.push(index + 1);
  }
  return items.filter((item, index) => item.kind === 'label' || seen.has(index));
};

const labelPlaces = (items: readonly Item[]): Map<Label, number> => {
  const places = new Map<Label, number>();
  items.forEach((item, index) => {
    if (item.kind === 'label') places.set(item, index);
  });
  return places;
};

interface Measured {
  /** The slot of every label. */
  readonly labels: ReadonlyMap<Label, number>;
  /** By item: the slot behind it. */
  readonly ends: readonly number[];
}

const measure = (items: readonly (Instruction | Label)[]): Measured => {
  const labels = new Map<Label, number>();
  const ends: number[] = [];
  let slot = 0;
  for (const item of items) {
    if (item.kind !== 'label') slot += slotsOf(item);
    else if (labels.has(item))
      throw new AssemblerError(`label ${item.name} is placed twice`, item.site);
    else labels.set(item, slot);
    ends.push(slot);
  }
  return { labels, ends };
};

/** The slots from behind a jump to its label. Programs are checked when they are built; code alone is not. */
const distanceOf = (
  { site }: Instruction,
  target: Label,
  { labels, ends }: Measured,
  index: number,
): number => {
  const slot = labels.get(target);
  if (slot !== undefined) return slot - ends[index]!;
  throw new AssemblerError(`label ${target.name} is not placed; put it into the list`, site);
};

const GOTOL = BPF_JMP32 | BPF_JA;
const near = (distance: number): boolean => distance >= -32768 && distance <= 32767;

/** Makes jumps long that do not reach their label: `goto` becomes `gotol`, a condition jumps around one. */
const lengthenJumps = (
  items: readonly (Instruction | Label)[],
): { readonly items: readonly (Instruction | Label)[]; readonly measured: Measured } => {
  const measured = measure(items);
  // In most functions there is nowhere that a jump could not reach.
  if (near(measured.ends.at(-1) ?? 0)) return { items, measured };
  let changed = false;
  const out = items.flatMap((item, index): (Instruction | Label)[] => {
    if (item.kind === 'label' || item.target?.kind !== 'label' || item.opcode === GOTOL)
      return [item];
    if (near(distanceOf(item, item.target, measured, index))) return [item];
    changed = true;
    return lengthen(item, item.target);
  });
  return changed ? lengthenJumps(out) : { items, measured };
};

const lengthen = (jump: Instruction, target: Label): (Instruction | Label)[] => {
  const { site } = jump;
  if (jump.opcode === (BPF_JMP | BPF_JCOND)) {
    throw new AssemblerError(
      `may_goto: label ${target.name} is more than 32,767 instructions away; put a jump to it nearby`,
      site,
    );
  }
  const long = make({ opcode: GOTOL, target, site });
  if (jump.opcode === (BPF_JMP | BPF_JA)) return [long];
  const far: Label = { kind: 'label', name: 'far' };
  const on: Label = { kind: 'label', name: 'on' };
  return [
    { ...jump, target: far },
    make({ opcode: BPF_JMP | BPF_JA, target: on, site }),
    far,
    long,
    on,
  ];
};

/** Fills in the distances of jumps, and drops the labels. */
const linkJumps = (items: readonly (Instruction | Label)[]): Instruction[] => {
  const { items: reaching, measured } = lengthenJumps(items);
  const instructions: Instruction[] = [];
  reaching.forEach((item, index) => {
    if (item.kind === 'label') return;
    const { target, opcode } = item;
    if (target?.kind !== 'label' || (opcode & 0xf0) === BPF_CALL) instructions.push(item);
    else {
      const distance = distanceOf(item, target, measured, index);
      instructions.push(
        opcode === GOTOL ? { ...item, imm: distance } : { ...item, offset: distance },
      );
    }
  });
  return instructions;
};
