/**
 * @module
 * What an object asks of the kernel that it is loaded into. The loader answers from the running kernel, the simulator
 * from a test's world.
 */
import type { Btf } from '../btf/index.ts';
import type { MapType } from './map-spec.ts';
import type { Hook } from './program-spec.ts';

/** A field of a tracepoint's record, as its `format` file has it. */
export interface TracepointField {
  readonly name: string;
  /** Bytes from the start of the record. */
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
  /** The C declaration, `__data_loc char[] filename`. */
  readonly declaration: string;
}

export interface World {
  /** The kernel's types; undefined where it has none. */
  readonly btf: Btf | undefined;
  /** Whether the kernel has a hook and can run a program at it. */
  hasHook(hook: Hook): boolean;
  /** Whether a program at this hook may call a helper. */
  hasHelper(id: number, hook: Hook): boolean;
  hasMap(type: MapType): boolean;
  /** Whether the kernel knows the instructions of Linux 6.6 (ISA version 4). */
  readonly isaV4: boolean;
  /** The fields of a tracepoint's record; undefined when there is no such tracepoint. */
  tracepointFields(category: string, name: string): readonly TracepointField[] | undefined;
}

/** The kernel, or what this process may do with it, does not suffice. The message says what is missing. */
export class RequirementError extends Error {
  override readonly name = 'RequirementError';
}
