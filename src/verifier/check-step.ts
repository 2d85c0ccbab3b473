/**
 * @module
 * One instruction in the static checks: what is wrong with it, and what is known after it.
 */
import {
  BPF_ABS,
  BPF_ADD,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CMPXCHG,
  BPF_END,
  BPF_FETCH,
  BPF_IMM,
  BPF_JA,
  BPF_JCOND,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MOV,
  BPF_NEG,
  BPF_PSEUDO_MAP_FD,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_X,
  classOf,
  helperById,
  type Instruction,
  isJumpClass,
  LDDW,
  mapOf,
  sizeOfOpcode,
} from '../asm/index.ts';
import type { AnyMapSpec } from '../object/index.ts';
import { argumentFaults, type Fault, readsOnly, resultOf, UNWRITTEN_STACK } from './check-calls.ts';
import {
  type CheckState,
  frameBits,
  type Known,
  NUMBER,
  UNKNOWN,
  UNSET,
  WHOLE_FRAME,
} from './check-state.ts';
import { baseRegister, isExit, isHelperCall, type Slotted } from './program.ts';

export interface Checked {
  readonly faults: readonly Fault[];
  readonly after: CheckState;
}

/** `needsResult`: whether an exit here returns r0. */
export const checkStep = (
  { slot, instruction }: Slotted,
  state: CheckState,
  needsResult: boolean,
): Checked => {
  const kind = classOf(instruction.opcode);
  if (isJumpClass(instruction.opcode)) return checkJump(slot, instruction, state, needsResult);
  if (kind === BPF_LD) return checkWideLoad(instruction, state);
  if (kind === BPF_LDX || kind === BPF_ST || kind === BPF_STX)
    return checkMemory(instruction, state);
  return checkArithmetic(instruction, state);
};

const setting = (state: CheckState, register: number, known: Known): CheckState => ({
  ...state,
  registers: state.registers.map((before, index) => (index === register ? known : before)),
});

const unread = (state: CheckState, ...registers: readonly number[]): Fault[] =>
  registers
    .filter((register) => state.registers[register]?.kind === 'unset')
    .slice(0, 1)
    .map((register) => ({
      class: 'uninitialised-register',
      message: `r${register} is read, but it holds nothing on any way that leads here`,
    }));

// ----------
// Arithmetic
// ----------

const checkArithmetic = (instruction: Instruction, state: CheckState): Checked => {
  const { opcode, dst, src, imm, offset } = instruction;
  const operation = opcode & 0xf0;
  const isRegister = (opcode & BPF_X) !== 0 && operation !== BPF_END && operation !== BPF_NEG;
  const isMove = operation === BPF_MOV;
  const read = [...(isMove ? [] : [dst]), ...(isRegister ? [src] : [])];
  const faults = unread(state, ...read);
  const to = state.registers[dst]!;
  const from: Known = isRegister ? state.registers[src]! : { kind: 'number', value: BigInt(imm) };
  const isWhole = classOf(opcode) === BPF_ALU64;
  if (isMove) {
    // Sign extension, address spaces.
    if (offset !== 0) return { faults, after: setting(state, dst, UNKNOWN) };
    const cut = from.kind === 'number' && from.value !== undefined && !isWhole;
    const moved: Known = cut
      ? { kind: 'number', value: BigInt.asUintN(32, from.value) }
      : from.kind === 'number' || from.kind === 'constant' || isWhole
        ? from
        : UNKNOWN;
    return { faults, after: setting(state, dst, moved.kind === 'unset' ? UNKNOWN : moved) };
  }
  if (to.kind === 'or-null' && isWhole && (operation === BPF_ADD || operation === BPF_SUB)) {
    const message = `r${dst} is moved before it is compared with 0, and ${to.what} may have given 0`;
    const moved = { class: 'null-check', message } as const;
    return { faults: [...faults, moved], after: setting(state, dst, UNKNOWN) };
  }
  return { faults, after: setting(state, dst, sumOf(operation, isWhole, to, from)) };
};

const sumOf = (operation: number, isWhole: boolean, to: Known, from: Known): Known => {
  const value = from.kind === 'number' ? from.value : undefined;
  if (to.kind === 'frame' && isWhole && operation === BPF_ADD && value !== undefined)
    return { kind: 'frame', offset: to.offset + Number(value) };
  const kinds = new Set([to.kind, from.kind]);
  if (kinds.has('constants') && !kinds.has('unknown')) return { kind: 'constants' };
  if (kinds.has('constant') && (kinds.size === 1 || kinds.has('number')))
    return { kind: 'constant' };
  return to.kind === 'number' && from.kind === 'number' ? NUMBER : UNKNOWN;
};

// ----------
// Memory
// ----------

const checkWideLoad = (instruction: Instruction, state: CheckState): Checked => {
  const { opcode, dst, src, imm64, reference } = instruction;
  if (opcode !== LDDW) {
    // Loads from the packet behave as calls.
    const faults = (opcode & 0xe0) === BPF_ABS ? unread(state, 6) : unread(state, 6, src);
    return { faults, after: destroyed(setting(state, 0, NUMBER)) };
  }
  const map = src === BPF_PSEUDO_MAP_FD ? mapOf(instruction) : undefined;
  const section = (mapOf(instruction) as AnyMapSpec | undefined)?.section;
  const isConstant = section === 'rodata' || section === 'kconfig';
  const known: Known = map
    ? { kind: 'map', map }
    : isConstant
      ? { kind: 'constants' }
      : src === BPF_IMM && reference === undefined && imm64 !== undefined
        ? { kind: 'number', value: imm64 }
        : UNKNOWN;
  return { faults: [], after: setting(state, dst, known) };
};

const checkMemory = (instruction: Instruction, state: CheckState): Checked => {
  const { opcode, dst, src, offset, imm } = instruction;
  const kind = classOf(opcode);
  const size = sizeOfOpcode(opcode);
  const isAtomic = kind === BPF_STX && (opcode & 0xe0) === BPF_ATOMIC;
  const isLoad = kind === BPF_LDX || (isAtomic && imm === BPF_LOAD_ACQ);
  const base = baseRegister(instruction)!;
  const value = kind === BPF_STX && !isLoad ? src : undefined;
  const faults = [...unread(state, base, ...(value === undefined ? [] : [value]))];
  const known = state.registers[base] ?? UNKNOWN;
  faults.push(...accessFaults(base, known, { offset, size, isLoad, written: state.written }));
  let after = state;
  if (!isLoad) after = storing(after, known, { offset, size });
  // A pointer to the stack that is kept somewhere is beyond what is followed here.
  if (value !== undefined && state.registers[value]?.kind === 'frame')
    after = { ...after, written: WHOLE_FRAME };
  if (isLoad)
    after = setting(after, dst, known.kind === 'constants' ? { kind: 'constant' } : UNKNOWN);
  else if (isAtomic && imm === BPF_CMPXCHG) after = setting(after, 0, UNKNOWN);
  else if (isAtomic && (imm & BPF_FETCH) !== 0) after = setting(after, src, UNKNOWN);
  // It was said once.
  const isSpent = faults.length > 0 && base !== 10 && !(isLoad && base === dst);
  return { faults, after: isSpent ? setting(after, base, UNKNOWN) : after };
};

interface Access {
  readonly offset: number;
  readonly size: number;
}

const accessFaults = (
  base: number,
  known: Known,
  {
    offset,
    size,
    isLoad,
    written,
  }: Access & { readonly isLoad: boolean; readonly written: bigint },
): Fault[] => {
  if (known.kind === 'or-null')
    return [
      {
        class: 'null-check',
        message: `r${base} may be 0: what ${known.what} gave was not compared with 0`,
      },
    ];
  if (known.kind === 'number' && known.nothingOf !== undefined)
    return [
      {
        class: 'null-check',
        message: `r${base} is 0 on this way: what ${known.nothingOf} gave was compared with 0`,
      },
    ];
  if (known.kind === 'number')
    return [{ class: 'not-a-pointer', message: `r${base} is a number, and is used as an address` }];
  if (known.kind !== 'frame') return [];
  const start = known.offset + offset;
  if (start < -512 || start + size > 0)
    return [
      {
        class: 'stack-bounds',
        message: `${size} bytes at r10${start < 0 ? start : `+${start}`} are not in the frame of 512 bytes`,
      },
    ];
  if (isLoad && (frameBits(start, size) & written) === 0n)
    return [
      {
        class: 'uninitialised-stack',
        acceptedBy: UNWRITTEN_STACK,
        message: `${size} bytes are read at r10${start}, where nothing was written`,
      },
    ];
  return [];
};

const storing = (state: CheckState, base: Known, { offset, size }: Access): CheckState => {
  if (base.kind === 'frame')
    return { ...state, written: state.written | frameBits(base.offset + offset, size) };
  // It may point to the stack.
  return base.kind === 'unknown' ? { ...state, written: WHOLE_FRAME } : state;
};

// ----------
// Jumps
// ----------

const checkJump = (
  slot: number,
  instruction: Instruction,
  state: CheckState,
  needsResult: boolean,
): Checked => {
  const { opcode, dst, src } = instruction;
  const operation = opcode & 0xf0;
  if (operation === BPF_CALL) return checkCall(slot, instruction, state);
  if (isExit(instruction)) {
    const faults: Fault[] =
      needsResult && state.registers[0]!.kind === 'unset'
        ? [
            {
              class: 'uninitialised-register',
              message: 'it ends without a result: r0 holds nothing',
            },
          ]
        : [];
    return { faults, after: state };
  }
  if (operation === BPF_JA || operation === BPF_JCOND) return { faults: [], after: state };
  const faults = unread(state, dst, ...(opcode & BPF_X ? [src] : []));
  return { faults, after: state };
};

const checkCall = (slot: number, instruction: Instruction, state: CheckState): Checked => {
  const { imm } = instruction;
  const isHelper = isHelperCall(instruction);
  // What no kernel knows ends every program that comes there; what follows is not looked at.
  if (isHelper && !helperById(imm)) return { faults: [], after: NOTHING_KNOWN };
  const faults = isHelper ? argumentFaults(imm, state) : [];
  const result = isHelper ? resultOf(imm, slot, state) : UNKNOWN;
  const mayWrite = !(isHelper && readsOnly(imm)) && reachesFrame(state);
  const written = mayWrite ? WHOLE_FRAME : state.written;
  return { faults, after: destroyed(setting({ ...state, written }, 0, result)) };
};

const NOTHING_KNOWN: CheckState = {
  registers: Array.from({ length: 11 }, (_, index) =>
    index === 10 ? { kind: 'frame', offset: 0 } : UNKNOWN,
  ),
  written: WHOLE_FRAME,
  isCertain: false,
};

/** Whether an argument may point to the stack. */
const reachesFrame = ({ registers }: CheckState): boolean =>
  registers.slice(1, 6).some(({ kind }) => kind === 'frame' || kind === 'unknown');

/** Calls destroy r1 to r5. */
const destroyed = (state: CheckState): CheckState => ({
  ...state,
  registers: state.registers.map((known, index) => (index >= 1 && index <= 5 ? UNSET : known)),
});
