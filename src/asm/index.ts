/**
 * @module
 * The assembler language: instructions, registers, labels, stack slots, helpers; encoding, decoding, printing.
 */
export * from './alu.ts';
export { type AssembledFunction, type Assembly, assemble } from './assemble.ts';
export * from './atomic.ts';
export { type Argument, call, callFrom, lea } from './call.ts';
export { checkFunction, checkLicense, subprogramsOf } from './check.ts';
export {
  type AnyMap,
  type Choice,
  CORE_KINDS,
  type Code,
  type Condition,
  type CoreKind,
  type Instruction,
  type Label,
  type Reference,
  type Relocation,
  type StackSlot,
  type Subprogram,
} from './code.ts';
export { either, fn, helperExists, hookExists, loop, mapExists, times, when } from './control.ts';
export { decode, encode, SLOT_SIZE, slotsOf } from './encode.ts';
export { flatten, MAX_STACK } from './flatten.ts';
export type * from './helper-types.ts';
export { type HelperName, helper, helperById } from './helpers.ts';
export {
  type Comparison,
  exit,
  gotox,
  type Jump,
  ja,
  jal,
  jeq,
  jge,
  jgt,
  jle,
  jlt,
  jne,
  jset,
  jsge,
  jsgt,
  jsle,
  jslt,
  mayGoto,
} from './jump.ts';
export * from './kernel-number.ts';
export { label, stack, stackFrom } from './label.ts';
export { make } from './make.ts';
export { ldAbs, ldInd, load, loadSigned, store } from './memory.ts';
export * from './opcodes.ts';
export {
  coreRead,
  coreReadString,
  type Read,
  type ReadString,
  read,
  readDataLoc,
  readString,
  type UserRead,
  userRead,
  userReadString,
} from './read.ts';
export * from './register.ts';
export { restamp } from './restamp.ts';
export {
  AssemblerError,
  callSite,
  describeFrame,
  type Frame,
  framesOf,
  ownFrames,
  type Site,
} from './site.ts';
