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
import { subprogramOf } from './check.ts';
import type { AnyMap, Instruction, Relocation } from './code.ts';
import { slotsOf } from './encode.ts';
import { BPF_CALL, BPF_EXIT, BPF_JA, BPF_JMP32, isJumpClass } from './opcodes.ts';
import { print, type Syntax } from './print.ts';
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
  /**
   * Whether source lines are shown: true, or nothing, for their places behind the instructions; `text` for their text
   * before the instructions, as the verifier's log has it.
   */
  readonly lines?: boolean | 'text' | undefined;
  /** How instructions are spelled; as the kernel does it by default. */
  readonly syntax?: Syntax | undefined;
  /** What labels and subprograms begin with, where several programs share one text. */
  readonly prefix?: string | undefined;
  /** What else is known of the instruction in a slot: said in place of the plain path of its relocation. */
  readonly note?: ((instruction: Instruction, slot: number) => string | undefined) | undefined;
}

/** One instruction of a listing. */
export interface ListedInstruction {
  readonly slot: number;
  readonly opcode: number;
  /** As the kernel prints it. */
  readonly text: string;
  /** The function that begins with it. */
  readonly head: string | undefined;
  /** The label that it stands at. */
  readonly label: string | undefined;
  /** What the kernel will fill in, or what was said of it. */
  readonly note: string | undefined;
  /** Where it was written: its own line, then the lines of macros around it. */
  readonly source: readonly Frame[];
}

/** The instructions of a listing as data. */
export const listed = (
  instructions: readonly Instruction[],
  options: ListingOptions = {},
): ListedInstruction[] => {
  const { functions = [], name, mapName, labels = false, program, note } = options;
  const { prefix = '', syntax } = options;
  const { sourceOf = (frame: Frame) => frame } = options;
  const heads = new Map(
    functions.flatMap(({ subprogram, start }) => {
      const head = subprogram ? prefix + subprogram.name : name;
      return head === undefined ? [] : [[start, head] as const];
    }),
  );
  const targets = labels ? nameTargets(instructions, heads, prefix) : new Map<number, string>();
  let next = 0;
  return instructions.map((instruction) => {
    const slot = next;
    next += slotsOf(instruction);
    const { opcode, relocation, site } = instruction;
    const goal = targetOf(instruction, slot);
    // llvm-mc takes no jump to a global symbol.
    const isNamed = goal !== undefined && !(syntax === 'llvm' && heads.has(goal) && isJump(opcode));
    const target = isNamed ? targets.get(goal) : undefined;
    const head = heads.get(slot);
    return {
      slot,
      opcode,
      text: print(instruction, { map: mapName, target, syntax }),
      head,
      label: head === undefined ? targets.get(slot) : undefined,
      note: note?.(instruction, slot) ?? (relocation && describeRelocation(relocation)),
      source: ownFrames(site, program).map(sourceOf),
    };
  });
};

/** Where the comments start. */
const COMMENTS = 56;

/** The lines of a listing of assembled or decoded instructions. */
export const listing = (
  instructions: readonly Instruction[],
  options: ListingOptions = {},
): string[] => {
  const { lines = true } = options;
  let before = '';
  return listed(instructions, options).flatMap(
    ({ slot, opcode, text, head, label, note, source }) => {
      const out: string[] = [];
      if (head !== undefined) out.push(`${head}:`);
      else if (label !== undefined) out.push(` ${label}:`);
      const line = lines === 'text' ? describeText(source[0]) : '';
      if (line !== '' && (line !== before || head !== undefined)) out.push(line);
      before = line;
      const place = lines === true ? source.map(describeFrame).join(' < ') : '';
      const instruction = `${String(slot).padStart(4)}: (${opcode.toString(16).padStart(2, '0')}) ${text}`;
      const notes = [note, place].filter(Boolean);
      out.push(
        notes.length > 0 ? `${instruction.padEnd(COMMENTS)} ; ${notes.join(', ')}` : instruction,
      );
      return out;
    },
  );
};

/** The slot that a jump, a local call or the address of a callback leads to. */
const targetOf = (instruction: Instruction, slot: number): number | undefined => {
  const { opcode, offset, imm, imm64, src } = instruction;
  const operation = opcode & 0xf0;
  if (subprogramOf(instruction) && imm64 !== undefined) {
    return slot + 1 + Number(BigInt.asIntN(32, imm64));
  }
  if (!isJumpClass(opcode) || operation === BPF_EXIT) return undefined;
  if (operation === BPF_CALL) return src === 1 ? slot + 1 + imm : undefined;
  return slot + 1 + (opcode === (BPF_JMP32 | BPF_JA) ? imm : offset);
};

const isJump = (opcode: number): boolean => isJumpClass(opcode) && (opcode & 0xf0) !== BPF_CALL;

/** A name for every slot that is jumped to: that of its label, made unique; `L12` where there was none. */
const nameTargets = (
  instructions: readonly Instruction[],
  heads: ReadonlyMap<number, string>,
  prefix: string,
): ReadonlyMap<number, string> => {
  const names = new Map(heads);
  const taken = new Set(heads.values());
  let slot = 0;
  for (const instruction of instructions) {
    const goal = targetOf(instruction, slot);
    if (goal !== undefined && !names.has(goal)) {
      const wanted = prefix + (instruction.target?.name ?? `L${goal}`);
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

/** `; return 0; @ loops.c:65`, as the verifier's log has it; empty where nothing is known. */
export const describeText = (frame: Frame | undefined): string =>
  frame ? `; ${[frame.text?.trim(), '@', describeFrame(frame)].filter(Boolean).join(' ')}` : '';
