/**
 * @module
 * Kprobes that are defined in tracefs (`kprobe_events`, Documentation/trace/kprobetrace.rst): for kernels before 4.17,
 * and for what perf_event_open cannot ask for. A definition outlives the process, so its group bears our number, and
 * the next definition that is made removes those of processes that have ended.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { RequirementError } from '../object/index.ts';
import type { Closable } from './closable.ts';
import { tracefs, tracepointId } from './tracefs.ts';

export interface KprobeDefinition {
  /** The function, as `vfs_read`, or `module:function`. */
  readonly function: string;
  readonly offset: number;
  readonly returns: boolean;
  /** For returns: how many calls at once are seen. */
  readonly maxActive?: number | undefined;
}

/** A definition, until it is closed. */
export interface DefinedKprobe extends Closable {
  /** The number of its tracepoint. */
  readonly id: number;
}

const PREFIX = 'beespoke_';
let defined = 0;

/** Defines a kprobe. */
export const defineKprobe = (
  definition: KprobeDefinition,
  processId: number = process.pid,
): DefinedKprobe => {
  const { function: name, offset, returns, maxActive } = definition;
  const file = `${tracefs()}/kprobe_events`;
  removeAbandoned(file);
  const group = `${PREFIX}${processId}`;
  const event = `p${defined++}_${name.replace(/\W/g, '_')}`.slice(0, 63);
  const kind = returns ? `r${maxActive ?? ''}` : 'p';
  const place = returns ? name : `${name}+0x${offset.toString(16)}`;
  write(file, `${kind}:${group}/${event} ${place}`);
  const close = () => remove(file, `${group}/${event}`);
  const id = tracepointId(group, event);
  if (id !== undefined) return { id, close };
  close();
  throw new RequirementError(`tracefs has no events/${group}/${event}, which was just defined`);
};

/** Removes the definitions of processes that were killed. Those that others still use stay. */
export const removeAbandoned = (file = `${tracefs()}/kprobe_events`): void => {
  for (const [, name = '', pid] of readFileSync(file, 'latin1').matchAll(
    new RegExp(`^[pr]\\d*:(${PREFIX}(\\d+)/\\S+) `, 'gm'),
  )) {
    if (existsSync(`/proc/${pid}`)) continue;
    try {
      write(file, `-:${name}`);
    } catch {
      // Busy: a program is attached to it, of a process that is not seen from here.
    }
  }
};

const ATTEMPTS = 20;
const PAUSE_MS = 5;

/** The kernel may need a moment until it has let go of an event. */
const remove = (file: string, name: string): void => {
  for (let attempt = 1; ; attempt++) {
    try {
      write(file, `-:${name}`);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || attempt === ATTEMPTS) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
  }
};

/** Appends: opened to be overwritten, the file forgets the definitions of everybody. */
const write = (file: string, line: string): void => appendFileSync(file, `${line}\n`);
