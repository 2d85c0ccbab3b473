/**
 * @module
 * struct_ops: a struct of the kernel's that programs are the functions of, such as tcp_congestion_ops. What a file says of
 * it is put into the shape that the running kernel has (libbpf's bpf_map__init_kern_struct_ops, tools/lib/bpf/libbpf.c).
 */
import { type Btf, type BtfComposite, type BtfMember, essentialName } from '../btf/index.ts';
import type { AnyMapSpec } from './map-spec.ts';
import { RequirementError, type World } from './world.ts';

/** A function of the struct. */
export interface Operation {
  readonly program: string;
  /** Which member of the kernel's struct it is. */
  readonly index: number;
  /** Where the descriptor of its program lies, in bytes from the start of the map's value. */
  readonly offset: number;
}

export interface KernelOperations {
  /** The kernel's struct in its BTF, or in that of a module. */
  readonly typeId: number;
  /** `struct bpf_struct_ops_NAME`, which the map holds. */
  readonly valueTypeId: number;
  readonly module: string | undefined;
  /** The map's value, with its data; the functions are still to be put in. */
  readonly value: Uint8Array;
  readonly operations: readonly Operation[];
}

/**
 * A struct_ops map as the running kernel has it.
 * @param types those of the file that it is from.
 * @throws RequirementError when the kernel has no such struct, or one in which something does not fit.
 */
export const kernelOperations = (
  name: string,
  { typeIds, initial, operations = {} }: AnyMapSpec,
  types: Btf,
  world: World,
): KernelOperations => {
  const local = types.resolve(typeIds?.value ?? 0);
  if (local.kind !== 'struct')
    throw new TypeError(`map ${name}: a struct_ops map has a struct for its value`);
  const [first] = initial ?? [];
  const data = first instanceof Uint8Array ? first : new Uint8Array(local.size);
  const kernel = findStruct(name, essentialName(local.name), world);
  const value = new Uint8Array(kernel.value.size);
  const functions: Operation[] = [];
  for (const member of local.members) {
    const what = `map ${name}: ${member.name} of struct ${kernel.struct.name}`;
    const from = bytesOf(types, member, data, what);
    const index = kernel.struct.members.findIndex((each) => each.name === member.name);
    const there = kernel.struct.members[index];
    if (!there) {
      // A program of such a member is not loaded for it.
      if (from.every((byte) => byte === 0)) continue;
      throw new RequirementError(`${what} is set, but this kernel does not have it`);
    }
    const offset = kernel.offset + there.bitOffset / 8;
    if (kindOf(types, member) !== kindOf(kernel.btf, there) || there.bitSize > 0)
      throw new RequirementError(`${what} has another type in this kernel`);
    if (kindOf(types, member) === 'ptr') {
      const program = operations[member.name];
      if (program !== undefined) functions.push({ program, index, offset });
    } else if (from.length === kernel.btf.sizeOf(there.type)) value.set(from, offset);
    else throw new RequirementError(`${what} has another size in this kernel`);
  }
  const { struct, value: outer, module } = kernel;
  return { typeId: struct.id, valueTypeId: outer.id, module, value, operations: functions };
};

interface KernelStruct {
  readonly btf: Btf;
  readonly module: string | undefined;
  readonly struct: BtfComposite;
  /** What the map holds: the struct, and what the kernel keeps before it. */
  readonly value: BtfComposite;
  /** Where the struct lies in it, in bytes. */
  readonly offset: number;
}

const findStruct = (map: string, name: string, world: World): KernelStruct => {
  const { btf: kernel } = world;
  const inKernel = kernel && within(kernel, name);
  if (inKernel) return { ...inKernel, btf: kernel, module: undefined };
  for (const btf of kernel ? world.modules() : []) {
    const found = within(btf, name);
    if (found) return { ...found, btf, module: btf.label };
  }
  throw new RequirementError(
    `map ${map}: this kernel takes no programs for struct ${name}: its type information has no bpf_struct_ops_${name}`,
  );
};

const within = (btf: Btf, name: string) => {
  const struct = structNamed(btf, name);
  const value = structNamed(btf, `bpf_struct_ops_${name}`);
  const member = value?.members.find(({ type }) => btf.resolve(type).id === struct?.id);
  return struct && value && member ? { struct, value, offset: member.bitOffset / 8 } : undefined;
};

const structNamed = (btf: Btf, name: string): BtfComposite | undefined => {
  const id = btf.findByName(name, 'struct');
  const type = id === undefined ? undefined : btf.type(id);
  return type?.kind === 'struct' ? type : undefined;
};

const kindOf = (btf: Btf, { type }: BtfMember): string => btf.resolve(type).kind;

const bytesOf = (
  btf: Btf,
  { type, bitOffset, bitSize }: BtfMember,
  data: Uint8Array,
  what: string,
): Uint8Array => {
  const offset = bitOffset / 8;
  const size = btf.sizeOf(type);
  if (bitSize === 0 && Number.isInteger(offset) && offset + size <= data.length)
    return data.subarray(offset, offset + size);
  throw new RequirementError(`${what} is a bit field, or lies outside of its struct`);
};
