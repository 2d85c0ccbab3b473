/**
 * @module
 * Symbols of the kernel that programs name: found in its BTF where the program says their type, else in its table of
 * symbols (libbpf's bpf_object__resolve_ksym_var_btf_id and bpf_object__resolve_ksym_func_btf_id).
 */
import { BPF_CALL, BPF_JMP, type Instruction } from '../asm/index.ts';
import { type Btf, essentialName, typesCompatible } from '../btf/index.ts';
import type { ExternSpec } from './extern-spec.ts';
import { RequirementError, type World } from './world.ts';

/** Where a symbol is: an address; a type of the kernel's BTF or of a module's; or why it is not there. */
export type KernelSymbol =
  | { readonly kind: 'address'; readonly address: bigint }
  | { readonly kind: 'type'; readonly id: number; readonly module?: string | undefined }
  | { readonly kind: 'missing'; readonly why: string };

/** Finds the symbols of one object in one kernel. */
export class KernelSymbols {
  readonly #types: Btf;
  readonly #world: World;
  readonly #found = new Map<ExternSpec, KernelSymbol>();

  constructor(types: Btf, world: World) {
    this.#types = types;
    this.#world = world;
  }

  /** Throws a RequirementError when a symbol that is neither weak nor `mayLack` is missing or of another type. */
  resolve(extern: ExternSpec, mayLack = false): KernelSymbol {
    const found =
      this.#found.get(extern) ??
      (extern.typeId === 0 ? this.#address(extern) : this.#typed(extern));
    if (found.kind === 'missing' && !extern.weak && !mayLack) throw new RequirementError(found.why);
    this.#found.set(extern, found);
    return found;
  }

  #address({ name }: ExternSpec): KernelSymbol {
    const address = this.#world.symbolAddress(name);
    return address === undefined
      ? { kind: 'missing', why: `this kernel has no symbol ${name}` }
      : { kind: 'address', address };
  }

  #typed(extern: ExternSpec): KernelSymbol {
    const { name, form, typeId } = extern;
    const kind = form === 'function' ? 'func' : 'var';
    const { btf } = this.#world;
    if (!btf)
      throw new RequirementError(
        `this kernel has no type information, which ${name} is looked up in: it needs /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF, and sysfs on /sys)`,
      );
    const wanted = form === 'function' ? essentialName(name) : name;
    for (const candidate of [btf, ...this.#later(btf, wanted, kind)]) {
      const id = candidate.findByName(wanted, kind);
      if (id === undefined) continue;
      const type = candidate.type(id);
      const of = type.kind === 'func' || type.kind === 'var' ? type.type : 0;
      const same = typesCompatible(
        this.#types,
        this.#types.resolve(typeId).id,
        candidate,
        candidate.resolve(of).id,
      );
      const found = { kind: 'type', id } as const;
      if (same) return candidate === btf ? found : { ...found, module: candidate.label };
      const why = `${name} has another type in ${candidate.label} than in the program`;
      if (form === 'variable') throw new RequirementError(why);
      return { kind: 'missing', why };
    }
    const what = form === 'function' ? 'function that programs may call (kfunc)' : 'variable';
    return { kind: 'missing', why: `this kernel has no ${what} ${wanted}` };
  }

  /** Modules are opened only for what the kernel itself does not have. */
  #later(btf: Btf, name: string, kind: 'func' | 'var'): readonly Btf[] {
    return btf.findByName(name, kind) === undefined ? this.#world.modules() : [];
  }
}

const PSEUDO_BTF_ID = 3;
const PSEUDO_KFUNC_CALL = 2;

/** The instruction with its symbol; a string says why it must not be reached. */
export const linkSymbol = (
  instruction: Instruction,
  symbol: KernelSymbol,
): Instruction | string => {
  const reference =
    symbol.kind === 'type' && symbol.module !== undefined
      ? ({ kind: 'module', module: symbol.module } as const)
      : undefined;
  if (instruction.opcode === (BPF_JMP | BPF_CALL)) {
    if (symbol.kind !== 'type')
      return symbol.kind === 'missing' ? symbol.why : 'a call needs the type of the function';
    return { ...instruction, src: PSEUDO_KFUNC_CALL, imm: symbol.id, reference };
  }
  if (symbol.kind === 'type')
    return { ...instruction, src: PSEUDO_BTF_ID, imm64: BigInt(symbol.id), reference };
  const imm64 = symbol.kind === 'address' ? symbol.address : 0n;
  return { ...instruction, src: 0, imm64, reference };
};
