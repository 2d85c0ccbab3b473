/**
 * @module
 * Programs whose hook the kernel knows from loading them (BTF), raw tracepoints, and tracepoints.
 */
import { HOOKS, type Hook, RequirementError } from '../object/index.ts';
import {
  BpfError,
  FileDescriptor,
  linkCreate,
  PERF_TYPE,
  rawTracepointOpen,
} from '../syscall/index.ts';
import { Link } from './link.ts';
import { type AttachContext, attachToEvent, type CookieOptions } from './perf-link.ts';
import type { Program } from './program.ts';
import { tracepointId } from './tracefs.ts';

/** tp_btf, fentry, fexit, fmod_ret, fsession, lsm, freplace. */
export const attachTracing = (
  program: Program,
  _context: AttachContext,
  { cookie }: CookieOptions,
): Link => {
  const { hook } = program.spec;
  return linkOf(hook.section, tracingLink(program, hook, cookie));
};

/** Kernels before 5.19 take these programs only from BPF_RAW_TRACEPOINT_OPEN, and know no cookies. */
const tracingLink = (
  { fd }: Program,
  { type, section }: Hook,
  cookie: bigint | number | undefined,
): number => {
  try {
    return linkCreate({
      progFd: fd,
      attachType: HOOKS[type].attach,
      extra: cookie === undefined ? undefined : { kind: 'tracing', cookie },
    });
  } catch (error) {
    if (!(error instanceof BpfError) || error.code !== 'EINVAL') throw error;
    if (cookie === undefined) return rawTracepointOpen(fd);
    throw new RequirementError(
      `${section}: this kernel takes no cookie here, which needs Linux 5.19 (6.10 for tp_btf)`,
      { cause: error },
    );
  }
};

/** raw_tp. */
export const attachRawTracepoint = (
  program: Program,
  _context: AttachContext,
  { cookie }: CookieOptions,
): Link => {
  const { section, name } = program.spec.hook;
  return linkOf(section, rawTracepointOpen(program.fd, name, cookie));
};

/** tracepoint. */
export const attachTracepoint = (
  program: Program,
  context: AttachContext,
  options: CookieOptions,
): Link => {
  const { hook } = program.spec;
  const { section, name } = hook;
  const id = 'category' in hook ? tracepointId(hook.category, name) : undefined;
  if (id === undefined) throw new RequirementError(`there is no ${section} in this kernel`);
  const event = { type: PERF_TYPE.PERF_TYPE_TRACEPOINT, config: id };
  return attachToEvent(program, section, event, context, options);
};

const linkOf = (section: string, fd: number): Link =>
  new Link(section, 'link', [new FileDescriptor(fd, `link ${section}`)]);
