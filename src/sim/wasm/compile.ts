/**
 * @module
 * A program as a WebAssembly module: one function for each of its functions, exported by the index that it starts at.
 */
import { BPF_PSEUDO_FUNC, LDDW } from '../../asm/index.ts';
import { type MachineCode, OWN } from '../code.ts';
import { BIAS } from '../memory.ts';
import type { Registers } from '../registers.ts';
import { leadersOf } from './control-flow.ts';
import { functionBody } from './function.ts';
import { askingFunctions, FUNCTION, OUTSIDE } from './imports.ts';
import { Library } from './library.ts';
import { type FunctionBody, moduleBytes } from './module.ts';

/** The most that engines take of one (WebAssembly JavaScript Interface 2.0, section 9). */
const MAX_FUNCTION_SIZE = 7_654_321;

/** The module. Throws a RangeError for a function that is too large. */
export const compile = (code: MachineCode, registers: Registers): Uint8Array<ArrayBuffer> => {
  const entries = entriesOf(code, registers);
  const functions = new Map(entries.map((entry, index) => [entry, FUNCTION.end + index]));
  const library = new Library(FUNCTION.end + entries.length);
  const parts = { code, registers, library, leaders: leadersOf(code), functions };
  const own = entries.map((entry) => functionBody(parts, entry));
  for (const { name, code: bytes } of own)
    if (bytes.length > MAX_FUNCTION_SIZE)
      throw new RangeError(
        `the function at instruction ${name} of ${code.region.name} has ${bytes.length} bytes as WebAssembly, which takes ${MAX_FUNCTION_SIZE}: simulate it with engine: 'interpreter'`,
      );
  asking ??= askingFunctions();
  const all = [...asking, ...own, ...library.functions];
  return moduleBytes({ types: [OUTSIDE], imports: {}, functions: all });
};

/** The same in all modules. */
let asking: readonly FunctionBody[] | undefined;

/** Where functions start: the program, what it calls, and what it has pointers to. */
const entriesOf = (code: MachineCode, registers: Registers): number[] => {
  const { instructions, opcode, offset, src } = code;
  const entries = new Set([0]);
  instructions.forEach((instruction, index) => {
    if (opcode[index] === OWN.callFunction) entries.add(offset[index]!);
    else if (instruction.opcode === LDDW && instruction.src === BPF_PSEUDO_FUNC)
      entries.add(registers.low[src[index]!]! - BIAS);
  });
  return [...entries];
};
