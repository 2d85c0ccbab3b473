/**
 * @module
 * The numbers that only the kernel knows: fields of its structs (CO-RE, through btf/), arguments of hooks, fields of
 * tracepoint records.
 */
import { type Relocation, sizeBits } from '../asm/index.ts';
import { type Btf, CoreResolver, type CoreResult } from '../btf/index.ts';
import type { Access, Fields, Layout, Struct } from '../layout/index.ts';
import type { Hook } from './program-spec.ts';
import type { TypeInfo } from './type-info.ts';
import { RequirementError, type TracepointField, type World } from './world.ts';

/** What a relocation comes to. */
export interface Resolved {
  readonly value: bigint;
  /** The size that a load must have here, where it differs from the declared one. */
  readonly size?: number | undefined;
  /** Why there is no value: the instruction must not be reached. */
  readonly missing?: string | undefined;
  /** Why a plain load would be wrong, although there is a value. */
  readonly badLoad?: string | undefined;
}

type AnyStruct = Struct<Fields, Access>;

/** Resolves the relocations of one object against one kernel. */
export class KernelNumbers {
  readonly #types: TypeInfo;
  readonly #world: World;
  #core: CoreResolver | undefined;

  /** `types` must hold all roots already. */
  constructor(types: TypeInfo, world: World) {
    this.#types = types;
    this.#world = world;
  }

  resolve(relocation: Relocation, hook: Hook): Resolved {
    const { root } = relocation;
    if (root.kind === 'struct' && root.origin === 'arguments')
      return this.#argument(root, relocation, hook);
    if (root.kind === 'struct' && root.origin === 'tracepoint')
      return this.#recordField(root, relocation, hook);
    return ofCore(this.#coreResult(relocation));
  }

  /** Whether the number reaches `least`; what does not exist counts as 0. */
  reaches(relocation: Relocation, least: number, hook: Hook): boolean {
    const { value, missing } = this.resolve(relocation, hook);
    return missing === undefined && value >= BigInt(least);
  }

  #coreResult({ kind, root, path }: Relocation): CoreResult {
    this.#core ??= new CoreResolver(
      this.#types.builder.build({ label: 'the program' }),
      this.#btf(root.name),
    );
    return this.#core.resolve({
      kind,
      typeId: this.#types.idOf(root),
      access: accessOf(root, path),
    });
  }

  #btf(name: string): Btf {
    const { btf } = this.#world;
    if (btf) return btf;
    throw new RequirementError(
      `this kernel has no type information, which the fields of ${name} are looked up in: it needs /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)`,
    );
  }

  /** Arguments are eight bytes each, in the kernel's order. */
  #argument(root: AnyStruct, { kind, path }: Relocation, hook: Hook): Resolved {
    if (hook.type !== 'tp_btf' && hook.type !== 'raw_tp') {
      throw new RequirementError(
        `${hook.section} has no arguments: hookArguments belong to tp_btf and raw_tp programs`,
      );
    }
    const name = String(path[0]);
    const declared = root.members.findIndex((member) => member.name === name);
    const names = argumentNames(this.#world.btf, hook.name);
    const index = names ? names.indexOf(name) : declared;
    // Without names in BTF an argument that only some kernels have cannot be told from its neighbours.
    if (kind === 'field_exists') return { value: names && index >= 0 ? 1n : 0n };
    if (index < 0) {
      throw new RequirementError(
        `${hook.section} has no argument ${name} in this kernel: it has ${names!.join(', ')}`,
      );
    }
    return { value: BigInt(index * 8) };
  }

  #recordField(root: AnyStruct, { kind, path }: Relocation, hook: Hook): Resolved {
    if (hook.type !== 'tracepoint') {
      throw new RequirementError(
        `${hook.section} has no record: tracepointFields belong to tracepoint programs`,
      );
    }
    const fields = this.#world.tracepointFields(hook.category, hook.name);
    if (!fields) throw new RequirementError(`there is no ${hook.section} in this kernel`);
    const name = String(path[0]);
    const field = fields.find((candidate) => candidate.name === name);
    if (kind === 'field_exists') return { value: field ? 1n : 0n };
    if (!field) {
      const names = fields.map((each) => each.name).join(', ');
      throw new RequirementError(
        `${hook.section} has no field ${name} in this kernel: it has ${names}`,
      );
    }
    return recordOffset(root, path, field);
  }
}

const recordOffset = (
  root: AnyStruct,
  path: readonly (string | number)[],
  field: TracepointField,
): Resolved => {
  const member = root.members.find(({ name }) => name === field.name)!;
  const inside = path.slice(1).reduce<{ layout: Layout; offset: number }>(
    ({ layout, offset }, step) => {
      if (layout.kind === 'array')
        return { layout: layout.element, offset: offset + Number(step) * layout.element.size };
      throw new RequirementError(`${field.name} of a tracepoint record is no array`);
    },
    { layout: member.layout, offset: 0 },
  );
  const value = BigInt(field.offset + inside.offset);
  // Little-endian: the first bytes of a longer integer are its low ones.
  if (path.length > 1 || field.size >= member.layout.size) return { value };
  if ('signed' in member.layout && !member.layout.signed) return { value, size: field.size };
  return {
    value,
    badLoad: `${field.name} has ${field.size} bytes in this kernel, and is declared with ${member.layout.size}`,
  };
};

const ofCore = ({
  value,
  poison,
  poisonMemoryAccess,
  localSize,
  targetSize,
  local,
  missing,
}: CoreResult): Resolved => {
  if (poison) return { value, missing: missing ?? `${local} does not exist in this kernel` };
  if (poisonMemoryAccess) {
    return {
      value,
      badLoad: `${local} has ${targetSize} bytes in this kernel, not ${localSize}, and is signed or no integer; use read or coreRead`,
    };
  }
  return targetSize !== 0 && targetSize !== localSize ? { value, size: targetSize } : { value };
};

/** `0:2:1`: the way from the root to a field, as CO-RE writes it. */
export const accessOf = (root: Relocation['root'], path: readonly (string | number)[]): string => {
  if (root.kind === 'enum')
    return path.length === 0 ? '0' : String(Object.keys(root.values).indexOf(String(path[0])));
  let layout: Layout = root;
  const indices = path.map((step) => {
    if (layout.kind === 'struct') {
      const index = layout.members.findIndex(({ name }) => name === step);
      layout = layout.members[index]!.layout;
      return index;
    }
    if (layout.kind === 'array') layout = layout.element;
    return Number(step);
  });
  return ['0', ...indices].join(':');
};

/**
 * The names of a tracepoint's arguments, without the leading `__data`; undefined where BTF does not have them. The
 * prototype behind `btf_trace_NAME` is anonymous, the functions that the tracepoint macros make are not.
 */
export const argumentNames = (
  btf: Btf | undefined,
  tracepoint: string,
): readonly string[] | undefined => {
  for (const prefix of ['__bpf_trace_', '__traceiter_']) {
    const id = btf?.findByName(prefix + tracepoint, 'func');
    if (btf === undefined || id === undefined) continue;
    const func = btf.type(id);
    const proto = func.kind === 'func' ? btf.type(func.type) : undefined;
    if (proto?.kind !== 'func_proto') continue;
    const names = proto.params.slice(1).map(({ name }) => name);
    if (names.every((name) => name !== '')) return names;
  }
  return undefined;
};

/** The opcode of a load or store with another size. */
export const resized = (opcode: number, size: number): number => (opcode & ~0x18) | sizeBits(size);
