/**
 * @module
 * A program as a listing: the kernel's text of each instruction, the names that the kernel never knew, and the line
 * of TypeScript that wrote it.
 *
 *     handleExit:
 *        0: (85) call bpf_get_current_task#35                 ; exitsnoop.ts:31
 *        1: (bf) r8 = r0                                      ; exitsnoop.ts:31
 *        2: (61) r1 = *(u32 *)(r8 +8)                         ; field_byte_offset task_struct.tgid, exitsnoop.ts:32
 *        3: (55) if r1 != 0x0 goto out                        ; exitsnoop.ts:33
 */
import type { AssembledFunction } from './assemble.ts';
import { subprogramsOf } from './check.ts';
import type { AnyMap, Instruction, Relocation } from './code.ts';
import { slotsOf } from './encode.ts';
import { BPF_CALL, BPF_EXIT, BPF_JA, BPF_JMP32, isJumpClass } from './opcodes.ts';
import { print } from './print.ts';
import { describeFrame, type Frame, ownFrames, type Site } from './site.ts';

export interface ListingOptions {
  /** Where functions begin, as `assemble` says it: each gets a line with its name. */
  readonly functions?: readonly AssembledFunction[] | undefined;
  /** The name of the first function, which is the program itself. */
  readonly name?: string | undefined;
  /** The name of a map: `events`. */
  readonly mapName?: ((map: AnyMap) => string | undefined) | undefined;
  /** Lines with labels, and jumps and calls that name them; else the kernel's `pc+2`. */
  readonly labels?: boolean | undefined;
  /** Where the program was built: tells the user's own macros from what called the user. */
  readonly program?: Site | undefined;
  /** Where a frame is in the source, for code that was built: source maps are not for this room to read. */
  readonly sourceOf?: ((frame: Frame) => Frame) | undefined;
  /** Whether TypeScript lines are shown; true when left out. */
  readonly lines?: boolean | undefined;
}

/** Where the comments start. */
const COMMENTS = 56;

/** The lines of a listing of assembled or decoded instructions. */
export const listing = (
  instructions: readonly Instruction[],
  options: ListingOptions = {},
): string[] => {
  const { functions = [], name, mapName, labels = false, lines = true } = options;
  const heads = new Map(
    functions.flatMap(({ subprogram, start }) => {
      const head = subprogram?.name ?? name;
      return head === undefined ? [] : [[start, head] as const];
    }),
  );
  const targets = labels ? nameTargets(instructions, heads) : new Map<number, string>();
  const out: string[] = [];
  let slot = 0;
  for (const instruction of instructions) {
    const head = heads.get(slot);
    if (head !== undefined) out.push(`${head}:`);
    else if (targets.has(slot)) out.push(` ${targets.get(slot)}:`);
    const goal = targetOf(instruction, slot);
    const target = goal === undefined ? undefined : targets.get(goal);
    const opcode = instruction.opcode.toString(16).padStart(2, '0');
    const text = `${String(slot).padStart(4)}: (${opcode}) ${print(instruction, { map: mapName, target })}`;
    const notes = [
      instruction.relocation && describeRelocation(instruction.relocation),
      lines && describeLines(instruction.site, options),
    ].filter(Boolean);
    out.push(notes.length > 0 ? `${text.padEnd(COMMENTS)} ; ${notes.join(', ')}` : text);
    slot += slotsOf(instruction);
  }
  return out;
};

/** The slot that a jump, a local call or the address of a callback leads to. */
const targetOf = (instruction: Instruction, slot: number): number | undefined => {
  const { opcode, offset, imm, imm64, src } = instruction;
  const operation = opcode & 0xf0;
  if (subprogramsOf(instruction).length > 0 && imm64 !== undefined) {
    return slot + 1 + Number(BigInt.asIntN(32, imm64));
  }
  if (!isJumpClass(opcode) || operation === BPF_EXIT) return undefined;
  if (operation === BPF_CALL) return src === 1 ? slot + 1 + imm : undefined;
  return slot + 1 + (opcode === (BPF_JMP32 | BPF_JA) ? imm : offset);
};

/** A name for every slot that is jumped to: that of its label, made unique; `L12` where there was none. */
const nameTargets = (
  instructions: readonly Instruction[],
  heads: ReadonlyMap<number, string>,
): ReadonlyMap<number, string> => {
  const names = new Map(heads);
  const taken = new Set(heads.values());
  let slot = 0;
  for (const instruction of instructions) {
    const goal = targetOf(instruction, slot);
    if (goal !== undefined && !names.has(goal)) {
      const wanted = instruction.target?.name ?? `L${goal}`;
      const name = taken.has(wanted) ? `${wanted}.${goal}` : wanted;
      taken.add(name);
      names.set(goal, name);
    }
    slot += slotsOf(instruction);
  }
  return names;
};

/** `field_byte_offset task_struct.real_parent`. */
const describeRelocation = ({ kind, root, path }: Relocation): string =>
  `${kind} ${[root.name, ...path].join('.')}`;

/** `exitsnoop.ts:31`; for a user's macro its own line and then the one that used it: `probe.ts:5 < exitsnoop.ts:31`. */
const describeLines = (
  site: Site | undefined,
  { program, sourceOf = (frame) => frame }: ListingOptions,
): string =>
  ownFrames(site, program)
    .map((frame) => describeFrame(sourceOf(frame)))
    .join(' < ');
