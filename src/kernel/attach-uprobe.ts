/**
 * @module
 * Programs at functions of user programs: uprobe and uretprobe (Documentation/trace/uprobetracer.rst).
 */
import { functionOffset } from '../elf/index.ts';
import { type Hook, NotFoundError, RequirementError } from '../object/index.ts';
import { type PerfEventOptions, SystemCallError } from '../syscall/index.ts';
import { findExecutable, withElfFile } from './executable.ts';
import type { Link } from './link.ts';
import { type AttachContext, attachToEvent, type CookieOptions } from './perf-link.ts';
import { type ProbePmu, probePmu } from './probe-pmu.ts';
import type { Program } from './program.ts';

/** What of this the hook `uprobe/PATH:FUNCTION+OFFSET` says need not be said again. */
export interface UprobeOptions extends CookieOptions {
  /** The executable or library: a path, a command (`bash`), a library (`libc.so.6`). */
  readonly path?: string | undefined;
  /** A function of it, also of one version: `memcpy@GLIBC_2.14`. */
  readonly function?: string | undefined;
  /** Bytes from the start of the function; without a function, from the start of the file. */
  readonly offset?: number | undefined;
  /** Only in this process; else in all, also those that are started later. */
  readonly pid?: number | undefined;
  /** Bytes from the start of the file to a u16 that is above 0 while the probe is attached (a USDT semaphore). */
  readonly referenceCounter?: number | undefined;
}

/** A place in a file. */
export interface FilePlace {
  readonly path: string;
  /** Bytes from its start. */
  readonly offset: number;
  readonly referenceCounter?: number | undefined;
}

/** `PATH:FUNCTION+OFFSET`; undefined when a part is missing. */
export const parseUprobe = (
  name: string,
): { readonly path: string; readonly function: string; readonly offset: number } | undefined => {
  const [, path, symbol, offset = '0'] =
    /^(.+):([^:+]+)(?:\+(0x[0-9a-fA-F]+|\d+))?$/.exec(name) ?? [];
  return path === undefined || symbol === undefined
    ? undefined
    : { path, function: symbol, offset: Number(offset) };
};

/** uprobe, uretprobe. */
export const attachUprobe = (
  program: Program,
  context: AttachContext,
  options: UprobeOptions,
): Link => {
  const { hook } = program.spec;
  const place = { ...placeOf(hook, options), referenceCounter: options.referenceCounter };
  return attachAt(program, context, place, options);
};

/** Attaches to a place of a file. */
export const attachAt = (
  program: Program,
  context: AttachContext,
  place: FilePlace,
  options: Pick<UprobeOptions, 'pid' | 'cookie'>,
): Link => {
  const { section, type } = program.spec.hook;
  const event = uprobeEvent(section, place, type.startsWith('uret'), options.pid);
  try {
    return attachToEvent(program, section, event, context, options);
  } catch (error) {
    throw explained(section, place, error);
  }
};

const uprobeEvent = (
  section: string,
  { path, offset, referenceCounter = 0 }: FilePlace,
  returns: boolean,
  pid: number | undefined,
): PerfEventOptions => {
  const pmu = requireUprobes(section);
  if (referenceCounter > 0 && pmu.referenceShift === undefined)
    throw new RequirementError(`${section} has a semaphore, which needs Linux 4.20`);
  return {
    type: pmu.type,
    config: (returns ? pmu.returns : 0n) | (BigInt(referenceCounter) << (pmu.referenceShift ?? 0n)),
    config1: path,
    config2: offset,
    ...(pid === undefined ? { pid: -1, cpu: 0 } : { pid, cpu: -1 }),
  };
};

const requireUprobes = (section: string): ProbePmu => {
  const pmu = probePmu('uprobe');
  if (pmu) return pmu;
  throw new RequirementError(
    `${section}: this kernel has no uprobes (CONFIG_UPROBE_EVENTS), or sysfs is not mounted on /sys`,
  );
};

/** Where the hook and the options say. */
const placeOf = (hook: Hook, options: UprobeOptions): FilePlace => {
  const { section, name } = hook;
  const named = parseUprobe(name);
  const path = options.path ?? named?.path ?? (name.includes(':') ? undefined : name || undefined);
  const symbol = options.function ?? named?.function;
  const offset = options.offset ?? (options.function === undefined ? named?.offset : undefined);
  if (path === undefined || (symbol === undefined && offset === undefined))
    throw new RequirementError(
      `${section} says not where: attach it with { path, function }, or write ${hook.type}/PATH:FUNCTION`,
    );
  const found = findExecutable(path, options);
  if (symbol === undefined) return { path: found, offset: offset! };
  return { path: found, offset: offsetOf(found, symbol) + (offset ?? 0) };
};

/** Throws a RequirementError when the file does not define the function. */
const offsetOf = (path: string, name: string): number => {
  const offset = withElfFile(path, (file) => functionOffset(file, name));
  if (offset !== undefined) return offset;
  throw new NotFoundError(
    `${path} has no function ${name}: it may be inlined, or its symbols stripped`,
  );
};

/** The kernel gives one number for what can be wrong with a place. */
export const explained = (
  section: string,
  { path, offset }: FilePlace,
  error: unknown,
): unknown => {
  if (!(error instanceof SystemCallError) || error.call !== 'perf_event_open') return error;
  const why = REASONS[error.code];
  return why === undefined
    ? error
    : new RequirementError(
        `cannot attach ${section} to byte ${offset} of ${path}: ${error.code}, ${why}`,
        {
          cause: error,
        },
      );
};

const REASONS: Readonly<Record<string, string>> = {
  EINVAL: 'there is no instruction there that can be probed',
  ENOTSUPP: 'the instruction there cannot be probed',
  EOPNOTSUPP: 'the instruction there cannot be probed',
  EIO: 'the file system does not allow probes',
  ESRCH: 'there is no such process',
};
