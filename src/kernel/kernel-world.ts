/**
 * @module
 * The running kernel, as linking asks for it. Every answer is found when it is first needed.
 */
import { assemble, type Code, call, encode, exit, helperById, mov, r0 } from '../asm/index.ts';
import { Btf } from '../btf/index.ts';
import {
  type Hook,
  type HookType,
  MAP_TYPES,
  type MapType,
  PROGRAM_TYPES,
  type World,
} from '../object/index.ts';
import { BpfError, closeFd, mapCreate, mapFile, progLoad } from '../syscall/index.ts';
import { tracepointFormat, tracepointId } from './tracefs.ts';
import type { Feature } from './without.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';

/** The kernel's BTF: mapped once for the life of the process, decoded as it is asked. */
let vmlinux: Btf | undefined | 'none';
export const kernelBtf = (): Btf | undefined => {
  if (vmlinux === undefined) {
    try {
      vmlinux = new Btf(mapFile(VMLINUX).bytes, { label: 'this kernel' });
    } catch {
      vmlinux = 'none';
    }
  }
  return vmlinux === 'none' ? undefined : vmlinux;
};

/** BPF_TRACE_RAW_TP of `enum bpf_attach_type`. */
export const BPF_TRACE_RAW_TP = 23;

/** The typedef that stands for a raw tracepoint in BTF: what a tp_btf program is attached to. */
export const rawTracepointType = (btf: Btf | undefined, name: string): number | undefined =>
  btf?.findByName(`btf_trace_${name}`, 'typedef');

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
        return this.#hasTpBtf(hook.name);
      case 'raw_tp':
        return !this.without.has('raw_tp') && this.#hasRawTracepoint(hook.name);
      case 'tracepoint':
        return tracepointId(hook.category, hook.name) !== undefined;
      default:
        return true;
    }
  }

  hasHelper(id: number, type: HookType): boolean {
    return once(`helper ${id} ${type}`, () => hasHelper(id, type));
  }

  hasMap(type: MapType): boolean {
    return !this.without.has(type as Feature) && once(`map ${type}`, () => hasMap(type));
  }

  tracepointFields(category: string, name: string) {
    return tracepointFormat(category, name);
  }

  #hasTpBtf(name: string): boolean {
    if (this.without.has('tp_btf')) return false;
    return rawTracepointType(this.btf, name) !== undefined;
  }

  /** Without BTF there is no list of raw tracepoints: loading or attaching will tell. */
  #hasRawTracepoint(name: string): boolean {
    const { btf } = this;
    return btf === undefined || rawTracepointType(btf, name) !== undefined;
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

const loads = (type: HookType, code: Code): true | BpfError => {
  const insns = encode(assemble(code, () => true).instructions);
  try {
    closeFd(
      progLoad({ type: PROGRAM_TYPES[type].number, insns, license: 'GPL', logSize: 4096 }).fd,
    );
    return true;
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
};

/** Whether a sign-extending move is known: other kernels say "reserved fields". */
const hasIsaV4 = (): boolean =>
  loads('socket', [mov(r0, 0), { ...mov(r0, r0), offset: 8 }, exit()]) === true;

/** The verifier names a helper that it does not know before it looks at the arguments. */
const hasHelper = (id: number, type: HookType): boolean => {
  const helper = helperById(id);
  if (!helper) return false;
  const bare = { ...helper, args: [], required: 0 };
  const result = loads(type, [call(bare), mov(r0, 0), exit()]);
  if (result === true) return true;
  return !/invalid func|unknown func|program of this type cannot use helper/.test(result.log ?? '');
};

const hasMap = (type: MapType): boolean => {
  const keyless = ['queue', 'stack', 'bloom_filter', 'ringbuf'].includes(type);
  const shape =
    type === 'ringbuf'
      ? { maxEntries: 4096, valueSize: 0 }
      : { maxEntries: 1, valueSize: type === 'stack_trace' ? 8 : 4 };
  try {
    closeFd(mapCreate({ type: MAP_TYPES[type].number, keySize: keyless ? 0 : 4, ...shape }));
    return true;
  } catch (error) {
    if (error instanceof BpfError && error.code === 'EINVAL') return false;
    throw error;
  }
};
