/**
 * @module
 * beespoke: eBPF, tailored by hand. Layouts, the assembler language, and the objects that programs and maps make. All
 * of it is pure: it needs no kernel, no file system and no native code. `beespoke/kernel` loads what is written here.
 */
export * from './asm/index.ts';
export * from './layout/index.ts';
// Both rooms have these names: here they are those of layouts. beespoke/asm encodes instructions.
export { decode, encode, type Pointer } from './layout/index.ts';
export * from './object/index.ts';
