/**
 * @module
 * What an object asks of the kernel that it is loaded into. The loader answers from the running kernel, the simulator
 * from a test's world.
 */
import type { Btf } from '../btf/index.ts';
import type { MapType } from './map-types.ts';
import type { Hook } from './sections.ts';

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

/** The processor, as far as programs see it: where registers are in their context. */
export type Architecture = 'x86-64' | 'arm64';

export interface World {
  readonly architecture: Architecture;
  /** The kernel's types; undefined where it has none. */
  readonly btf: Btf | undefined;
  /** Whether the kernel has a hook. `thorough` asks as well whether a program can be attached to it here. */
  hasHook(hook: Hook, options?: { readonly thorough?: boolean }): boolean;
  /** The types that CO-RE looks at in place of the kernel's and its modules'. */
  readonly coreBtf?: Btf | undefined;
  /** The types of the kernel's modules: split BTF on top of the kernel's, each with the module's name for its label. */
  modules(): readonly Btf[];
  /** The address of a symbol of the kernel. */
  symbolAddress(name: string): bigint | undefined;
  /** A line of the kernel's configuration, `250` for `CONFIG_HZ`; also libbpf's own such as LINUX_KERNEL_VERSION. */
  configuration(name: string): string | undefined;
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
  override readonly name: string = 'RequirementError';
}

/** What was named is not there, and no other kernel or privilege would bring it: a file, a function of it, a process. */
export class NotFoundError extends RequirementError {
  override readonly name = 'NotFoundError';
}
