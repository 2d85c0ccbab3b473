/**
 * @module
 * Programs at perf events, which tracepoints, kprobes and uprobes are too: by a link, or by an ioctl on kernels before
 * 5.15 (kernel/events/core.c, perf_event_set_bpf_prog).
 */
import { RequirementError } from '../object/index.ts';
import {
  BpfError,
  FileDescriptor,
  linkCreate,
  type PerfEventOptions,
  perfEventEnable,
  perfEventOpen,
  perfEventSetBpf,
} from '../syscall/index.ts';
import { assembled, type Closable } from './closable.ts';
import { Link } from './link.ts';
import type { Program } from './program.ts';
import type { UsdtSpecs } from './usdt-specs.ts';
import type { Feature } from './without.ts';

/** BPF_PERF_EVENT of `enum bpf_attach_type`. */
const BPF_PERF_EVENT = 41;

export interface CookieOptions {
  /**
   * What `get_attach_cookie` returns in this program. Linux 5.15 for tracepoints, probes and perf events, 5.18 for
   * multi-probes, 5.19 for fentry and its kin, 6.10 for raw tracepoints.
   */
  readonly cookie?: bigint | number | undefined;
}

/** What attaching depends on besides the program. */
export interface AttachContext {
  readonly without: ReadonlySet<Feature>;
  /** The maps of static probes, in objects that have them. */
  readonly usdt?: UsdtSpecs | undefined;
}

/** Opens an event and attaches a program to it. `after` is closed after the event. */
export const attachToEvent = (
  program: Program,
  hook: string,
  event: PerfEventOptions,
  { without }: AttachContext,
  { cookie }: CookieOptions = {},
  after: readonly Closable[] = [],
): Link =>
  assembled((own) => {
    const opened = own(new FileDescriptor(perfEventOpen(event), `event ${hook}`));
    const fd = without.has('perfLink') ? undefined : perfLink(program, opened.fd, cookie);
    const link = fd === undefined ? undefined : own(new FileDescriptor(fd, `link ${hook}`));
    if (!link) {
      if (cookie !== undefined)
        throw new RequirementError(`${hook}: a cookie needs a perf link, of Linux 5.15`);
      perfEventSetBpf(opened.fd, program.fd);
    }
    perfEventEnable(opened.fd);
    return link
      ? new Link(hook, 'link', [link, opened, ...after])
      : new Link(hook, 'ioctl', [opened, ...after]);
  });

/** undefined on kernels before 5.15, which have no such links. */
const perfLink = (
  program: Program,
  event: number,
  cookie: bigint | number | undefined,
): number | undefined => {
  try {
    return linkCreate({
      progFd: program.fd,
      target: event,
      attachType: BPF_PERF_EVENT,
      extra: cookie === undefined ? undefined : { kind: 'perf_event', cookie },
    });
  } catch (error) {
    if (error instanceof BpfError && error.code === 'EINVAL') return undefined;
    throw error;
  }
};
