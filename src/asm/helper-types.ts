/**
 * @module
 * The types behind the table of kernel helpers (helpers.ts): what an argument may be, what a call leaves in r0, and
 * `Helper`, whose phantom tuple lets `call(helper.x, ...)` check its arguments.
 *
 * The kinds follow `enum bpf_arg_type` and `enum bpf_return_type` of include/linux/bpf.h (Linux 6.18), reduced to what
 * decides how an argument is put into its register, and what may be done with r0.
 */
import type { Mem } from '../layout/index.ts';
import type { KernelNumber } from './alu.ts';
import type { AnyMap, Subprogram } from './code.ts';
import type { Register } from './register.ts';

// ----------
// Arguments
// ----------

/** A number: a register of either width, or a constant. */
export type Word = Register | number | bigint | KernelNumber;
/** Memory that the verifier knows, given by a register that points to it or by the place itself. */
export type Memory = Register<64> | Mem<unknown, 'plain'>;
/** `Memory`, or 0 for none. */
export type MemoryOrNull = Memory | 0;
/** An address that the verifier does not look at: user space's, or anything in kernel memory. */
export type Address = Word | Mem<unknown, 'plain'>;
/** A map, or a register that holds one. */
export type MapArgument = AnyMap | Register<64>;
/** The register that holds the program's context. */
export type Context = Register<64>;
/** `Context`, or 0 for none. */
export type ContextOrNull = Context | 0;
/** A subprogram of the same object, called back by the kernel. */
export type Callback = Subprogram;
/** A register that holds a kernel object the verifier knows: a task, a socket, a file, ... */
export type Pointer = Register<64>;
/** `Pointer`, or 0 for none. */
export type PointerOrNull = Pointer | 0;

/** The kinds of arguments by the name that the table uses for them. */
interface Arguments {
  word: Word;
  memory: Memory;
  memory_or_null: MemoryOrNull;
  address: Address;
  map: MapArgument;
  context: Context;
  context_or_null: ContextOrNull;
  callback: Callback;
  /** Also where a helper takes the context in some programs and a socket or buffer in others. */
  pointer: Pointer;
  pointer_or_null: PointerOrNull;
}
export type ArgumentKind = keyof Arguments;

// ----------
// Results
// ----------

/**
 * What a call leaves in r0. Kinds that end in `_or_null` must be compared with 0 before they are
 * used; after `void` r0 must not be read.
 */
export type ReturnKind =
  | 'scalar'
  | 'void'
  | 'map_value'
  | 'map_value_or_null'
  | 'ringbuf_record_or_null'
  | 'dynptr_data_or_null'
  | 'socket_or_null'
  | 'tcp_socket_or_null'
  | 'sock_common_or_null'
  | 'percpu_pointer'
  | 'percpu_pointer_or_null'
  | 'btf_task'
  | 'btf_pointer'
  | 'btf_pointer_or_null';

// ----------
// Helpers
// ----------

declare const signature: unique symbol;

/** A function of the kernel that a program calls by number. `A` exists for the type checker only. */
export interface Helper<A extends readonly unknown[] = readonly unknown[]> {
  readonly kind: 'helper';
  /** The kernel's name without `bpf_`. */
  readonly name: string;
  readonly id: number;
  /** What r1 to r5 hold. */
  readonly args: readonly ArgumentKind[];
  /** The names of the arguments in the kernel's documentation. */
  readonly names: readonly string[];
  /** How many arguments must be given: all of them, but for `trace_printk`. */
  readonly required: number;
  readonly returns: ReturnKind;
  /** Refused in a program whose licence is not compatible with the GPL. */
  readonly gpl: boolean;
  /** The first kernel that has it in its UAPI header, such as '5.8'. */
  readonly since: string;
  readonly [signature]?: A;
}

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type KindOf<T> = {
  [K in ArgumentKind]: Same<T, Arguments[K]> extends true ? K : never;
}[ArgumentKind];

/**
 * The string that describes the arguments `A` at run time, `name:kind name:kind`: a row of the table
 * whose string and tuple disagree about a kind or a count does not compile.
 */
export type Spelling<A extends readonly unknown[]> = A extends readonly []
  ? ''
  : Required<A> extends readonly [infer H, ...infer T]
    ? `${string}:${KindOf<H>}${T extends [] ? '' : ` ${Spelling<T>}`}`
    : never;
