/**
 * @module
 * The running kernel, as linking asks for it. Every answer is found when it is first needed.
 */
import { assemble, type Code, call, encode, exit, helperById, mov, r0 } from '../asm/index.ts';
import type { Btf, BtfKind } from '../btf/index.ts';
import {
  type Architecture,
  BPF_F_NO_PREALLOC,
  type BtfTarget,
  HOOKS,
  type Hook,
  MAP_TYPES,
  type MapType,
  type TracepointField,
  type World,
} from '../object/index.ts';
import {
  BpfError,
  closeFd,
  isAtLeast,
  type MapCreateOptions,
  mapCreate,
  type ProgLoadOptions,
  progLoad,
} from '../syscall/index.ts';
import { configuration } from './configuration.ts';
import { canTrace, hasKprobe, hasKprobeMulti, hasUprobe, hasUprobeMulti } from './hook-probe.ts';
import { symbolAddress } from './kallsyms.ts';
import { kernelBtf, moduleBtfs } from './kernel-btf.ts';
import { ModuleDescriptors } from './module-descriptors.ts';
import { hasEventNamed, tracepointFormat, tracepointId } from './tracefs.ts';
import type { Feature } from './without.ts';

/** Flags of BPF_PROG_LOAD (include/uapi/linux/bpf.h). */
const BPF_F_SLEEPABLE = 1 << 4;
const BPF_F_XDP_HAS_FRAGS = 1 << 5;

/** What BPF_PROG_LOAD is told of a hook; `module` is the one whose BTF `attachBtfId` is in. */
export type Attachment = Pick<ProgLoadOptions, 'expectedAttachType' | 'flags' | 'attachBtfId'> & {
  readonly module?: string;
};

/** How the kernel's BTF names what programs are attached to. */
const TARGETS = {
  function: { prefix: '', kind: 'func' },
  tracepoint: { prefix: 'btf_trace_', kind: 'typedef' },
  lsm: { prefix: 'bpf_lsm_', kind: 'func' },
  iterator: { prefix: 'bpf_iter_', kind: 'func' },
} as const satisfies Record<BtfTarget, { readonly prefix: string; readonly kind: BtfKind }>;

/** What the running kernel can do, less what `without` hides. */
export class KernelWorld implements World {
  readonly without: ReadonlySet<Feature>;
  readonly coreBtf: Btf | undefined;

  readonly #tokenFd: number | undefined;

  /**
   * @param coreBtf What CO-RE looks at in place of the kernel's types.
   * @param tokenFd From `tokenCreate`: the rights with which the kernel is asked.
   */
  constructor(without: ReadonlySet<Feature> = new Set(), coreBtf?: Btf, tokenFd?: number) {
    this.without = without;
    this.coreBtf = coreBtf;
    this.#tokenFd = tokenFd;
  }

  get architecture(): Architecture {
    return process.arch === 'arm64' ? 'arm64' : 'x86-64';
  }

  get btf(): Btf | undefined {
    return this.without.has('btf') ? undefined : kernelBtf();
  }

  get isaV4(): boolean {
    return !this.without.has('isaV4') && once('isaV4', () => hasIsaV4(this.#tokenFd));
  }

  modules(): readonly Btf[] {
    return this.without.has('btf') ? [] : moduleBtfs();
  }

  symbolAddress(name: string): bigint | undefined {
    return symbolAddress(name);
  }

  configuration(name: string): string | undefined {
    if (name === 'LINUX_HAS_BPF_COOKIE' && this.without.has('perfLink')) return '0';
    return configuration(name);
  }

  hasHook(hook: Hook, { thorough = false } = {}): boolean {
    if (hook.type === 'tp_btf' && this.without.has('tp_btf')) return false;
    const { target } = HOOKS[hook.type];
    if (target !== undefined) {
      if (this.#target(hook) === undefined) return false;
      const byTrampoline = target === 'function' || target === 'lsm';
      return !thorough || !byTrampoline || this.#canTrace(hook);
    }
    switch (hook.type) {
      case 'kprobe':
      case 'kretprobe':
        return hasKprobe(hook.name);
      case 'kprobe.multi':
      case 'kretprobe.multi':
        return hasKprobeMulti();
      case 'uprobe':
      case 'uprobe.s':
      case 'uretprobe':
      case 'uretprobe.s':
      case 'usdt':
      case 'usdt.s':
        return hasUprobe();
      case 'uprobe.multi':
      case 'uprobe.multi.s':
      case 'uretprobe.multi':
      case 'uretprobe.multi.s':
        return hasUprobeMulti();
      case 'raw_tp':
      case 'raw_tp.w':
        return !this.without.has('raw_tp') && this.#hasRawTracepoint(hook.name);
      case 'tracepoint':
        return tracepointId(hook.category, hook.name) !== undefined;
      default:
        return true;
    }
  }

  hasHelper(id: number, hook: Hook): boolean {
    return once(`helper ${id} ${hook.type}`, () =>
      hasHelper(id, hook, { ...this.attachment(hook), tokenFd: this.#tokenFd }),
    );
  }

  hasMap(type: MapType): boolean {
    return (
      !this.without.has(type as Feature) && once(`map ${type}`, () => hasMap(type, this.#tokenFd))
    );
  }

  tracepointFields(category: string, name: string): readonly TracepointField[] | undefined {
    return tracepointFormat(category, name);
  }

  /** What a program says of its hook when it is loaded. */
  attachment(hook: Hook): Attachment {
    const { attach, sleepable, fragments, target } = HOOKS[hook.type];
    const flags = (sleepable ? BPF_F_SLEEPABLE : 0) | (fragments ? BPF_F_XDP_HAS_FRAGS : 0);
    const found = target && this.#target(hook);
    return {
      ...(attach !== 0 && { expectedAttachType: attach }),
      ...(flags !== 0 && { flags }),
      ...(found && { attachBtfId: found.id }),
      ...(found?.module !== undefined && { module: found.module }),
    };
  }

  #canTrace(hook: Hook): boolean {
    return once(`trace ${hook.section}`, () => {
      const { module, ...attachment } = this.attachment(hook);
      const modules = new ModuleDescriptors();
      try {
        const attachBtfObjFd = module === undefined ? undefined : modules.fdOf(module);
        return canTrace(hook, { ...attachment, attachBtfObjFd, tokenFd: this.#tokenFd });
      } finally {
        modules.close();
      }
    });
  }

  /** The function or typedef in BTF that a program at this hook is attached to. */
  #target({ type, name }: Hook): { readonly id: number; readonly module?: string } | undefined {
    const { btf } = this;
    const { target } = HOOKS[type];
    if (!btf || !target) return undefined;
    const { prefix, kind } = TARGETS[target];
    const id = btf.findByName(prefix + name, kind);
    if (id !== undefined) return { id };
    for (const module of this.modules()) {
      const id = module.findByName(prefix + name, kind);
      if (id !== undefined) return { id, module: module.label };
    }
    return undefined;
  }

  /** Without BTF only those are known that are tracepoints as well; where tracefs is missing, attaching will tell. */
  #hasRawTracepoint(name: string): boolean {
    if (this.btf) return this.#target({ type: 'tp_btf', section: '', name }) !== undefined;
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
const hasIsaV4 = (tokenFd: number | undefined): boolean =>
  loads({ type: HOOKS.socket.program, tokenFd }, [
    mov(r0, 0),
    { ...mov(r0, r0), offset: 8 },
    exit(),
  ]) === true;

/** The verifier names a helper that it does not know before it looks at the arguments. */
const hasHelper = (
  id: number,
  { type }: Hook,
  attachment: Attachment & Pick<ProgLoadOptions, 'tokenFd'>,
): boolean => {
  const helper = helperById(id);
  if (!helper) return false;
  const bare = { ...helper, args: [], required: 0 };
  const options = { type: HOOKS[type].program, ...attachment };
  const result = loads(options, [call(bare), mov(r0, 0), exit()]);
  if (result === true) return true;
  return !/invalid func|unknown func|program of this type cannot use helper/.test(result.log ?? '');
};

/** Only EINVAL says that a type is not known; EPERM does not. */
const hasMap = (type: MapType, tokenFd: number | undefined): boolean => {
  const { number, since } = MAP_TYPES[type];
  const shape = shapeOf(type);
  if (!shape) return isAtLeast(since);
  try {
    closeFd(mapCreate({ type: number, maxEntries: 1, ...shape, tokenFd }));
    return true;
  } catch (error) {
    if (error instanceof BpfError) return error.code !== 'EINVAL';
    throw error;
  }
};

/** The smallest map of a type; undefined for those that need types of their own, or of the kernel. */
const shapeOf = (type: MapType): Omit<MapCreateOptions, 'type'> | undefined => {
  switch (type) {
    case 'sk_storage':
    case 'inode_storage':
    case 'task_storage':
    case 'cgrp_storage':
    case 'struct_ops':
    case 'arena':
      return undefined;
    case 'cgroup_storage':
    case 'percpu_cgroup_storage':
      return { keySize: 8, valueSize: 4, maxEntries: 0 };
    case 'user_ringbuf':
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
