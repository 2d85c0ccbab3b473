/**
 * @module
 * Of what type the events of an object file are, where nobody says it: the one struct of the size that its programs
 * send, among those that are neither the kernel's nor a map's.
 *
 * A buffer has no type for what it carries, and BTF none for local variables: `struct event *unused;` at the top of a
 * source is what brings the struct into the file.
 */
import {
  type AnyMap,
  assemble,
  BPF_CALL,
  BPF_JMP,
  type Instruction,
  isJumpClass,
  LDDW,
  mapOf,
  slotsOf,
} from '../asm/index.ts';
import { type Btf, referencesOf } from '../btf/index.ts';
import type { Layout } from '../layout/index.ts';
import {
  type AnyMapSpec,
  layoutOf,
  type ObjectSpec,
  type ProgramSpec,
  variantsOf,
} from '../object/index.ts';

/** Whether a map carries events. */
export const isBuffer = ({ type }: AnyMapSpec): boolean =>
  type === 'ringbuf' || type === 'perf_event_array';

/** The struct of a buffer's events: undefined where there is none of the size, or more than one. */
export const eventStructOf = (spec: ObjectSpec, map: AnyMapSpec): Layout | undefined => {
  const { types } = spec;
  const sizes = sizesOf(spec, map);
  const [size] = sizes;
  if (!types || sizes.size !== 1 || size === undefined) return undefined;
  const others = typesOfOthers(spec, types);
  const candidates = types
    .idsOf('struct')
    .filter((id) => !others.has(id) && types.name(id) !== '' && types.sizeOf(id) === size);
  return candidates.length === 1 ? layoutOf(types, candidates[0]!) : undefined;
};

// ----------
// Sizes
// ----------

/** Where the helpers that send take their map and their size. */
const SENDERS: Readonly<Record<number, { readonly map: number; readonly size: number }>> = {
  25: { map: 2, size: 5 }, // perf_event_output
  130: { map: 1, size: 3 }, // ringbuf_output
  131: { map: 1, size: 2 }, // ringbuf_reserve
};

/** The sizes that programs send through a buffer; undefined among them for one that is not constant. */
const sizesOf = (spec: ObjectSpec, map: AnyMapSpec): ReadonlySet<number | undefined> => {
  const sizes = new Set<number | undefined>();
  const isOnly = Object.values(spec.maps).filter(isBuffer).length === 1;
  for (const program of programsOf(spec)) {
    const { instructions } = assemble(program.body, () => true);
    const leaders = leadersOf(instructions);
    instructions.forEach(({ opcode, src, imm }, index) => {
      const sender = opcode === (BPF_JMP | BPF_CALL) && src === 0 ? SENDERS[imm] : undefined;
      if (!sender) return;
      const origin = (register: number): Instruction | undefined =>
        writerOf(instructions, leaders, index, register);
      const loaded = origin(sender.map);
      const into: AnyMap | undefined = loaded && mapOf(loaded);
      if (into ? into !== map : !isOnly) return;
      const size = origin(sender.size);
      sizes.add(size && isMoveOfConstant(size) ? size.imm : undefined);
    });
  }
  return sizes;
};

const programsOf = ({ programs }: ObjectSpec): readonly ProgramSpec[] =>
  Object.values(programs).flatMap(variantsOf);

/** The indices of instructions that are jumped to. */
const leadersOf = (instructions: readonly Instruction[]): ReadonlySet<number> => {
  const indexOf = new Map<number, number>();
  let slot = 0;
  const slots = instructions.map((instruction, index) => {
    indexOf.set(slot, index);
    const here = slot;
    slot += slotsOf(instruction);
    return here;
  });
  const leaders = new Set<number>();
  instructions.forEach(({ opcode, offset, imm, target }, index) => {
    if (!isJumpClass(opcode) || target?.kind !== 'label') return;
    const distance = opcode === GOTOL ? imm : offset;
    const to = indexOf.get(slots[index]! + 1 + distance);
    if (to !== undefined) leaders.add(to);
  });
  return leaders;
};

const GOTOL = 0x06;
const GOTO = 0x05;
const EXIT = 0x95;
/** Moves of a constant and of a register, of 64 and of 32 bits. */
const MOV_CONSTANT: readonly number[] = [0xb7, 0xb4];
const MOV_REGISTER: readonly number[] = [0xbf, 0xbc];

const isMoveOfConstant = ({ opcode }: Instruction): boolean => MOV_CONSTANT.includes(opcode);

/** The instruction that a register's value before `index` is from, in the same block; through moves of registers. */
const writerOf = (
  instructions: readonly Instruction[],
  leaders: ReadonlySet<number>,
  index: number,
  register: number,
): Instruction | undefined => {
  let wanted = register;
  for (let at = index; at > 0 && !leaders.has(at); at--) {
    const instruction = instructions[at - 1]!;
    const { opcode, dst, src } = instruction;
    if (opcode === GOTO || opcode === GOTOL || opcode === EXIT) return undefined;
    if (opcode === (BPF_JMP | BPF_CALL)) {
      if (wanted <= 5) return undefined;
      continue;
    }
    if (isJumpClass(opcode) || isStore(opcode) || dst !== wanted) continue;
    if (opcode === LDDW || isMoveOfConstant(instruction)) return instruction;
    if (!MOV_REGISTER.includes(opcode)) return undefined;
    wanted = src;
  }
  return undefined;
};

/** Classes ST and STX. */
const isStore = (opcode: number): boolean => (opcode & 7) === 2 || (opcode & 7) === 3;

// ----------
// Types
// ----------

/** Types that something else is known of: what CO-RE accesses, arguments of functions, and what maps hold. */
const typesOfOthers = (spec: ObjectSpec, types: Btf): ReadonlySet<number> => {
  const found = new Set<number>();
  const work: number[] = [];
  for (const { body, typeId } of programsOf(spec)) {
    if (typeId !== undefined) work.push(typeId);
    for (const { relocation } of assemble(body, () => true).instructions)
      if (relocation?.root.kind === 'type') work.push(relocation.root.id);
  }
  for (const { typeIds, section } of Object.values(spec.maps))
    if (typeIds && section === undefined) work.push(typeIds.key, typeIds.value);
  const maps = types.findByName('.maps', 'datasec');
  if (maps !== undefined) work.push(maps);
  for (let id = work.pop(); id !== undefined; id = work.pop()) {
    if (id === 0 || found.has(id)) continue;
    found.add(id);
    work.push(...referencesOf(types.type(id)));
  }
  return found;
};
