/**
 * @module
 * Functions of the kernel that programs may call by name (kfuncs): declared with their prototype, and found in the
 * kernel's BTF or in that of a module when an object is loaded (Documentation/bpf/kfuncs.rst). Linux 5.13.
 * @example
 * const createQueue = kfunc('scx_bpf_create_dsq', [u64, i32], { returns: i32 });
 * call(createQueue, 0, -1)
 */
import { AssemblerError, type Condition, callSite } from '../asm/index.ts';
import type { Layout } from '../layout/index.ts';
import type { ExternSpec } from './extern-spec.ts';

/** A function of the kernel, as a program declares it. */
export interface KernelFunction extends Omit<ExternSpec, 'typeId'> {
  readonly arity: number;
  readonly args: readonly Layout[];
  /** undefined for none. */
  readonly returns: Layout | undefined;
}

/**
 * Declares a function of the kernel, to be called with `call(it, ...)`. One that the kernel does not have, or has with
 * another prototype, is refused when the object is loaded, unless `kfuncExists` keeps the call out.
 *
 * Kinds of types are compared, not names: a pointer to a struct is `pointer(kernelStruct(...))`, one to void `pointer()`.
 */
export const kfunc = (
  name: string,
  args: readonly Layout[],
  { returns }: { readonly returns?: Layout } = {},
): KernelFunction => {
  if (!/^[A-Za-z_]\w*$/.test(name) || args.length > 5)
    throw new AssemblerError(
      `kfunc: a function of the kernel with up to 5 arguments, got ${JSON.stringify(name)} and ${args.length}`,
      callSite(kfunc),
    );
  return {
    kind: 'extern',
    name,
    form: 'function',
    weak: false,
    arity: args.length,
    args,
    returns,
  };
};

/**
 * Holds where the kernel has the function, with the prototype that was declared, and lends functions at all (Linux
 * 5.13). That it lends this one is not known, only that it has it: as libbpf's bpf_ksym_exists.
 * @example
 * either(kfuncExists(insert), call(insert, r1, 0, slice, flags), call(dispatch, r1, 0, slice, flags))
 */
export const kfuncExists = (extern: KernelFunction): Condition => ({ test: 'function', extern });

/** Whether a symbol is declared by the language: it has no type in a file then. */
export const isDeclared = (extern: object): extern is KernelFunction => 'args' in extern;
