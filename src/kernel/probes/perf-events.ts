/**
 * @module
 * Perf events that programs can be attached to: what the kernel counts, and what the processor counts.
 */
import { PERF_TYPE } from '../../syscall/index.ts';
import { HARDWARE, SOFTWARE } from '../attach-perf-event.ts';
import type { Probe, Spelling } from './probe.ts';
import type { ProbeSources } from './sources.ts';
import type { Wanted } from './wanted.ts';

const TABLES = {
  software: { type: PERF_TYPE.PERF_TYPE_SOFTWARE, events: SOFTWARE },
  hardware: { type: PERF_TYPE.PERF_TYPE_HARDWARE, events: HARDWARE },
} as const;

export const perfEvents = (
  sources: ProbeSources,
  { accepts, doubt }: Wanted,
  only: Spelling['counts'],
): Probe[] =>
  (['software', 'hardware'] as const).flatMap((counts) => {
    if (only !== undefined && only !== counts) return [];
    const { type, events } = TABLES[counts];
    const meant = Object.entries(events).filter(([name]) => accepts(name, counts));
    const there = meant.filter(([, config]) => sources.hasPerfEvent(type, config));
    if (meant.length > 0 && there.length === 0)
      doubt(`this processor, or the virtual machine that it is, counts no ${counts} events`);
    return there.map(([name]): Probe => ({ kind: 'perf_event', section: 'perf_event', name }));
  });
