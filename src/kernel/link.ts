/**
 * @module
 * Programs at their hooks. A link ends with its descriptor, and so with the process whatever becomes of it.
 */
import { type Hook, type HookType, RequirementError } from '../object/index.ts';
import {
  BpfError,
  FileDescriptor,
  type LinkInfo,
  linkCreate,
  linkInfo,
  linkUpdate,
  PERF_TYPE,
  perfEventEnable,
  perfEventOpen,
  perfEventSetBpf,
  rawTracepointOpen,
} from '../syscall/index.ts';
import type { KernelWorld } from './kernel-world.ts';
import { pin } from './pins.ts';
import type { Program } from './program.ts';
import { tracepointId } from './tracefs.ts';

/** BPF_PERF_EVENT of `enum bpf_attach_type`. */
const BPF_PERF_EVENT = 41;

/** A program that runs whenever its hook is passed. */
export class Link {
  /** The hook, as `tp_btf/sched_switch`. */
  readonly hook: string;
  /** How it is attached; 'ioctl' where the kernel has no links for perf events. */
  readonly how: 'link' | 'ioctl';
  readonly #descriptors: readonly FileDescriptor[];

  /** Owns the descriptors, which are closed in order; the first is the link's own. */
  constructor(hook: string, how: 'link' | 'ioctl', descriptors: readonly FileDescriptor[]) {
    this.hook = hook;
    this.how = how;
    this.#descriptors = descriptors;
  }

  /** What the kernel says of it. Not for 'ioctl'. */
  info(): LinkInfo {
    return linkInfo(this.fd);
  }

  /** The number of the link's descriptor; throws when it is closed. Not for 'ioctl'. */
  get fd(): number {
    if (this.how === 'ioctl')
      throw new RequirementError(`${this.hook} is attached without a link, which needs Linux 5.15`);
    return this.#descriptors[0]!.fd;
  }

  /**
   * Puts another program in place of the attached one: no event is missed in between. For networking, cgroup and
   * iterator links. Linux 5.7. Not for 'ioctl'.
   */
  update(program: Program): void {
    linkUpdate(this.fd, program.fd);
  }

  /** Keeps it attached under a path in a BPF file system, until `unpin(path)`. Not for 'ioctl'. */
  pin(path: string): void {
    pin(this.fd, path);
  }

  /** Detaches the program. It may still be running on another CPU for a moment. */
  close(): void {
    for (const descriptor of this.#descriptors) descriptor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Programs whose hook the kernel knows from loading them. */
const KNOWN_HOOKS: ReadonlySet<HookType> = /* @__PURE__ */ new Set<HookType>([
  'tp_btf',
  'tp_btf.s',
  'fentry',
  'fentry.s',
  'fexit',
  'fexit.s',
  'fmod_ret',
  'fmod_ret.s',
  'lsm',
  'lsm.s',
]);

/** Whether `attach` knows how to attach to a hook. */
export const canAttach = ({ type, name }: Hook): boolean =>
  name !== '' && (KNOWN_HOOKS.has(type) || type === 'tracepoint' || type === 'raw_tp');

/** Attaches a program to the hook that it was written for. */
export const attach = (program: Program, world: KernelWorld): Link => {
  const { hook } = program.spec;
  if (KNOWN_HOOKS.has(hook.type)) return rawLink(hook.section, rawTracepointOpen(program.fd));
  switch (hook.type) {
    case 'tracepoint':
      return attachTracepoint(program, hook.section, idOf(hook), world);
    case 'raw_tp':
      return rawLink(hook.section, rawTracepointOpen(program.fd, hook.name));
    default:
      throw new RequirementError(
        `${program.name}: ${hook.section} programs are not attached by attach(); run them with testRun()`,
      );
  }
};

const rawLink = (section: string, fd: number): Link =>
  new Link(section, 'link', [new FileDescriptor(fd, `link ${section}`)]);

const idOf = ({
  section,
  category,
  name,
}: {
  section: string;
  category: string;
  name: string;
}): number => {
  const id = tracepointId(category, name);
  if (id === undefined) throw new RequirementError(`there is no ${section} in this kernel`);
  return id;
};

const attachTracepoint = (
  program: Program,
  section: string,
  id: number,
  world: KernelWorld,
): Link => {
  const event = new FileDescriptor(
    perfEventOpen({ type: PERF_TYPE.PERF_TYPE_TRACEPOINT, config: id }),
    `event ${section}`,
  );
  let link: FileDescriptor | undefined;
  try {
    link = world.without.has('perfLink') ? undefined : perfLink(program, section, event);
    if (!link) perfEventSetBpf(event.fd, program.fd);
    perfEventEnable(event.fd);
  } catch (error) {
    link?.close();
    event.close();
    throw error;
  }
  return link ? new Link(section, 'link', [link, event]) : new Link(section, 'ioctl', [event]);
};

/** undefined on kernels before 5.15, which have no such links. */
const perfLink = (
  program: Program,
  section: string,
  event: FileDescriptor,
): FileDescriptor | undefined => {
  try {
    const fd = linkCreate({ progFd: program.fd, target: event.fd, attachType: BPF_PERF_EVENT });
    return new FileDescriptor(fd, `link ${section}`);
  } catch (error) {
    if (error instanceof BpfError && error.code === 'EINVAL') return undefined;
    throw error;
  }
};
