/**
 * CO-RE: what a program compiled against one kernel's types has to change to run on another's. All 13 kinds of
 * relocation by libbpf's rules (bpf_core_calc_relo_insn, tools/lib/bpf/relo_core.c, 6.18; libbpf.c,
 * bpf_core_find_cands). The result is a value; writing it into an instruction is the loader's work.
 *
 * @example
 * const resolver = new CoreResolver(program, vmlinux);
 * const { value, poison, missing } = resolver.resolve({ kind: 'field_byte_offset', typeId: 7, access: '0:5' });
 * // { value: 2324n, poison: false, ... }; or poison, and missing: 'struct task_struct has no member exit_cod in vmlinux'
 *
 * @module
 */
import type { Btf } from './btf.ts';
import { BTF_INT } from './constants.ts';
import {
  type CoreAccess,
  type CoreRelocation,
  describeAccess,
  formatAccess,
  parseAccess,
} from './core/access.ts';
import { isAnyEnum } from './core/compatible.ts';
import { CORE_KIND_LABELS, type CoreKind, isFieldKind } from './core/kinds.ts';
import { matchAccess, nameOf } from './core/match.ts';
import { type CoreField, type CoreValue, calculate, fieldOf } from './core/value.ts';
import { BtfError } from './error.ts';
import { essentialName } from './names.ts';
import type { BtfKind, BtfType } from './types.ts';

/** Where a type, or what is accessed of it, was found. */
export interface CoreTarget {
  /** The kernel's BTF, or a module's. */
  readonly btf: Btf;
  readonly typeId: number;
  /** `struct task_struct.pid (0:113 @ offset 2336)` */
  readonly description: string;
  /** How to read the field, when it is a member. */
  readonly field?: CoreField | undefined;
}

export interface CoreResult {
  readonly kind: CoreKind;
  /** What the instruction shall hold, 64 bits without a sign. Meaningless when poisoned. */
  readonly value: bigint;
  /** What the compiler wrote, by the program's own types. */
  readonly localValue: bigint;
  /** Whether the instruction must hold localValue before, or something is wrong. */
  readonly validate: boolean;
  /** There is no value: the instruction must become one that the verifier refuses, if it is ever reached. */
  readonly poison: boolean;
  /** Whether a candidate was found that has what is accessed. */
  readonly exists: boolean;
  /** Of a byte offset: the bytes to load or store, here and there. 0 for bitfields and for other kinds. */
  readonly localSize: number;
  readonly targetSize: number;
  /** The sizes differ and a load or store cannot simply be resized: it has to be poisoned. Other instructions may stay. */
  readonly poisonMemoryAccess: boolean;
  /** What the program accesses: `struct task_struct.pid (0:1 @ offset 8)`. */
  readonly local: string;
  /** undefined when it does not exist, and for type_id_local. */
  readonly target: CoreTarget | undefined;
  /** When it does not exist: what is missing, for a message. */
  readonly missing: string | undefined;
}

interface Candidate {
  readonly btf: Btf;
  readonly id: number;
}

/** The types of a kernel that may be meant by a type of a program: those of its kind and name, flavours aside. */
export const candidatesIn = (kernel: Btf, local: Btf, typeId: number): readonly number[] => {
  const type = local.type(typeId);
  const kinds: readonly BtfKind[] = isAnyEnum(type) ? ['enum', 'enum64'] : [type.kind];
  return kernel.candidates(essentialName(type.name), kinds);
};

/** Resolves the relocations of one program against one kernel. It remembers the candidates of each type. */
export class CoreResolver {
  readonly #local: Btf;
  readonly #kernel: Btf;
  readonly #modules: () => readonly Btf[];
  readonly #candidates = new Map<number, readonly Candidate[]>();

  /**
   * `modules` are looked at when the kernel has no candidate: split BTF on top of the kernel's, or a function that
   * returns them, which is called when the first is needed.
   */
  constructor(local: Btf, kernel: Btf, modules: readonly Btf[] | (() => readonly Btf[]) = []) {
    this.#local = local;
    this.#kernel = kernel;
    this.#modules = typeof modules === 'function' ? modules : () => modules;
  }

  /**
   * Resolves one relocation. Throws BtfError when the relocation is malformed or candidates disagree; that something
   * does not exist is a result.
   */
  resolve(relocation: CoreRelocation): CoreResult {
    const { kind, typeId } = relocation;
    const local = parseAccess(this.#local, relocation);
    if (kind === 'type_id_local') return localTypeId(local, typeId);
    if (this.#local.type(typeId).name === '') {
      throw new BtfError(`${formatAccess(local)}: an anonymous type cannot be found in the kernel`);
    }

    const candidates = this.#candidatesOf(typeId);
    const localValue = calculate(kind, local);
    const found: Candidate[] = [];
    const reasons: string[] = [];
    let first: Match | undefined;
    for (const candidate of candidates) {
      const { access, why } = matchAccess(local, candidate.btf, candidate.id);
      if (access === undefined) {
        reasons.push(why);
        continue;
      }
      // A field or a value that is there has a value.
      const match = { access, value: calculate(kind, access)! };
      if (first === undefined) first = match;
      else checkAgreement(local, first, match);
      found.push(candidate);
    }

    if (first !== undefined) {
      // As libbpf does: who has failed once is not asked again about the same type.
      if (reasons.length > 0) this.#candidates.set(typeId, found);
      return new Resolved(local, localValue, first.value, first.access);
    }
    const missing =
      reasons.length > 0 ? [...new Set(reasons)].join('; ') : this.#noCandidate(typeId);
    return new Resolved(local, localValue, calculate(kind, undefined), undefined, missing);
  }

  #candidatesOf(typeId: number): readonly Candidate[] {
    const known = this.#candidates.get(typeId);
    if (known !== undefined) return known;
    const inBtf = (btf: Btf): Candidate[] =>
      candidatesIn(btf, this.#local, typeId).map((id) => ({ btf, id }));
    let candidates = inBtf(this.#kernel);
    if (candidates.length === 0) candidates = this.#modules().flatMap(inBtf);
    this.#candidates.set(typeId, candidates);
    return candidates;
  }

  #noCandidate(typeId: number): string {
    const type = this.#local.type(typeId);
    return `there is no ${type.kind} ${essentialName(type.name)} in ${this.#kernel.label}`;
  }
}

/** An access in the kernel, and what the relocation comes to for it. */
interface Match {
  readonly access: CoreAccess;
  readonly value: CoreValue;
}

/** A result whose descriptions are written when somebody reads them: that takes longer than all the rest. */
class Resolved implements CoreResult {
  readonly kind: CoreKind;
  readonly value: bigint;
  readonly localValue: bigint;
  readonly validate: boolean;
  readonly poison: boolean;
  readonly exists: boolean;
  readonly localSize: number;
  readonly targetSize: number;
  readonly poisonMemoryAccess: boolean;
  readonly target: CoreTarget | undefined;
  readonly missing: string | undefined;
  readonly #local: CoreAccess;

  constructor(
    local: CoreAccess,
    localValue: CoreValue | undefined,
    value: CoreValue | undefined,
    access: CoreAccess | undefined,
    missing?: string,
  ) {
    this.kind = local.kind;
    this.value = value?.value ?? 0n;
    this.localValue = localValue?.value ?? 0n;
    this.validate = localValue?.validate ?? true;
    this.poison = value === undefined;
    this.exists = access !== undefined;
    this.localSize = localValue?.memory?.size ?? 0;
    this.targetSize = value?.memory?.size ?? 0;
    const resized = access !== undefined && this.localSize !== this.targetSize;
    this.poisonMemoryAccess = resized && !mayResize(localValue?.memory?.type, value?.memory?.type);
    this.target = access && new Target(access);
    this.missing = missing;
    this.#local = local;
  }

  get local(): string {
    return describeAccess(this.#local);
  }
}

class Target implements CoreTarget {
  readonly btf: Btf;
  readonly typeId: number;
  readonly #access: CoreAccess;

  constructor(access: CoreAccess) {
    this.btf = access.btf;
    this.typeId = access.typeId;
    this.#access = access;
  }

  get description(): string {
    return describeAccess(this.#access);
  }

  get field(): CoreField | undefined {
    const { kind, accessors } = this.#access;
    const isMember = isFieldKind(kind) && accessors.at(-1)!.name !== undefined;
    // That a bitfield cannot be read is no reason to deny that it exists.
    return isMember && kind !== 'field_exists' ? fieldOf(this.#access) : undefined;
  }
}

const localTypeId = (local: CoreAccess, typeId: number): CoreResult => ({
  kind: local.kind,
  value: BigInt(typeId),
  localValue: BigInt(typeId),
  validate: false,
  poison: false,
  exists: true,
  localSize: 0,
  targetSize: 0,
  poisonMemoryAccess: false,
  local: nameOf(local.btf, typeId),
  target: undefined,
  missing: undefined,
});

/** A larger or smaller load is right for pointers and unsigned integers: both are extended with zeros. */
const mayResize = (local: BtfType | undefined, target: BtfType | undefined): boolean =>
  (local?.kind === 'ptr' && target?.kind === 'ptr') ||
  (local?.kind === 'int' &&
    target?.kind === 'int' &&
    local.encoding !== BTF_INT.SIGNED &&
    target.encoding !== BTF_INT.SIGNED);

const checkAgreement = (local: CoreAccess, a: Match, b: Match): void => {
  const both = `${describeAccess(a.access)} and ${describeAccess(b.access)}`;
  const label = `<${CORE_KIND_LABELS[local.kind]}> ${describeAccess(local)}`;
  if (a.access.bitOffset !== b.access.bitOffset) {
    throw new BtfError(`${label}: field offset ambiguity between ${both}`);
  }
  if (a.value.value !== b.value.value) {
    const values = `${a.value.value} != ${b.value.value}`;
    throw new BtfError(`${label}: relocation decision ambiguity between ${both}: ${values}`);
  }
};
