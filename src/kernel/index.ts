/**
 * @module
 * beespoke/kernel: things that live in the kernel and end with close(): objects, maps, programs, links, buffers.
 */
export { KernelWorld, kernelBtf } from './kernel-world.ts';
export { attach, Link } from './link.ts';
export { LoadedObject, type LoadOptions, type Losses, loadObject } from './load-object.ts';
export { Program } from './program.ts';
export { type SourceLine, sourceOf } from './sources.ts';
export { tracefs, tracepointFormat } from './tracefs.ts';
export { VerifierError } from './verifier-error.ts';
export { FEATURES, type Feature } from './without.ts';
