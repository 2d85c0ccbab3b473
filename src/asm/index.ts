/**
 * @module
 * The assembler language: instructions, registers, labels, stack slots, helpers; encoding, decoding, printing; and text.
 */
export * from './alu.ts';
export { type AssembledFunction, type Assembly, assemble, assembleFunction } from './assemble.ts';
export * from './atomic.ts';
export { type Argument, call, callFrom, lea } from './call.ts';
export { checkFunction, checkLicense, subprogramsOf } from './check.ts';
export { clear, zeros } from './clear.ts';
export { closeNames } from './close-names.ts';
export {
  type AnyExtern,
  type AnyMap,
  type Choice,
  type Code,
  type Condition,
  type CoreKind,
  type FileType,
  type Instruction,
  type Label,
  mapOf,
  type Reference,
  type Relocation,
  type StackSlot,
  type Subprogram,
} from './code.ts';
export { either, fn, helperExists, hookExists, loop, mapExists, times, when } from './control.ts';
export { decode, encode, SLOT_SIZE, slotCount, slotsOf } from './encode.ts';
export { type Fork, flatten, type Item, MAX_STACK } from './flatten.ts';
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
export { type ListedInstruction, type ListingOptions, listed, listing } from './listing.ts';
export { listingLlvm } from './listing-llvm.ts';
export { liveBefore } from './liveness.ts';
export { make } from './make.ts';
export { load, loadSigned, store } from './memory.ts';
export * from './opcodes.ts';
export { ldAbs, ldInd } from './packet.ts';
export { type ParseOptions, parse } from './parse.ts';
export { type PrintOptions, print, type Syntax } from './print.ts';
export { coreRead, type Read, read, type UserRead, userRead } from './read.ts';
export {
  coreReadString,
  type ReadString,
  readDataLoc,
  readString,
  userReadString,
} from './read-string.ts';
export * from './register.ts';
export { restamp } from './restamp.ts';
export { type Requirement, requires } from './since.ts';
export {
  AssemblerError,
  callSite,
  describeFrame,
  type Frame,
  framesOf,
  ownFrames,
  type Site,
} from './site.ts';
export { asm, type Interpolated } from './template.ts';
export { type TextVariable, variableBytes } from './text-data.ts';
export { type PlacedFunction, readTextFile, type TextFile, type TextMap } from './text-file.ts';
export { codeOf } from './text-functions.ts';
export { AssemblerTextError } from './text-scanner.ts';
