/**
 * @module
 * What a program did, instruction by instruction: which registers changed, what it read and wrote where.
 * @example
 * for (const entry of trace(programs.handleExit, { p: task })) console.log(formatTrace(entry));
 * // 3: r6 = *(u32 *)(r1 +8)  ; r6 = 7, load: is 8 bytes into the context tp_btf/sched_process_exit, ... (exits.ts:12)
 */
import {
  BPF_ATOMIC,
  BPF_LDX,
  BPF_ST,
  BPF_STX,
  classOf,
  describeFrame,
  type Instruction,
  modeOf,
  sizeOfOpcode,
} from '../asm/index.ts';
import type { GivenContext } from './context.ts';
import type { RunOptions, RunResult, SimulatedProgram, Step } from './program.ts';

/** Memory that an instruction read or wrote. */
export interface MemoryAccess {
  readonly kind: 'load' | 'store' | 'atomic';
  readonly address: bigint;
  /** Bytes. */
  readonly size: 1 | 2 | 4 | 8;
  /** What is there, in words: `is 8 bytes into the map value starts, which has 16`. */
  readonly place: string;
  /** What is there afterwards, unsigned; undefined for the fields of a context, which are not in memory. */
  readonly value: bigint | undefined;
}

/** An instruction that was executed. */
export interface TraceEntry {
  /** Before it. */
  readonly step: Step;
  /** The registers that have other values now, by their numbers. */
  readonly changed: ReadonlyMap<number, bigint>;
  readonly access: MemoryAccess | undefined;
}

/** Runs a program on a context and tells of each instruction after it was executed. */
export function* trace(
  program: SimulatedProgram,
  context?: GivenContext,
  options?: RunOptions,
): Generator<TraceEntry, RunResult> {
  const steps = program.steps(context, options);
  let now = steps.next();
  while (!now.done) {
    const step = now.value;
    const touched = touchedBy(step);
    // What it writes is known when the next one is about to be executed.
    now = steps.next();
    const after = now.done ? [now.value.value] : now.value.registers;
    const changed = new Map(
      after.flatMap((value, register) =>
        value === step.registers[register] ? [] : [[register, value] as const],
      ),
    );
    const access = touched && {
      ...touched,
      place: program.describe(touched.address),
      value: program.peek(touched.address, touched.size),
    };
    yield { step, changed, access };
  }
  return now.value;
}

/** `3: r6 = *(u32 *)(r1 +8)  ; r6 = 7 (exits.ts:12)`: what it did, and where it was written. */
export const formatTrace = ({ step, changed, access }: TraceEntry): string => {
  const notes = Array.from(changed, ([register, value]) => `r${register} = ${shown(value)}`);
  if (access) {
    const { kind, place, value } = access;
    const result = kind === 'load' || value === undefined ? '' : `, now ${shown(value)}`;
    notes.push(`${kind}: ${place}${result}`);
  }
  const where = step.frame ? ` (${describeFrame(step.frame)})` : '';
  return `${step.index}: ${step.text}${notes.length > 0 ? `  ; ${notes.join(', ')}` : ''}${where}`;
};

/** Small numbers as such, addresses and bits in hexadecimal. */
const shown = (value: bigint): string => {
  const signed = BigInt.asIntN(64, value);
  return signed > -65536n && signed < 65536n ? String(signed) : `0x${value.toString(16)}`;
};

const touchedBy = ({ instruction, registers }: Step) => {
  const { opcode, dst, src, offset } = instruction;
  const kind = kindOf(instruction);
  if (!kind) return undefined;
  const base = registers[kind === 'load' ? src : dst]!;
  const address = BigInt.asUintN(64, base + BigInt(offset));
  return { kind, address, size: sizeOfOpcode(opcode) };
};

const kindOf = ({ opcode }: Instruction): MemoryAccess['kind'] | undefined => {
  switch (classOf(opcode)) {
    case BPF_LDX:
      return 'load';
    case BPF_ST:
      return 'store';
    case BPF_STX:
      return modeOf(opcode) === BPF_ATOMIC ? 'atomic' : 'store';
    default:
      return undefined;
  }
};
