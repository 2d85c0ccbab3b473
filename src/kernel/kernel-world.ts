/**
 * @module
 * The running kernel, as linking asks for it. Every answer is found when it is first needed.
 */
import { assemble, type Code, call, encode, exit, helperById, mov, r0 } from '../asm/index.ts';
import { Btf } from '../btf/index.ts';
import {
  BPF_F_NO_PREALLOC,
  type Hook,
  MAP_TYPES,
  type MapType,
  PROGRAM_TYPES,
  type TracepointField,
  type World,
} from '../object/index.ts';
import {
  BpfError,
  closeFd,
  mapCreate,
  mapFile,
  type ProgLoadOptions,
  progLoad,
  UnsupportedError,
} from '../syscall/index.ts';
import { hasEventNamed, tracepointFormat, tracepointId } from './tracefs.ts';
import type { Feature } from './without.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';

/** The kernel's BTF: mapped once for the life of the process, decoded as it is asked. */
let vmlinux: Btf | undefined | 'none';
export const kernelBtf = (): Btf | undefined => {
  if (vmlinux === undefined) {
    try {
      vmlinux = new Btf(mapFile(VMLINUX).bytes, { label: 'this kernel' });
    } catch (error) {
      // Not Linux: that is the news, not that there is no file.
      if (error instanceof UnsupportedError) throw error;
      vmlinux = 'none';
    }
  }
  return vmlinux === 'none' ? undefined : vmlinux;
};

/** BPF_TRACE_RAW_TP of `enum bpf_attach_type`. */
const BPF_TRACE_RAW_TP = 23;

/** What the running kernel can do, less what `without` hides. */
export class KernelWorld implements World {
  readonly without: ReadonlySet<Feature>;

  constructor(without: ReadonlySet<Feature> = new Set()) {
    this.without = without;
  }

  get btf(): Btf | undefined {
    return this.without.has('btf') ? undefined : kernelBtf();
  }

  get isaV4(): boolean {
    return !this.without.has('isaV4') && once('isaV4', hasIsaV4);
  }

  hasHook(hook: Hook): boolean {
    switch (hook.type) {
      case 'tp_btf':
        return !this.without.has('tp_btf') && this.#rawTracepoint(hook.name) !== undefined;
      case 'raw_tp':
        return !this.without.has('raw_tp') && this.#hasRawTracepoint(hook.name);
      case 'tracepoint':
        return tracepointId(hook.category, hook.name) !== undefined;
      default:
        return true;
    }
  }

  hasHelper(id: number, hook: Hook): boolean {
    return once(`helper ${id} ${hook.type}`, () => hasHelper(id, hook, this.attachment(hook)));
  }

  hasMap(type: MapType): boolean {
    return !this.without.has(type as Feature) && once(`map ${type}`, () => hasMap(type));
  }

  tracepointFields(category: string, name: string): readonly TracepointField[] | undefined {
    return tracepointFormat(category, name);
  }

  /** What a tp_btf program says of its hook when it is loaded; others say it when they are attached. */
  attachment(hook: Hook): Pick<ProgLoadOptions, 'expectedAttachType' | 'attachBtfId'> {
    if (hook.type !== 'tp_btf') return {};
    return {
      expectedAttachType: BPF_TRACE_RAW_TP,
      attachBtfId: this.#rawTracepoint(hook.name),
    };
  }

  /** The typedef that stands for a raw tracepoint in BTF: what a tp_btf program is attached to. */
  #rawTracepoint(name: string): number | undefined {
    return this.btf?.findByName(`btf_trace_${name}`, 'typedef');
  }

  /** Without BTF only those are known that are tracepoints as well; where tracefs is missing, attaching will tell. */
  #hasRawTracepoint(name: string): boolean {
    if (this.btf) return this.#rawTracepoint(name) !== undefined;
    return hasEventNamed(name) ?? true;
  }
}

/** Answers do not change while the kernel runs. */
const answers = new Map<string, boolean>();
const once = (question: string, ask: () => boolean): boolean => {
  const known = answers.get(question);
  if (known !== undefined) return known;
  const answer = ask();
  answers.set(question, answer);
  return answer;
};

const loads = (
  options: Omit<ProgLoadOptions, 'insns' | 'license'>,
  code: Code,
): true | BpfError => {
  const insns = encode(assemble(code, () => true).instructions);
  try {
    closeFd(progLoad({ ...options, insns, license: 'GPL', logSize: 4096 }).fd);
    return true;
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
};

/** Whether a sign-extending move is known: other kernels say "reserved fields". */
const hasIsaV4 = (): boolean =>
  loads({ type: PROGRAM_TYPES.socket.number }, [
    mov(r0, 0),
    { ...mov(r0, r0), offset: 8 },
    exit(),
  ]) === true;

/** The verifier names a helper that it does not know before it looks at the arguments. */
const hasHelper = (
  id: number,
  { type }: Hook,
  attachment: ReturnType<KernelWorld['attachment']>,
): boolean => {
  const helper = helperById(id);
  if (!helper) return false;
  const bare = { ...helper, args: [], required: 0 };
  const options = { type: PROGRAM_TYPES[type].number, ...attachment };
  const result = loads(options, [call(bare), mov(r0, 0), exit()]);
  if (result === true) return true;
  return !/invalid func|unknown func|program of this type cannot use helper/.test(result.log ?? '');
};

/** Only EINVAL says that a type is not known; EPERM does not. */
const hasMap = (type: MapType): boolean => {
  try {
    closeFd(mapCreate({ type: MAP_TYPES[type].number, maxEntries: 1, ...shapeOf(type) }));
    return true;
  } catch (error) {
    if (error instanceof BpfError) return error.code !== 'EINVAL';
    throw error;
  }
};

/** The smallest map of a type. */
const shapeOf = (type: MapType) => {
  switch (type) {
    case 'ringbuf':
      // A multiple of any page size.
      return { maxEntries: 65536 };
    case 'queue':
    case 'stack':
    case 'bloom_filter':
      return { valueSize: 4 };
    case 'stack_trace':
      return { keySize: 4, valueSize: 8 };
    case 'array_of_maps':
    case 'hash_of_maps':
      // No descriptor: EBADF where the type is known.
      return { keySize: 4, valueSize: 4, innerMapFd: -1 };
    case 'lpm_trie':
      return { keySize: 8, valueSize: 4, flags: BPF_F_NO_PREALLOC };
    default:
      return { keySize: 4, valueSize: 4 };
  }
};
