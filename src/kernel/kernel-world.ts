/**
 * @module
 * The running kernel, as linking asks for it. Every answer is found when it is first needed.
 */
import { helper, helperById } from '../asm/index.ts';
import type { Btf, BtfKind } from '../btf/index.ts';
import {
  type Architecture,
  type BtfTarget,
  HOOKS,
  type Hook,
  type HookType,
  type MapType,
  type TracepointField,
  type World,
} from '../object/index.ts';
import { isAtLeast, type ProgLoadOptions } from '../syscall/index.ts';
import { configuration } from './configuration.ts';
import { probeHelper, probeIsaV4, probeMap } from './feature-probe.ts';
import {
  canTrace,
  hasKprobe,
  hasKprobeMulti,
  hasKprobeSession,
  hasSystemCall,
  hasUprobe,
  hasUprobeMulti,
  hasUprobeSession,
} from './hook-probe.ts';
import { symbolAddress } from './kallsyms.ts';
import { kernelBtf, moduleBtfs } from './kernel-btf.ts';
import { ModuleDescriptors } from './module-descriptors.ts';
import { hasEventNamed, tracepointFormat, tracepointId } from './tracefs.ts';
import type { Feature } from './without.ts';

/** Flags of BPF_PROG_LOAD (include/uapi/linux/bpf.h). */
const BPF_F_SLEEPABLE = 1 << 4;
const BPF_F_XDP_HAS_FRAGS = 1 << 5;

/** What BPF_PROG_LOAD is told of a hook; `module` is the one whose BTF `attachBtfId` is in. */
export type Attachment = Pick<
  ProgLoadOptions,
  'expectedAttachType' | 'flags' | 'attachBtfId' | 'attachProgFd'
> & {
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
    return !this.without.has('isaV4') && once('isaV4', () => probeIsaV4(this.#tokenFd));
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

  get #hasCookies(): boolean {
    return this.configuration('LINUX_HAS_BPF_COOKIE') === '1';
  }

  hasHook(hook: Hook, { thorough = false } = {}): boolean {
    const { target } = HOOKS[hook.type];
    const feature = featureOf(hook.type);
    if (feature !== undefined && this.without.has(feature)) return false;
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
      case 'kprobe.session':
        return hasKprobeSession();
      case 'ksyscall':
      case 'kretsyscall':
        return hasSystemCall(hook.name);
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
      case 'uprobe.session':
      case 'uprobe.session.s':
        return hasUprobeSession();
      case 'fentry.multi':
      case 'fentry.multi.s':
      case 'fexit.multi':
      case 'fexit.multi.s':
      case 'fsession.multi':
      case 'fsession.multi.s':
        return isAtLeast('7.2');
      case 'raw_tp':
      case 'raw_tp.w':
        return this.#hasRawTracepoint(hook.name);
      case 'tracepoint':
        return tracepointId(hook.category, hook.name) !== undefined;
      default:
        return true;
    }
  }

  hasHelper(id: number, hook: Hook): boolean {
    // Without perf links these programs get no cookie.
    if (id === helper.get_attach_cookie.id && hook.type.startsWith('usdt') && !this.#hasCookies)
      return false;
    return once(`helper ${id} ${hook.type}`, () => {
      const { module: _, ...attachment } = this.attachment(hook);
      const options = { ...attachment, tokenFd: this.#tokenFd };
      const answer = probeHelper(HOOKS[hook.type].program, id, options);
      if (typeof answer === 'boolean') return answer;
      // No program of a type that the kernel does not know calls anything. Of others that this process may not load
      // it cannot be told, and the kernel's version has to do.
      return answer.code !== 'EINVAL' && isAtLeast(helperById(id)!.since);
    });
  }

  hasMap(type: MapType): boolean {
    // Only a plain no keeps a map out: what else is wrong is said when it is created.
    return (
      !this.without.has(type as Feature) &&
      once(`map ${type}`, () => probeMap(type, this.#tokenFd) !== false)
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

/** The feature that hides hooks of a type. */
const featureOf = (type: HookType): Feature | undefined => {
  if (HOOKS[type].target === 'function' || /^f\w+\.multi/.test(type)) return 'fentry';
  const [, kind, multi] = /^([ku])(?:ret)?probe(\.multi)?/.exec(type) ?? [];
  if (kind !== undefined && multi !== undefined)
    return kind === 'k' ? 'kprobeMulti' : 'uprobeMulti';
  if (kind === 'k') return 'kprobe';
  if (type === 'tp_btf') return 'tp_btf';
  return type.startsWith('raw_tp') ? 'raw_tp' : undefined;
};

/** Answers do not change while the kernel runs. */
const answers = new Map<string, boolean>();
const once = (question: string, ask: () => boolean): boolean => {
  const known = answers.get(question);
  if (known !== undefined) return known;
  const answer = ask();
  answers.set(question, answer);
  return answer;
};
