/**
 * @module
 * The numbers that only the kernel knows: fields of its structs (CO-RE, through btf/), arguments of hooks, fields of
 * tracepoint records.
 */
import { type Relocation, sizeBits } from '../asm/index.ts';
import { type Btf, CoreResolver, type CoreResult } from '../btf/index.ts';
import { type Access, type Fields, type Layout, type Struct, u8 } from '../layout/index.ts';
import { HookArguments } from './hook-arguments.ts';
import type { Hook } from './sections.ts';
import type { TypeInfo } from './type-info.ts';
import { RequirementError, type TracepointField, type World } from './world.ts';

/** What a relocation comes to. */
export interface Resolved {
  readonly value: bigint;
  /** The size that a load must have here. */
  readonly size?: number | undefined;
  /** The size that it must have had before. */
  readonly declared?: number | undefined;
  /** Why there is no value: the instruction must not be reached. */
  readonly missing?: string | undefined;
  /** Why a plain load would be wrong, although there is a value. */
  readonly badLoad?: string | undefined;
  /** What the compiler must have written there, in a program from a file. */
  readonly expected?: bigint | undefined;
}

type AnyStruct = Struct<Fields, Access>;

/** Resolves the relocations of one object against one kernel. */
export class KernelNumbers {
  readonly #types: TypeInfo;
  readonly #world: World;
  readonly #arguments: HookArguments;
  readonly #results = new Map<Relocation, CoreResult>();
  #core: CoreResolver | undefined;

  /** `types` must hold all roots already. */
  constructor(types: TypeInfo, world: World) {
    this.#types = types;
    this.#world = world;
    this.#arguments = new HookArguments(world);
  }

  /** The number for a relocation in a program at `hook`. */
  resolve(relocation: Relocation, hook: Hook): Resolved {
    const { root } = relocation;
    if (root.kind === 'struct' && (root.origin === 'arguments' || root.origin === 'system-call'))
      return this.#argument(root, relocation, hook);
    if (root.kind === 'struct' && root.origin === 'tracepoint')
      return this.#recordField(root, relocation, hook as RecordHook);
    const result = this.core(relocation);
    const resolved = ofCore(result, relocation);
    return root.kind === 'type' && result.validate
      ? { ...resolved, expected: result.localValue }
      : resolved;
  }

  /** Whether the number reaches `least`; what does not exist counts as 0. */
  reaches(relocation: Relocation, least: number, hook: Hook): boolean {
    const { value, missing } = this.resolve(relocation, hook);
    return missing === undefined && value >= BigInt(least);
  }

  /** What a relocation of a type comes to, found once. */
  core(relocation: Relocation): CoreResult {
    const known = this.#results.get(relocation);
    if (known) return known;
    const { kind, root, path } = relocation;
    const { coreBtf } = this.#world;
    this.#core ??= new CoreResolver(this.#types.local, coreBtf ?? this.#btf(root.name), () =>
      coreBtf ? [] : this.#world.modules(),
    );
    const typeId = this.#types.idOf(root);
    const result = this.#core.resolve({ kind, typeId, access: accessOf(root, path) });
    this.#results.set(relocation, result);
    return result;
  }

  #btf(name: string): Btf {
    const { btf } = this.#world;
    if (btf) return btf;
    throw new RequirementError(
      `this kernel has no type information, which the fields of ${name} are looked up in: it needs /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF, and sysfs on /sys)`,
    );
  }

  #argument(root: AnyStruct, { kind, path }: Relocation, hook: Hook): Resolved {
    const name = String(path[0]);
    const place =
      root.origin === 'system-call'
        ? this.#arguments.systemCallPlace(root, name, hook)
        : this.#arguments.place(root, name, hook);
    const found = 'offset' in place;
    // Without names in BTF an argument that only some kernels have cannot be told from its neighbours.
    if (kind === 'field_exists') return { value: found && place.named ? 1n : 0n };
    return found ? { value: BigInt(place.offset) } : { value: 0n, missing: place.missing };
  }

  #recordField(root: AnyStruct, { kind, path }: Relocation, hook: RecordHook): Resolved {
    const fields = this.#world.tracepointFields(hook.category, hook.name);
    if (!fields) throw new RequirementError(`there is no ${hook.section} in this kernel`);
    const name = String(path[0]);
    const field = fields.find((candidate) => candidate.name === name);
    if (kind === 'field_exists') return { value: field ? 1n : 0n };
    if (field) return recordOffset(root, path, field);
    const names = fields.map((each) => each.name).join(', ');
    return {
      value: 0n,
      missing: `${hook.section} has no field ${name} in this kernel: it has ${names}`,
    };
  }
}

/** The hooks that have records: programs are checked for it when they are built. */
type RecordHook = Extract<Hook, { readonly category: string }>;

const recordOffset = (
  root: AnyStruct,
  path: readonly (string | number)[],
  field: TracepointField,
): Resolved => {
  const { layout: declared } = root.members.find(({ name }) => name === field.name)!;
  const { layout, offset } = inside(declared, path.slice(1));
  const value = BigInt(field.offset + offset);
  // Little-endian: the first bytes of a longer integer are its low ones.
  if (layout !== declared || field.size >= declared.size) return { value };
  const unsigned = 'signed' in declared && !declared.signed && !field.signed;
  if (unsigned && isLoadSize(field.size)) return { value, size: field.size };
  return {
    value,
    badLoad: `${field.name} has ${field.size} bytes in this kernel (${field.declaration}), and is declared with ${declared.size}`,
  };
};

/** Where the elements and fields of a path are. */
const inside = (
  layout: Layout,
  path: readonly (string | number)[],
): { readonly layout: Layout; readonly offset: number } =>
  path.reduce<{ layout: Layout; offset: number }>(
    (at, step) => {
      if (at.layout.kind === 'array') {
        const { element } = at.layout;
        return { layout: element, offset: at.offset + Number(step) * element.size };
      }
      if (at.layout.kind === 'chars' || at.layout.kind === 'bytes')
        return { layout: u8, offset: at.offset + Number(step) };
      const member = (at.layout as AnyStruct).members.find(({ name }) => name === step)!;
      return { layout: member.layout, offset: at.offset + member.offset };
    },
    { layout, offset: 0 },
  );

export const isLoadSize = (size: number): boolean =>
  size === 1 || size === 2 || size === 4 || size === 8;

const ofCore = (result: CoreResult, { root, path }: Relocation): Resolved => {
  const { value, poison, poisonMemoryAccess, localSize, targetSize, local, missing } = result;
  if (poison) return { value, missing: missing ?? `${local} does not exist in this kernel` };
  const field = result.target?.field;
  // A load takes the unit that this kernel has the bits in; the shifts after it are relocated as well.
  if (result.kind === 'field_byte_offset' && field && isBitfield(root, path))
    return { value, size: field.byteSize };
  if (poisonMemoryAccess) {
    const found = field?.isBitfield
      ? 'is a bitfield in this kernel'
      : `has ${targetSize} bytes in this kernel, not ${localSize}, and is signed or no integer`;
    return { value, badLoad: `${local} ${found}; use read or coreRead` };
  }
  const differs = targetSize !== 0 && targetSize !== localSize;
  return differs ? { value, size: targetSize, declared: localSize } : { value };
};

const isBitfield = (root: Relocation['root'], path: readonly (string | number)[]): boolean =>
  root.kind === 'struct' && inside(root, path).layout.kind === 'bitfield';

/** `0:2:1`: the way from the root to a field, as CO-RE writes it. */
export const accessOf = (root: Relocation['root'], path: readonly (string | number)[]): string => {
  if (root.kind === 'type') return path.join(':');
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

/** The opcode of a load or store with another size: 1, 2, 4 or 8. */
export const resized = (opcode: number, size: number): number => (opcode & ~0x18) | sizeBits(size);
