/**
 * @module
 * struct_ops maps: structs of the kernel's whose functions are programs, such as the congestion controls of TCP. Follows
 * kernel/bpf/bpf_struct_ops.c (Linux 6.18).
 */
import { type AnyMapSpec, HOOKS, type KernelOperations } from '../object/index.ts';
import {
  BPF_MAP_TYPE,
  BPF_PROG_TYPE,
  BpfError,
  FileDescriptor,
  linkCreate,
  mapCreate,
  mapDelete,
  mapUpdate,
  objectName,
} from '../syscall/index.ts';
import type { Attachment } from './kernel-world.ts';
import { Link } from './link.ts';
import { MapBase, refused, reworded } from './map-base.ts';
import type { MapBtf } from './map-descriptor.ts';
import type { ModuleDescriptors } from './module-descriptors.ts';
import type { Program } from './program.ts';

/** Flags of map creation. */
const BPF_F_LINK = 1 << 13;
const BPF_F_VTYPE_BTF_OBJ_FD = 1 << 15;
/** BPF_STRUCT_OPS of `enum bpf_attach_type`. */
const BPF_STRUCT_OPS = 44;

/** Whether a program is a function of such a struct. */
export const isOperation = ({ spec: { hook } }: Program): boolean =>
  HOOKS[hook.type].program === BPF_PROG_TYPE.BPF_PROG_TYPE_STRUCT_OPS;

const FIRST = /* @__PURE__ */ new Uint8Array(4);

export interface StructOpsOptions {
  readonly operations: KernelOperations;
  readonly btf: MapBtf;
  readonly modules: ModuleDescriptors;
  readonly tokenFd: number | undefined;
}

/** The struct that the kernel gets once its programs are loaded. Linux 5.6. */
export class StructOps extends MapBase {
  readonly #operations: KernelOperations;
  readonly #value: Uint8Array;

  /** Creates the map. */
  constructor(name: string, spec: AnyMapSpec, options: StructOpsOptions) {
    const { operations, btf, modules, tokenFd } = options;
    const { module, valueTypeId, value } = operations;
    const fd = mapCreate({
      type: BPF_MAP_TYPE.BPF_MAP_TYPE_STRUCT_OPS,
      name: objectName(spec.kernelName ?? name),
      keySize: 4,
      valueSize: value.length,
      maxEntries: 1,
      flags: spec.flags | (module === undefined ? 0 : BPF_F_VTYPE_BTF_OBJ_FD),
      btfFd: btf.fd,
      btfVmlinuxValueTypeId: valueTypeId,
      valueTypeBtfObjFd: module === undefined ? undefined : modules.fdOf(module),
      tokenFd,
    });
    super(new FileDescriptor(fd, `map ${name}`), name, spec);
    this.#operations = operations;
    this.#value = value;
  }

  /** What its programs say when they are loaded, by their names. */
  get attachments(): (readonly [program: string, Attachment])[] {
    const { operations, typeId, module } = this.#operations;
    return operations.map(({ program, index }) => [
      program,
      { attachBtfId: typeId, expectedAttachType: index, ...(module !== undefined && { module }) },
    ]);
  }

  /** Puts the programs into their members; those that are not loaded stay empty. */
  fill(programs: ReadonlyMap<string, number | undefined>): void {
    const view = new DataView(this.#value.buffer, this.#value.byteOffset);
    for (const { program, offset } of this.#operations.operations) {
      if (!programs.has(program))
        throw new TypeError(
          `map ${this.name}: its function ${program} is no program of the object`,
        );
      view.setBigUint64(offset, BigInt(programs.get(program) ?? 0), true);
    }
  }

  /**
   * Registers the struct with the kernel until the result is closed: from here on the kernel can call its programs.
   * Without BPF_F_LINK once only. Throws a BpfError when the kernel misses a function that it needs.
   */
  attach(): { close(): void } {
    const { fd, name } = this;
    const linked = (this.spec.flags & BPF_F_LINK) !== 0;
    try {
      mapUpdate(fd, FIRST, this.#value);
    } catch (error) {
      if (!(error instanceof BpfError) || error.code !== 'EBUSY')
        throw refused(this, 'register', error);
      // The kernel has the value since the last link, and it never changes.
      if (!linked)
        throw reworded(error, `map ${name} was registered before: load the object again`);
    }
    if (!linked) return { close: () => void mapDelete(fd, FIRST) };
    const hook = `struct_ops/${name}`;
    const link = linkCreate({ progFd: fd, attachType: BPF_STRUCT_OPS });
    return new Link(hook, 'link', [new FileDescriptor(link, `link ${hook}`)]);
  }
}
