/**
 * @module
 * "Built means valid": what can be known of a program without a kernel, checked when it is built.
 *
 * All paths are followed, through both ways of every choice. A register counts as unwritten only where no path at all
 * has written it, so what is refused here no kernel would take.
 */
import type { Code, Instruction, Label, Subprogram } from './code.ts';
import { endsFlow } from './control.ts';
import { ARGUMENTS, argumentMask, baseOf, effectsOf } from './effects.ts';
import { type Flat, flatten, type Item } from './flatten.ts';
import { helperById } from './helpers.ts';
import { BPF_CALL, BPF_EXIT, BPF_JMP, sizeOfOpcode } from './opcodes.ts';
import { AssemblerError, type Site } from './site.ts';

const EXIT = BPF_JMP | BPF_EXIT;
const CALL = BPF_JMP | BPF_CALL;

/** Throws an AssemblerError that names the line, unless the function is sound. Returns the subprograms it refers to. */
export const checkFunction = (
  what: string,
  body: Code,
  arity: number,
  site: Site | undefined,
): readonly Subprogram[] => {
  const flat = flatten(body);
  const targets = placeLabels(what, flat.items);
  const states = follow(what, flat, targets, argumentMask(arity) | FRAME, site);
  const callees: Subprogram[] = [];
  flat.items.forEach((item, index) => {
    if (item.kind !== 'instruction') return;
    if (states[index] === undefined)
      throw new AssemblerError(`${what}: this instruction is never reached`, item.site);
    checkFrame(what, item, flat.frame);
    const callee = subprogramOf(item);
    if (callee) callees.push(callee);
  });
  return callees;
};

/** What an instruction refers to: a subprogram that it calls, or passes as a callback. */
export const subprogramOf = ({ target, reference }: Instruction): Subprogram | undefined => {
  if (target?.kind === 'function') return target;
  return reference?.kind === 'function' ? reference.function : undefined;
};

/** `subprogramOf` as a list. */
export const subprogramsOf = (instruction: Instruction): Subprogram[] => {
  const subprogram = subprogramOf(instruction);
  return subprogram ? [subprogram] : [];
};

/** Refuses helpers and functions of the kernel that are for programs under the GPL only. */
export const checkLicense = (what: string, body: Code, license: string): void => {
  if (GPL_COMPATIBLE.has(license)) return;
  for (const item of flatten(body).items) {
    if (item.kind !== 'instruction' || item.opcode !== CALL) continue;
    const { reference, src, imm } = item;
    const helper = src === 0 ? helperById(imm) : undefined;
    // All functions of the kernel's that are no helpers are.
    const name = reference?.kind === 'extern' ? reference.extern.name : helper?.gpl && helper.name;
    if (name) {
      throw new AssemblerError(
        `${what}: ${name} is for programs under the GPL, and the licence is ${JSON.stringify(license)}; use 'GPL' or 'Dual MIT/GPL'`,
        item.site,
      );
    }
  }
};

/** include/linux/license.h */
const GPL_COMPATIBLE = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
]);

const FRAME = 1 << 10;

/** Refuses an access relative to r10 that meets the bytes of stack slots, which lie at the top of the frame. */
const checkFrame = (what: string, instruction: Instruction, frame: number): void => {
  const { opcode, offset, slot, site } = instruction;
  if (slot || baseOf(instruction) !== 10 || offset + sizeOfOpcode(opcode) <= -frame) return;
  if (frame === 0 || offset >= 0) return;
  throw new AssemblerError(
    `${what}: r10${offset} is in the ${frame} bytes of the stack slots; make a slot with stack() for it`,
    site,
  );
};

const placeLabels = (what: string, items: readonly Item[]): ReadonlyMap<Label, number> => {
  const places = new Map<Label, number>();
  items.forEach((item, index) => {
    if (item.kind !== 'label') return;
    if (places.has(item)) {
      throw new AssemblerError(`${what}: label ${item.name} is placed twice`, item.site);
    }
    places.set(item, index);
  });
  // A fork and the label that it leads to enclose one way of a choice.
  const ways: { readonly from: number; readonly to: number }[] = [];
  items.forEach((item, from) => {
    if (item.kind === 'fork') ways.push({ from, to: places.get(item.to)! });
  });
  const within = (at: number, { from, to }: (typeof ways)[number]) => at > from && at < to;
  items.forEach((item, index) => {
    if (item.kind !== 'instruction' || item.target?.kind !== 'label') return;
    const { name } = item.target;
    const place = places.get(item.target);
    if (place === undefined) {
      throw new AssemblerError(
        `${what}: label ${name} is not placed in this program; put it into its list`,
        item.site,
      );
    }
    if (ways.some((way) => within(place, way) && !within(index, way))) {
      throw new AssemblerError(
        `${what}: label ${name} is in one way of an either, which may not be taken; jump to it from that way only`,
        item.site,
      );
    }
  });
  return places;
};

/** The registers that may hold a value before each item; undefined where control never gets. */
const follow = (
  what: string,
  { items }: Flat,
  targets: ReadonlyMap<Label, number>,
  entry: number,
  site: Site | undefined,
): readonly (number | undefined)[] => {
  const states: (number | undefined)[] = [];
  const work: number[] = [];
  const reach = (index: number, state: number, from: Site | undefined): void => {
    if (index >= items.length) {
      throw new AssemblerError(
        `${what}: control runs off its end; end it with exit() or a jump`,
        from,
      );
    }
    const before = states[index];
    const merged = (before ?? 0) | state;
    if (before === merged) return;
    states[index] = merged;
    work.push(index);
  };
  reach(0, entry, site);
  while (work.length > 0) {
    const index = work.pop()!;
    const item = items[index]!;
    const state = states[index]!;
    if (item.kind === 'label') {
      reach(index + 1, state, lastSite(items, index) ?? item.site);
    } else if (item.kind === 'fork') {
      reach(targets.get(item.to)!, state, undefined);
      if (!item.always) reach(index + 1, state, undefined);
    } else {
      const { writes, destroys } = effectsOf(item);
      const after = (state & ~destroys) | writes | (destroys ? CALLED : 0);
      if (item.target?.kind === 'label') reach(targets.get(item.target)!, after, item.site);
      if (!endsFlow(item.opcode)) reach(index + 1, after, item.site);
    }
  }
  items.forEach((item, index) => {
    if (item.kind === 'instruction') checkReads(what, item, states[index]);
  });
  return states;
};

const lastSite = (items: readonly Item[], index: number): Site | undefined => {
  for (let at = index; at >= 0; at--) {
    const item = items[at]!;
    if (item.kind === 'instruction' && item.site) return item.site;
  }
  return undefined;
};

const STACK_ARGUMENTS = 1 << 11;
/** Beside the registers: whether a call may have come before. */
const CALLED = 1 << 12;

const checkReads = (what: string, instruction: Instruction, state: number | undefined): void => {
  if (state === undefined) return;
  const unwritten = effectsOf(instruction).reads & ~state & ~STACK_ARGUMENTS;
  if (unwritten === 0) return;
  const first = unwritten & -unwritten;
  const reason =
    instruction.opcode === EXIT
      ? 'exit() returns r0, but nothing has written it'
      : `r${31 - Math.clz32(first)} is read here, but nothing has written it`;
  const since =
    first & ARGUMENTS && state & CALLED
      ? ' since the last call, and calls destroy r1 to r5; keep it in r6 to r9'
      : '';
  throw new AssemblerError(`${what}: ${reason}${since}`, instruction.site);
};
