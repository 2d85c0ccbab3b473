/**
 * @module
 * The BTF of an object in the kernel: loaded when it is first needed, and again when the texts of lines were added.
 */
import { BTF_FEATURES, type Btf, type BtfFeature } from '../btf/index.ts';
import type { Layout } from '../layout/index.ts';
import {
  type AnyMapSpec,
  type LinkedObject,
  type LinkedProgram,
  type MapSpec,
  needsTypes,
  RequirementError,
  type TypeInfo,
} from '../object/index.ts';
import { BpfError, btfLoad, FileDescriptor, isAtLeast, type Records } from '../syscall/index.ts';
import { funcInfoOf, lineInfoOf } from './line-info.ts';
import type { MapBtf } from './map-descriptor.ts';

/** What BPF_PROG_LOAD takes of BTF. */
export interface ProgramBtf {
  readonly btfFd?: number;
  readonly funcInfo?: Records;
  readonly lineInfo?: Records | undefined;
}

export class ObjectBtf {
  readonly #types: TypeInfo;
  readonly #tokenFd: number | undefined;
  #descriptor: FileDescriptor | undefined;
  #refusal: BpfError | undefined;

  constructor({ types, maps, hidden }: LinkedObject, tokenFd?: number) {
    this.#types = types;
    this.#tokenFd = tokenFd;
    if (types.fromFile) return;
    for (const { key, value } of [...Object.values(maps), ...Object.values(hidden)]) {
      if (key) types.idOf(key);
      if (value) types.idOf(value);
    }
  }

  /** To read. */
  get types(): Btf {
    return this.#types.local;
  }

  /** Why the kernel did not take it: then programs go without, and only callbacks, timers and locks miss it. */
  get refusal(): BpfError | undefined {
    return this.#refusal;
  }

  /** The types of a map. Throws a RequirementError where it is nothing without them and the kernel has refused them. */
  ofMap(name: string, spec: AnyMapSpec): MapBtf | undefined {
    const ids = this.#idsOf(spec);
    if (!ids) return undefined;
    const needed = needsTypes(spec, this.#types);
    const fd = this.#load();
    if (fd !== undefined) return { fd, keyTypeId: ids.key, valueTypeId: ids.value, needed };
    if (needed === undefined) return undefined;
    const why = this.#refusal?.message ?? `BTF needs Linux ${BTF_OF_PROGRAMS}`;
    throw new RequirementError(`map ${name} ${needed}, which takes type information: ${why}`, {
      cause: this.#refusal,
    });
  }

  #idsOf({ key, value, typeIds }: AnyMapSpec): MapSpec['typeIds'] {
    if (typeIds || this.#types.fromFile) return typeIds;
    if (!key || !value) return undefined;
    return { key: this.#types.idOf(key as Layout), value: this.#types.idOf(value as Layout) };
  }

  /** The functions of a program, and its lines if they are wanted. */
  ofProgram(program: LinkedProgram, lines: boolean): ProgramBtf {
    const lineInfo = lines ? lineInfoOf(program, this.#types) : undefined;
    // The texts of the lines are strings of the BTF; a file's has them already. Programs and maps with types of their
    // own must have the same BTF: the kernel compares no further.
    if (lines && this.#types.extended) this.close();
    const btfFd = this.#load();
    return btfFd === undefined ? {} : { btfFd, funcInfo: funcInfoOf(program), lineInfo };
  }

  close(): void {
    this.#descriptor?.close();
    this.#descriptor = undefined;
  }

  #load(): number | undefined {
    if (this.#refusal || !isAtLeast(BTF_OF_PROGRAMS)) return undefined;
    if (this.#descriptor) return this.#descriptor.fd;
    try {
      const bytes = this.#types.encode({ without: missingBtf() });
      const fd = btfLoad(bytes, { tokenFd: this.#tokenFd });
      this.#descriptor = new FileDescriptor(fd, 'the BTF of the object');
      return fd;
    } catch (error) {
      if (!(error instanceof BpfError) || error.code === 'EPERM') throw error;
      this.#refusal = error;
      return undefined;
    }
  }
}

/** The first kernel that takes func_info with a program. */
const BTF_OF_PROGRAMS = '5.0';

/** The kinds of BTF that this kernel does not know yet. */
const missingBtf = (): BtfFeature[] =>
  (Object.keys(BTF_FEATURES) as BtfFeature[]).filter(
    (feature) => !isAtLeast(BTF_FEATURES[feature]),
  );
