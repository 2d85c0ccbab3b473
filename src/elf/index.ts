/**
 * ELF files, read and written. Pure: bytes in, bytes out.
 *
 * @module
 */
export {
  buildId,
  type CodeSymbol,
  type CodeSymbols,
  codeAddresses,
  codeSymbols,
} from './code-symbols.ts';
export { EM, ET, NT, PF, PT, R_BPF, SHF, SHN, SHT, STB, STT, STV } from './constants.ts';
export { ElfError } from './error.ts';
export { ElfFile, type ElfOptions } from './file.ts';
export { functionNames } from './function-names.ts';
export { fileOffset, functionOffset, functionOffsets } from './function-offset.ts';
export type { ObjectBytes } from './link-inputs.ts';
export { linkObjects } from './link-objects.ts';
export type { ElfNote } from './notes.ts';
export { type ReadObjectOptions, readObject } from './read-object.ts';
export type { ElfRelocation } from './relocations.ts';
export type { ElfSection } from './sections.ts';
export type { ElfSegment } from './segments.ts';
export type { ElfSymbol } from './symbols.ts';
export { type UsdtProbe, usdtProbes } from './usdt.ts';
export {
  encodeUsdtSpec,
  parseUsdtArguments,
  type UsdtArgument,
} from './usdt-arguments.ts';
export {
  type ElfInput,
  type ElfRelocationInput,
  type ElfSectionInput,
  type ElfSymbolInput,
  writeElf,
} from './write.ts';
export { type WriteObjectOptions, writeObject } from './write-object.ts';
