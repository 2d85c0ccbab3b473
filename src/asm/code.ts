/**
 * @module
 * What a program is made of: instructions, labels, choices, and lists of them. All of it is plain readonly data.
 */
import type { Access, Enum, Fields, Layout, Struct } from '../layout/index.ts';
import type { Site } from './site.ts';

/** One instruction. Fields are those of the wire (RFC 9669, section 3), with what is still to be filled in beside. */
export interface Instruction {
  readonly kind: 'instruction';
  /** The wire's opcode byte. */
  readonly opcode: number;
  readonly dst: number;
  readonly src: number;
  /** Signed, 16 bits. */
  readonly offset: number;
  /** Signed, 32 bits. */
  readonly imm: number;
  /** The 64 bits of a 16-byte load, unsigned. */
  readonly imm64?: bigint | undefined;
  /** Where a jump goes, or what a local call calls: becomes an offset when the program is assembled. */
  readonly target?: Label | Subprogram | undefined;
  /** What a 16-byte load loads the address of, or the kernel function that is called: filled in at load. */
  readonly reference?: Reference | undefined;
  /** A number that depends on the running kernel: filled in when the program is loaded. */
  readonly relocation?: Relocation | undefined;
  /** The stack slot that the offset (of loads and stores) or the immediate (of `add`) is relative to. */
  readonly slot?: StackSlot | undefined;
  /** Where it was written. */
  readonly site?: Site | undefined;
}

/** A place to jump to. Each label stands in one program, once. */
export interface Label {
  readonly kind: 'label';
  readonly name: string;
  readonly site?: Site | undefined;
}

/** Two ways to do the same, chosen when the program is loaded. */
export interface Choice {
  readonly kind: 'choice';
  readonly condition: Condition;
  readonly yes: Code;
  readonly no: Code;
}

/**
 * A program or a part of one. `false`, `null` and `undefined` are skipped, so options specialise; `0` and `''` are
 * deliberately missing, so that `pid && [...]` does not compile where 0 would be lost.
 */
export type Code = Instruction | Label | Choice | false | null | undefined | readonly Code[];

/** Bytes on the stack of one (sub)program, placed when it is assembled. */
export interface StackSlot {
  readonly kind: 'slot';
  readonly width: 64;
  readonly size: number;
  readonly align: number;
  readonly name: string;
  readonly site?: Site | undefined;
}

/** A function of the same object, called with up to five arguments. */
export interface Subprogram {
  readonly kind: 'function';
  readonly name: string;
  /** The number of arguments, 0 to 5. */
  readonly arity: number;
  /** Global functions are verified once, on their own; static ones at each call. */
  readonly global: boolean;
  readonly body: Code;
  readonly site?: Site | undefined;
  /** Its function in the BTF of the file that it was read from. */
  readonly typeId?: number | undefined;
}

/** As much of a map as an instruction needs to know. */
export interface AnyMap {
  readonly kind: 'map';
  /** The kernel's name of the type, in lower case: `hash`, `ringbuf`. */
  readonly type: string;
  readonly key: Layout | undefined;
  readonly value: Layout | undefined;
}

/** As much of a symbol of the kernel, or of a number of its configuration, as an instruction needs to know. */
export interface AnyExtern {
  readonly kind: 'extern';
  readonly name: string;
  /** Of a function that the language declares: the number of its arguments, 0 to 5. */
  readonly arity?: number | undefined;
}

export type Reference =
  | { readonly kind: 'map'; readonly map: AnyMap }
  /** `offset` bytes into the only value of an array map. */
  | { readonly kind: 'value'; readonly map: AnyMap; readonly offset: number }
  | { readonly kind: 'function'; readonly function: Subprogram }
  | { readonly kind: 'extern'; readonly extern: AnyExtern }
  /** the module of the kernel whose BTF the type id of the instruction is from */
  | { readonly kind: 'module'; readonly module: string };

/** The map that an instruction refers to. */
export const mapOf = ({ reference }: Pick<Instruction, 'reference'>): AnyMap | undefined =>
  reference?.kind === 'map' || reference?.kind === 'value' ? reference.map : undefined;

/** The kinds of CO-RE relocations (`enum bpf_core_relo_kind`): numbers about fields, types and enumerators. */
export type CoreKind =
  | 'field_byte_offset'
  | 'field_byte_size'
  | 'field_exists'
  | 'field_signed'
  | 'field_lshift_u64'
  | 'field_rshift_u64'
  | 'type_id_local'
  | 'type_id_target'
  | 'type_exists'
  | 'type_size'
  | 'enumval_exists'
  | 'enumval_value'
  | 'type_matches';

/** A type in the BTF of the file that a program was read from. */
export interface FileType {
  readonly kind: 'type';
  readonly id: number;
  readonly name: string;
}

/** A number that the running kernel decides: about a field, a type or an enumerator. */
export interface Relocation {
  readonly kind: CoreKind;
  readonly root: Struct<Fields, Access> | Enum<string, 32> | FileType;
  /**
   * Field names and array indices from the root; the name of an enumerator; empty for types. From a type of a file:
   * the indices of clang's access string, `0:1:2`.
   */
  readonly path: readonly (string | number)[];
}

/** What decides an `either`. */
export type Condition =
  /** the number that the kernel gives: existence, or a size of at least `least` */
  | { readonly test: 'core'; readonly relocation: Relocation; readonly least: number }
  | { readonly test: 'helper'; readonly helper: string; readonly id: number }
  /** a hook under its section name: `tp_btf/sched_switch`, `tracepoint/syscalls/sys_enter_open` */
  | { readonly test: 'hook'; readonly hook: string }
  /** a map type under its name: `ringbuf` */
  | { readonly test: 'map'; readonly map: string }
  /** a function of the kernel that programs may call, with the declared prototype */
  | { readonly test: 'function'; readonly extern: AnyExtern }
  /** whether the kernel knows an instruction set: 4 is that of Linux 6.6 */
  | { readonly test: 'isa'; readonly version: 4 }
  /** whether this program may follow the kernel's pointers with plain loads: tp_btf, fentry and their kin */
  | { readonly test: 'trusted' };
