/**
 * @module
 * tracefs: tracepoint ids, the layouts of their records, trace_pipe (Documentation/trace/events.rst).
 */
import { existsSync, statfsSync } from 'node:fs';
import { RequirementError, type TracepointField } from '../object/index.ts';
import { isAbsence, kernelFile } from '../syscall/index.ts';

/** Where it is mounted, by habit. */
const MOUNT_POINTS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'] as const;

/** include/uapi/linux/magic.h */
const TRACEFS_MAGIC = 0x7472_6163;

let found: string | undefined;

/**
 * The directory of tracefs. Throws a RequirementError that says what is missing: the mount, or the permission.
 * @param what Who needs it, for the message.
 */
export const tracefs = (what?: string): string => {
  found ??= findMount(MOUNT_POINTS, what);
  return found;
};

/** The first of these directories where tracefs is. The first one can be asked without any permission. */
export const findMount = (directories: readonly string[], what = 'tracepoints'): string => {
  let hidden = false;
  for (const directory of directories) {
    try {
      if (statfsSync(directory).type === TRACEFS_MAGIC) return directory;
    } catch (error) {
      if (!isRefusal(error) && !isAbsence(error)) throw error;
      hidden ||= isRefusal(error);
    }
  }
  throw new RequirementError(
    hidden
      ? `${what} need tracefs: it is not mounted on ${directories[0]}, and this process may not look into ${directories.at(-1)}; run it as root (sudo)`
      : `${what} need tracefs, which is not mounted: run '${existsSync('/sys/kernel') ? '' : 'mount -t sysfs sysfs /sys && '}mount -t tracefs tracefs ${directories[0]}' as root`,
  );
};

const isRefusal = (error: unknown): boolean => {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM';
};

/** The text of a file below tracefs; undefined when there is none. Throws when it may not be read. */
const read = (path: string): string | undefined => {
  const file = `${tracefs()}/${path}`;
  try {
    return kernelFile(file);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    throw new RequirementError(
      `tracepoints need tracefs, and this process may not read ${file}: run it as root (sudo)`,
      { cause: error },
    );
  }
};

/** The number of a tracepoint, for perf_event_open; undefined when this kernel does not have it. */
export const tracepointId = (category: string, name: string): number | undefined => {
  const text = read(`events/${category}/${name}/id`);
  return text === undefined ? undefined : Number(text);
};

/** Whether there is a tracepoint of this name in any category; undefined when that cannot be known. */
export const hasEventNamed = (name: string): boolean | undefined => {
  try {
    return read('available_events')?.includes(`:${name}\n`);
  } catch {
    return undefined;
  }
};

/** All tracepoints, as `sched:sched_switch`. Throws when they may not be read. */
export const availableEvents = (): readonly string[] =>
  (read('available_events') ?? '').split('\n').filter((line) => line !== '');

/** The fields of a tracepoint's record; undefined when this kernel does not have it. */
export const tracepointFormat = (
  category: string,
  name: string,
): readonly TracepointField[] | undefined => {
  const text = read(`events/${category}/${name}/format`);
  return text === undefined ? undefined : parseFormat(text);
};

/** The `field:` lines of a format file. */
export const parseFormat = (text: string): TracepointField[] =>
  [...text.matchAll(/^\s*field:(.+?);\s*offset:(\d+);\s*size:(\d+);(?:\s*signed:(\d);)?/gm)].map(
    ([, declaration, offset, size, signed]) => ({
      name: /([A-Za-z_]\w*)(?:\[[^\]]*\])*$/.exec(declaration!)?.[1] ?? declaration!,
      offset: Number(offset),
      size: Number(size),
      signed: signed === '1',
      declaration: declaration!,
    }),
  );
