/**
 * @module
 * What a program from a file takes from the kernel by name: symbols (`.ksyms`) and numbers of its configuration
 * (`.kconfig`). Rules: libbpf's bpf_object__resolve_externs (tools/lib/bpf/libbpf.c).
 */
import type { AnyExtern } from '../asm/index.ts';

/** A symbol of the kernel or of one of its modules. */
export interface ExternSpec extends AnyExtern {
  readonly form: 'variable' | 'function';
  /** May be missing: then its address is 0, and a call of it must not be reached. */
  readonly weak: boolean;
  /** The type of the variable, or the prototype, in the BTF of the file; 0 (void) for a symbol that is only an address. */
  readonly typeId: number;
}

/** A variable of the map `.kconfig`: the loader fills it in. */
export interface ConfigVariable {
  /** `CONFIG_HZ`, or one of libbpf's own such as `LINUX_KERNEL_VERSION`. */
  readonly name: string;
  readonly weak: boolean;
  readonly form: 'bool' | 'char' | 'tristate' | 'integer' | 'text';
  /** Bytes from the start of the map's value. */
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
}
