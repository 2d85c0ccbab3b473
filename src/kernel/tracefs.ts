/**
 * @module
 * tracefs: tracepoint ids, the layouts of their records, trace_pipe (Documentation/trace/events.rst).
 */
import { readFileSync } from 'node:fs';
import { RequirementError, type TracepointField } from '../object/index.ts';

/** Where it is mounted, by habit. */
const MOUNT_POINTS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'] as const;

let found: string | undefined;

/** The directory of tracefs. Throws a RequirementError that says what to mount, where there is none. */
export const tracefs = (): string => {
  found ??= MOUNT_POINTS.find(isTracefs);
  if (found) return found;
  throw new RequirementError(
    `tracepoints need tracefs, which is not mounted or not readable: run 'mount -t tracefs tracefs ${MOUNT_POINTS[0]}' as root`,
  );
};

const isTracefs = (directory: string): boolean => readText(`${directory}/README`) !== undefined;

/** The text of a file; undefined when it cannot be read. */
const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
};

/** The number of a tracepoint, for perf_event_open; undefined when this kernel does not have it. */
export const tracepointId = (category: string, name: string): number | undefined => {
  const text = readText(`${tracefs()}/events/${category}/${name}/id`);
  return text === undefined ? undefined : Number(text);
};

/** The fields of a tracepoint's record; undefined when this kernel does not have it. */
export const tracepointFormat = (
  category: string,
  name: string,
): readonly TracepointField[] | undefined => {
  const text = readText(`${tracefs()}/events/${category}/${name}/format`);
  return text === undefined ? undefined : parseFormat(text);
};

/** The `field:` lines of a format file. */
export const parseFormat = (text: string): TracepointField[] =>
  [...text.matchAll(/^\s*field:(.+?);\s*offset:(\d+);\s*size:(\d+);(?:\s*signed:(\d);)?/gm)].map(
    ([, declaration, offset, size, signed]) => ({
      name: /([A-Za-z_]\w*)(?:\[[^\]]*\])?$/.exec(declaration!)?.[1] ?? declaration!,
      offset: Number(offset),
      size: Number(size),
      signed: signed === '1',
      declaration: declaration!,
    }),
  );
